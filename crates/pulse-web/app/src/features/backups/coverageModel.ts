// What of the backups' attribution is not plain. Pure.

import type { GuestCoverage, UnattributedBackups } from "../../api/backups";
import { parseTime } from "../../state/format";

/** A guest, or a group of backups, that somebody should look at. */
export interface Unclear {
  name: string;
  where: string;
  state: "ambiguous" | "unknown" | "orphan";
  reason: string;
  candidates: readonly string[];
  count: number;
  at: number | undefined;
}

/** Guests with backups that may be another's, then those that could not be looked at. */
export function unclearGuests(guests: readonly GuestCoverage[]): Unclear[] {
  const of = (state: "ambiguous" | "unknown"): Unclear[] =>
    guests
      .filter((guest) => guest.state === state)
      .map((guest) => ({
        name: `${guest.name} (${guest.vmid})`,
        where: [guest.instance, guest.node].filter(Boolean).join(" / "),
        state,
        reason: guest.reason ?? "",
        candidates: [],
        count: guest.backupCount,
        at: parseTime(guest.lastBackup ?? undefined),
      }));
  return [...of("ambiguous"), ...of("unknown")];
}

export function unclearBackups(groups: readonly UnattributedBackups[]): Unclear[] {
  return groups.map((group) => ({
    name: `${group.backupType}/${group.vmid}${group.comment ? ` ${group.comment}` : ""}`,
    where: [group.instance, group.place, group.namespace].filter(Boolean).join(" / "),
    state: group.state === "ambiguous" ? "ambiguous" : "orphan",
    reason: group.reason,
    candidates: (group.candidates ?? []).map((each) => `${each.instance} ${each.vmid}`),
    count: group.backupCount,
    at: parseTime(group.lastBackup ?? undefined),
  }));
}
