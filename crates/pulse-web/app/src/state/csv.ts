// A table as text for a spreadsheet. Pure.

/** Starts that a spreadsheet takes for a formula: names come from outside and must stay words. */
const FORMULA = /^[=+\-@\t\r]/;

function cell(text: string): string {
  const harmless = FORMULA.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\n\r]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** RFC 4180, with a line of titles. */
export function csv(
  titles: readonly string[],
  rows: Iterable<readonly (string | number | undefined)[]>,
): string {
  const lines = [titles.map(cell).join(",")];
  for (const row of rows)
    lines.push(row.map((value) => cell(value === undefined ? "" : String(value))).join(","));
  return `${lines.join("\r\n")}\r\n`;
}
