// A line without axes: the shape of the last hour, in a cell.

import { createMemo, type JSX } from "solid-js";
import styles from "./Sparkline.module.css";

const WIDTH = 100;
const HEIGHT = 20;

/** The path of the points in a box of 100 × 20; a pause of unknown values breaks it. Pure. */
export function sparkPath(points: readonly { timestamp: number; value: number }[], top: number): string {
  const first = points[0]?.timestamp ?? 0;
  const span = Math.max(1, (points.at(-1)?.timestamp ?? 0) - first);
  const usual = span / Math.max(1, points.length - 1);
  let path = "";
  let last = Number.NEGATIVE_INFINITY;
  for (const { timestamp, value } of points) {
    const x = ((timestamp - first) / span) * WIDTH;
    const y = HEIGHT - 1 - (Math.min(top, Math.max(0, value)) / top) * (HEIGHT - 2);
    path += `${timestamp - last > usual * 4 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    last = timestamp;
  }
  return path;
}

export function Sparkline(props: {
  points: readonly { timestamp: number; value: number }[];
  top: number;
  level: string;
}): JSX.Element {
  const path = createMemo(() => sparkPath(props.points, props.top));
  return (
    <svg
      class={styles.line}
      data-level={props.level}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path d={path()} vector-effect="non-scaling-stroke" />
    </svg>
  );
}
