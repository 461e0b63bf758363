// The frame of what stands before the dashboard: setup, login, server not reachable.

import type { JSX } from "solid-js";
import styles from "./Gate.module.css";

export function Gate(props: { children: JSX.Element }): JSX.Element {
  return (
    <main class={styles.gate}>
      <div class={styles.brand}>
        <img src="/icon.svg" alt="" width="28" height="28" />
        Pulse
      </div>
      {props.children}
    </main>
  );
}
