// The rows of a table: real table elements of one height of which only those in sight are drawn, and
// movement by keys.

import {
  batch,
  createComputed,
  createEffect,
  createMemo,
  createSignal,
  For,
  type JSX,
  on,
  onCleanup,
  onMount,
  Show,
  untrack,
  useContext,
} from "solid-js";
import type { ColumnChoice } from "../../state/columns";
import type { Sort } from "../../state/order";
import { t } from "../../text";
import { surelyFits } from "../fit";
import { Icon } from "../Icon";
import { isPhone, ScrollerContext } from "../screen";
import { rowsInSight, sliceInSight } from "../window";
import { type DrawnRow, drawnRow } from "./cell";
import { Head } from "./Head";
import styles from "./Table.module.css";
import type { Column, Entry, Grouping } from "./types";

interface Props<Row> {
  label: string;
  columns: readonly Column<Row>[];
  entries: readonly Entry<Row>[];
  row: (key: string) => Row | undefined;
  name: (row: Row) => JSX.Element;
  choice: ColumnChoice;
  sorts: readonly Sort[];
  onSort: ((sorts: readonly Sort[]) => void) | undefined;
  onWidth: (id: string, width: number) => void;
  width: number;
  onTableWidth: (width: number) => void;
  open: string | undefined;
  onOpen: ((key: string) => void) | undefined;
  openHint: string | ((row: Row) => string) | undefined;
  tone: ((row: Row) => "dim" | "crit" | undefined) | undefined;
  grouping: Grouping<Row> | undefined;
  folded: ReadonlySet<string>;
  onFold: (group: string) => void;
  selected: ReadonlySet<string>;
  isSelecting: boolean;
  onSelect: (key: string, isRange: boolean) => void;
  empty: JSX.Element;
  stickyTop: number;
}

const ROW_HEIGHT = 28;
const PHONE_ROW_HEIGHT = 54;
const PICK_WIDTH = 34;
/** What a cell keeps free on both sides together, at most. */
const CELL_PADDING = 20;
/** What may stand before a name: the state, an alert, a link. */
const MARKS_WIDTH = 60;
/** How long a row beyond the edge of the screen may keep the figures it has. */
const UNSEEN_MS = 10_000;
/** Rows of one table on paper; more than these nobody reads there. */
const MOST_PRINTED = 2_000;
/** Scrolling is over when nothing scrolled for so long. */
const SCROLL_REST_MS = 150;

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}

