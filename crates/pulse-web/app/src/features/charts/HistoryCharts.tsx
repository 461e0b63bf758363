// The charts of a drawer: every series that the server keeps of one resource, over a range.

import {
  createEffect,
  createMemo,
  createResource,
  createSignal,
  For,
  type JSX,
  on,
  onCleanup,
  Show,
} from "solid-js";
import { type History, history } from "../../api/calls";
import { ApiError } from "../../api/client";
import { licenceGap } from "../../api/licence";
import { lastUpdate, serverNow } from "../../api/live";
import { celsius, number, percent, rate } from "../../state/format";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Chart } from "../../ui/Chart";
import type { Point } from "../../ui/chartData";
import { Button, Note, Segmented } from "../../ui/controls";
import { DrawerSection } from "../../ui/Drawer";
import { alertMarks } from "../alerts/marks";
import { Licence } from "../parts/Licence";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** `live` is drawn from what arrives while the drawer is open, on top of the newest of the store. */
export const RANGES = [
  { id: "live", title: t("Live"), ms: 10 * 60_000, refreshMs: 0 },
  { id: "1h", title: "1 h", ms: HOUR, refreshMs: 15_000 },
  { id: "6h", title: "6 h", ms: 6 * HOUR, refreshMs: 60_000 },
  { id: "24h", title: "24 h", ms: DAY, refreshMs: 120_000 },
  { id: "7d", title: "7 d", ms: 7 * DAY, refreshMs: 600_000 },
  { id: "30d", title: "30 d", ms: 30 * DAY, refreshMs: 900_000 },
  { id: "90d", title: "90 d", ms: 90 * DAY, refreshMs: 900_000 },
] as const;

type RangeId = (typeof RANGES)[number]["id"];

interface Figure {
  id: string;
  title: string;
  series: readonly { metric: string; title: string }[];
  text: (value: number) => string;
  isBytes?: boolean;
  top?: number;
}

/** In the order in which they are drawn; a figure without any point in the answer is left out. */
const FIGURES: readonly Figure[] = [
  { id: "cpu", title: t("CPU"), series: [{ metric: "cpu", title: t("CPU") }], text: percent, top: 100 },
  {
    id: "memory",
    title: t("Memory"),
    series: [{ metric: "memory", title: t("Memory") }],
    text: percent,
    top: 100,
  },
  {
    id: "disk",
    title: t("Disk used"),
    series: [{ metric: "disk", title: t("Disk") }],
    text: percent,
    top: 100,
  },
  { id: "usage", title: t("Used"), series: [{ metric: "usage", title: t("Used") }], text: percent, top: 100 },
  {
    id: "network",
    title: t("Network"),
    series: [
      { metric: "netin", title: t("in") },
      { metric: "netout", title: t("out") },
    ],
    text: rate,
    isBytes: true,
  },
  {
    id: "io",
    title: t("Disk I/O"),
    series: [
      { metric: "diskread", title: t("read") },
      { metric: "diskwrite", title: t("write") },
    ],
    text: rate,
    isBytes: true,
  },
  { id: "swap", title: t("Swap"), series: [{ metric: "swap", title: t("Swap") }], text: percent, top: 100 },
  {
    id: "load",
    title: t("Load"),
    series: [{ metric: "load", title: t("Load") }],
    text: (value) => number(value, 2),
  },
  {
    id: "temperature",
    title: t("Temperature"),
    series: [{ metric: "temperature", title: t("Temperature") }],
    text: celsius,
  },
];

/** Drawn even without data, so that the panel does not jump when the first points come. */
const ALWAYS = new Set(["cpu", "memory"]);
/** Points of the live view that are kept: ten minutes at one a second. */
const MOST_LIVE = 600;

/** What is measured right now, by the names of the store's metrics. */
export type Now = () => Readonly<Record<string, number | undefined>>;

