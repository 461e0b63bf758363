import { describe, expect, it } from "vitest";
import { newToken, passwordError } from "./setup";

describe("passwordError", () => {
  it("wants 12 characters and at most 72 bytes", () => {
    expect(passwordError("short")).toContain("this has 5");
    expect(passwordError("a".repeat(12))).toBeUndefined();
    expect(passwordError("a".repeat(72))).toBeUndefined();
    expect(passwordError("ä".repeat(37))).toContain("74");
  });
});

describe("newToken", () => {
  it("is 64 hex digits, different each time", () => {
    expect(newToken()).toMatch(/^[0-9a-f]{64}$/);
    expect(newToken()).not.toBe(newToken());
  });
});
