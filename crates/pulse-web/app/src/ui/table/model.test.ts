import { describe, expect, it } from "vitest";
import { parseFilter } from "../../state/filter";
import { keysBetween, shape } from "./model";

interface Row {
  id: string;
  node: string;
  cpu: number | undefined;
}

const ROWS: Row[] = [
  { id: "a", node: "n2", cpu: 5 },
  { id: "b", node: "n1", cpu: 90 },
  { id: "c", node: "n1", cpu: undefined },
  { id: "d", node: "n10", cpu: 50 },
];
const FIELDS = { text: (row: Row) => row.id, fields: { cpu: (row: Row) => row.cpu } };
const BY_NODE = { id: "node", title: "", of: (row: Row) => ({ key: row.node, title: row.node }) };
const plain = {
  key: (row: Row) => row.id,
  where: undefined,
  terms: [],
  fields: FIELDS,
  orders: [{ value: (row: Row) => row.cpu, descending: true }],
  grouping: undefined,
  folded: new Set<string>(),
};
const keys = (entries: readonly { key: string }[]): string[] => entries.map((entry) => entry.key);

describe("shape", () => {
  it("sorts, unknown last", () => {
    expect(keys(shape(ROWS, plain).entries)).toEqual(["b", "d", "a", "c"]);
  });

  it("filters by the search and by the page", () => {
    expect(keys(shape(ROWS, { ...plain, terms: parseFilter("cpu>10", ["cpu"]) }).entries)).toEqual([
      "b",
      "d",
    ]);
    expect(keys(shape(ROWS, { ...plain, where: (row) => row.node === "n1" }).entries)).toEqual(["b", "c"]);
  });

  it("groups in natural order, and folded groups keep their heading and their rows for copying", () => {
    const shaped = shape(ROWS, { ...plain, grouping: BY_NODE, folded: new Set(["n1"]) });
    expect(keys(shaped.entries)).toEqual(["group:n1", "group:n2", "a", "group:n10", "d"]);
    expect(shaped.rows.map((row) => row.id)).toEqual(["b", "c", "a", "d"]);
  });
});

describe("a range of rows", () => {
  it("goes both ways, and is the one row where the other is gone", () => {
    expect(keysBetween(["a", "b", "c", "d"], "d", "b")).toEqual(["b", "c", "d"]);
    expect(keysBetween(["a", "b"], "x", "b")).toEqual(["b"]);
  });
});
