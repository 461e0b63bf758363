import { createMemo, createRoot } from "solid-js";
import { expect, it } from "vitest";
import { drawnRow } from "./cell";

interface Row {
  cpu: number;
  name: string;
  status: string;
  memory?: { used: number };
}

const FIRST: Row = { cpu: 1, name: "web", status: "running", memory: { used: 2 } };

/** How often a cell that shows `read` is made out, and what it shows. */
function shown<T>(read: (row: Row) => T): {
  set: (row: Row) => void;
  times: () => number;
  value: () => T;
  row: () => Row;
} {
  return createRoot(() => {
    const drawn = drawnRow(FIRST);
    let times = 0;
    const cell = drawn.cell();
    const value = createMemo(() => {
      times += 1;
      return read(cell());
    });
    return { set: drawn.take, times: () => times, value, row: cell };
  });
}

it("is told of what it read, and of nothing else", () => {
  const cell = shown((row) => row.cpu);
  cell.set({ ...FIRST, name: "other" });
  expect(cell.times()).toBe(1);
  cell.set({ ...FIRST, name: "other", cpu: 2 });
  expect(cell.times()).toBe(2);
  expect(cell.value()).toBe(2);
});

it("reads on when it takes another way", () => {
  const cell = shown((row) => (row.status === "running" ? row.cpu : row.name));
  cell.set({ ...FIRST, name: "gone" });
  expect(cell.times()).toBe(1);
  cell.set({ ...FIRST, name: "gone", status: "stopped" });
  expect(cell.value()).toBe("gone");
  cell.set({ ...FIRST, name: "new", status: "stopped" });
  expect(cell.value()).toBe("new");
});

it("shows the newest of everything to who asks later", () => {
  const cell = shown((row) => row.cpu);
  cell.set({ ...FIRST, name: "other" });
  expect(cell.row().name).toBe("other");
});

it("may ask whether there is a field, and take the row as a whole", () => {
  const has = shown((row) => "memory" in row);
  const { memory: _, ...without } = FIRST;
  has.set(without);
  expect(has.value()).toBe(false);
  const copy = shown((row) => ({ ...row }));
  copy.set({ ...FIRST, name: "other" });
  expect(copy.value()).toEqual({ ...FIRST, name: "other" });
  expect(Object.keys(copy.row())).toEqual(["cpu", "name", "status", "memory"]);
});
