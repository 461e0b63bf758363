// Rows of a collection that is long and changes all the time. A row takes over its newer figures when it is asked for; what
// nobody looks at stays as it is. Pure.

import type { Live, Rows } from "./delta";
import { follow, followMemory, PARTED } from "./derived";
import { type Figures, Places } from "./figures";
import type { Entity } from "./types";

/** Rows that can say whether some of their fields changed. */
export interface Tracked {
  /** Whether rows came or went, or any of these fields changed in any row, since the rows were `before`. */
  hasChanged: (before: unknown, fields: ReadonlySet<string>) => boolean;
}

export function isTracked(rows: object): rows is Tracked {
  return "hasChanged" in rows;
}

interface Column {
  field: string;
  /** `used` of `memory.used`. */
  part: string | undefined;
  /** By place; NaN where the row has the newest number already. */
  newer: Float64Array;
}

/** What is kept of a row. */
interface Kept<T> {
  row: Live<T>;
  place: number;
}

/** Which rows there are counts as a field, too. */
const WHICH = "";

/** The one store behind all `DenseRows` of a state. */
class Store<T extends Entity> {
  readonly kept = new Map<string, Kept<T>>();
  readonly #places = new Places();
  readonly #columns = new Map<string, Column>();
  #isStale = new Uint8Array(0);
  /** The version in which a field changed last. */
  readonly #changed = new Map<string, number>();
  version = 0;

