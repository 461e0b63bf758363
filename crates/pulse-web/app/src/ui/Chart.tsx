// A line chart over time. uPlot draws on a canvas; what it shows is also said in words.

import {
  createEffect,
  createMemo,
  createSignal,
  For,
  type JSX,
  onCleanup,
  onMount,
  Show,
  untrack,
} from "solid-js";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { theme } from "../state/theme";
import { locale, t } from "../text";
import styles from "./Chart.module.css";
import { align, type Line, summary } from "./chartData";

const HEIGHT = 116;
/** Steps of the value axis. None below 1: no text here has more digits, and two ticks would read the same. */
const STEPS = Array.from({ length: 16 }, (_none, power) =>
  [1, 2, 5].map((each) => each * 10 ** power),
).flat();
/** Of bytes, whose units are 1,024 of the next smaller one. */
const BYTE_STEPS = Array.from({ length: 6 }, (_none, unit) =>
  [1, 2, 5, 10, 20, 50, 100, 200, 500].map((each) => each * 1024 ** unit),
).flat();
/** As many lines as have a colour of their own. */
const COLOURS = ["--series-1", "--series-2", "--series-3", "--series-4"];

/** Something that happened, as a line across the chart. */
export interface ChartMark {
  at: number;
  health: "warn" | "crit";
  text: string;
}

/** Charts with this key move their cursors together. */
const SYNC = uPlot.sync("pulse");

