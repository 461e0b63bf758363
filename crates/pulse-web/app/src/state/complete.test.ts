import { describe, expect, it } from "vitest";
import { complete } from "./complete";

const KNOWN = {
  fields: ["cpu", "node", "name", "tag"],
  isNumber: (field: string) => field === "cpu",
  values: (field: string) => (field === "node" ? ["pve1", "pve2", "edge"] : ["prod", "two words"]),
};
const labels = (input: string, caret = input.length): string[] =>
  complete(input, caret, KNOWN).map((each) => each.label);

describe("completion", () => {
  it("offers fields by their beginning, with the sign that fits", () => {
    expect(labels("n")).toEqual(["node:", "name:"]);
    expect(labels("cp")).toEqual(["cpu>"]);
    expect(labels("-ta")).toEqual(["-tag:"]);
    expect(labels("")).toEqual([]);
    expect(labels("web ")).toEqual([]);
  });

  it("offers the values that rows have, what begins so first", () => {
    expect(labels("node:")).toEqual(["node:edge", "node:pve1", "node:pve2"]);
    expect(labels("node:e")).toEqual(["node:edge", "node:pve1", "node:pve2"]);
    expect(labels("node:pve1")).toEqual([]);
  });

  it("puts the word in place and leaves the rest", () => {
    expect(complete("tag:tw cpu>3", 6, KNOWN)[0]?.text).toBe('tag:"two words" cpu>3 ');
    expect(complete("web no", 6, KNOWN)[0]?.text).toBe("web node:");
  });

  it("offers comparisons for numbers, and nothing for what is no field", () => {
    expect(labels("cpu:")).toEqual(["cpu>", "cpu<", "cpu="]);
    expect(labels("cpu>8")).toEqual([]);
    expect(labels("other:x")).toEqual([]);
  });
});