  set(id: string, row: Live<T>, fields: Iterable<string>): void {
    const kept = this.kept.get(id);
    if (kept === undefined) {
      this.kept.set(id, { row, place: this.#places.add(id) });
      this.#note(WHICH);
    } else kept.row = row;
    for (const field of fields) this.#note(field);
  }

  remove(id: string): void {
    if (!this.kept.delete(id)) return;
    const place = this.#places.remove(id);
    this.#note(WHICH);
    // Figures that nobody asked for are none of the row's that takes the place.
    if (place === undefined || this.#isStale[place] !== 1) return;
    this.#isStale[place] = 0;
    for (const { newer } of this.#columns.values()) if (place < newer.length) newer[place] = Number.NaN;
  }

  #note(field: string): void {
    this.#changed.set(field, this.version);
  }

  hasChanged(since: number, fields: ReadonlySet<string>): boolean {
    if ((this.#changed.get(WHICH) ?? 0) > since) return true;
    for (const [field, version] of this.#changed) if (version > since && fields.has(field)) return true;
    return false;
  }

  take({ fields, numbers }: Figures): void {
    const end = this.#places.end;
    if (this.#isStale.length < end) this.#isStale = grown(this.#isStale, new Uint8Array(roomFor(end)));
    let at = 0;
    for (const name of fields) {
      const { field, newer } = this.#column(name, end);
      this.#note(field);
      const last = at + 1 + (numbers[at] ?? 0) * 2;
      for (at += 1; at < last; at += 2) {
        const place = numbers[at] as number;
        newer[place] = numbers[at + 1] as number;
        this.#isStale[place] = 1;
      }
    }
  }

  #column(name: string, end: number): Column {
    let column = this.#columns.get(name);
    if (column === undefined) {
      const [field = name, part] = name.split(".");
      column = { field, part, newer: new Float64Array(0) };
      this.#columns.set(name, column);
    }
    if (column.newer.length < end)
      column.newer = grown(column.newer, new Float64Array(roomFor(end)).fill(Number.NaN));
    return column;
  }

  /** The row with its newest figures: a new object where there are any. */
  fresh(kept: Kept<T>): Live<T> {
    const { place } = kept;
    if (this.#isStale[place] !== 1) return kept.row;
    this.#isStale[place] = 0;
    const row = { ...kept.row } as unknown as Record<string, unknown>;
    const told = new Map<string, Set<string>>();
    let isMemTold = false;
    for (const { field, part, newer } of this.#columns.values()) {
      const value = newer[place];
      if (value === undefined || Number.isNaN(value)) continue;
      newer[place] = Number.NaN;
      if (part === undefined) {
        row[field] = value;
        isMemTold ||= field === "mem";
        continue;
      }
      let parts = told.get(field);
      if (parts === undefined) {
        parts = new Set();
        told.set(field, parts);
        row[field] = { ...(row[field] as object) };
      }
      (row[field] as Record<string, number>)[part] = value;
      parts.add(part);
    }
    for (const [field, parts] of told)
      if (PARTED.has(field)) follow(row[field] as Record<string, unknown>, (part) => parts.has(part));
    if (!isMemTold && told.get("memory")?.has("used") === true) followMemory(row);
    kept.row = row as unknown as Live<T>;
    return kept.row;
  }
}

function roomFor(count: number): number {
  return Math.ceil(count * 1.25) + 16;
}

function grown<List extends Uint8Array | Float64Array>(old: List, next: List): List {
  next.set(old);
  return next;
}

/**
 * The rows as of an update. All of one store show its newest figures; a new one is made with each update, so that what
 * depends on it is told.
 */
export class DenseRows<T extends Entity> implements ReadonlyMap<string, Live<T>>, Tracked {
  readonly #store: Store<T>;
  readonly #version: number;

  private constructor(store: Store<T>) {
    this.#store = store;
    this.#version = store.version;
  }

  static of<T extends Entity>(list: readonly T[], at: number): DenseRows<T> {
    const store = new Store<T>();
    for (const row of list) store.set(row.id, Object.assign(row, { clockAt: at }), []);
    return new DenseRows(store);
  }

  /** The rows after a change. `change` makes the new row of the old one. */
  next(
    remove: readonly string[],
    set: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
    figures: Figures | undefined,
    change: (old: Live<T> | undefined, id: string, fields: Readonly<Record<string, unknown>>) => Live<T>,
  ): DenseRows<T> {
    const store = this.#store;
    store.version += 1;
    for (const id of remove) store.remove(id);
    for (const [id, fields] of Object.entries(set))
      store.set(id, change(this.get(id), id, fields), Object.keys(fields));
    if (figures !== undefined) store.take(figures);
    return new DenseRows(store);
  }

  hasChanged(before: unknown, fields: ReadonlySet<string>): boolean {
    if (!(before instanceof DenseRows) || before.#store !== this.#store) return true;
    return this.#store.hasChanged(before.#version, fields);
  }

  get size(): number {
    return this.#store.kept.size;
  }

  has(id: string): boolean {
    return this.#store.kept.has(id);
  }

  get(id: string): Live<T> | undefined {
    const kept = this.#store.kept.get(id);
    return kept === undefined ? undefined : this.#store.fresh(kept);
  }

  keys(): MapIterator<string> {
    return this.#store.kept.keys();
  }

  *values(): Generator<Live<T>, undefined> {
    for (const kept of this.#store.kept.values()) yield this.#store.fresh(kept);
  }

  *entries(): Generator<[string, Live<T>], undefined> {
    for (const [id, kept] of this.#store.kept) yield [id, this.#store.fresh(kept)];
  }

  [Symbol.iterator](): Generator<[string, Live<T>], undefined> {
    return this.entries();
  }

  forEach(each: (row: Live<T>, id: string, rows: ReadonlyMap<string, Live<T>>) => void): void {
    for (const [id, row] of this.entries()) each(row, id, this);
  }
}

/** Two collections as one, without copying either. An id is in one of them. */
export class JoinedRows<T> implements ReadonlyMap<string, Live<T>>, Tracked {
  readonly #first: Rows<T>;
  readonly #second: Rows<T>;

  constructor(first: Rows<T>, second: Rows<T>) {
    this.#first = first;
    this.#second = second;
  }

  hasChanged(before: unknown, fields: ReadonlySet<string>): boolean {
    if (!(before instanceof JoinedRows)) return true;
    return isChanged(before.#first, this.#first, fields) || isChanged(before.#second, this.#second, fields);
  }

  get size(): number {
    return this.#first.size + this.#second.size;
  }

  has(id: string): boolean {
    return this.#first.has(id) || this.#second.has(id);
  }

  get(id: string): Live<T> | undefined {
    return this.#first.get(id) ?? this.#second.get(id);
  }

  *keys(): Generator<string, undefined> {
    yield* this.#first.keys();
    yield* this.#second.keys();
  }

  *values(): Generator<Live<T>, undefined> {
    yield* this.#first.values();
    yield* this.#second.values();
  }

  *entries(): Generator<[string, Live<T>], undefined> {
    yield* this.#first.entries();
    yield* this.#second.entries();
  }

  [Symbol.iterator](): Generator<[string, Live<T>], undefined> {
    return this.entries();
  }

  forEach(each: (row: Live<T>, id: string, rows: ReadonlyMap<string, Live<T>>) => void): void {
    for (const [id, row] of this.entries()) each(row, id, this);
  }
}

/** Whether what reads these fields of the rows has to look again. */
export function isChanged(before: object, after: object, fields: ReadonlySet<string>): boolean {
  if (before === after) return false;
  return !isTracked(after) || after.hasChanged(before, fields);
}

/**
 * The names of what `read` reads of a row. All rows are asked: one may be read where another is not.
 */
export function fieldsRead<T extends object>(rows: Iterable<T>, read: (row: T) => void): Set<string> {
  const fields = new Set<string>();
  const handler: ProxyHandler<T> = {
    get(row, field, receiver) {
      if (typeof field === "string") fields.add(field);
      return Reflect.get(row, field, receiver);
    },
    has(row, field) {
      if (typeof field === "string") fields.add(field);
      return Reflect.has(row, field);
    },
  };
  for (const row of rows) read(new Proxy(row, handler));
  return fields;
}