export function Rows<Row>(props: Props<Row>): JSX.Element {
  const scroller = useContext(ScrollerContext);
  const [offset, setOffset] = createSignal(0);
  const [height, setHeight] = createSignal(900);
  const [active, setActive] = createSignal<string>();
  let table: HTMLTableElement | undefined;
  let body: HTMLTableSectionElement | undefined;

  const rowHeight = (): number => (isPhone() ? PHONE_ROW_HEIGHT : ROW_HEIGHT);
  const span = (): number => props.columns.length + (props.isSelecting ? 1 : 0);
  const slice = createMemo(
    () => sliceInSight(props.entries.length, rowHeight(), offset(), height()),
    undefined,
    { equals: (a, b) => a.start === b.start && a.end === b.end && a.below === b.below },
  );
  const drawn = createMemo(() => props.entries.slice(slice().start, slice().end));
  /** Which of them can be seen: the others keep the figures they have until they come near. */
  const sight = createMemo(() => rowsInSight(rowHeight(), offset(), height()), undefined, {
    equals: (a, b) => a.start === b.start && a.end === b.end,
  });
  // Keys, not objects: a row whose values changed keeps its elements.
  const shown = createMemo(() => drawn().map((entry) => entry.key), undefined, { equals: isSameList });
  /** What is drawn, by its key. Of thousands of rows all others are only looked for when a key is pressed. */
  const byKey = createMemo(
    () => new Map(drawn().map((entry, index) => [entry.key, { entry, index: slice().start + index }])),
  );
  const indexOf = (key: string): number =>
    byKey().get(key)?.index ?? props.entries.findIndex((entry) => entry.key === key);
  /** The one row that the Tab key reaches. */
  const tabStop = createMemo(() => {
    const keys = shown();
    const wanted = active();
    if (wanted !== undefined && keys.includes(wanted)) return wanted;
    return keys.find((key) => byKey().get(key)?.entry.kind === "row") ?? keys[0];
  });
  const isOpen = createMemo(() => props.open);
  /** The widths of the columns; those without one share the rest. */
  const template = createMemo(() => {
    const widths = props.columns.map((column) => {
      const width = (isPhone() ? undefined : props.choice.widths[column.id]) ?? column.width;
      return width === undefined ? "minmax(0,1fr)" : `${width}px`;
    });
    return [...(props.isSelecting ? [`${PICK_WIDTH}px`] : []), ...widths].join(" ");
  });

  /** Pixels for what a column's cells show. */
  const rooms = createMemo((): ReadonlyMap<string, number> => {
    const own = (column: Column<Row>): number | undefined =>
      (isPhone() ? undefined : props.choice.widths[column.id]) ?? column.width;
    const taken = props.columns.reduce(
      (sum, column) => sum + (own(column) ?? 0),
      props.isSelecting ? PICK_WIDTH : 0,
    );
    const sharing = props.columns.filter((column) => own(column) === undefined).length;
    const share = Math.max(0, (props.width - taken) / Math.max(1, sharing));
    return new Map(props.columns.map((column) => [column.id, (own(column) ?? share) - CELL_PADDING]));
  });
  const roomOf = (column: Column<Row>): number => rooms().get(column.id) ?? 0;

  /** Whether the reader made it narrower than it was meant to be. */
  const isNarrow = (column: Column<Row>): boolean => {
    const chosen = props.choice.widths[column.id];
    return !isPhone() && chosen !== undefined && chosen < (column.width ?? Number.POSITIVE_INFINITY);
  };

  /** Whether a cell has to be clipped. Numbers fit, and what stands first has a name that is cut by itself. */
  const isCut = (column: Column<Row>, index: number, row: (() => Row) | undefined): boolean => {
    if (isNarrow(column)) return true;
    if (index === 0 || column.isNumber === true || column.fits === true) return false;
    return row === undefined || column.fits?.(row(), roomOf(column)) !== true;
  };
  const isLong = (column: Column<Row>, name: JSX.Element): boolean =>
    typeof name !== "string" || isNarrow(column) || !surelyFits(name, roomOf(column) - MARKS_WIDTH);

  /** Where the body begins in what the scroller scrolls. Asked for when something may have moved it. */
  let bodyTop = 0;
  const measure = (): void => {
    const element = scroller();
    if (element === undefined || body === undefined) return;
    const top = element.scrollTop;
    const clear = element.clientHeight;
    bodyTop = body.getBoundingClientRect().top - element.getBoundingClientRect().top + top;
    follow(top, clear);
  };
  /** Draws what is in sight now. All is read before anything is written: a layout in between costs a frame. */
  const follow = (top: number, clear: number): void =>
    batch(() => {
      setOffset(top - bodyTop);
      setHeight(clear);
    });
  const onScroll = (): void => {
    const element = scroller();
    if (element !== undefined) follow(element.scrollTop, height());
  };
  /** The tables above may have become longer since. Not at once: each step that a script scrolls ends a scroll, too. */
  let rest: ReturnType<typeof setTimeout> | undefined;
  const onScrollEnd = (): void => {
    clearTimeout(rest);
    rest = setTimeout(measure, SCROLL_REST_MS);
  };

  onMount(() => {
    const element = scroller();
    const sizes = new ResizeObserver(() => {
      props.onTableWidth(table?.clientWidth ?? 1200);
      measure();
    });
    if (table !== undefined) sizes.observe(table);
    if (element !== undefined) {
      sizes.observe(element);
      element.addEventListener("scroll", onScroll, { passive: true });
      element.addEventListener("scrollend", onScrollEnd, { passive: true });
    }
    onCleanup(() => {
      clearTimeout(rest);
      sizes.disconnect();
      element?.removeEventListener("scroll", onScroll);
      element?.removeEventListener("scrollend", onScrollEnd);
    });
  });
  // Only a new number of rows moves anything: measuring at every change of a figure would force a layout.
  createEffect(on(() => props.entries.length, measure));

  /** The rows on the page, by their keys. */
  const drawnRows = new Map<string, DrawnRow<Row>>();
  const refresh = (start: number, end: number): void => {
    for (let index = Math.max(0, start); index < Math.min(end, props.entries.length); index += 1) {
      const key = props.entries[index]?.key ?? "";
      const drawn = drawnRows.get(key);
      // A row that just went away keeps its last values until it leaves the page.
      const next = drawn === undefined ? undefined : props.row(key);
      if (next !== undefined) drawn?.take(next);
    }
  };
  // The rows are told from here, and do not listen themselves: an update then costs what changed, not what there is.
  createComputed(() => batch(() => refresh(sight().start, sight().end)));
  const refreshAll = (): void => batch(() => refresh(slice().start, slice().end));
  const unseen = setInterval(refreshAll, UNSEEN_MS);
  /** Paper does not scroll: the whole table goes on it. */
  const drawForPaper = (): void => {
    refreshAll();
    batch(() => {
      setOffset(0);
      setHeight(Math.min(props.entries.length, MOST_PRINTED) * rowHeight());
    });
  };
  window.addEventListener("beforeprint", drawForPaper);
  window.addEventListener("afterprint", measure);
  onCleanup(() => {
    clearInterval(unseen);
    window.removeEventListener("beforeprint", drawForPaper);
    window.removeEventListener("afterprint", measure);
  });

  const focusRow = (key: string): void => {
    setActive(key);
    const index = indexOf(key);
    const element = scroller();
    if (index < 0 || element === undefined || body === undefined) return;
    const top = body.getBoundingClientRect().top - element.getBoundingClientRect().top + index * rowHeight();
    const clear = props.stickyTop + ROW_HEIGHT + 4;
    if (top < clear) element.scrollTop += top - clear;
    else if (top + rowHeight() > element.clientHeight)
      element.scrollTop += top + rowHeight() - element.clientHeight;
    measure();
    queueMicrotask(() => {
      for (const control of body?.querySelectorAll<HTMLElement>("[data-row-key]") ?? []) {
        if (control.dataset.rowKey === key) control.focus({ preventScroll: true });
      }
    });
  };

  const onKey = (event: KeyboardEvent): void => {
    const key = (event.target as HTMLElement).dataset.rowKey;
    if (key === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = indexOf(key);
    const isGroup = props.entries[at]?.kind === "group";
    if (event.key === " " && !isGroup) {
      event.preventDefault();
      props.onSelect(key, event.shiftKey);
      return;
    }
    if (isGroup && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
      event.preventDefault();
      const group = key.slice("group:".length);
      if (props.folded.has(group) === (event.key === "ArrowRight")) props.onFold(group);
      return;
    }
    const page = Math.max(1, Math.floor(height() / rowHeight()) - 3);
    const last = props.entries.length - 1;
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: last,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const target = props.entries[Math.max(0, Math.min(last, to))]?.key;
    if (target !== undefined) focusRow(target);
  };

  const BodyRow = (item: { key: string }): JSX.Element => {
    const isRow = createMemo(() => byKey().get(item.key)?.entry.kind !== "group");
    return (
      <Show when={isRow()} fallback={<GroupRow key={item.key} />}>
        <DataRow key={item.key} />
      </Show>
    );
  };

  const GroupRow = (item: { key: string }): JSX.Element => {
    const group = createMemo<Extract<Entry<Row>, { kind: "group" }>["group"] | undefined>((last) => {
      const entry = byKey().get(item.key)?.entry;
      return entry?.kind === "group" ? entry.group : last;
    });
    const isFolded = (): boolean => props.folded.has(group()?.key ?? "");
    return (
      <tr class={styles.group} aria-rowindex={(byKey().get(item.key)?.index ?? 0) + 2}>
        <th scope="colgroup" colspan={span()}>
          <div class={styles.groupHead}>
            <button
              type="button"
              class={styles.fold}
              data-row-key={item.key}
              data-folded={isFolded() ? "" : undefined}
              tabindex={tabStop() === item.key ? 0 : -1}
              aria-expanded={!isFolded()}
              aria-label={group()?.title}
              onFocus={() => setActive(item.key)}
              onClick={() => props.onFold(group()?.key ?? "")}
            >
              <Icon name="chevron" size={12} />
            </button>
            <Show when={group()}>
              {(each) => props.grouping?.head?.(each()) ?? <span>{each().title}</span>}
            </Show>
          </div>
        </th>
      </tr>
    );
  };

  const DataRow = (item: { key: string }): JSX.Element => {
    const first = untrack(() => props.row(item.key));
    // Nothing is asked for that is not there: the entries are made of the rows.
    if (first === undefined) return null;
    const drawn = drawnRow<Row>(first);
    drawnRows.set(item.key, drawn);
    onCleanup(() => {
      if (drawnRows.get(item.key) === drawn) drawnRows.delete(item.key);
    });
    const index = createMemo(() => byKey().get(item.key)?.index ?? 0);
    const [toned, named] = [drawn.cell(), drawn.cell()];
    const name = createMemo(() => props.name(named()));
    const isSelected = createMemo(() => props.selected.has(item.key));
    return (
      <tr
        class={styles.row}
        aria-rowindex={index() + 2}
        data-open={isOpen() === item.key ? "" : undefined}
        data-selected={isSelected() ? "" : undefined}
        data-tone={props.tone?.(toned())}
        data-still={props.onOpen === undefined ? "" : undefined}
        onClick={(event) => {
          const target = event.target as HTMLElement;
          if (target.closest("a, button:not([data-row-key]), input, label") !== null) return;
          setActive(item.key);
          if (event.ctrlKey || event.metaKey || event.shiftKey) props.onSelect(item.key, event.shiftKey);
          else props.onOpen?.(item.key);
        }}
      >
        <Show when={props.isSelecting}>
          <td class={styles.pick}>
            <label>
              <span class="sr">{t("Select")}</span>
              <input
                type="checkbox"
                checked={isSelected()}
                onClick={(event) => props.onSelect(item.key, event.shiftKey)}
              />
            </label>
          </td>
        </Show>
        <For each={props.columns}>
          {(column, index) => {
            const fitting = typeof column.fits === "function" ? drawn.cell() : undefined;
            return (
              <td
                class={column.isNumber === true ? styles.number : undefined}
                data-cut={isCut(column, index(), fitting) ? "" : undefined}
              >
                <Show when={index() === 0} fallback={column.cell(drawn.cell(), () => roomOf(column))}>
                  <div class={styles.first}>
                    {column.cell(drawn.cell(), () => roomOf(column))}
                    <button
                      type="button"
                      class={styles.name}
                      data-cut={isLong(column, name()) ? "" : undefined}
                      data-row-key={item.key}
                      tabindex={tabStop() === item.key ? 0 : -1}
                      aria-pressed={props.onOpen === undefined ? undefined : isOpen() === item.key}
                      title={typeof props.openHint === "function" ? props.openHint(named()) : props.openHint}
                      onFocus={() => setActive(item.key)}
                    >
                      {name()}
                    </button>
                  </div>
                </Show>
              </td>
            );
          }}
        </For>
      </tr>
    );
  };

  return (
    <table
      ref={table}
      class={styles.table}
      aria-label={props.label}
      aria-rowcount={props.entries.length + 1}
      style={{
        "--sticky-top": `${props.stickyTop}px`,
        "--row-height": `${rowHeight()}px`,
        "--columns": template(),
      }}
    >
      <thead class={isPhone() ? "sr" : undefined}>
        <tr aria-rowindex={1}>
          <Show when={props.isSelecting}>
            <th scope="col">
              <span class="sr">{t("Select")}</span>
            </th>
          </Show>
          <For each={props.columns}>
            {(column) => (
              <Head column={column} sorts={props.sorts} onSort={props.onSort} onWidth={props.onWidth} />
            )}
          </For>
        </tr>
      </thead>
      <tbody ref={body} onKeyDown={onKey}>
        <Show when={slice().above > 0}>
          <tr aria-hidden="true" style={{ height: `${slice().above}px` }}>
            <td colspan={span()} />
          </tr>
        </Show>
        <For each={shown()}>{(key) => <BodyRow key={key} />}</For>
        <Show when={slice().below > 0}>
          <tr aria-hidden="true" style={{ height: `${slice().below}px` }}>
            <td colspan={span()} />
          </tr>
        </Show>
        <Show when={props.entries.length === 0 && props.empty !== undefined}>
          <tr>
            <td class={styles.empty} colspan={span()}>
              {props.empty}
            </td>
          </tr>
        </Show>
      </tbody>
    </table>
  );
}
