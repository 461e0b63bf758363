// The charts of a drawer: every series that the server keeps of one resource, over a range.

import { createEffect, createMemo, createResource, For, type JSX, onCleanup, Show } from "solid-js";
import { type History, history } from "../../api/calls";
import { ApiError } from "../../api/client";
import { celsius, percent, rate } from "../../state/format";
import { Chart } from "../../ui/Chart";
import { Note, Segmented } from "../../ui/controls";
import { DrawerSection } from "../../ui/Drawer";

export const RANGES = [
  { id: "1h", title: "1 h", ms: 3_600_000, refreshMs: 15_000 },
  { id: "6h", title: "6 h", ms: 6 * 3_600_000, refreshMs: 60_000 },
  { id: "24h", title: "24 h", ms: 24 * 3_600_000, refreshMs: 120_000 },
  { id: "7d", title: "7 d", ms: 7 * 24 * 3_600_000, refreshMs: 600_000 },
] as const;

type RangeId = (typeof RANGES)[number]["id"];

interface Figure {
  title: string;
  series: readonly { metric: string; title: string }[];
  text: (value: number) => string;
  top?: number;
}

/** In the order in which they are drawn; a figure without any point in the answer is left out. */
const FIGURES: readonly Figure[] = [
  { title: "CPU", series: [{ metric: "cpu", title: "CPU" }], text: percent, top: 100 },
  { title: "Memory", series: [{ metric: "memory", title: "Memory" }], text: percent, top: 100 },
  { title: "Disk used", series: [{ metric: "disk", title: "Disk" }], text: percent, top: 100 },
  { title: "Used", series: [{ metric: "usage", title: "Used" }], text: percent, top: 100 },
  {
    title: "Network",
    series: [
      { metric: "netin", title: "in" },
      { metric: "netout", title: "out" },
    ],
    text: rate,
  },
  {
    title: "Disk I/O",
    series: [
      { metric: "diskread", title: "read" },
      { metric: "diskwrite", title: "write" },
    ],
    text: rate,
  },
  { title: "Temperature", series: [{ metric: "temperature", title: "Temperature" }], text: celsius },
];

/** Drawn even without data, so that the panel does not jump when the first points come. */
const ALWAYS = new Set(["CPU", "Memory"]);

export function HistoryCharts(props: {
  resourceType: string;
  resourceId: string;
  range: string | undefined;
  onRange: (range: string) => void;
}): JSX.Element {
  const range = createMemo(() => RANGES.find((each) => each.id === props.range) ?? RANGES[0]);
  let control: AbortController | undefined;
  onCleanup(() => control?.abort());
  const [data, { refetch }] = createResource(
    () => ({ type: props.resourceType, id: props.resourceId, range: range() }),
    async (wanted): Promise<History> => {
      control?.abort();
      control = new AbortController();
      return history(wanted.type, wanted.id, wanted.range.id, control.signal);
    },
  );
  createEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void refetch();
    }, range().refreshMs);
    onCleanup(() => clearInterval(timer));
  });

  // While the next answer is on its way the last one stays on the page.
  const latest = createMemo<History | undefined>((last) =>
    data.error === undefined ? (data.latest ?? last) : last,
  );
  const figures = createMemo(() => {
    const metrics = latest()?.metrics ?? {};
    return FIGURES.filter(
      (figure) =>
        ALWAYS.has(figure.title) || figure.series.some((series) => (metrics[series.metric]?.length ?? 0) > 0),
    );
  });
  /** A container's CPU is of one processor: it can use several. */
  const hasOpenTop = (figure: Figure): boolean =>
    props.resourceType === "dockerContainer" && figure.title === "CPU";
  const end = (): number => latest()?.end ?? Date.now();
  const problem = (): string | undefined => {
    const error: unknown = data.error;
    if (error === undefined || (error instanceof DOMException && error.name === "AbortError"))
      return undefined;
    return error instanceof ApiError ? error.message : "the history could not be read";
  };

  return (
    <DrawerSection
      title="History"
      extra={
        <Segmented<RangeId>
          label="Range"
          options={RANGES}
          value={range().id}
          onChange={(id) => props.onRange(id)}
        />
      }
    >
      <Show when={problem()}>
        {(text) => <Note health="crit">The history could not be loaded: {text()}</Note>}
      </Show>
      <For each={figures()}>
        {(figure) => (
          <Chart
            title={figure.title}
            text={figure.text}
            {...(figure.top === undefined || hasOpenTop(figure) ? {} : { top: figure.top })}
            from={end() - range().ms}
            to={end()}
            lines={figure.series.map((series) => ({
              title: series.title,
              points: latest()?.metrics?.[series.metric] ?? [],
            }))}
          />
        )}
      </For>
    </DrawerSection>
  );
}
