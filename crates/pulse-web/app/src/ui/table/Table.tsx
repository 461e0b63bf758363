// The table of every page: filter, sort by several columns, groups, columns of the reader's choice,
// selection, and rows without number. Knows nothing of what the rows are.

import { createMemo, createSignal, type JSX, onCleanup, Show, untrack } from "solid-js";
import { fieldsRead, isChanged, isTracked } from "../../api/rows";
import { type ColumnChoice, loadChoice, saveChoice, visibleColumns, withWidth } from "../../state/columns";
import { csv } from "../../state/csv";
import { type Fields, parseFilter } from "../../state/filter";
import { number } from "../../state/format";
import { parseSorts, type Sort, type SortValue, sortsText } from "../../state/order";
import { useSearchable } from "../../state/searchable";
import type { View } from "../../state/view";
import { t, tn } from "../../text";
import { Button, Empty, IconButton, Segmented } from "../controls";
import { copyText } from "../copy";
import { isPhone } from "../screen";
import { toast } from "../toast";
import { Chooser } from "./Chooser";
import { isSameOrder, keysBetween, readShape, type Shaping, shape } from "./model";
import { Rows } from "./Rows";
import styles from "./Table.module.css";
import type { Column, Grouping } from "./types";

export type { Column, Grouping } from "./types";

interface Props<Row> {
  /** Under this name the reader's choice of columns is kept. */
  id: string;
  label: string;
  view: View;
  rows: ReadonlyMap<string, Row>;
  key: (row: Row) => string;
  columns: readonly Column<Row>[];
  /** Two-line rows for narrow screens. */
  phone: readonly Column<Row>[];
  /** The row's own name: the text of the control that opens it. */
  name: (row: Row) => JSX.Element;
  /** What the search box filters by; without it the table shows everything. */
  fields?: Fields<Row>;
  /** The page's own filters. */
  where?: (row: Row) => boolean;
  groups?: readonly Grouping<Row>[];
  /** The first of the groups is the usual one, unless this says flat. */
  isFlatAtFirst?: boolean;
  sort?: Sort;
  /** Comes before every sort: what is broken stands on top. */
  first?: (row: Row) => SortValue;
  /** Name of the sort in the address, where a page has two tables. */
  sortName?: string;
  open?: string | undefined;
  onOpen?: ((key: string) => void) | undefined;
  /** What opening a row does, where that is not plain. */
  openHint?: string | ((row: Row) => string);
  tone?: (row: Row) => "dim" | "crit" | undefined;
  /** Chips and buttons of the page, in the table's bar. */
  tools?: JSX.Element;
  /** What can be done with the selected rows. */
  acts?: (keys: readonly string[], done: () => void) => JSX.Element;
  /** Says that there are no rows at all. */
  empty?: JSX.Element;
  /** The page's own filters are taken away, too. */
  onClear?: () => void;
  /** Without the bar above it. */
  isBare?: boolean;
}

const GROUP_FLAT = "none";

