// Figures: the numbers of guests that change by the thousand with every update. They travel from the decoder to the page
// as plain numbers and become part of a row when somebody looks at that row, so that an update costs what is in sight and
// not what there is. Pure.

import type { Delta } from "./delta";
import type { Entity, WireState } from "./types";

/** Collections that are long and change all the time, and such as many tables look at. */
export const DENSE = ["nodes", "vms", "containers"] as const;
export type DenseName = (typeof DENSE)[number];

/**
 * Numbers of one collection: for each field in `fields` how many follow, then pairs of a row's place and its number.
 * A field inside another is written `memory.used`.
 */
export interface Figures {
  fields: readonly string[];
  numbers: Float64Array<ArrayBuffer>;
}

/** A change as the decoder hands it on: what is only figures stands apart. */
export interface PackedDelta extends Delta {
  figures?: { [Name in DenseName]?: Figures };
}

type Change = Readonly<Record<string, unknown>>;

/** They start a row's clock anew, which is more than another number. */
const CLOCKS: ReadonlySet<string> = new Set(["uptime", "uptimeSeconds", "lastSeen"]);

/** Places of rows by id: given in the order in which rows come and go, so that both sides give the same ones. */
export class Places {
  readonly #byId = new Map<string, number>();
  /** Places of rows that went: taken again first, or guests that come and go would grow the page for ever. */
  readonly #free: number[] = [];
  #next = 0;

  add(id: string): number {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    let place = this.#free.pop();
    if (place === undefined) {
      place = this.#next;
      this.#next += 1;
    }
    this.#byId.set(id, place);
    return place;
  }

  /** Gives the place that is free now. */
  remove(id: string): number | undefined {
    const place = this.#byId.get(id);
    if (place === undefined) return undefined;
    this.#byId.delete(id);
    this.#free.push(place);
    return place;
  }

  of(id: string): number | undefined {
    return this.#byId.get(id);
  }

  /** More than every place given so far. */
  get end(): number {
    return this.#next;
  }
}

/** What the decoder knows of one collection. */
class Known {
  readonly places = new Places();
  /** The names inside a part such as `memory`, by field and place: only the same names again are only figures. */
  readonly #parts = new Map<string, string[]>();

  add(id: string, row: Change): void {
    const place = this.places.add(id);
    for (const [field, value] of Object.entries(row)) this.#learn(field, place, value);
  }

  remove(id: string): void {
    const place = this.places.remove(id);
    // Whoever takes the place has other parts.
    if (place !== undefined) for (const known of this.#parts.values()) known[place] = "";
  }

  #learn(field: string, place: number, value: unknown): void {
    const names = namesOfNumbers(value);
    const known = this.#parts.get(field);
    if (names !== undefined && known === undefined) {
      const list: string[] = [];
      list[place] = names;
      this.#parts.set(field, list);
    } else if (known !== undefined) known[place] = names ?? "";
  }

  /** Whether the change of a row is only figures. */
  isFigures(place: number, change: Change): boolean {
    for (const field in change) {
      const value = change[field];
      if (typeof value === "number" && !CLOCKS.has(field)) continue;
      const names = namesOfNumbers(value);
      if (names === undefined || this.#parts.get(field)?.[place] !== names) return false;
    }
    return true;
  }
}

/** The names in an object of nothing but numbers. */
function namesOfNumbers(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  for (const each of Object.values(value)) if (typeof each !== "number") return undefined;
  // Nothing inside is no figure: that something became empty is told with the rest of the row.
  return Object.keys(value).join() || undefined;
}

/** Takes the figures out of changes. Keeps in step with the page by seeing all that the page is sent. */
export class Packer {
  #known: Record<DenseName, Known> = { nodes: new Known(), vms: new Known(), containers: new Known() };

  /** A whole state: everything is counted anew. */
  restart(state: WireState): void {
    for (const name of DENSE) this.#restart(name, state[name]);
  }

  #restart(name: DenseName, list: readonly Entity[] | null | undefined): void {
    this.#known[name] = new Known();
    if (!Array.isArray(list)) return;
    for (const row of list) this.#known[name].add(row.id, row as unknown as Change);
  }

  /** The change with its figures apart; what is left of it stays as it was. */
  pack(delta: Delta): PackedDelta {
    const collections = { ...delta.collections };
    const figures: PackedDelta["figures"] = {};
    for (const name of DENSE) {
      const whole = delta.fields?.[name];
      if (Array.isArray(whole)) this.#restart(name, whole);
      const change = collections[name];
      if (change === undefined) continue;
      const known = this.#known[name];
      for (const id of change.remove ?? []) known.remove(id);
      const rest: Record<string, Change> = {};
      const byField = new Map<string, number[]>();
      for (const [id, fields] of Object.entries(change.set ?? {})) {
        const place = known.places.of(id);
        if (place === undefined || !known.isFigures(place, fields)) {
          known.add(id, fields);
          rest[id] = fields;
        } else collect(byField, place, fields);
      }
      if (byField.size > 0) figures[name] = flatten(byField);
      collections[name] = { ...change, set: rest };
    }
    return { ...delta, collections, figures };
  }
}

function collect(byField: Map<string, number[]>, place: number, change: Change): void {
  for (const field in change) {
    const value = change[field];
    if (typeof value === "number") push(byField, field, place, value);
    else {
      const part = value as Readonly<Record<string, number>>;
      for (const name in part) push(byField, `${field}.${name}`, place, part[name] as number);
    }
  }
}

function push(byField: Map<string, number[]>, field: string, place: number, value: number): void {
  const list = byField.get(field);
  if (list === undefined) byField.set(field, [place, value]);
  else list.push(place, value);
}

function flatten(byField: ReadonlyMap<string, readonly number[]>): Figures {
  let length = 0;
  for (const list of byField.values()) length += list.length + 1;
  const numbers = new Float64Array(length);
  let at = 0;
  for (const list of byField.values()) {
    numbers[at] = list.length / 2;
    numbers.set(list, at + 1);
    at += list.length + 1;
  }
  return { fields: [...byField.keys()], numbers };
}
