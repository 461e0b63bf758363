// The last days of one guest, one mark a day.

import { For, type JSX } from "solid-js";
import { day } from "../../state/format";
import { t, tn } from "../../text";
import styles from "./Calendar.module.css";
import type { GuestDays } from "./model";

export function DayStrip(props: {
  days: readonly number[];
  of: Pick<GuestDays<unknown>, "counts" | "unsure">;
  /** Only so many of the newest. */
  most?: number | undefined;
}): JSX.Element {
  const from = (): number => Math.max(0, props.days.length - (props.most ?? props.days.length));
  const shown = (): readonly number[] => props.days.slice(from());
  const state = (index: number): "made" | "unsure" | "none" => {
    if ((props.of.counts[index + from()] ?? 0) > 0) return "made";
    return (props.of.unsure[index + from()] ?? 0) > 0 ? "unsure" : "none";
  };
  const said = (at: number, index: number): string => {
    const made = props.of.counts[index + from()] ?? 0;
    const unsure = props.of.unsure[index + from()] ?? 0;
    return [
      day(at),
      made > 0 || unsure === 0 ? tn("{n} backup", "{n} backups", made) : "",
      unsure > 0 ? t("{n} that may be another guest's", { n: unsure }) : "",
    ]
      .filter(Boolean)
      .join(", ");
  };
  const madeOn = (): number => shown().filter((_at, index) => state(index) === "made").length;
  return (
    <span
      class={styles.days}
      role="img"
      aria-label={t("backups on {n} of {all} days", { n: madeOn(), all: shown().length })}
    >
      <For each={shown()}>
        {(at, index) => <span class={styles.mark} data-state={state(index())} title={said(at, index())} />}
      </For>
    </span>
  );
}