export function Chart(props: {
  title: string;
  lines: readonly Line[];
  /** The axis, in milliseconds: what was asked for, also where nothing was measured. */
  from: number;
  to: number;
  text: (value: number) => string;
  /** The values are bytes. */
  isBytes?: boolean | undefined;
  /** The upper end of the value axis, where it is fixed. */
  top?: number;
  marks?: readonly ChartMark[];
  /** A part of the axis was chosen with the pointer; without an argument all of it again. */
  onZoom?: (span?: { from: number; to: number }) => void;
}): JSX.Element {
  let box: HTMLDivElement | undefined;
  let plot: uPlot | undefined;
  const [cursor, setCursor] = createSignal<number>();
  const withBand = (): boolean => props.lines.length === 1;
  const data = createMemo(() => align(props.lines, withBand()));
  const isEmpty = (): boolean => data()[0].length === 0;
  const inWords = (): string => props.lines.map((line) => summary(line, props.text)).join("; ");

  /** What the legend says: the value under the cursor, else the newest. */
  const reading = (index: number): string => {
    const values = data()[1 + index * (withBand() ? 3 : 1)] ?? [];
    const at = cursor();
    const value = at === undefined ? values.findLast((each) => each != null) : values[at];
    return value == null ? "—" : props.text(value);
  };
  const when = (): string => {
    const at = cursor();
    const seconds = at === undefined ? undefined : data()[0][at];
    return seconds === undefined
      ? ""
      : new Date(seconds * 1000).toLocaleString(locale(), { dateStyle: "short", timeStyle: "medium" });
  };

  const build = (): void => {
    if (box === undefined) return;
    plot?.destroy();
    plot = new uPlot(options(box), untrack(data), box);
  };

  /** Canvas needs colours, not variables: each is read off a real element. */
  const colour = (name: string): string => {
    if (box === undefined) return "#888";
    box.style.color = `var(${name})`;
    const value = getComputedStyle(box).color;
    box.style.removeProperty("color");
    return value;
  };
  /** A moment on the axis: the time of day, and the day where the axis is longer than one. */
  const tick = (seconds: number): string => {
    const date = new Date(seconds * 1000);
    const isMidnight = date.getHours() === 0 && date.getMinutes() === 0;
    return props.to - props.from > 36 * 3_600_000 || isMidnight
      ? date.toLocaleDateString(locale(), { day: "numeric", month: "short" })
      : date.toLocaleTimeString(locale(), {
          hour: "2-digit",
          minute: "2-digit",
          hourCycle: "h23",
          ...(props.to - props.from < 900_000 ? { second: "2-digit" } : {}),
        });
  };
  const faded = (rgb: string): string => rgb.replace(/^rgb\((.*)\)$/, "rgba($1, 0.18)");

  const options = (element: HTMLElement): uPlot.Options => {
    const lineColours = COLOURS.map(colour);
    const markColours = { warn: colour("--warn"), crit: colour("--crit") };
    const soft = colour("--text-faint");
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = {
      stroke: soft,
      grid,
      ticks: { show: false },
      font: `11px ${getComputedStyle(element).fontFamily}`,
    };
    const main = lineColours[0] ?? soft;
    const series: uPlot.Series[] = withBand()
      ? [
          { stroke: main, width: 1.5, fill: undefined },
          { stroke: "transparent", width: 0 },
          { stroke: "transparent", width: 0 },
        ]
      : props.lines.map((_line, index) => ({ stroke: lineColours[index] ?? soft, width: 1.5 }));
    for (const each of series) each.points = { show: (self) => (self.data[0]?.length ?? 0) < 3 };
    return {
      width: Math.max(200, element.clientWidth),
      height: HEIGHT,
      padding: [6, 16, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: SYNC.key },
        y: false,
        points: { size: 6 },
        bind: {
          // One's own: the library's would only change the axis of this one chart.
          dblclick: () => () => {
            props.onZoom?.();
            return null;
          },
        },
        drag: { x: props.onZoom !== undefined, y: false, setScale: false, dist: 6 },
      },
      scales: {
        x: { time: true, range: () => [props.from / 1000, props.to / 1000] },
        y: { range: (_self, _low, high) => [0, props.top ?? Math.max(1, (high ?? 0) * 1.12)] },
      },
      axes: [
        { ...axis, size: 22, space: 64, values: (_self, splits) => splits.map(tick) },
        {
          ...axis,
          size: 58,
          space: 30,
          incrs: props.isBytes === true ? BYTE_STEPS : STEPS,
          values: (_self, splits) => splits.map((split) => (split === 0 ? "0" : props.text(split))),
        },
      ],
      series: [{}, ...series],
      ...(withBand() ? { bands: [{ series: [3, 2] as [number, number], fill: faded(main) }] } : {}),
      hooks: {
        setCursor: [(self) => setCursor(self.cursor.idx ?? undefined)],
        setSelect: [
          (self) => {
            const { left, width } = self.select;
            if (width < 6) return;
            props.onZoom?.({
              from: self.posToVal(left, "x") * 1000,
              to: self.posToVal(left + width, "x") * 1000,
            });
            self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          },
        ],
        draw: [
          (self) => {
            for (const mark of props.marks ?? []) {
              const x = Math.round(self.valToPos(mark.at / 1000, "x", true));
              if (x < self.bbox.left || x > self.bbox.left + self.bbox.width) continue;
              self.ctx.save();
              self.ctx.strokeStyle = markColours[mark.health];
              self.ctx.lineWidth = 1.5 * devicePixelRatio;
              self.ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
              self.ctx.beginPath();
              self.ctx.moveTo(x, self.bbox.top);
              self.ctx.lineTo(x, self.bbox.top + self.bbox.height);
              self.ctx.stroke();
              self.ctx.restore();
            }
          },
        ],
      },
    };
  };

  onMount(() => {
    build();
    const sizes = new ResizeObserver(() => {
      if (box !== undefined && plot !== undefined) plot.setSize({ width: box.clientWidth, height: HEIGHT });
    });
    if (box !== undefined) sizes.observe(box);
    onCleanup(() => {
      sizes.disconnect();
      plot?.destroy();
    });
  });
  createEffect(() => {
    // The axis and the marks count, too.
    void [props.from, props.to, props.marks];
    plot?.setData(data(), true);
  });
  const inRange = (): readonly ChartMark[] =>
    (props.marks ?? []).filter((mark) => mark.at >= props.from && mark.at <= props.to);
  let drawn = theme();
  createEffect(() => {
    const now = theme();
    if (now === drawn) return;
    drawn = now;
    build();
  });

  return (
    <figure class={styles.chart}>
      <figcaption class={styles.head}>
        <span class={styles.title}>{props.title}</span>
        <span class={styles.when}>{when()}</span>
        <For each={props.lines}>
          {(line, index) => (
            <span class={styles.reading}>
              <span class={styles.swatch} data-series={index()} aria-hidden="true" />
              <Show when={props.lines.length > 1}>
                <span class="soft">{line.title}</span>
              </Show>
              {reading(index())}
            </span>
          )}
        </For>
      </figcaption>
      <div
        class={styles.box}
        role="img"
        aria-label={[
          `${props.title}. ${inWords()}`,
          ...inRange().map((mark) => t("alert: {text}", { text: mark.text })),
        ].join("; ")}
      >
        {/* uPlot's own: nothing else may stand in here. */}
        <div ref={box} />
        <Show when={isEmpty()}>
          <span class={styles.nothing}>{t("no data in this range")}</span>
        </Show>
      </div>
    </figure>
  );
}
