// The one-second view: what a drawer shows is asked for every second while it is open and the page is
// in sight. The figures lie over the row of the state, which goes on at its own pace.

import { batch, createEffect, createMemo, createSignal, onCleanup, untrack } from "solid-js";

/** Figures of one moment, under the names of the state; what is unknown is absent. */
export interface Watched {
  id: string;
  /** The server's time, in milliseconds. */
  at: number;
  fields: Readonly<Record<string, unknown>>;
}

/** Older figures than the state's pace are no live view: the line was cut, or the source does not answer. */
const FRESH_MS = 5_000;

const [figures, setFigures] = createSignal<ReadonlyMap<string, Watched>>(new Map());
const holders = new Map<string, number>();
let send: ((text: string) => void) | undefined;

/** Names what is looked at now; nothing while the page is out of sight. */
function tell(): void {
  const ids = document.visibilityState === "hidden" ? [] : [...holders.keys()];
  send?.(JSON.stringify({ type: "watch", data: { ids } }));
}

if (typeof document !== "undefined") document.addEventListener("visibilitychange", tell);

/** The channel is open, or closed. */
export function setChannel(next: ((text: string) => void) | undefined): void {
  send = next;
  if (next === undefined) setFigures(new Map());
  else if (holders.size > 0) tell();
}

/** Takes a message of the channel. */
export function takeWatched(message: Watched): void {
  if (!holders.has(message.id)) return;
  setFigures((old) => new Map(old).set(message.id, message));
}

function hold(id: string): () => void {
  holders.set(id, (holders.get(id) ?? 0) + 1);
  tell();
  return () => {
    const left = (holders.get(id) ?? 1) - 1;
    if (left > 0) holders.set(id, left);
    else {
      holders.delete(id);
      setFigures((old) => {
        const next = new Map(old);
        next.delete(id);
        return next;
      });
    }
    tell();
  };
}

/** The row with the newer figures over it. Parts such as memory keep what the figures do not know. Pure. */
export function overlay<Row extends object>(row: Row, fields: Readonly<Record<string, unknown>>): Row {
  const next = { ...row } as Record<string, unknown>;
  for (const [name, value] of Object.entries(fields)) {
    const before = next[name];
    next[name] = isPart(before) && isPart(value) ? { ...before, ...value } : value;
  }
  return next as Row;
}

function isPart(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Watches the row for as long as the caller lives. `row` is the row with what came in the last seconds over it, `at`
 * the time of that; absent where the row is only as new as the state.
 */
export function useWatched<Row extends { id: string }>(
  row: () => Row,
  now: () => number,
): { row: () => Row; at: () => number | undefined } {
  const id = createMemo(() => row().id);
  createEffect(() => onCleanup(hold(id())));
  const fresh = createMemo(() => {
    const found = figures().get(id());
    return found !== undefined && now() - found.at < FRESH_MS ? found : undefined;
  });
  const merged = createMemo(() => {
    const found = fresh();
    return found === undefined ? row() : overlay(row(), found.fields);
  });
  return { row: merged, at: () => fresh()?.at };
}

/** Two reports of a watched machine are not further apart than this. */
const QUICK_MS = 3_500;
/** One report may follow another by chance; so many in a row do not. */
const QUICK_REPORTS = 2;

/**
 * Asks for the reports of a machine's agent every second for as long as the caller lives. The state itself then moves
 * that often: `row` becomes a new object with each report. Gives the time of the newest one while they come so quickly,
 * and nothing while the agent keeps its own pace (one of the original, or one whose next report has yet to come).
 */
export function useReports(
  kind: "host" | "docker",
  row: () => { id: string },
  /** The time of the state. */
  stateAt: () => number,
  now: () => number,
): () => number | undefined {
  const id = createMemo(() => row().id);
  createEffect(() => onCleanup(hold(`${kind}:${id()}`)));
  const pace = createMemo<{ id: string; at: number; quick: number }>(
    (before) => {
      const next = row();
      const at = untrack(stateAt);
      const isQuick = before.id === next.id && at - before.at < QUICK_MS;
      return { id: next.id, at, quick: isQuick ? before.quick + 1 : 0 };
    },
    { id: "", at: 0, quick: 0 },
  );
  return () => {
    const { at, quick } = pace();
    return quick >= QUICK_REPORTS && now() - at < FRESH_MS ? at : undefined;
  };
}

/** For tests: as after a new load of the page. */
export function forget(): void {
  batch(() => {
    holders.clear();
    setFigures(new Map());
  });
}
