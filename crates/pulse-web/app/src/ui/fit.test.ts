import { describe, expect, it } from "vitest";
import { surelyFits } from "./fit";

describe("whether a text surely fits", () => {
  it("says so of what is short", () => {
    expect(surelyFits("pve12", 76)).toBe(true);
    expect(surelyFits("378\u00a0/\u00a0512\u00a0MB", 104, 11)).toBe(true);
    expect(surelyFits("", 0)).toBe(true);
  });

  it("counts wide letters as wide", () => {
    expect(surelyFits("iiiiiiii", 60)).toBe(true);
    expect(surelyFits("WWWWWWWW", 60)).toBe(false);
  });

  it("does not say so of letters that it does not know", () => {
    expect(surelyFits("\u4e2d", 500)).toBe(false);
    expect(surelyFits("e\u0301\u0301\u0301", 500)).toBe(false);
    expect(surelyFits("\u{1f600}", 500)).toBe(false);
    expect(surelyFits("\u05d0", 500)).toBe(false);
  });

  it("does not say so of what is long", () => {
    expect(surelyFits("x".repeat(200), 300)).toBe(false);
  });
});
