import { expect, it } from "vitest";
import type { TokenRecord } from "../../api/calls";
import { dayOf, endOf, presetOf } from "./tokenRights";

const token = (scopes: string[]): TokenRecord => ({ scopes }) as TokenRecord;

it("knows a token's preset again, in whatever order its rights are", () => {
  expect(presetOf(undefined)).toBe("agent");
  expect(presetOf(token(["*"]))).toBe("full");
  expect(presetOf(token(["monitoring:read"]))).toBe("read");
  expect(
    presetOf(token(["docker:report", "host-agent:config:read", "host-agent:report", "kubernetes:report"])),
  ).toBe("agent");
  expect(presetOf(token(["monitoring:read", "settings:read"]))).toBe("own");
});

it("ends a token at the end of the day that was chosen, and leaves an end alone that nobody touched", () => {
  expect(endOf("", undefined)).toBeNull();
  expect(endOf("nonsense", undefined)).toBeNull();
  const end = endOf("2031-02-03", undefined) ?? "";
  expect(dayOf(end)).toBe("2031-02-03");
  expect(new Date(end).getHours()).toBe(23);
  const known = new Date(2031, 1, 3, 4, 5, 6).toISOString();
  expect(endOf(dayOf(known), known)).toBe(known);
  expect(dayOf(endOf("2031-02-04", known))).toBe("2031-02-04");
  expect(dayOf("nonsense")).toBe("");
  expect(dayOf(null)).toBe("");
});
