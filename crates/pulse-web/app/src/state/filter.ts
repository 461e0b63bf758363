// The search box: free words and `field<operator>value` terms. Pure.

/** What a field of a row is, for the filter. `undefined` is unknown and matches nothing. */
export type FieldValue = string | number | readonly string[] | undefined;

/** How a table's rows are asked for a field. */
export interface Fields<Row> {
  /** What free words look into; lower case. */
  text: (row: Row) => string;
  /** Named fields. */
  fields: Readonly<Record<string, (row: Row) => FieldValue>>;
}

type Operator = ":" | "=" | ">" | "<" | ">=" | "<=";

/** One condition; a row is shown where all of them hold. */
export type Term =
  | { kind: "word"; text: string; negated: boolean }
  | { kind: "field"; field: string; operator: Operator; value: string; negated: boolean };

const PIECE = /(-?)(?:([a-zA-Z]+)(>=|<=|:|=|>|<))?("[^"]*"?|[^\s"]+|(?=\s|$))/g;

/**
 * Splits what was typed into terms. A name that is no field of the table makes the piece a plain
 * word, since names of guests may hold colons.
 */
export function parseFilter(input: string, known: Iterable<string>): Term[] {
  const names = new Set(known);
  const terms: Term[] = [];
  for (const match of input.matchAll(PIECE)) {
    const [whole, minus = "", name, operator, raw = ""] = match;
    if (whole === "" || whole === "-") continue;
    const value = unquote(raw).toLowerCase();
    const negated = minus === "-";
    const field = name?.toLowerCase();
    if (field !== undefined && operator !== undefined && names.has(field)) {
      // `node:` while the value is still being typed: no condition yet.
      if (value !== "") terms.push({ kind: "field", field, operator: operator as Operator, value, negated });
      continue;
    }
    const text = name === undefined ? value : `${name}${operator}${value}`.toLowerCase();
    if (text !== "") terms.push({ kind: "word", text, negated });
  }
  return terms;
}

function unquote(raw: string): string {
  return raw.startsWith('"') ? raw.slice(1, raw.endsWith('"') && raw.length > 1 ? -1 : undefined) : raw;
}

/** Whether all terms hold for the row. */
export function matches<Row>(row: Row, terms: readonly Term[], fields: Fields<Row>): boolean {
  return terms.every((term) => {
    const holds = term.kind === "word" ? fields.text(row).includes(term.text) : fieldHolds(row, term, fields);
    return holds !== term.negated;
  });
}

function fieldHolds<Row>(row: Row, term: Extract<Term, { kind: "field" }>, fields: Fields<Row>): boolean {
  const value = fields.fields[term.field]?.(row);
  if (value === undefined) return false;
  if (typeof value === "number") return numberHolds(value, term.operator, parseAmount(term.value));
  const candidates = typeof value === "string" ? [value] : value;
  return candidates.some((candidate) => textHolds(candidate.toLowerCase(), term.operator, term.value));
}

function numberHolds(value: number, operator: Operator, wanted: number | undefined): boolean {
  if (wanted === undefined) return false;
  switch (operator) {
    case ">":
      return value > wanted;
    case "<":
      return value < wanted;
    case ">=":
      return value >= wanted;
    case "<=":
      return value <= wanted;
    case ":":
    case "=":
      return value === wanted;
  }
}

function textHolds(value: string, operator: Operator, wanted: string): boolean {
  switch (operator) {
    case ":":
      return value.includes(wanted);
    case "=":
      return value === wanted;
    case ">":
      return value > wanted;
    case "<":
      return value < wanted;
    case ">=":
      return value >= wanted;
    case "<=":
      return value <= wanted;
  }
}

const AMOUNT = /^(\d+(?:\.\d+)?)\s*(%|[kmgt]i?b?|b|s|min|h|d|w)?$/;

const SCALES: Readonly<Record<string, number>> = {
  "%": 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  s: 1,
  min: 60,
  h: 3600,
  d: 86400,
  w: 7 * 86400,
};

/** `80`, `80%`, `4G`, `512mb`, `2d`; times come out in seconds. */
export function parseAmount(text: string): number | undefined {
  const match = AMOUNT.exec(text);
  if (match === null) return undefined;
  const [, number = "", unit] = match;
  const scale = unit === undefined ? 1 : (SCALES[unit] ?? SCALES[unit.charAt(0)]);
  return scale === undefined ? undefined : Number(number) * scale;
}
