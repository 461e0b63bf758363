// What somebody hid on purpose stays out of the tables.

/** The same map where nothing is hidden: nothing is drawn anew then. */
export function shown<T extends { hidden?: boolean | undefined }>(
  rows: ReadonlyMap<string, T>,
): ReadonlyMap<string, T> {
  for (const row of rows.values()) {
    if (row.hidden === true) return new Map([...rows].filter(([, each]) => each.hidden !== true));
  }
  return rows;
}
