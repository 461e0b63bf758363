// Which rows of a long table are in sight. Pure.

/** The rows that are drawn: `end` is the first that is not. */
interface Slice {
  start: number;
  end: number;
}

/** Rows drawn beyond each edge, so that a flick shows no gap. */
const MARGIN = 12;
/** The slice moves in steps: a scroll of one row then changes nothing. */
const STEP = 6;
/** Shorter tables are drawn whole: find-in-page and printing then see everything. */
const WHOLE_UP_TO = 60;

export function isDrawnWhole(count: number): boolean {
  return count <= WHOLE_UP_TO;
}

/**
 * `offset` is how far the scroller's top edge is below the table's first row (negative while the
 * table starts lower), `height` the scroller's.
 */
export function sliceInSight(count: number, rowHeight: number, offset: number, height: number): Slice {
  if (isDrawnWhole(count)) return { start: 0, end: count };
  const first = Math.floor((Math.floor(offset / rowHeight) - MARGIN) / STEP) * STEP;
  // Always as many, wherever it stands: rows that leave at one edge are then used again at the other.
  const size = Math.ceil(height / rowHeight) + 2 * MARGIN + STEP;
  const start = clamp(first, 0, count);
  const end = clamp(first + size, start, count);
  return { start, end };
}

/** Rows that lie this far beyond an edge count as seen: what is above a table may have moved it a little. */
const NEAR = 2;

/** The rows that can be seen, of whatever number: `end` may lie behind the last. */
export function rowsInSight(
  rowHeight: number,
  offset: number,
  height: number,
): { start: number; end: number } {
  return {
    start: Math.floor(offset / rowHeight) - NEAR,
    end: Math.ceil((offset + height) / rowHeight) + NEAR,
  };
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}
