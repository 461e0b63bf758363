import { expect, it } from "vitest";
import type { SystemSettings } from "../../api/calls";
import { changes, GROUPS, numberError } from "./systemFields";

const STORED = {
  pvePollingInterval: 10,
  allowEmbedding: false,
  publicURL: null,
} as unknown as SystemSettings;

it("sends only what differs", () => {
  expect(changes(STORED, { pvePollingInterval: 10, allowEmbedding: true, publicURL: "" })).toEqual({
    allowEmbedding: true,
  });
  expect(changes(STORED, { publicURL: "https://p" })).toEqual({ publicURL: "https://p" });
});

it("bounds numbers where the server does", () => {
  const field = GROUPS[0]?.fields[0];
  if (field === undefined) throw new Error("no field");
  expect(numberError(field, 10)).toBeUndefined();
  for (const bad of [9, 3601, 10.5, Number.NaN, undefined]) expect(numberError(field, bad)).toBeDefined();
});

it("shows every setting once", () => {
  const keys = GROUPS.flatMap((group) => group.fields.map((field) => field.key));
  expect(new Set(keys).size).toBe(keys.length);
});
