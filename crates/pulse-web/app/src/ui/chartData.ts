// From points to what a chart draws. Pure.

import { t } from "../text";

/** One point; `min` and `max` of the span that it stands for. */
export interface Point {
  timestamp: number;
  value: number;
  min?: number | undefined;
  max?: number | undefined;
}

/** A series to draw, with its points in order of time. */
export interface Line {
  title: string;
  points: readonly Point[];
}

/** x in seconds, then the values of each series; `null` is a gap. */
type Aligned = [number[], ...(number | null)[][]];

/** How much longer than usual a pause must be to count as a gap rather than a late sample. */
const GAP_FACTOR = 3.5;

/**
 * Puts all series on one axis of times. Where a series pauses for much longer than it usually does,
 * a point without value is put in: a line through a gap would tell what nobody measured.
 */
export function align(lines: readonly Line[], withBand: boolean): Aligned {
  const times = new Set<number>();
  const perLine = lines.map((line) => {
    const known = new Map<number, Point | null>();
    const usual = usualStep(line.points);
    let last: number | undefined;
    for (const point of line.points) {
      if (last !== undefined && usual > 0 && point.timestamp - last > usual * GAP_FACTOR) {
        known.set(last + usual, null);
      }
      known.set(point.timestamp, point);
      last = point.timestamp;
    }
    for (const time of known.keys()) times.add(time);
    return known;
  });
  const axis = [...times].sort((a, b) => a - b);
  const columns = perLine.flatMap((known) => {
    const pick = (of: (point: Point) => number): (number | null | undefined)[] =>
      axis.map((time) => {
        const point = known.get(time);
        // uPlot joins over undefined and breaks at null.
        return point === undefined ? undefined : point === null ? null : of(point);
      });
    const value = pick((point) => point.value);
    return withBand
      ? [value, pick((point) => point.min ?? point.value), pick((point) => point.max ?? point.value)]
      : [value];
  });
  return [axis.map((time) => time / 1000), ...(columns as (number | null)[][])];
}

/** The middle of the pauses between points: robust against the gaps themselves. */
export function usualStep(points: readonly Point[]): number {
  const steps: number[] = [];
  for (let index = 1; index < points.length; index += 1) {
    const step = (points[index]?.timestamp ?? 0) - (points[index - 1]?.timestamp ?? 0);
    if (step > 0) steps.push(step);
  }
  steps.sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 0;
}

/** The newest value and the extremes, for those who do not see the chart. */
export function summary(line: Line, text: (value: number) => string): string {
  const last = line.points.at(-1);
  if (last === undefined) return t("{title}: no data", { title: line.title });
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const point of line.points) {
    low = Math.min(low, point.min ?? point.value);
    high = Math.max(high, point.max ?? point.value);
  }
  return t("{title}: now {now}, lowest {low}, highest {high}", {
    title: line.title,
    now: text(last.value),
    low: text(low),
    high: text(high),
  });
}
