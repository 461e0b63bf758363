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
