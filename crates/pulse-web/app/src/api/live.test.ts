import { describe, expect, it } from "vitest";
import { retryDelay } from "./live";

describe("retryDelay", () => {
  it("doubles, is bounded and spreads out", () => {
    expect(retryDelay(0, 0)).toBe(500);
    expect(retryDelay(0, 1)).toBe(1000);
    expect(retryDelay(3, 1)).toBe(8000);
    expect(retryDelay(50, 1)).toBe(30_000);
    expect(retryDelay(50, 0)).toBe(15_000);
  });
});
