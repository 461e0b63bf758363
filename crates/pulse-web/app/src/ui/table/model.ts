// From rows to what a table draws: filter, sort, group. Pure.

import { type Fields, matches, type Term } from "../../state/filter";
import { groupRows, type Order, sortRowsBy } from "../../state/order";
import type { Entry, Grouping } from "./types";

export interface Shaping<Row> {
  key: (row: Row) => string;
  where: ((row: Row) => boolean) | undefined;
  terms: readonly Term[];
  fields: Fields<Row> | undefined;
  orders: readonly Order<Row>[];
  grouping: Grouping<Row> | undefined;
  folded: ReadonlySet<string>;
}

/** The rows that the filters leave, in order; headings above them where they are grouped. */
export function shape<Row>(rows: Iterable<Row>, by: Shaping<Row>): { entries: Entry<Row>[]; rows: Row[] } {
  const left: Row[] = [];
  for (const row of rows) {
    if (by.where !== undefined && !by.where(row)) continue;
    if (by.fields !== undefined && by.terms.length > 0 && !matches(row, by.terms, by.fields)) continue;
    left.push(row);
  }
  const sorted = sortRowsBy(left, by.orders);
  const entry = (row: Row): Entry<Row> => ({ kind: "row", key: by.key(row) });
  if (by.grouping === undefined) return { entries: sorted.map(entry), rows: sorted };
  const entries: Entry<Row>[] = [];
  const inOrder: Row[] = [];
  for (const group of groupRows(sorted, by.grouping.of)) {
    entries.push({ kind: "group", key: `group:${group.key}`, group });
    for (const row of group.rows) {
      inOrder.push(row);
      if (!by.folded.has(group.key)) entries.push(entry(row));
    }
  }
  return { entries, rows: inOrder };
}

/** All that decides about filter, order and groups, of one row. */
export function readShape<Row>(row: Row, by: Shaping<Row>): void {
  by.where?.(row);
  if (by.fields !== undefined) for (const term of by.terms) matches(row, [term], by.fields);
  for (const order of by.orders) order.value(row);
  by.grouping?.of(row);
}

/** Whether two shapes show the same rows in the same order. A heading tells of its rows, so it counts as another. */
export function isSameOrder<Row>(a: readonly Entry<Row>[], b: readonly Entry<Row>[]): boolean {
  return (
    a.length === b.length &&
    a.every((entry, index) => {
      const other = b[index];
      return entry.kind === "row" && other?.kind === "row" && entry.key === other.key;
    })
  );
}

/** The keys from one row to another in the order of the table, both included. */
export function keysBetween(keys: readonly string[], from: string, to: string): string[] {
  const a = keys.indexOf(from);
  const b = keys.indexOf(to);
  if (a === -1 || b === -1) return [to];
  return keys.slice(Math.min(a, b), Math.max(a, b) + 1);
}
