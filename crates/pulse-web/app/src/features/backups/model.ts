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
  const type = guest.type === "qemu" ? "vm" : "ct";
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
  for (let index = days - 1; index >= 0; index -= 1) {
    const date = new Date(startOfDay(now));
    // By the calendar, not by hours: two days a year have 23 or 25.
    date.setDate(date.getDate() - index);
    const entry = { at: date.getTime(), count: 0, bytes: 0, failed: 0, isMissing: false };
    list.push(entry);
    byDay.set(entry.at, entry);
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

/** Guests without a backup that is young enough. */
export function unprotected<G extends Guest>(guests: Iterable<G>, now: number, days: number): Map<string, G> {
  const found = new Map<string, G>();
  for (const guest of guests) {
    if (guest.template === true) continue;
    if (guest.lastBackup === undefined || guest.lastBackup <= 0 || now - guest.lastBackup > days * DAY_MS) {
      found.set(guest.id, guest);
    }
  }
  return found;
}
