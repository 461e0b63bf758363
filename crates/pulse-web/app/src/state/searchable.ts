// What the search box can complete: the page's table says which fields and values there are.

import { type Accessor, createSignal } from "solid-js";
import type { Completable } from "./complete";
import type { Fields } from "./filter";

interface Searchable {
  fields: Fields<never>;
  rows: readonly never[];
}

const [current, setCurrent] = createSignal<Accessor<Searchable>>();

/** Registers a table; the returned function takes it away. The one that came last is asked. */
export function useSearchable(searchable: Accessor<Searchable>): () => void {
  setCurrent(() => searchable);
  return () => {
    if (current() === searchable) setCurrent(undefined);
  };
}

/** Rows looked at for what kind a field is and which values it has. */
const LOOKED_AT = 2_000;

/** The table in sight, as completion asks it. */
export function completable(): Completable {
  const found = current()?.();
  if (found === undefined) return { fields: [], values: () => [], isNumber: () => false };
  const { fields, rows } = found;
  const some = rows.slice(0, LOOKED_AT);
  return {
    fields: Object.keys(fields.fields),
    isNumber: (field) => {
      for (const row of some) {
        const value = fields.fields[field]?.(row);
        if (value !== undefined) return typeof value === "number";
      }
      return false;
    },
    values: function* (field) {
      for (const row of some) {
        const value = fields.fields[field]?.(row);
        if (typeof value === "string") yield value;
        else if (Array.isArray(value)) yield* value as readonly string[];
      }
    },
  };
}
