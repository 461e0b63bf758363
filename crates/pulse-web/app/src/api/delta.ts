// The state as the page keeps it, and how a change from the server is applied. Pure.
//
// Rows are never changed in place: a row that changed is a new object, one that did not is the same
// object as before. That is what lets a view of 5,000 guests repaint only what moved. The guests' own
// figures wait until their row is asked for (see rows.ts).

import { take } from "./derived";
import { DENSE, type DenseName, type PackedDelta } from "./figures";
import { DenseRows } from "./rows";
import type { CollectionName, Collections, DockerContainer, Entity, WireState } from "./types";

/**
 * A row, and the server's time at which its running clocks (`uptime`, `lastSeen`) were true: the
 * server does not send those again while they only advance.
 */
export type Live<T> = T & { readonly clockAt: number };

/** Rows by id, in the order in which they came. */
export type Rows<T> = ReadonlyMap<string, Live<T>>;

/** All that the page knows of the server's state. */
export interface Model {
  version: number;
  /** The server's clock when this state was made, in milliseconds. */
  lastUpdate: number;
  collections: { readonly [Name in CollectionName]: Rows<Collections[Name]> };
  connectionHealth: Readonly<Record<string, boolean>>;
}

type Change = Readonly<Record<string, unknown>>;

/** What happened to one collection. A field that is null was removed. */
interface CollectionDelta {
  set?: Readonly<Record<string, Change>>;
  remove?: readonly string[];
}

/** The `data` of a delta message. */
export interface Delta {
  version: number;
  base: number;
  collections?: Readonly<Record<string, CollectionDelta>>;
  /** Lists among them are collections that are sent whole when they change. */
  fields?: { lastUpdate?: number; connectionHealth?: Readonly<Record<string, boolean>> } & {
    [Name in CollectionName]?: readonly Collections[Name][];
  };
}

const CLOCKS = ["uptime", "uptimeSeconds", "lastSeen"] as const;

export const NAMES = [
  "nodes",
  "vms",
  "containers",
  "storage",
  "physicalDisks",
  "cephClusters",
  "replicationJobs",
  "pbs",
  "pbsBackups",
  "storageBackups",
  "backupTasks",
  "guestSnapshots",
  "pmg",
  "pmgBackups",
  "dockerHosts",
  "kubernetesClusters",
  "hosts",
  "activeAlerts",
] as const satisfies readonly CollectionName[];

export const EMPTY: Model = {
  version: -1,
  lastUpdate: 0,
  collections: Object.fromEntries(NAMES.map((name) => [name, new Map()])) as unknown as Model["collections"],
  connectionHealth: {},
};

/** The model of a complete state. */
export function fromState(version: number, state: WireState): Model {
  const lastUpdate = state.lastUpdate ?? 0;
  const lists: Partial<Record<CollectionName, readonly Entity[] | null>> = { ...state, ...state.pveBackups };
  const collections = Object.fromEntries(
    NAMES.map((name) => {
      const list = lists[name];
      return [name, wholeList(EMPTY.collections[name], Array.isArray(list) ? list : [], lastUpdate, name)];
    }),
  ) as unknown as Model["collections"];
  return { version, lastUpdate, collections, connectionHealth: state.connectionHealth ?? {} };
}

/** Rows of a list that came whole; one that is as before stays the same object. */
function wholeList(
  old: Rows<Entity>,
  list: readonly Entity[],
  at: number,
  name: CollectionName,
): Rows<Entity> {
  if (isDense(name)) return DenseRows.of(list, at);
  const rows = new Map<string, Live<Entity>>();
  for (const row of list) {
    const before = old.get(row.id);
    // The list is the page's own: nobody else holds its rows.
    const next = Object.assign(row, { clockAt: at });
    const isSame =
      before !== undefined && JSON.stringify({ ...before, clockAt: at }) === JSON.stringify(next);
    rows.set(row.id, isSame ? before : next);
  }
  return rows;
}

