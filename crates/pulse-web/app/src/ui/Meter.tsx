// A share of something: number, bar, and the absolute figures.

import { createMemo, type JSX, Show } from "solid-js";
import { percent } from "../state/format";
import { t } from "../text";
import { surelyFits } from "./fit";
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

/** As the styles have them, in pixels. */
const BAR_WIDTH = 50 + 8 + 24 + 8;
const DETAIL_WIDTH = 104;
const SHORT_DETAIL_WIDTH = 62;
const DETAIL_SIZE = 11;

export function levelOf(value: number, limits: Limits): "fine" | "warn" | "crit" {
  if (value >= limits.crit) return "crit";
  return value >= limits.warn ? "warn" : "fine";
}

/** What a bar shows besides its length, all in percent of its width. */
export interface MeterMarks {
  /** Lines across the bar. */
  at?: readonly number[];
  /** Gaps in the filled part, between what it is made of. */
  cuts?: readonly number[];
  /** A thin line below, so long. */
  below?: number | undefined;
}

/** The picture of a bar with marks: one element, many layers. Pure. */
export function picture(length: number, marks: MeterMarks): string {
  const line = (at: number, colour: string, width: number): string =>
    `linear-gradient(${colour},${colour}) no-repeat ${round(at)}% 50%/${width}px 100%`;
  const fill = (colour: string, place: string, size: string): string =>
    `linear-gradient(${colour},${colour}) no-repeat ${place}/${size}`;
  return [
    ...(marks.at ?? []).map((at) => line(at, "var(--text-soft)", 2)),
    ...(marks.below === undefined ? [] : [fill("var(--series-3)", "0 100%", `${round(marks.below)}% 2px`)]),
    ...(marks.cuts ?? []).map((at) => line(at, "var(--surface)", 1)),
    `${fill("var(--fill)", "0 0", `${round(length)}% 100%`)} var(--meter-track)`,
  ].join(",");
}

/** In whole steps: a bar that moves by less than can be seen is not drawn again. */
function round(percent: number): number {
  return Math.round(Math.min(100, Math.max(0, percent)));
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
  marks?: MeterMarks | undefined;
  /** Pixels for all of it, where they are known. */
  room?: number | undefined;
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
        marks={props.marks}
        room={props.room}
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
  marks?: MeterMarks | undefined;
  room?: number | undefined;
}): JSX.Element {
  const value = createMemo(() => props.value);
  const level = () => levelOf(value(), props.limits);
  const length = () => round(value());
  const look = (): Record<string, string> =>
    props.marks === undefined
      ? { "background-size": `${length()}% 100%` }
      : { background: picture(length(), props.marks) };
  /** The detail shrinks first: the number, the gaps and the shortest bar stay. */
  const isCut = (detail: string): boolean => {
    const most = props.hasShortDetail === true ? SHORT_DETAIL_WIDTH : DETAIL_WIDTH;
    return !surelyFits(detail, Math.min(most, (props.room ?? 0) - BAR_WIDTH), DETAIL_SIZE);
  };
  return (
    <span
      class={styles.meter}
      data-level={level()}
      data-short={props.hasShortDetail === true ? "" : undefined}
      title={props.title}
    >
      <span class={styles.number}>{props.text ?? percent(value())}</span>
      <span class={styles.track} aria-hidden="true" style={look()} />
      <Show when={props.detail}>
        {(detail) => (
          <span class={styles.detail} data-cut={isCut(detail()) ? "" : undefined}>
            {detail()}
          </span>
        )}
      </Show>
    </span>
  );
}
