import { describe, expect, it } from "vitest";
import { groupRows, naturalKey, nextSorts, parseSorts, sortRows, sortRowsBy, sortsText } from "./order";

describe("sortRows", () => {
  it("sorts names as people do", () => {
    const names = ["web-10", "Web-9", "äpfel", "alpha", "web-9b", "web-009"];
    expect(sortRows(names, (name) => name, false)).toEqual([
      "alpha",
      "äpfel",
      "Web-9",
      "web-009",
      "web-9b",
      "web-10",
    ]);
  });

  it("keeps unknown last in both directions", () => {
    const rows = [{ cpu: undefined }, { cpu: 3 }, { cpu: 1 }, { cpu: undefined }, { cpu: 2 }];
    expect(sortRows(rows, (row) => row.cpu, false).map((row) => row.cpu)).toEqual([
      1,
      2,
      3,
      undefined,
      undefined,
    ]);
    expect(sortRows(rows, (row) => row.cpu, true).map((row) => row.cpu)).toEqual([
      3,
      2,
      1,
      undefined,
      undefined,
    ]);
  });

  it("is stable and leaves its input alone", () => {
    const rows = [
      { id: "a", value: 1 },
      { id: "b", value: 1 },
      { id: "c", value: 0 },
    ];
    expect(sortRows(rows, (row) => row.value, true).map((row) => row.id)).toEqual(["a", "b", "c"]);
    expect(rows.map((row) => row.id)).toEqual(["a", "b", "c"]);
  });

  it("sorts 5,000 names fast enough for every update", () => {
    const rows = Array.from({ length: 5000 }, (_, index) => `guest-${(index * 7919) % 5000}`);
    const start = performance.now();
    const sorted = sortRows(rows, (name) => name, false);
    expect(performance.now() - start).toBeLessThan(200);
    expect(sorted[10]).toBe("guest-10");
  });
});

describe("naturalKey", () => {
  it("ignores leading zeros, case and accents", () => {
    expect(naturalKey("Ünit 007")).toBe(naturalKey("unit 7"));
  });
});

describe("groupRows", () => {
  it("orders groups by title and keeps the order within", () => {
    const rows = ["b2", "a1", "b1", "a2"];
    const groups = groupRows(rows, (row) => ({ key: row.charAt(0), title: `node-${row.charAt(0)}` }));
    expect(groups).toEqual([
      { key: "a", title: "node-a", rows: ["a1", "a2"] },
      { key: "b", title: "node-b", rows: ["b2", "b1"] },
    ]);
  });
});

describe("sortRowsBy", () => {
  it("sorts equal ones by the next order", () => {
    const rows = [
      { name: "b", cpu: 1 },
      { name: "a", cpu: 1 },
      { name: "c", cpu: 2 },
    ];
    const sorted = sortRowsBy(rows, [
      { value: (row) => row.cpu, descending: true },
      { value: (row) => row.name, descending: false },
    ]);
    expect(sorted.map((row) => row.name)).toEqual(["c", "a", "b"]);
  });
});

describe("sorts in the address", () => {
  const fallback = [{ column: "name", descending: false }];
  it("are read and written", () => {
    const columns = ["cpu", "name"];
    expect(parseSorts("cpu:desc", columns, fallback)).toEqual([{ column: "cpu", descending: true }]);
    expect(parseSorts("cpu:desc,name,cpu", columns, fallback)).toEqual([
      { column: "cpu", descending: true },
      { column: "name", descending: false },
    ]);
    expect(parseSorts("evil:desc", columns, fallback)).toEqual(fallback);
    expect(parseSorts(undefined, columns, fallback)).toEqual(fallback);
    expect(sortsText([{ column: "cpu", descending: true }, ...fallback])).toBe("cpu:desc,name");
  });

  it("turn around on the second click", () => {
    const first = nextSorts(fallback, "cpu", true, false);
    expect(first).toEqual([{ column: "cpu", descending: true }]);
    expect(nextSorts(first, "cpu", true, false)).toEqual([{ column: "cpu", descending: false }]);
  });

  it("join, turn around and leave with Shift", () => {
    const two = nextSorts(fallback, "cpu", true, true);
    expect(sortsText(two)).toBe("name,cpu:desc");
    const turned = nextSorts(two, "cpu", true, true);
    expect(sortsText(turned)).toBe("name,cpu");
    expect(sortsText(nextSorts(turned, "cpu", true, true))).toBe("name");
  });
});
