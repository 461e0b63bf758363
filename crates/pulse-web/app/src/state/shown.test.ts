import { expect, it } from "vitest";
import { shown } from "./shown";

it("leaves out what is hidden, and nothing else", () => {
  const rows = new Map([
    ["a", { hidden: true }],
    ["b", { hidden: false }],
    ["c", {}],
  ]);
  expect([...shown(rows).keys()]).toEqual(["b", "c"]);
});

it("is the same map where nothing is hidden", () => {
  const rows = new Map([["a", { hidden: false }]]);
  expect(shown(rows)).toBe(rows);
});
