// A value, or an em dash that says why there is none.

import { type JSX, Show } from "solid-js";
import { DASH } from "../state/format";
import { t } from "../text";
import styles from "./Value.module.css";

/** The dash; `why` is shown on hover and read out. */
export function Dash(props: { why: string }): JSX.Element {
  return (
    <span
      class={styles.dash}
      title={props.why}
      role="img"
      aria-label={t("unknown: {why}", { why: props.why })}
    >
      {DASH}
    </span>
  );
}

/** Shows `text` of the value where there is one. */
export function Value<T>(props: {
  value: T | undefined;
  text: (value: T) => JSX.Element;
  why?: string | undefined;
  title?: string | undefined;
}): JSX.Element {
  return (
    <Show
      when={props.value !== undefined}
      fallback={<Dash why={props.why ?? t("the source does not report this value")} />}
    >
      <span title={props.title}>{props.text(props.value as T)}</span>
    </Show>
  );
}
