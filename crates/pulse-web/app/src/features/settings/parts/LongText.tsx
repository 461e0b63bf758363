// Text of strangers, which may be of any length and direction: the beginning, and the rest on request.

import { type JSX, Show } from "solid-js";
import styles from "../Settings.module.css";

/** Longer than this, it folds. */
const LONG = 120;

export function LongText(props: { text: string; isCode?: boolean; title?: string }): JSX.Element {
  return (
    <Show
      when={props.text.length > LONG}
      fallback={
        <bdi class={styles.clip} classList={{ mono: props.isCode === true }} title={props.title}>
          {props.text}
        </bdi>
      }
    >
      <details class={styles.clip} classList={{ mono: props.isCode === true }}>
        <summary>
          <bdi>{props.text.slice(0, LONG)}…</bdi>
        </summary>
        <bdi>{props.text}</bdi>
      </details>
    </Show>
  );
}