export function HistoryCharts(props: {
  resourceType: string;
  resourceId: string;
  range: string | undefined;
  onRange: (range: string) => void;
  now: Now;
  /** When that was measured, where it is newer than the state. */
  at?: number | undefined;
  /** How alerts call the resource, where that is another id. */
  alertId?: string;
  /** Without the memory chart where the resource has none, such as a storage. */
  only?: readonly string[];
}): JSX.Element {
  const range = createMemo(() => RANGES.find((each) => each.id === props.range) ?? RANGES[1]);
  const isLive = (): boolean => range().id === "live";
  // The drawer's row is a new one every second: only another resource is a reason to ask again.
  const resourceType = createMemo(() => props.resourceType);
  const resourceId = createMemo(() => props.resourceId);
  const [zoom, setZoom] = createSignal<{ from: number; to: number }>();
  createEffect(on([range, resourceId], () => setZoom(undefined), { defer: true }));
  let control: AbortController | undefined;
  onCleanup(() => control?.abort());
  const [data, { refetch }] = createResource(
    () => ({
      type: resourceType(),
      id: resourceId(),
      range: range().id,
      isZoomed: zoom() !== undefined,
    }),
    async (wanted): Promise<History> => {
      control?.abort();
      control = new AbortController();
      return history(
        wanted.type,
        wanted.id,
        wanted.range === "live" ? "1h" : wanted.range,
        wanted.isZoomed ? 2_000 : 360,
        control.signal,
      );
    },
  );
  createEffect(() => {
    const every = range().refreshMs;
    if (every === 0 || zoom() !== undefined) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void refetch();
    }, every);
    onCleanup(() => clearInterval(timer));
  });

  // The points that came since the drawer was opened, for the live view.
  const [live, setLive] = createSignal<Readonly<Record<string, readonly Point[]>>>({});
  createEffect(on(resourceId, () => setLive({})));
  createEffect(
    on([() => props.at ?? lastUpdate(), props.now], ([at, now]) => {
      setLive((old) => {
        const next: Record<string, readonly Point[]> = { ...old };
        for (const [metric, value] of Object.entries(now)) {
          if (value === undefined) continue;
          const points = next[metric] ?? [];
          const last = points.at(-1);
          if (last !== undefined && last.timestamp >= at) {
            if (last.value === value) continue;
            next[metric] = [...points.slice(0, -1), { timestamp: last.timestamp, value }];
          } else next[metric] = [...points.slice(1 - MOST_LIVE), { timestamp: at, value }];
        }
        return next;
      });
    }),
  );

  // While the next answer is on its way the last one stays on the page.
  const latest = createMemo<History | undefined>((last) => settled(data) ?? last);
  const pointsOf = (metric: string): readonly Point[] => {
    const stored: readonly Point[] = latest()?.metrics?.[metric] ?? [];
    if (!isLive()) return stored;
    const fresh = live()[metric] ?? [];
    const start = fresh[0]?.timestamp ?? Number.POSITIVE_INFINITY;
    return [...stored.filter((point) => point.timestamp < start), ...fresh];
  };
  const figures = createMemo(() => {
    const metrics = latest()?.metrics ?? {};
    return FIGURES.filter(
      (figure) =>
        (props.only === undefined ? ALWAYS.has(figure.id) : props.only.includes(figure.id)) ||
        figure.series.some((series) => (metrics[series.metric]?.length ?? 0) > 0),
    );
  });
  /** A container's CPU is of one processor: it can use several. */
  const hasOpenTop = (figure: Figure): boolean =>
    props.resourceType === "dockerContainer" && figure.id === "cpu";
  const end = (): number => (isLive() ? serverNow() : (latest()?.end ?? serverNow()));
  const span = createMemo(() => zoom() ?? { from: end() - range().ms, to: end() });
  const marks = alertMarks(() => props.alertId ?? props.resourceId);
  /** The range is longer than the licence's: not a failure. */
  const gap = createMemo(() => {
    const error: unknown = data.error;
    return error instanceof ApiError ? licenceGap(error.status, error.body) : undefined;
  });
  const problem = (): string | undefined => {
    const error: unknown = data.error;
    if (error === undefined || (error instanceof DOMException && error.name === "AbortError"))
      return undefined;
    if (gap() !== undefined) return undefined;
    return error instanceof ApiError ? error.message : t("the history could not be read");
  };

  return (
    <DrawerSection
      title={t("History")}
      extra={
        <>
          <Show when={zoom()}>
            <Button isSmall icon="close" onClick={() => setZoom(undefined)}>
              {t("Whole range")}
            </Button>
          </Show>
          <Segmented<RangeId>
            label={t("Range")}
            options={RANGES}
            value={range().id}
            onChange={(id) => props.onRange(id)}
          />
        </>
      }
    >
      <Show when={gap()}>
        {(missing) => (
          <Licence gap={missing()}>
            <p>{t("Shorter ranges work; what is measured is kept all the same.")}</p>
            <Button onClick={() => props.onRange("7d")}>{t("Show 7 days")}</Button>
          </Licence>
        )}
      </Show>
      <Show when={problem()}>
        {(text) => (
          <Note health="crit">{t("The history could not be loaded: {reason}", { reason: text() })}</Note>
        )}
      </Show>
      <For each={gap() === undefined ? figures() : []}>
        {(figure) => (
          <Chart
            title={figure.title}
            text={figure.text}
            isBytes={figure.isBytes}
            {...(figure.top === undefined || hasOpenTop(figure) ? {} : { top: figure.top })}
            from={span().from}
            to={span().to}
            marks={marks()}
            onZoom={setZoom}
            lines={figure.series.map((series) => ({ title: series.title, points: pointsOf(series.metric) }))}
          />
        )}
      </For>
    </DrawerSection>
  );
}
