// Sorting and grouping of table rows. Pure.

/** What a column sorts by. `undefined` is unknown and always comes last. */
export type SortValue = string | number | undefined;

/** A column and a direction. */
export interface Sort {
  column: string;
  descending: boolean;
}

/** Reads `cpu:desc`; anything that is not one of the columns gives the fallback. */
export function parseSort(text: string | undefined, columns: Iterable<string>, fallback: Sort): Sort {
  const [column = "", direction] = (text ?? "").split(":");
  return new Set(columns).has(column) ? { column, descending: direction === "desc" } : fallback;
}

/** As `parseSort` reads it. */
export function sortText(sort: Sort): string {
  return sort.descending ? `${sort.column}:desc` : sort.column;
}

/** What a click on a column's head does: the column's own first direction, then the other. */
export function nextSort(current: Sort, column: string, startsDescending: boolean): Sort {
  return current.column === column
    ? { column, descending: !current.descending }
    : { column, descending: startsDescending };
}

const ASCII = /^[\x20-\x7e]*$/;

/**
 * A form of a name that sorts by plain comparison as people expect: no case, no accents, and
 * `web-9` before `web-10`. Much cheaper than a collator for 5,000 rows at every update.
 */
export function naturalKey(name: string): string {
  const folded = ASCII.test(name) ? name : name.normalize("NFD").replace(/\p{M}/gu, "");
  return folded.toLowerCase().replace(/\d+/g, (digits) => digits.replace(/^0+(?=\d)/, "").padStart(12, "0"));
}

/** A sorted copy. Equal rows keep their order; unknown values stand last in both directions. */
export function sortRows<Row>(
  rows: readonly Row[],
  value: (row: Row) => SortValue,
  descending: boolean,
): Row[] {
  const sign = descending ? -1 : 1;
  const keyed = rows.map((row) => {
    const raw = value(row);
    return { row, key: typeof raw === "string" ? naturalKey(raw) : raw };
  });
  keyed.sort((a, b) => {
    if (a.key === undefined) return b.key === undefined ? 0 : 1;
    if (b.key === undefined) return -1;
    if (a.key === b.key) return 0;
    return (a.key < b.key ? -1 : 1) * sign;
  });
  return keyed.map((entry) => entry.row);
}

/** Rows under one heading. */
export interface Group<Row> {
  key: string;
  title: string;
  rows: Row[];
}

/** Groups in natural order of their titles; rows keep the order they came in. */
export function groupRows<Row>(
  rows: readonly Row[],
  of: (row: Row) => { key: string; title: string },
): Group<Row>[] {
  const groups = new Map<string, Group<Row>>();
  for (const row of rows) {
    const { key, title } = of(row);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { key, title, rows: [row] });
    else group.rows.push(row);
  }
  return sortRows([...groups.values()], (group) => group.title, false);
}
