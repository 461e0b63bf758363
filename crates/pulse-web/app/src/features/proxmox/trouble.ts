// Which of the polled sources do not answer. Pure.

/** What reports by itself has its own rows, and its own age. */
const REPORTED = /^(host|docker|kubernetes)-/;
const PREFIX = /^(pbs|pmg)-/;

export interface Trouble {
  failing: readonly string[];
  isAll: boolean;
}

export function troubleOf(health: Readonly<Record<string, boolean>>): Trouble | undefined {
  const polled = Object.entries(health).filter(([key]) => !REPORTED.test(key));
  const failing = polled
    .filter(([, isHealthy]) => !isHealthy)
    .map(([key]) => key.replace(PREFIX, ""))
    .sort();
  return failing.length === 0 ? undefined : { failing, isAll: failing.length === polled.length };
}

/** The instances of Proxmox VE that do not answer: what their rows show is of before. */
export function silentInstances(health: Readonly<Record<string, boolean>>): ReadonlySet<string> {
  return new Set(
    Object.entries(health).flatMap(([key, isHealthy]) =>
      isHealthy || REPORTED.test(key) || PREFIX.test(key) ? [] : [key],
    ),
  );
}

/** When each failing source told something last, in milliseconds; absent where it never did. */
export function toldLast(
  failing: readonly string[],
  rows: Iterable<{ source: string; at: number | undefined }>,
): Map<string, number> {
  const wanted = new Set(failing);
  const last = new Map<string, number>();
  for (const { source, at } of rows) {
    if (!wanted.has(source) || at === undefined || at <= 0) continue;
    last.set(source, Math.max(at, last.get(source) ?? 0));
  }
  return last;
}
