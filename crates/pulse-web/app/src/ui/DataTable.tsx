// The table of every page: real table elements, rows of one height of which only those in sight are
// drawn, sorting by its heads, and movement by keys. Knows nothing of what the rows are.

import {
  createEffect,
  createMemo,
  createSignal,
  For,
  type JSX,
  on,
  onCleanup,
  onMount,
  Show,
  useContext,
} from "solid-js";
import { nextSort, type Sort } from "../state/order";
import styles from "./DataTable.module.css";
import { Icon } from "./Icon";
import { isPhone, ScrollerContext } from "./screen";
import { sliceInSight } from "./window";

export interface Column<Row> {
  id: string;
  title: string;
  /** CSS width; columns without one share the rest. */
  width?: string;
  isNumber?: boolean;
  /** Left out where the table is narrower than this, in pixels. */
  from?: number;
  /** The column can be sorted by; this is the direction of the first click. */
  sort?: "ascending" | "descending";
  /** What the head says in full, where the title is short. */
  hint?: string;
  cell: (row: () => Row) => JSX.Element;
}

/** A row, or a heading above some rows. */
export type Entry = { kind: "row"; key: string } | { kind: "group"; key: string; head: () => JSX.Element };

interface Props<Row> {
  label: string;
  columns: readonly Column<Row>[];
  /** Two-line rows for narrow screens. */
  phoneColumns: readonly Column<Row>[];
  entries: readonly Entry[];
  row: (key: string) => Row | undefined;
  /** The row's own name: the text of the control that opens it. */
  name: (row: Row) => JSX.Element;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
  open?: string | undefined;
  onOpen: (key: string) => void;
  /** What opening does, for the title of the name's control. */
  openHint?: string;
  tone?: (row: Row) => "dim" | "crit" | undefined;
  empty?: JSX.Element;
  /** Height of what sticks above the table's head, in pixels. */
  stickyTop?: number;
}

const ROW_HEIGHT = 28;
const PHONE_ROW_HEIGHT = 54;

