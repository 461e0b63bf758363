// Which rows of a long table are in sight. Pure.

/** A slice of rows, and the heights of what is left out above and below. */
interface Slice {
  start: number;
  end: number;
  above: number;
  below: number;
}

/** Rows drawn beyond each edge, so that a flick shows no gap. */
const MARGIN = 12;
/** The slice moves in steps: a scroll of one row then changes nothing. */
const STEP = 6;
/** Shorter tables are drawn whole: find-in-page and printing then see everything. */
const WHOLE_UP_TO = 60;

/**
 * `offset` is how far the scroller's top edge is below the table's first row (negative while the
 * table starts lower), `height` the scroller's.
 */
export function sliceInSight(count: number, rowHeight: number, offset: number, height: number): Slice {
  if (count <= WHOLE_UP_TO) return { start: 0, end: count, above: 0, below: 0 };
  const first = Math.floor(offset / rowHeight) - MARGIN;
  const last = Math.ceil((offset + height) / rowHeight) + MARGIN;
  const start = clamp(Math.floor(first / STEP) * STEP, 0, count);
  const end = clamp(Math.ceil(last / STEP) * STEP, start, count);
  return { start, end, above: start * rowHeight, below: (count - end) * rowHeight };
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
