import { describe, expect, it } from "vitest";
import { sliceInSight } from "./window";

describe("sliceInSight", () => {
  it("draws short tables whole", () => {
    expect(sliceInSight(60, 28, 5000, 600)).toEqual({ start: 0, end: 60 });
  });

  it("draws what is in sight and a margin", () => {
    for (const offset of [-400, 0, 1, 27, 28, 70_000, 139_000, 500_000]) {
      const { start, end } = sliceInSight(5000, 28, offset, 800);
      const top = Math.max(0, Math.min(5000, Math.floor(offset / 28)));
      const bottom = Math.max(0, Math.min(5000, Math.ceil((offset + 800) / 28)));
      expect(start).toBeLessThanOrEqual(top);
      expect(end).toBeGreaterThanOrEqual(bottom);
      expect(end - start).toBeLessThanOrEqual(66);
    }
  });

  it("draws always as many away from the edges", () => {
    const sizes = [28_000, 28_100, 28_111, 28_200, 70_001].map((offset) => {
      const { start, end } = sliceInSight(5000, 28, offset, 800);
      return end - start;
    });
    expect(new Set(sizes).size).toBe(1);
  });

  it("does not move for a small scroll", () => {
    expect(sliceInSight(5000, 28, 28_000, 800)).toEqual(sliceInSight(5000, 28, 28_010, 800));
  });
});
