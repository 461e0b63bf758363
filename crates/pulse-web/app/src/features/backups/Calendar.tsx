// The last weeks, a square a day: how much was backed up, and where something failed.

import { createMemo, For, type JSX } from "solid-js";
import { bytes, day, shortNumber } from "../../state/format";
import { t, tn } from "../../text";
import styles from "./Calendar.module.css";
import type { Day } from "./model";

const LEVELS = 4;

export function Calendar(props: {
  days: readonly Day[];
  chosen: number | undefined;
  onChoose: (at: number | undefined) => void;
}): JSX.Element {
  const most = createMemo(() => Math.max(1, ...props.days.map((each) => each.count)));
  const level = (each: Day): number => (each.count === 0 ? 0 : Math.ceil((each.count / most()) * LEVELS));
  const said = (each: Day): string =>
    [
      day(each.at),
      tn("{n} backup", "{n} backups", each.count),
      each.bytes > 0 ? bytes(each.bytes) : "",
      each.isMissing ? t("missing") : "",
      each.failed > 0 ? tn("{n} failed task", "{n} failed tasks", each.failed) : "",
    ]
      .filter(Boolean)
      .join(", ");
  return (
    <section class={styles.box} aria-label={t("Backups by day")}>
      <For each={props.days}>
        {(each) => (
          <button
            type="button"
            class={styles.day}
            data-level={level(each)}
            data-failed={each.failed > 0 ? "" : undefined}
            data-missing={each.isMissing ? "" : undefined}
            // What leads to nothing is no stop of the Tab key.
            tabindex={each.count === 0 && props.chosen !== each.at ? -1 : undefined}
            aria-pressed={props.chosen === each.at}
            title={said(each)}
            onClick={() => props.onChoose(props.chosen === each.at ? undefined : each.at)}
          >
            <span class="sr">{said(each)}</span>
            <span class={styles.count} aria-hidden="true">
              {each.count === 0 ? (each.isMissing ? "✕" : "") : shortNumber(each.count)}
            </span>
            <span class={styles.date} aria-hidden="true">
              {new Date(each.at).getDate()}
            </span>
          </button>
        )}
      </For>
    </section>
  );
}
