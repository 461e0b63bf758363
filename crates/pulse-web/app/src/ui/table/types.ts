// What a table is told about its columns and rows.

import type { JSX } from "solid-js";
import type { Choosable } from "../../state/columns";
import type { SortValue } from "../../state/order";

export interface Column<Row> extends Choosable {
  title: string;
  /** Pixels; columns without a width share the rest. */
  width?: number;
  isNumber?: boolean;
  /** The column can be sorted by; this is the direction of the first click. */
  sort?: "ascending" | "descending";
  /** What it sorts by, and what a spreadsheet gets. */
  value?: (row: Row) => SortValue;
  /** What a spreadsheet gets, where that is another than `value`. */
  csv?: (row: Row) => SortValue;
  /** What the head says in full, where the title is short. */
  hint?: string;
  /** `room` are the pixels that it surely has. */
  cell: (row: () => Row, room: () => number) => JSX.Element;
  /**
   * Whether all that the cell shows surely fits into `room` pixels, or is cut by itself. What does not say so is clipped,
   * and each clip costs with every update. Not asked where the reader made the column narrower.
   */
  fits?: true | ((row: Row, room: number) => boolean);
}

/** A way to put rows under headings. */
export interface Grouping<Row> {
  id: string;
  title: string;
  of: (row: Row) => { key: string; title: string };
  /**
   * The names of the fields of rows from which the heading is made. Without them the table is shaped anew with every
   * change, as nobody can tell which one the heading shows.
   */
  headReads?: readonly string[];
  /** What the heading shows; the title alone where this is absent. */
  head?: (group: { key: string; title: string; rows: readonly Row[] }) => JSX.Element;
}

/** A row, or a heading above some rows. */
export type Entry<Row> =
  | { kind: "row"; key: string }
  | { kind: "group"; key: string; group: { key: string; title: string; rows: readonly Row[] } };
