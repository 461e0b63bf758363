// Parts of a field that the server leaves out because they follow from others. Pure.
//
// Of a memory, a disk and a container's block I/O the server tells only the parts that changed. It leaves out `free` and
// `usage` where they follow from `used` and `total`, and a row's `mem` where it repeats the used bytes. Only what a row had
// before is worked out: what the server never gave stays unknown.

/** The fields that are told in parts. */
export const PARTED: ReadonlySet<string> = new Set(["memory", "disk", "blockIo"]);

/** The parts that follow from `used` and `total`. */
export const FOLLOWING = ["free", "usage"] as const;

type Parts = Record<string, unknown>;

export function isParts(value: unknown): value is Parts {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Works out what follows from the parts of `of` that were told. */
export function follow(of: Parts, isTold: (part: string) => boolean): void {
  if (!isTold("used") && !isTold("total")) return;
  const { used, total } = of;
  if (typeof used !== "number" || typeof total !== "number") return;
  if (typeof of.free === "number" && !isTold("free")) of.free = Math.max(0, total - used);
  // Two decimals, as the server gives it.
  if (typeof of.usage === "number" && !isTold("usage") && total > 0)
    of.usage = Math.round((used / total) * 100 * 100) / 100;
}

/** `mem` repeats the used bytes of the memory. */
export function followMemory(row: Parts): void {
  const used = isParts(row.memory) ? row.memory.used : undefined;
  if (typeof row.mem === "number" && typeof used === "number") row.mem = used;
}

/** The value of a field after the change that was told of it. */
export function changed(field: string, old: unknown, told: unknown): unknown {
  if (!PARTED.has(field) || !isParts(old) || !isParts(told)) return told;
  const next: Parts = { ...old };
  for (const [part, value] of Object.entries(told)) {
    if (value === null) delete next[part];
    else next[part] = value;
  }
  follow(next, (part) => part in told);
  return next;
}

/** Takes all that was told of a row into it. A field that is null went. */
export function take(row: Parts, told: Readonly<Parts>): void {
  for (const [field, value] of Object.entries(told)) {
    if (value === null) delete row[field];
    else row[field] = changed(field, row[field], value);
  }
  if (isParts(told.memory) && "used" in told.memory && !("mem" in told)) followMemory(row);
}
