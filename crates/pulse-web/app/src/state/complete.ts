// What the search box offers while something is typed. Pure.

/** Fields by name; each with the values that rows have, or with none where it is a number. */
export interface Completable {
  fields: readonly string[];
  /** The values of a field that is a word. */
  values: (field: string) => Iterable<string>;
  isNumber: (field: string) => boolean;
}

export interface Suggestion {
  /** What the box holds when this is taken. */
  text: string;
  /** What the list shows. */
  label: string;
}

const MOST = 8;
const OPERATORS = [">", "<", "="] as const;

function quoted(value: string): string {
  return /[\s"]/.test(value) ? `"${value.replaceAll('"', "")}"` : value;
}

/** Suggestions for the word that ends at `caret`. */
export function complete(input: string, caret: number, known: Completable): Suggestion[] {
  const before = input.slice(0, caret);
  const start = Math.max(before.lastIndexOf(" "), -1) + 1;
  const word = before.slice(start);
  if (word === "" || word.includes('"')) return [];
  const minus = word.startsWith("-") ? "-" : "";
  const typed = word.slice(minus.length);
  const put = (piece: string): string => input.slice(0, start) + minus + piece + input.slice(caret);
  const match = /^([a-zA-Z]+)(>=|<=|:|=|>|<)(.*)$/.exec(typed);
  if (match === null) {
    const wanted = typed.toLowerCase();
    return known.fields
      .filter((field) => field.startsWith(wanted))
      .slice(0, MOST)
      .map((field) => {
        const piece = known.isNumber(field) ? `${field}>` : `${field}:`;
        return { text: put(piece), label: minus + piece };
      });
  }
  const [, field = "", operator = ":", value = ""] = match;
  const name = field.toLowerCase();
  if (!known.fields.includes(name)) return [];
  if (known.isNumber(name)) {
    // A number cannot be guessed; its comparisons can be told.
    return value === "" && operator === ":"
      ? OPERATORS.map((each) => ({ text: put(name + each), label: minus + name + each }))
      : [];
  }
  const wanted = value.toLowerCase();
  const seen = new Set<string>();
  for (const each of known.values(name)) {
    if (each !== "" && each.toLowerCase().includes(wanted) && each.toLowerCase() !== wanted) seen.add(each);
    if (seen.size >= 200) break;
  }
  return [...seen]
    .sort(
      (a, b) =>
        Number(b.toLowerCase().startsWith(wanted)) - Number(a.toLowerCase().startsWith(wanted)) ||
        (a < b ? -1 : 1),
    )
    .slice(0, MOST)
    .map((each) => ({
      text: `${put(`${name}${operator}${quoted(each)}`)} `,
      label: minus + name + operator + each,
    }));
}
