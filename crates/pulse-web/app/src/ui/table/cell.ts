// A row that is drawn, and what each of its cells is told: only the changes of what it read.

import { batch, createSignal } from "solid-js";

/** A row on the page. */
export interface DrawnRow<Row> {
  /** The row as one cell sees it. Who reads it is told when a field changed that this cell has read, and of nothing else. */
  cell: () => () => Row;
  /** The row has these values now. */
  take: (next: Row) => void;
}

interface Cell {
  /** Whether it has read one of the fields in which the two differ. */
  isTouched: (before: object, after: object) => boolean;
  tell: () => void;
}

/**
 * Of a row's dozen cells an update changes one or two. Only they are told: to ask each cell of each row whether it changed
 * costs more than to change those that did.
 */
export function drawnRow<Row>(first: Row): DrawnRow<Row> {
  let now = first as object;
  const cells: Cell[] = [];
  return {
    cell: () => {
      const fields = new Set<PropertyKey>();
      let isWhole = false;
      // Always of the newest row: what is first read in a click was not among the fields before.
      const handler: ProxyHandler<object> = {
        get(_, field) {
          fields.add(field);
          return Reflect.get(now, field);
        },
        has(_, field) {
          fields.add(field);
          return Reflect.has(now, field);
        },
        ownKeys() {
          isWhole = true;
          return Reflect.ownKeys(now);
        },
        getOwnPropertyDescriptor(_, field) {
          isWhole = true;
          const found = Reflect.getOwnPropertyDescriptor(now, field);
          // The stand-in has no fields of its own, and may only speak of such as it could have.
          return found === undefined ? undefined : { ...found, configurable: true };
        },
      };
      // Another stand-in each time: what compares by identity has to see that something changed.
      const stand = (): Row => new Proxy({}, handler) as Row;
      const [row, setRow] = createSignal<Row>(stand());
      cells.push({
        isTouched: (before, after) => {
          if (isWhole) return true;
          for (const field of fields)
            if (!Object.is(Reflect.get(before, field), Reflect.get(after, field))) return true;
          return false;
        },
        tell: () => setRow(() => stand()),
      });
      return row;
    },
    take: (next) => {
      const before = now;
      if (before === next) return;
      now = next as object;
      batch(() => {
        for (const cell of cells) if (cell.isTouched(before, now)) cell.tell();
      });
    },
  };
}
