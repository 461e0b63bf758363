// Sorting and grouping of table rows. Pure.

/** What a column sorts by. `undefined` is unknown and always comes last. */
export type SortValue = string | number | undefined;

/** A column and a direction. */
export interface Sort {
  column: string;
  descending: boolean;
}

/** Columns that sort after one another; more than a few help nobody. */
const MOST_SORTS = 3;

/** Reads `cpu:desc,name`; what is not one of the columns is left out, nothing left gives the fallback. */
export function parseSorts(
  text: string | undefined,
  columns: Iterable<string>,
  fallback: readonly Sort[],
): readonly Sort[] {
  const known = new Set(columns);
  const sorts: Sort[] = [];
  for (const part of (text ?? "").split(",")) {
    const [column = "", direction] = part.split(":");
    if (!known.has(column) || sorts.some((each) => each.column === column)) continue;
    sorts.push({ column, descending: direction === "desc" });
    if (sorts.length === MOST_SORTS) break;
  }
  return sorts.length === 0 ? fallback : sorts;
}

/** As `parseSorts` reads it. */
export function sortsText(sorts: readonly Sort[]): string {
  return sorts.map((sort) => (sort.descending ? `${sort.column}:desc` : sort.column)).join(",");
}

/**
 * What a click on a column's head does: the column's own first direction, then the other. With `isAdded`
 * (Shift held) the column joins the others, and leaves them with the third click.
 */
export function nextSorts(
  current: readonly Sort[],
  column: string,
  startsDescending: boolean,
  isAdded: boolean,
): readonly Sort[] {
  const at = current.findIndex((each) => each.column === column);
  const old = current[at];
  if (!isAdded) {
    return [{ column, descending: old === undefined ? startsDescending : !old.descending }];
  }
  if (old === undefined) return [...current, { column, descending: startsDescending }].slice(-MOST_SORTS);
  if (old.descending !== startsDescending) {
    const rest = current.filter((each) => each.column !== column);
    return rest.length === 0 ? [{ column, descending: startsDescending }] : rest;
  }
  return current.map((each, index) => (index === at ? { column, descending: !each.descending } : each));
}

const ASCII = /^[\x20-\x7e]*$/;
const MOST_KEYS = 50_000;
const keys = new Map<string, string>();

/**
 * A form of a name that sorts by plain comparison as people expect: no case, no accents, and
 * `web-9` before `web-10`. Much cheaper than a collator for 5,000 rows at every update.
 */
export function naturalKey(name: string): string {
  const known = keys.get(name);
  if (known !== undefined) return known;
  const folded = ASCII.test(name) ? name : name.normalize("NFD").replace(/\p{M}/gu, "");
  const key = folded
    .toLowerCase()
    .replace(/\d+/g, (digits) => digits.replace(/^0+(?=\d)/, "").padStart(12, "0"));
  if (keys.size >= MOST_KEYS) keys.clear();
  keys.set(name, key);
  return key;
}

/** One thing to sort by. */
export interface Order<Row> {
  value: (row: Row) => SortValue;
  descending: boolean;
}

function compare(a: SortValue, b: SortValue, sign: number): number {
  if (a === b) return 0;
  if (a === undefined) return 1;
  if (b === undefined) return -1;
  return (a < b ? -1 : 1) * sign;
}

/**
 * A sorted copy: by the first order, equal ones by the next. Rows equal in all keep their order; unknown
 * values stand last in both directions.
 */
export function sortRowsBy<Row>(rows: readonly Row[], orders: readonly Order<Row>[]): Row[] {
  const [only] = orders;
  if (orders.length === 1 && only !== undefined) return sortByOne(rows, only);
  const signs = orders.map((order) => (order.descending ? -1 : 1));
  const keyed = rows.map((row) => ({
    row,
    values: orders.map((order) => {
      const raw = order.value(row);
      return typeof raw === "string" ? naturalKey(raw) : raw;
    }),
  }));
  keyed.sort((a, b) => {
    for (let index = 0; index < signs.length; index += 1) {
      const order = compare(a.values[index], b.values[index], signs[index] ?? 1);
      if (order !== 0) return order;
    }
    return 0;
  });
  return keyed.map((entry) => entry.row);
}

/** The usual case without a list of values for each row. */
function sortByOne<Row>(rows: readonly Row[], order: Order<Row>): Row[] {
  const sign = order.descending ? -1 : 1;
  const values = rows.map((row) => {
    const raw = order.value(row);
    return typeof raw === "string" ? naturalKey(raw) : raw;
  });
  const places = rows.map((_, index) => index);
  places.sort((a, b) => compare(values[a], values[b], sign) || a - b);
  return places.map((place) => rows[place] as Row);
}

/** As `sortRowsBy`, by one value. */
export function sortRows<Row>(
  rows: readonly Row[],
  value: (row: Row) => SortValue,
  descending: boolean,
): Row[] {
  return sortRowsBy(rows, [{ value, descending }]);
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