/** The model after the change, or `undefined` where the change does not belong to this version. */
export function applyDelta(model: Model, delta: PackedDelta): Model | undefined {
  if (delta.base !== model.version) return undefined;
  const lastUpdate = delta.fields?.lastUpdate ?? model.lastUpdate;
  const collections: Record<string, Rows<Entity>> = { ...model.collections };
  for (const name of NAMES) {
    const change = delta.collections?.[name];
    const whole = delta.fields?.[name];
    const figures = isDense(name) ? delta.figures?.[name] : undefined;
    if (Array.isArray(whole)) collections[name] = wholeList(model.collections[name], whole, lastUpdate, name);
    const rows = collections[name];
    if (rows instanceof DenseRows && (change !== undefined || figures !== undefined))
      collections[name] = rows.next(change?.remove ?? [], change?.set ?? {}, figures, (old, id, fields) =>
        merge(old, id, fields, lastUpdate),
      );
    else if (change !== undefined) collections[name] = applyCollection(rows, change, lastUpdate);
  }
  return {
    version: delta.version,
    lastUpdate,
    collections: collections as unknown as Model["collections"],
    connectionHealth: delta.fields?.connectionHealth ?? model.connectionHealth,
  };
}

function isDense(name: CollectionName): name is DenseName {
  return (DENSE as readonly string[]).includes(name);
}

function applyCollection(rows: Rows<Entity> | undefined, delta: CollectionDelta, at: number): Rows<Entity> {
  const next = new Map(rows);
  for (const id of delta.remove ?? []) next.delete(id);
  for (const [id, change] of Object.entries(delta.set ?? {}))
    next.set(id, merge(next.get(id), id, change, at));
  return next;
}

function merge(old: Live<Entity> | undefined, id: string, change: Change, at: number): Live<Entity> {
  const row: Record<string, unknown> = { ...old, id };
  if (old === undefined || CLOCKS.some((clock) => clock in change)) {
    // Bring the clocks that were not sent to the same moment, so that one `clockAt` is enough.
    if (old !== undefined) advance(row, at - old.clockAt);
    row.clockAt = at;
  }
  const { containers } = change;
  if (isNested(containers)) {
    row.containers = applyNested(row.containers, containers);
    take(row, Object.fromEntries(Object.entries(change).filter(([field]) => field !== "containers")));
  } else take(row, change);
  return row as unknown as Live<Entity>;
}

function advance(row: Record<string, unknown>, elapsedMs: number): void {
  if (row.status === "offline") return;
  for (const clock of CLOCKS) {
    const value = row[clock];
    if (typeof value !== "number" || value === 0) continue;
    row[clock] = value + (clock === "lastSeen" ? elapsedMs : elapsedMs / 1000);
  }
}

function isNested(value: unknown): value is CollectionDelta {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** So much of a container's id is told of one that stays, where no other begins so. */
const SHORT_ID = 12;

/** Containers of a Docker host: a list on the wire, changed by id. */
function applyNested(old: unknown, delta: CollectionDelta): DockerContainer[] {
  const list = (Array.isArray(old) ? old : []) as DockerContainer[];
  const removed = new Set(delta.remove);
  const changes = new Map(Object.entries(delta.set ?? {}));
  const next: DockerContainer[] = [];
  for (const container of list) {
    const short = container.id.slice(0, SHORT_ID);
    if (removed.has(container.id) || removed.has(short)) continue;
    const key = changes.has(container.id) ? container.id : short;
    const change = changes.get(key);
    changes.delete(key);
    next.push(change === undefined ? container : patched(container, change));
  }
  for (const [id, change] of changes) next.push(patched({ id, name: "" }, change));
  return next;
}

function patched(old: DockerContainer, change: Change): DockerContainer {
  const next: Record<string, unknown> = { ...old };
  take(next, change);
  return next as unknown as DockerContainer;
}

/** Seconds since start as of `now` (the server's clock), where the row says any. */
export function uptimeAt(
  row: { uptime?: number; uptimeSeconds?: number; status: string; clockAt: number },
  now: number,
): number | undefined {
  const seconds = row.uptime ?? row.uptimeSeconds;
  if (seconds === undefined || seconds <= 0) return undefined;
  return row.status === "offline" ? seconds : seconds + Math.max(0, now - row.clockAt) / 1000;
}
