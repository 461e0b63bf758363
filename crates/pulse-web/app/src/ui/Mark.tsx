// Health as a shape with a colour, never a colour alone.

import type { JSX } from "solid-js";
import styles from "./Mark.module.css";

/** What a mark says; the shape differs for each. */
export type Health = "ok" | "warn" | "crit" | "idle";

const SHAPES: Record<Health, string> = {
  ok: "M5 1a4 4 0 1 0 0 8 4 4 0 0 0 0-8Z",
  warn: "M5 .8 9.600 9H.4Z",
  crit: "M5 .2 9.800 5 5 9.800.2 5Z",
  idle: "M1.500 1.500h7v7h-7Z",
};

export function Mark(props: { health: Health; label: string }): JSX.Element {
  return (
    <span class={styles.mark} data-health={props.health} title={props.label}>
      <svg width="10" height="10" viewBox="0 0 10 10" aria-hidden="true">
        <path d={SHAPES[props.health]} />
      </svg>
      <span class="sr">{props.label}</span>
    </span>
  );
}
