import { untrack } from "solid-js";
import { describe, expect, it } from "vitest";
import { assignSlots, inOldOrder, type Slot } from "./slots";

const isRow = (key: string): boolean => !key.startsWith("group:");
const keys = (slots: readonly Slot[]): string[] => slots.map((slot) => untrack(slot.key));

describe("slots", () => {
  it("stay with whom they have", () => {
    const before = assignSlots([], ["a", "b", "c"], isRow);
    const after = assignSlots(before, ["c", "a"], isRow);
    expect(after).toEqual([before[2], before[0]]);
  });

  it("of rows that went are taken by those that come", () => {
    const before = assignSlots([], ["a", "b", "c", "d"], isRow);
    const after = assignSlots(before, ["c", "d", "e", "f"], isRow);
    expect(keys(after)).toEqual(["c", "d", "e", "f"]);
    expect(new Set(after)).toEqual(new Set(before));
    // In the order in which they stood: fewer move.
    expect(after[2]).toBe(before[0]);
  });

  it("are made where there are too few, and let go where there are too many", () => {
    const before = assignSlots([], ["a"], isRow);
    const after = assignSlots(before, ["b", "c"], isRow);
    expect(after[0]).toBe(before[0]);
    expect(after).toHaveLength(2);
    expect(assignSlots(after, [], isRow)).toEqual([]);
  });

  it("stay where they stood while nothing is to move", () => {
    const before = assignSlots([], ["a", "b", "c"], isRow);
    const after = inOldOrder(before, assignSlots(before, ["b", "c", "d", "e"], isRow));
    expect(keys(after)).toEqual(["d", "b", "c", "e"]);
    expect(after.slice(0, 3)).toEqual(before);
  });

  it("of headings are never another's", () => {
    const before = assignSlots([], ["group:x", "a"], isRow);
    const after = assignSlots(before, ["group:y", "b"], isRow);
    expect(after[0]).not.toBe(before[0]);
    expect(after[1]).toBe(before[1]);
    expect(keys(after)).toEqual(["group:y", "b"]);
  });
});
