// A share of something: number, bar, and the absolute figures.

import { createMemo, type JSX, Show } from "solid-js";
import { percent } from "../state/format";
import { t } from "../text";
import styles from "./Meter.module.css";
import { Dash } from "./Value";

/** From where on a share is worth a look, and from where on it is bad. Percent. */
export interface Limits {
  warn: number;
  crit: number;
}

export const CPU_LIMITS: Limits = { warn: 80, crit: 90 };
export const MEMORY_LIMITS: Limits = { warn: 85, crit: 95 };
export const DISK_LIMITS: Limits = { warn: 80, crit: 90 };

export function levelOf(value: number, limits: Limits): "fine" | "warn" | "crit" {
  if (value >= limits.crit) return "crit";
  return value >= limits.warn ? "warn" : "fine";
}

export function Meter(props: {
  /** Percent: the length of the bar, and what the limits apply to. */
  value: number | undefined;
  limits: Limits;
  /** The number, where it is not the percentage itself. */
  text?: string | undefined;
  detail?: string | undefined;
  /** The detail is a word or two: the bar gets the room. */
  hasShortDetail?: boolean | undefined;
  title?: string | undefined;
  why?: string | undefined;
}): JSX.Element {
  return (
    <Show
      when={props.value !== undefined}
      fallback={<Dash why={props.why ?? t("the source does not report this value")} />}
    >
      <Bar
        value={props.value ?? 0}
        limits={props.limits}
        text={props.text}
        detail={props.detail}
        hasShortDetail={props.hasShortDetail}
        title={props.title}
      />
    </Show>
  );
}

function Bar(props: {
  value: number;
  limits: Limits;
  text?: string | undefined;
  detail?: string | undefined;
  hasShortDetail?: boolean | undefined;
  title?: string | undefined;
}): JSX.Element {
  const value = createMemo(() => props.value);
  const level = () => levelOf(value(), props.limits);
  // In whole steps, as the number beside it: a bar that moves by less than can be seen is not drawn again.
  const length = () => Math.round(Math.min(100, Math.max(0, value())));
  return (
    <span
      class={styles.meter}
      data-level={level()}
      data-short={props.hasShortDetail === true ? "" : undefined}
      title={props.title}
    >
      <span class={styles.number}>{props.text ?? percent(value())}</span>
      <span class={styles.track} aria-hidden="true" style={{ "background-size": `${length()}% 100%` }} />
      <Show when={props.detail}>{(detail) => <span class={styles.detail}>{detail()}</span>}</Show>
    </span>
  );
}
