import { expect, it } from "vitest";
import { sparkPath } from "./Sparkline";

it("draws between the edges, and breaks at a pause", () => {
  const at = (timestamp: number, value: number) => ({ timestamp, value });
  expect(sparkPath([], 100)).toBe("");
  expect(sparkPath([at(0, 0), at(10, 100)], 100)).toBe("M0.0 19.0L100.0 1.0");
  const gap = sparkPath([at(0, 1), at(1, 1), at(2, 1), at(3, 1), at(60, 1), at(61, 1)], 100);
  expect(gap.match(/M/g)).toHaveLength(2);
});
