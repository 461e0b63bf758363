// Why a value is not there, in words. Pure.

import type { MissingReasons } from "../api/types";
import { t } from "../text";

const DISK_REASONS: Readonly<Record<string, string>> = {
  "vm-stopped": t("it is not running"),
  "agent-disabled": t("the guest agent is switched off for this guest"),
  "agent-not-running": t("the guest agent does not run in this guest"),
  "agent-timeout": t("the guest agent did not answer in time"),
  "agent-error": t("the guest agent answered with an error"),
  "permission-denied": t("the credentials lack the right to read it"),
  "no-filesystems": t("the guest agent reports no file systems"),
  "special-filesystems-only": t("only read-only or virtual file systems are mounted"),
  "no-agent": t("no guest agent reports the file systems"),
  "no-status": t("the source gives no status"),
};

interface Row {
  status?: string;
  state?: string;
  missing?: MissingReasons;
  diskStatusReason?: string;
}

const RUNNING = new Set(["running", "online", "degraded", "paused"]);

/** Whether the thing runs at all; without that nothing about it can be measured. */
export function isUp(row: { status?: string; state?: string }): boolean {
  return RUNNING.has(row.state ?? row.status ?? "");
}

/** The reason why `field` is unknown, or `undefined` where it is to be taken as measured. */
export function reason(row: Row, ...fields: readonly string[]): string | undefined {
  for (const field of fields) {
    const given = row.missing?.[field];
    if (given !== undefined) return given;
  }
  if (fields.includes("disk") && row.diskStatusReason !== undefined) {
    const known = DISK_REASONS[row.diskStatusReason];
    if (known !== undefined) return known;
  }
  if ((row.status ?? row.state) === "offline") return t("the source cannot be reached");
  return isUp(row) ? undefined : t("it is not running");
}

/** The value, unless something says that it is unknown. */
export function known<T>(row: Row, value: T | null | undefined, ...fields: readonly string[]): T | undefined {
  return value == null || reason(row, ...fields) !== undefined ? undefined : value;
}
