// The last hour of every guest as small lines, for tables that show trends instead of bars.

import { createEffect, createSignal, type JSX, onCleanup, Show } from "solid-js";
import { type Charts, charts } from "../../api/calls";
import { percent } from "../../state/format";
import { type Limits, levelOf } from "../../ui/Meter";
import { Sparkline } from "../../ui/Sparkline";
import { Dash } from "../../ui/Value";
import styles from "./trends.module.css";

type Points = readonly { timestamp: number; value: number }[];
const NONE: Points = [];
/** One answer holds the lines of all guests: seldom enough for thousands of them. */
const REFRESH_MS = 60_000;

/** Asks only while trends are shown. */
export function trends(isShown: () => boolean): (id: string, metric: "cpu" | "memory") => Points {
  const [data, setData] = createSignal<Charts>();
  createEffect(() => {
    if (!isShown()) return;
    const control = new AbortController();
    const load = async (): Promise<void> => {
      if (document.visibilityState === "hidden") return;
      try {
        setData(await charts("1h", control.signal));
      } catch {
        // The lines of before stay; the connection's state stands in the top line.
      }
    };
    void load();
    const timer = setInterval(() => void load(), REFRESH_MS);
    onCleanup(() => {
      clearInterval(timer);
      control.abort();
    });
  });
  return (id, metric) => {
    const series = data()?.data[id] as Readonly<Record<string, Points | undefined>> | undefined;
    return series?.[metric] ?? NONE;
  };
}

export function TrendCell(props: {
  points: Points;
  now: number | undefined;
  limits: Limits;
  why: string | undefined;
}): JSX.Element {
  return (
    <Show when={props.now !== undefined} fallback={<Dash why={props.why ?? ""} />}>
      <span class={styles.cell}>
        <span class={styles.number}>{percent(props.now ?? 0)}</span>
        <Sparkline points={props.points} top={100} level={levelOf(props.now ?? 0, props.limits)} />
      </span>
    </Show>
  );
}
