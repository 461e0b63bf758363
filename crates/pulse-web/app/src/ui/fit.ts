// Whether a text surely fits, without asking the browser. Whatever is clipped costs with every picture that is drawn, and of
// a table's thousand texts hardly one is too long. Pure.

/** Widths in parts of the font's size, never too small: taken from a wide font in bold. */
const THIN = 0.4;
const NARROW = 0.53;
const USUAL = 0.72;
const CAPITAL = 0.88;
const WIDE = 1.12;

const THIN_ONES: ReadonlySet<string> = new Set(" \u00a0\u202fijlI.,:;'|/\\");
const NARROW_ONES: ReadonlySet<string> = new Set('ftr!()[]-_*\u00b7"');
const WIDE_ONES: ReadonlySet<string> = new Set("mwMW@%");
/** From here on there are letters of any width, and such as stand above one another. */
const FIRST_STRANGE = "\u0100";

function widthOf(letter: string): number {
  if (THIN_ONES.has(letter)) return THIN;
  if (NARROW_ONES.has(letter)) return NARROW;
  if (WIDE_ONES.has(letter)) return WIDE;
  if (letter >= FIRST_STRANGE) return Number.POSITIVE_INFINITY;
  const isUsual = (letter >= "a" && letter <= "z") || (letter >= "0" && letter <= "9");
  return isUsual ? USUAL : CAPITAL;
}

/** Whether `text` in letters of `size` pixels surely needs no more than `room` pixels. Of strange letters nobody knows. */
export function surelyFits(text: string, room: number, size = 13): boolean {
  let left = room / size;
  for (const letter of text) {
    left -= widthOf(letter);
    if (left < 0) return false;
  }
  return true;
}