export function Table<Row>(props: Props<Row>): JSX.Element {
  const [choice, setChoice] = createSignal<ColumnChoice>(loadChoice(props.id));
  const [width, setWidth] = createSignal(1200);
  const [barHeight, setBarHeight] = createSignal(44);
  const [folded, setFolded] = createSignal<ReadonlySet<string>>(new Set());
  const [selected, setSelected] = createSignal<ReadonlySet<string>>(new Set());
  const [isSelecting, setSelecting] = createSignal(false);
  let anchor: string | undefined;

  const change = (next: ColumnChoice): void => {
    setChoice(next);
    saveChoice(props.id, next);
  };
  const columns = createMemo(() =>
    isPhone() ? props.phone : visibleColumns(props.columns, choice(), width()),
  );
  const sortParam = (): string => props.sortName ?? "sort";
  const fallback = (): readonly Sort[] => (props.sort === undefined ? [] : [props.sort]);
  const sorts = createMemo(() =>
    parseSorts(
      props.view.get(sortParam()),
      props.columns.filter((column) => column.value !== undefined).map((column) => column.id),
      fallback(),
    ),
  );
  const grouping = createMemo(() => {
    const groups = props.groups ?? [];
    // Without a bar there is nothing to choose with.
    if (props.isBare === true) return groups[0];
    const wanted = props.view.get("group") ?? (props.isFlatAtFirst === true ? GROUP_FLAT : groups[0]?.id);
    return groups.find((each) => each.id === wanted);
  });
  const query = (): string => (props.fields === undefined ? "" : (props.view.get("q") ?? ""));
  const terms = createMemo(() => parseFilter(query(), Object.keys(props.fields?.fields ?? {})));
  const orders = createMemo(() => {
    const byId = new Map(props.columns.map((column) => [column.id, column.value]));
    const chosen = sorts().flatMap((sort) => {
      const value = byId.get(sort.column);
      return value === undefined ? [] : [{ value, descending: sort.descending }];
    });
    const name = props.columns[0]?.value;
    return [
      ...(props.first === undefined ? [] : [{ value: props.first, descending: false }]),
      ...chosen,
      // Equal values stay in the order of their names, whatever the sort.
      ...(name === undefined || sorts().some((sort) => sort.column === props.columns[0]?.id)
        ? []
        : [{ value: name, descending: false }]),
    ];
  });
  const shaping = createMemo<Shaping<Row>>(() => ({
    key: props.key,
    where: props.where,
    terms: terms(),
    fields: props.fields,
    orders: orders(),
    grouping: grouping(),
    folded: folded(),
  }));
  /** The fields on which the shape depends, where the rows can tell which of theirs changed. */
  let shapedBy: ReadonlySet<string> | undefined;
  const basis = createMemo(() => props.rows, undefined, {
    equals: (before, after) =>
      before === after || (shapedBy !== undefined && !isChanged(before, after, shapedBy)),
  });
  const shaped = createMemo(() => {
    const by = shaping();
    const result = shape(basis().values(), by);
    const rows = untrack(() => props.rows);
    const heading = by.grouping?.head;
    shapedBy = undefined;
    if (isTracked(rows) && (heading === undefined || by.grouping?.headReads !== undefined)) {
      const fields = untrack(() =>
        fieldsRead(rows.values() as Iterable<Row & object>, (row) => readShape(row, by)),
      );
      for (const field of by.grouping?.headReads ?? []) fields.add(field);
      shapedBy = fields;
    }
    return result;
  });
  // Figures that change move no row: what is drawn then stays, and only its cells change.
  const entries = createMemo(() => shaped().entries, undefined, { equals: isSameOrder });
  if (props.fields !== undefined) {
    const fields = props.fields;
    onCleanup(
      useSearchable(() => ({ fields: fields as Fields<never>, rows: [...props.rows.values()] as never[] })),
    );
  }

  const fold = (group: string): void => {
    const next = new Set(folded());
    if (!next.delete(group)) next.add(group);
    setFolded(next);
  };
  const select = (key: string, isRange: boolean): void => {
    setSelecting(true);
    const keys = shaped().entries.flatMap((entry) => (entry.kind === "row" ? [entry.key] : []));
    setSelected((old) => {
      const next = new Set(old);
      if (isRange && anchor !== undefined) for (const each of keysBetween(keys, anchor, key)) next.add(each);
      else if (!next.delete(key)) next.add(key);
      return next;
    });
    anchor = key;
  };
  const stopSelecting = (): void => {
    setSelecting(false);
    setSelected(new Set<string>());
  };
  /** Of what is selected, else of everything that the filters leave. */
  const chosenRows = (): Row[] => {
    const keys = selected();
    const rows = shaped().rows.map((row) => props.rows.get(props.key(row)) ?? row);
    return keys.size === 0 ? rows : rows.filter((row) => keys.has(props.key(row)));
  };
  const copy = async (): Promise<void> => {
    const rows = chosenRows();
    const wanted = visibleColumns(props.columns, choice(), Math.max(width(), 1200)).filter(
      (column) => column.csv !== undefined || column.value !== undefined,
    );
    const text = csv(
      wanted.map((column) => column.title),
      rows.map((row) => wanted.map((column) => (column.csv ?? column.value)?.(row))),
    );
    const isCopied = await copyText(text);
    if (isCopied) toast(tn("{n} row copied as CSV", "{n} rows copied as CSV", rows.length));
    else toast(t("The browser forbids the clipboard"), "crit");
  };
  const clear = (): void => {
    props.view.set({ q: undefined });
    props.onClear?.();
  };
  const groupOptions = (): { id: string; title: string }[] => [
    ...(props.groups ?? []).map(({ id, title }) => ({ id, title })),
    { id: GROUP_FLAT, title: t("Flat") },
  ];
  const watchBar = (bar: HTMLElement): void => {
    const sizes = new ResizeObserver(() => setBarHeight(bar.offsetHeight));
    sizes.observe(bar);
    onCleanup(() => sizes.disconnect());
  };
  const total = createMemo(() => props.rows.size);
  const shownCount = createMemo(() => shaped().rows.length);
  const countText = createMemo(() =>
    shownCount() === total()
      ? tn("{n}", "{n}", total())
      : t("{shown} of {total}", { shown: number(shownCount()), total: number(total()) }),
  );

  return (
    <section class={styles.panel} aria-label={props.label}>
      <Show when={props.isBare !== true}>
        <div class={styles.bar} ref={watchBar}>
          <h2 class={styles.heading}>{props.label}</h2>
          <span class="soft" role="status">
            {countText()}
          </span>
          <Show when={isSelecting()} fallback={props.tools}>
            <span class={styles.selection}>
              {tn("{n} selected", "{n} selected", selected().size)}
              {props.acts?.([...selected()], stopSelecting)}
              <Button isSmall icon="close" onClick={stopSelecting}>
                {t("End selection")}
              </Button>
            </span>
          </Show>
          <span class="grow" />
          <Show when={(props.groups?.length ?? 0) > 0}>
            <Segmented
              label={t("Grouping")}
              options={groupOptions()}
              value={grouping()?.id ?? GROUP_FLAT}
              onChange={(id) => props.view.set({ group: id })}
            />
          </Show>
          <Show when={!isPhone()}>
            <span class={styles.tools} data-no-print="">
              <IconButton
                icon="check"
                label={t("Select rows")}
                isPressed={isSelecting()}
                onClick={() => (isSelecting() ? stopSelecting() : setSelecting(true))}
              />
              <IconButton icon="copy" label={t("Copy as CSV")} onClick={() => void copy()} />
              <Chooser columns={props.columns} choice={choice()} width={width()} onChange={change} />
            </span>
          </Show>
        </div>
      </Show>
      <Rows<Row>
        label={props.label}
        columns={columns()}
        entries={entries()}
        row={(key) => props.rows.get(key)}
        name={props.name}
        choice={choice()}
        sorts={sorts()}
        onSort={(next) => props.view.set({ [sortParam()]: sortsText(next) })}
        onWidth={(id, next) => change(withWidth(choice(), id, next))}
        width={width()}
        onTableWidth={setWidth}
        open={props.open}
        onOpen={props.onOpen}
        openHint={props.openHint}
        tone={props.tone}
        grouping={grouping()}
        folded={folded()}
        onFold={fold}
        selected={selected()}
        isSelecting={isSelecting()}
        onSelect={select}
        stickyTop={props.isBare === true || isPhone() ? 0 : barHeight()}
        empty={
          <Show when={total() > 0} fallback={props.empty}>
            <Empty title={t("Nothing matches")}>
              <p>
                {tn(
                  "The one row does not match.",
                  "None of the {n} rows matches the search and the filters.",
                  total(),
                )}
              </p>
              <Button onClick={clear}>{t("Show all")}</Button>
            </Empty>
          </Show>
        }
      />
    </section>
  );
}