export function DataTable<Row>(props: Props<Row>): JSX.Element {
  const scroller = useContext(ScrollerContext);
  const [offset, setOffset] = createSignal(0);
  const [height, setHeight] = createSignal(900);
  const [width, setWidth] = createSignal(1200);
  const [active, setActive] = createSignal<string>();
  let table: HTMLTableElement | undefined;
  let body: HTMLTableSectionElement | undefined;

  const rowHeight = (): number => (isPhone() ? PHONE_ROW_HEIGHT : ROW_HEIGHT);
  const columns = createMemo(() =>
    isPhone()
      ? props.phoneColumns
      : props.columns.filter((column) => column.from === undefined || column.from <= width()),
  );
  const slice = createMemo(
    () => sliceInSight(props.entries.length, rowHeight(), offset(), height()),
    undefined,
    {
      equals: (a, b) => a.start === b.start && a.end === b.end && a.below === b.below,
    },
  );
  // Keys, not objects: a row whose values changed keeps its elements.
  const shown = createMemo(() => props.entries.slice(slice().start, slice().end).map((entry) => entry.key));
  const byKey = createMemo(() => new Map(props.entries.map((entry, index) => [entry.key, { entry, index }])));
  /** The one row that the Tab key reaches. */
  const tabStop = createMemo(() => {
    const keys = shown();
    const wanted = active();
    if (wanted !== undefined && keys.includes(wanted)) return wanted;
    return keys.find((key) => byKey().get(key)?.entry.kind === "row");
  });

  const measure = (): void => {
    const element = scroller();
    if (element === undefined || body === undefined) return;
    setOffset(element.getBoundingClientRect().top - body.getBoundingClientRect().top);
    setHeight(element.clientHeight);
  };

  onMount(() => {
    const element = scroller();
    const sizes = new ResizeObserver(() => {
      setWidth(table?.clientWidth ?? 1200);
      measure();
    });
    if (table !== undefined) sizes.observe(table);
    if (element !== undefined) {
      sizes.observe(element);
      element.addEventListener("scroll", measure, { passive: true });
    }
    onCleanup(() => {
      sizes.disconnect();
      element?.removeEventListener("scroll", measure);
    });
  });
  // Only a new number of rows moves anything: measuring at every change of a figure would force a layout.
  createEffect(on(() => props.entries.length, measure));

  const focusRow = (key: string): void => {
    setActive(key);
    const index = byKey().get(key)?.index;
    const element = scroller();
    if (index === undefined || element === undefined || body === undefined) return;
    const top = body.getBoundingClientRect().top - element.getBoundingClientRect().top + index * rowHeight();
    const clear = (props.stickyTop ?? 0) + ROW_HEIGHT + 4;
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

  /** Row keys only; headings are stepped over. */
  const rowKeys = createMemo(() =>
    props.entries.filter((entry) => entry.kind === "row").map((entry) => entry.key),
  );

  const onKey = (event: KeyboardEvent): void => {
    const key = (event.target as HTMLElement).dataset.rowKey;
    if (key === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    const keys = rowKeys();
    const at = keys.indexOf(key);
    const page = Math.max(1, Math.floor(height() / rowHeight()) - 3);
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: keys.length - 1,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const target = keys[Math.max(0, Math.min(keys.length - 1, to))];
    if (target !== undefined) focusRow(target);
  };

  const Head = (head: { column: Column<Row> }): JSX.Element => {
    const direction = (): "ascending" | "descending" | undefined =>
      props.sort?.column !== head.column.id ? undefined : props.sort.descending ? "descending" : "ascending";
    return (
      <th
        scope="col"
        class={head.column.isNumber === true ? styles.number : undefined}
        aria-sort={direction()}
        title={head.column.hint}
      >
        <Show
          when={head.column.sort !== undefined && props.onSort !== undefined}
          fallback={head.column.title}
        >
          <button
            type="button"
            class={styles.sort}
            onClick={() => {
              const current = props.sort ?? { column: "", descending: false };
              props.onSort?.(nextSort(current, head.column.id, head.column.sort === "descending"));
            }}
          >
            <span>{head.column.title}</span>
            <Show when={direction()}>
              {(way) => <Icon name={way() === "descending" ? "down" : "up"} size={12} />}
            </Show>
          </button>
        </Show>
      </th>
    );
  };

  const BodyRow = (item: { key: string }): JSX.Element => {
    const entry = (): Entry | undefined => byKey().get(item.key)?.entry;
    return (
      <Show when={entry()?.kind === "row"} fallback={<GroupRow key={item.key} />}>
        <DataRow key={item.key} />
      </Show>
    );
  };

  const GroupRow = (item: { key: string }): JSX.Element => {
    const head = createMemo(() => {
      const entry = byKey().get(item.key)?.entry;
      return entry?.kind === "group" ? entry.head : undefined;
    });
    return (
      <tr class={styles.group} aria-rowindex={(byKey().get(item.key)?.index ?? 0) + 2}>
        <th scope="colgroup" colspan={columns().length}>
          <div class={styles.groupHead}>{head()?.()}</div>
        </th>
      </tr>
    );
  };

  const DataRow = (item: { key: string }): JSX.Element => {
    // A row that just went away keeps its last values until it leaves the page.
    const row = createMemo<Row | undefined>((last) => props.row(item.key) ?? last);
    return (
      <Show when={row() !== undefined}>
        <tr
          class={styles.row}
          aria-rowindex={(byKey().get(item.key)?.index ?? 0) + 2}
          data-open={props.open === item.key ? "" : undefined}
          data-tone={props.tone?.(row() as Row)}
          onClick={(event) => {
            const target = event.target as HTMLElement;
            if (target.closest("a, button:not([data-row-key]), input") !== null) return;
            setActive(item.key);
            props.onOpen(item.key);
          }}
        >
          <For each={columns()}>
            {(column, index) => (
              <td class={column.isNumber === true ? styles.number : undefined}>
                <Show when={index() === 0} fallback={column.cell(row as () => Row)}>
                  <div class={styles.first}>
                    {column.cell(row as () => Row)}
                    <button
                      type="button"
                      class={styles.name}
                      data-row-key={item.key}
                      tabindex={tabStop() === item.key ? 0 : -1}
                      aria-pressed={props.open === item.key}
                      title={props.openHint}
                      onFocus={() => setActive(item.key)}
                    >
                      {props.name(row() as Row)}
                    </button>
                  </div>
                </Show>
              </td>
            )}
          </For>
        </tr>
      </Show>
    );
  };

  return (
    <table
      ref={table}
      class={styles.table}
      aria-label={props.label}
      aria-rowcount={props.entries.length + 1}
      style={{ "--sticky-top": `${props.stickyTop ?? 0}px`, "--row-height": `${rowHeight()}px` }}
    >
      <colgroup>
        <For each={columns()}>{(column) => <col style={{ width: column.width ?? "auto" }} />}</For>
      </colgroup>
      <thead class={isPhone() ? "sr" : undefined}>
        <tr aria-rowindex={1}>
          <For each={columns()}>{(column) => <Head column={column} />}</For>
        </tr>
      </thead>
      <tbody ref={body} onKeyDown={onKey}>
        <Show when={slice().above > 0}>
          <tr aria-hidden="true" style={{ height: `${slice().above}px` }}>
            <td colspan={columns().length} />
          </tr>
        </Show>
        <For each={shown()}>{(key) => <BodyRow key={key} />}</For>
        <Show when={slice().below > 0}>
          <tr aria-hidden="true" style={{ height: `${slice().below}px` }}>
            <td colspan={columns().length} />
          </tr>
        </Show>
        <Show when={props.entries.length === 0 && props.empty !== undefined}>
          <tr>
            <td class={styles.empty} colspan={columns().length}>
              {props.empty}
            </td>
          </tr>
        </Show>
      </tbody>
    </table>
  );
}
