// Which backups of a guest's number are its own, as the server attributes them (docs/backups.md). Pure.

import type { BackupCoverage } from "../../api/backups";
import type { Guest } from "../../api/types";
import { type Backup, kindOf, startOfDay } from "./model";

/** A backup with the guest's number. */
export interface Claimed {
  backup: Backup;
  /** Why it may as well be another guest's, where it may. */
  doubt?: string;
}

interface Place {
  type: string;
  instance: string;
  place: string;
  namespace?: string;
}

const isAt = (backup: Backup, place: Place): boolean =>
  place.type === backup.kind &&
  place.instance === backup.instance &&
  place.place === backup.place &&
  (place.namespace ?? "") === backup.namespace;

/**
 * The guest's backups among those of its number (`backups`). Without the server's answer (`coverage`), the number alone
 * counts: it is doubtful where other guests have it, too (`isShared`), and `doubt` is what to say of that.
 */
export function ownBackups(
  guest: Guest,
  backups: readonly Backup[],
  coverage: Pick<BackupCoverage, "guests" | "unattributed"> | undefined,
  isShared: boolean,
  doubt: string,
): Claimed[] {
  const own = coverage?.guests.find((each) => each.id === guest.id);
  const claimed: Claimed[] = [];
  for (const backup of backups) {
    const stray = coverage?.unattributed.find(
      (each) => each.vmid === backup.vmid && each.backupType === backup.type && isAt(backup, each),
    );
    if (stray !== undefined) {
      const isCandidate = (stray.candidates ?? []).some((each) => each.instance === guest.instance);
      if (isCandidate) claimed.push({ backup, doubt: stray.reason });
    } else if (own !== undefined && backup.kind === "pbs") {
      if (own.sources.some((source) => isAt(backup, source))) claimed.push({ backup });
    } else {
      claimed.push(isShared && backup.kind === "pbs" ? { backup, doubt } : { backup });
    }
  }
  return claimed;
}

/** How many there are on each day, and how many that may be another's. */
export function daysOf(
  claimed: readonly Claimed[],
  days: readonly number[],
): { counts: number[]; unsure: number[] } {
  const counts = days.map(() => 0);
  const unsure = days.map(() => 0);
  const placeOf = new Map(days.map((at, index) => [at, index]));
  for (const { backup, doubt } of claimed) {
    const place = backup.at === undefined ? undefined : placeOf.get(startOfDay(backup.at));
    if (place === undefined) continue;
    const list = doubt === undefined ? counts : unsure;
    list[place] = (list[place] ?? 0) + 1;
  }
  return { counts, unsure };
}

/** Whether a guest of another cluster has the number. */
export function sharesNumber(guest: Guest, guests: Iterable<Guest>): boolean {
  for (const each of guests) {
    if (each.vmid === guest.vmid && each.id !== guest.id && kindOf(each) === kindOf(guest)) return true;
  }
  return false;
}
