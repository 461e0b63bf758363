// What the backup pages derive from guests, backups, tasks and snapshots. Pure.

import type { Live, Rows } from "../../api/delta";
import type { Guest, PbsBackup, StorageBackup } from "../../api/types";
import { parseTime } from "../../state/format";

/** A backup, wherever it lies. */
export interface Backup {
  id: string;
  kind: "pbs" | "storage";
  /** `vm`, `ct` or `host`. */
  type: string;
  vmid: string;
  instance: string;
  at: number | undefined;
  where: string;
  /** Datastore or storage. */
  place: string;
  /** Of a datastore; empty for its root. */
  namespace: string;
  size: number | undefined;
  isProtected: boolean;
  isVerified: boolean;
  notes: string;
  owner: string;
}

const TYPES: Readonly<Record<string, string>> = { qemu: "vm", lxc: "ct" };

const cache = new WeakMap<object, Backup>();

function ofPbs(row: Live<PbsBackup>): Backup {
  return {
    id: row.id,
    kind: "pbs",
    type: row.backupType,
    vmid: row.vmid,
    instance: row.instance,
    at: parseTime(row.backupTime),
    where: [row.instance, row.datastore, row.namespace].filter(Boolean).join(" / "),
    place: row.datastore ?? "",
    namespace: row.namespace ?? "",
    size: row.size,
    isProtected: row.protected === true,
    isVerified: row.verified === true,
    notes: row.comment ?? "",
    owner: row.owner ?? "",
  };
}

function ofStorage(row: Live<StorageBackup>): Backup {
  return {
    id: row.id,
    kind: "storage",
    type: TYPES[row.type ?? ""] ?? row.type ?? "",
    vmid: String(row.vmid),
    instance: row.instance,
    at: row.ctime ? row.ctime * 1000 : parseTime(row.time),
    where: [row.instance, row.storage].filter(Boolean).join(" / "),
    place: row.storage ?? "",
    namespace: "",
    size: row.size,
    isProtected: row.protected === true,
    isVerified: row.verified === true,
    notes: row.notes ?? "",
    owner: "",
  };
}

function cached<T extends object>(row: T, of: (row: T) => Backup): Backup {
  let backup = cache.get(row);
  if (backup === undefined) {
    backup = of(row);
    cache.set(row, backup);
  }
  return backup;
}

/**
 * All backups. What a storage of Proxmox VE shows of a backup server is left out where that server
 * itself is read: it would be there twice.
 */
export function allBackups(pbs: Rows<PbsBackup>, storage: Rows<StorageBackup>): Map<string, Backup> {
  const all = new Map<string, Backup>();
  for (const row of pbs.values()) all.set(row.id, cached(row, ofPbs));
  for (const row of storage.values()) {
    if (row.isPBS === true && pbs.size > 0) continue;
    all.set(row.id, cached(row, ofStorage));
  }
  return all;
}

/** Backups of one guest, newest first. */
export function backupsOf(guest: Guest, pbs: Rows<PbsBackup>, storage: Rows<StorageBackup>): Backup[] {
  const type = kindOf(guest);
  const vmid = String(guest.vmid);
  return [...allBackups(pbs, storage).values()]
    .filter(
      (backup) =>
        backup.vmid === vmid &&
        backup.type === type &&
        // A backup server does not say from which cluster a backup came.
        (backup.kind === "pbs" || backup.instance === guest.instance),
    )
    .sort((a, b) => (b.at ?? 0) - (a.at ?? 0));
}

export const DAY_MS = 86_400_000;

/** Midnight of the reader's own day. */
export function startOfDay(ms: number): number {
  const date = new Date(ms);
  date.setHours(0, 0, 0, 0);
  return date.getTime();
}

/** One day of the calendar. */
export interface Day {
  at: number;
  count: number;
  bytes: number;
  failed: number;
  /** Whole, and without any backup, though there were some before. */
  isMissing: boolean;
}

/** Backups and failed tasks by day, the newest day last. */
export function calendar(
  backups: Iterable<Backup>,
  failures: Iterable<number>,
  now: number,
  days: number,
): Day[] {
  const list: Day[] = [];
  const byDay = new Map<number, Day>();
  for (const at of lastDays(now, days)) {
    const entry = { at, count: 0, bytes: 0, failed: 0, isMissing: false };
    list.push(entry);
    byDay.set(at, entry);
  }
  for (const backup of backups) {
    const entry = backup.at === undefined ? undefined : byDay.get(startOfDay(backup.at));
    if (entry === undefined) continue;
    entry.count += 1;
    entry.bytes += backup.size ?? 0;
  }
  for (const at of failures) {
    const entry = byDay.get(startOfDay(at));
    if (entry !== undefined) entry.failed += 1;
  }
  // What lies before the first one is not known: older backups may have been pruned.
  const first = list.findIndex((entry) => entry.count > 0);
  for (const [index, entry] of list.entries())
    entry.isMissing = first >= 0 && index > first && index < list.length - 1 && entry.count === 0;
  return list;
}

