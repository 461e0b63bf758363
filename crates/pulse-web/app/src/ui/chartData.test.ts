import { describe, expect, it } from "vitest";
import { align, summary, usualStep } from "./chartData";

const at = (seconds: number, value: number) => ({ timestamp: seconds * 1000, value });

describe("align", () => {
  it("puts series on one axis and leaves holes open to join", () => {
    const [x, a, b] = align(
      [
        { title: "in", points: [at(0, 1), at(10, 2), at(20, 3)] },
        { title: "out", points: [at(0, 5), at(20, 6)] },
      ],
      false,
    );
    expect(x).toEqual([0, 10, 20]);
    expect(a).toEqual([1, 2, 3]);
    expect(b).toEqual([5, undefined, 6]);
  });

  it("breaks the line where nothing was measured", () => {
    const points = [at(0, 1), at(10, 1), at(20, 1), at(300, 1), at(310, 1)];
    const [x, a] = align([{ title: "cpu", points }], false);
    expect(x).toEqual([0, 10, 20, 30, 300, 310]);
    expect(a).toEqual([1, 1, 1, null, 1, 1]);
  });

  it("does not break at one late sample", () => {
    const [, a] = align([{ title: "cpu", points: [at(0, 1), at(10, 1), at(20, 1), at(45, 1)] }], false);
    expect(a).not.toContain(null);
  });

  it("adds the band of extremes", () => {
    const [, value, min, max] = align(
      [{ title: "cpu", points: [{ timestamp: 0, value: 5, min: 1, max: 9 }, at(10, 4)] }],
      true,
    );
    expect([value, min, max]).toEqual([
      [5, 4],
      [1, 4],
      [9, 4],
    ]);
  });

  it("copes with nothing", () => {
    expect(align([{ title: "cpu", points: [] }], true)).toEqual([[], [], [], []]);
    expect(usualStep([at(1, 1)])).toBe(0);
  });
});

describe("summary", () => {
  it("says it in words", () => {
    const text = (value: number): string => `${value}%`;
    expect(summary({ title: "CPU", points: [at(0, 3), { ...at(1, 5), max: 40 }, at(2, 12)] }, text)).toBe(
      "CPU: now 12%, lowest 3%, highest 40%",
    );
    expect(summary({ title: "CPU", points: [] }, text)).toBe("CPU: no data");
  });
});
