import { describe, expect, it } from "vitest";
import { NO_CHOICE, parseChoice, visibleColumns, withColumn, withWidth } from "./columns";

const COLUMNS = [
  { id: "name", isFixed: true },
  { id: "cpu" },
  { id: "rate", from: 1200 },
  { id: "swap", isExtra: true },
];
const ids = (list: readonly { id: string }[]): string[] => list.map((column) => column.id);

describe("columns", () => {
  it("leaves out what does not fit, and what nobody asked for", () => {
    expect(ids(visibleColumns(COLUMNS, NO_CHOICE, 1300))).toEqual(["name", "cpu", "rate"]);
    expect(ids(visibleColumns(COLUMNS, NO_CHOICE, 800))).toEqual(["name", "cpu"]);
  });

  it("shows what was chosen at any width, and never hides the name", () => {
    const choice = withColumn(withColumn(withColumn(NO_CHOICE, "rate", true), "cpu", false), "name", false);
    expect(ids(visibleColumns(COLUMNS, choice, 500))).toEqual(["name", "rate"]);
    expect(ids(visibleColumns(COLUMNS, withColumn(choice, "cpu", true), 500))).toEqual([
      "name",
      "cpu",
      "rate",
    ]);
  });

  it("bounds widths", () => {
    expect(withWidth(NO_CHOICE, "cpu", 3).widths.cpu).toBe(40);
    expect(withWidth(NO_CHOICE, "cpu", 99_999).widths.cpu).toBe(900);
  });

  it("reads whatever stands in the storage", () => {
    for (const text of [null, "", "{", "[]", "7", '{"shown":3,"widths":{"a":"x","b":1e9}}']) {
      expect(parseChoice(text), String(text)).toEqual(NO_CHOICE);
    }
    const choice = withWidth(withColumn(NO_CHOICE, "swap", true), "cpu", 120);
    expect(parseChoice(JSON.stringify(choice))).toEqual(choice);
  });
});