/** A guest that a disaster would cost something. */
export interface Exposed<G> {
  guest: G;
  /** Without any backup, or only with one that is too old. */
  kind: "none" | "old";
  /** When the newest one was made. */
  at: number | undefined;
}

/**
 * Guests without a backup, and those whose newest is older than so many days (0: no matter how old). Whether there is
 * one at all is the server's word where it is known: of whom it could not see, or of whom the backups may be another's,
 * nothing is claimed.
 */
export function exposed<G extends Guest>(
  guests: Iterable<G>,
  states: ReadonlyMap<string, string> | undefined,
  now: number,
  days: number,
): Map<string, Exposed<G>> {
  const found = new Map<string, Exposed<G>>();
  for (const guest of guests) {
    if (guest.template === true) continue;
    const state = states?.get(guest.id);
    if (state === "ambiguous" || state === "unknown" || guest.missing?.lastBackup !== undefined) continue;
    const at = guest.lastBackup !== undefined && guest.lastBackup > 0 ? guest.lastBackup : undefined;
    if (state === "unprotected" || at === undefined) {
      // The state may be older or newer than the attribution: what one of both knows is a backup.
      if (state !== "protected") found.set(guest.id, { guest, kind: "none", at: undefined });
    } else if (days > 0 && now - at > days * DAY_MS) found.set(guest.id, { guest, kind: "old", at });
  }
  return found;
}

/** `vm` or `ct`, as backups have it. */
export const kindOf = (guest: Guest): string => (guest.type === "qemu" ? "vm" : "ct");

/** One guest's last days, the newest last. */
export interface GuestDays<G> {
  guest: G;
  /** Backups on each. */
  counts: readonly number[];
  /** Backups on each that may as well be those of another guest of the same number. */
  unsure: readonly number[];
}

/** The days that a calendar of so many shows: their midnights, the newest last. */
export function lastDays(now: number, days: number): number[] {
  return Array.from({ length: days }, (_none, index) => {
    const date = new Date(startOfDay(now));
    // By the calendar, not by hours: two days a year have 23 or 25.
    date.setDate(date.getDate() - (days - 1 - index));
    return date.getTime();
  });
}

/**
 * The backups of each guest by day. What a backup server holds says only a number: where several clusters have a guest
 * of it, it counts as unsure for each of them.
 */
export function daysOfGuests<G extends Guest>(
  guests: Iterable<G>,
  backups: Iterable<Backup>,
  days: readonly number[],
): Map<string, GuestDays<G>> {
  const all = new Map<string, { guest: G; counts: number[]; unsure: number[] }>();
  const byNumber = new Map<string, { guest: G; counts: number[]; unsure: number[] }[]>();
  for (const guest of guests) {
    if (guest.template === true) continue;
    const entry = { guest, counts: days.map(() => 0), unsure: days.map(() => 0) };
    all.set(guest.id, entry);
    const number = `${kindOf(guest)}/${guest.vmid}`;
    const same = byNumber.get(number);
    if (same === undefined) byNumber.set(number, [entry]);
    else same.push(entry);
  }
  const placeOf = new Map(days.map((at, index) => [at, index]));
  for (const backup of backups) {
    const place = backup.at === undefined ? undefined : placeOf.get(startOfDay(backup.at));
    if (place === undefined) continue;
    const same = byNumber.get(`${backup.type}/${backup.vmid}`) ?? [];
    const owners =
      backup.kind === "pbs" ? same : same.filter((entry) => entry.guest.instance === backup.instance);
    for (const owner of owners) {
      const list = owners.length === 1 ? owner.counts : owner.unsure;
      list[place] = (list[place] ?? 0) + 1;
    }
  }
  return all;
}

/** Names of guests by their number, and by their cluster where that is known. */
export function guestNames(
  guests: Iterable<Guest>,
): (vmid: string | number, instance?: string) => string | undefined {
  const byPlace = new Map<string, string>();
  const byNumber = new Map<string, string | undefined>();
  for (const guest of guests) {
    const number = String(guest.vmid);
    byPlace.set(`${guest.instance}/${number}`, guest.name);
    // Several clusters may have one of that number: then the number alone names none of them.
    byNumber.set(number, byNumber.has(number) ? undefined : guest.name);
  }
  return (vmid, instance) => byPlace.get(`${instance ?? ""}/${vmid}`) ?? byNumber.get(String(vmid));
}
