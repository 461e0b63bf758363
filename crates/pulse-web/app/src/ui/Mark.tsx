// Health as a shape with a colour, never a colour alone.

import type { JSX } from "solid-js";
import styles from "./Mark.module.css";

/** What a mark says; the shape differs for each. */
export type Health = "ok" | "warn" | "crit" | "idle";

export function Mark(props: { health: Health; label: string }): JSX.Element {
  return (
    // One element: every row of every table has one.
    <span
      class={styles.mark}
      data-health={props.health}
      title={props.label}
      role="img"
      aria-label={props.label}
      aria-hidden={props.label === "" ? "true" : undefined}
    />
  );
}
