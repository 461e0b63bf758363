// The catalogue: all texts of the code stand in en.json, and each has its German.
//
// `UPDATE_TEXTS=1 npm test` writes en.json again from the code.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import de from "./de.json";
import { t, tn, useTexts, wantedLanguage } from "./index";

const SOURCE = join(import.meta.dirname, "..");
const CATALOGUE = join(import.meta.dirname, "en.json");
const LITERAL = String.raw`\s*("(?:[^"\\]|\\.)*")\s*`;
const ONE = new RegExp(String.raw`\bt\(${LITERAL}[,)]`, "g");
const TWO = new RegExp(String.raw`\btn\(${LITERAL},${LITERAL},`, "g");

function textsOfCode(): string[] {
  const texts = new Set<string>();
  const add = (literal: string | undefined): void => {
    if (literal !== undefined) texts.add(JSON.parse(literal) as string);
  };
  for (const name of readdirSync(SOURCE, { recursive: true }) as string[]) {
    if (!/\.tsx?$/.test(name) || /\.test\.tsx?$/.test(name) || name.startsWith("text")) continue;
    const code: string = readFileSync(join(SOURCE, name), "utf8");
    for (const match of code.matchAll(ONE)) add(match[1]);
    for (const match of code.matchAll(TWO)) {
      add(match[1]);
      add(match[2]);
    }
  }
  return [...texts].sort();
}

const places = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(String).sort();

describe("the catalogue", () => {
  const texts = textsOfCode();
  if (process.env.UPDATE_TEXTS !== undefined) writeFileSync(CATALOGUE, `${JSON.stringify(texts, null, 2)}\n`);

  it("holds what the code says (UPDATE_TEXTS=1 npm test writes it)", () => {
    expect(JSON.parse(readFileSync(CATALOGUE, "utf8"))).toEqual(texts);
  });

  it("is whole in German, and holds nothing that is said no more", () => {
    const german: Readonly<Record<string, string>> = de;
    expect(texts.filter((text) => german[text] === undefined)).toEqual([]);
    const known = new Set(texts);
    expect(Object.keys(german).filter((text) => !known.has(text))).toEqual([]);
  });

  it("keeps the places for values", () => {
    for (const [english, german] of Object.entries<string>(de)) {
      // A text for one may leave the number out.
      const wanted = places(english).filter((place) => place !== "{n}");
      expect(
        places(german).filter((place) => place !== "{n}"),
        english,
      ).toEqual(wanted);
    }
  });
});

describe("texts", () => {
  afterEach(() => useTexts("en", {}));

  it("take their values and their number", () => {
    expect(t("{a} of {b}", { a: 1, b: "<b>" })).toBe("1 of <b>");
    expect(tn("{n} row", "{n} rows", 1)).toBe("1 row");
    expect(tn("{n} row", "{n} rows", 0)).toBe("0 rows");
  });

  it("are said in the chosen language, and in English where it has none", () => {
    useTexts("de", { Guests: "Gäste" });
    expect(t("Guests")).toBe("Gäste");
    expect(t("Nodes")).toBe("Nodes");
  });

  it("follow what was chosen, then what the browser asks for", () => {
    expect(wantedLanguage("de", ["en-GB"])).toBe("de");
    expect(wantedLanguage(null, ["fr-FR", "de-AT"])).toBe("de");
    expect(wantedLanguage("xx", ["fr"])).toBe("en");
  });
});
