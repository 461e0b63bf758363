// The elements of a table's rows, used again: a row that went out of sight becomes one that comes into it. To make a row
// costs several times what it costs to change all that it shows.

import { batch, createSignal, untrack } from "solid-js";

/** A place on the page for what has a key. */
export interface Slot {
  /** Of a heading it never changes. */
  readonly key: () => string;
  readonly isRow: boolean;
  readonly become: (key: string) => void;
}

function slotOf(first: string, isRow: boolean): Slot {
  const [key, become] = createSignal(first);
  return { key, isRow, become };
}

/**
 * A slot for each key, in their order. Who has one keeps it; whoever comes takes that of a row that went, in the order in
 * which they stood, before a new one is made. Those that are left over are gone.
 */
export function assignSlots(
  before: readonly Slot[],
  keys: readonly string[],
  isRow: (key: string) => boolean,
): readonly Slot[] {
  const wanted = new Set(keys);
  const kept = new Map<string, Slot>();
  const free: Slot[] = [];
  for (const slot of before) {
    const key = untrack(slot.key);
    if (wanted.has(key) && slot.isRow === isRow(key)) kept.set(key, slot);
    else if (slot.isRow) free.push(slot);
  }
  free.reverse();
  return batch(() =>
    keys.map((key) => {
      const own = kept.get(key);
      if (own !== undefined) return own;
      const used = isRow(key) ? free.pop() : undefined;
      used?.become(key);
      return used ?? slotOf(key, isRow(key));
    }),
  );
}

/** The same slots in the order in which they stood, the new ones last: on the page nothing is moved. */
export function inOldOrder(before: readonly Slot[], slots: readonly Slot[]): readonly Slot[] {
  const here = new Set(slots);
  const stood = new Set(before);
  return [...before.filter((slot) => here.has(slot)), ...slots.filter((slot) => !stood.has(slot))];
}
