// What the alert pages derive. Pure.

import type { Live } from "../../api/delta";
import type { ActiveAlert } from "../../api/types";
import type { Fields } from "../../state/filter";
import { parseTime } from "../../state/format";
import { t } from "../../text";
import type { Health } from "../../ui/Mark";

export type LiveAlert = Live<ActiveAlert>;

export function levelHealth(level: string): Health {
  return level === "critical" ? "crit" : "warn";
}

export function levelName(level: string): string {
  return level === "critical" ? t("critical") : level === "warning" ? t("warning") : level;
}

export function raisedAt(alert: { startTime: string }): number | undefined {
  return parseTime(alert.startTime);
}

/** Whether an alert is about a resource or a part of it, such as one of its disks. */
export function isAbout(alert: { resourceId: string }, id: string): boolean {
  const { resourceId } = alert;
  return resourceId === id || resourceId.startsWith(`${id}/`) || resourceId.startsWith(`${id}-disk-`);
}

/** What is raised for one resource and its parts, and nobody has acknowledged. */
export interface Raised {
  count: number;
  isCritical: boolean;
  /** Of the worst. */
  message: string;
}

/** By the id of the resource; what is about a part of it counts for it, too. */
export function raisedBy(
  alerts: Iterable<Pick<ActiveAlert, "resourceId" | "level" | "message" | "acknowledged">>,
): Map<string, Raised> {
  const all = new Map<string, Raised>();
  for (const { resourceId, level, message, acknowledged } of alerts) {
    if (acknowledged) continue;
    const isCritical = level === "critical";
    // A container's own id has a slash, so that a part may be one of either.
    const ids = new Set([resourceId, resourceId.replace(/-disk-.*$/, ""), resourceId.replace(/\/.*$/, "")]);
    for (const id of ids) {
      const known = all.get(id);
      if (known === undefined) all.set(id, { count: 1, isCritical, message });
      else {
        const isWorse = isCritical && !known.isCritical;
        all.set(id, {
          count: known.count + 1,
          isCritical: known.isCritical || isCritical,
          message: isWorse ? message : known.message,
        });
      }
    }
  }
  return all;
}

/** How alerts call a machine with an agent, and a Docker host or container. */
export const hostAlertId = (id: string): string => `host:${id}`;
export const dockerAlertId = (id: string): string => `docker:${id}`;

/** Where the resource of an alert is shown; its page is told by the form of its id. */
export function resourceHref(alert: { resourceId: string; id: string }): string {
  const open = (page: string, id: string): string => `${page}?open=${encodeURIComponent(id)}`;
  const { resourceId } = alert;
  if (resourceId.startsWith("host:"))
    return open("/hosts", resourceId.slice("host:".length).split("/")[0] ?? "");
  if (resourceId.startsWith("docker:")) return open("/docker", resourceId.slice("docker:".length));
  return open("/proxmox", resourceId);
}

export const ALERT_FIELDS: Fields<LiveAlert> = {
  text: (alert) => `${alert.resourceName} ${alert.message} ${alert.node ?? ""} ${alert.type}`.toLowerCase(),
  fields: {
    level: (alert) => alert.level,
    type: (alert) => alert.type,
    node: (alert) => alert.node,
    name: (alert) => alert.resourceName,
    is: (alert) => (alert.acknowledged ? "acknowledged" : "open"),
    value: (alert) => alert.value,
  },
};

/** A piece of the heat strip. */
export interface Slot {
  from: number;
  to: number;
  count: number;
  level: "none" | "warn" | "crit";
}

/** The range in equal pieces, each with how much was raised in it and the worst of that. */
export function heat(
  alerts: Iterable<{ at: number; level: string }>,
  since: number,
  until: number,
  pieces: number,
): Slot[] {
  const length = (until - since) / pieces;
  const slots = Array.from({ length: pieces }, (_none, index): Slot => {
    const from = since + index * length;
    return { from, to: from + length, count: 0, level: "none" };
  });
  for (const { at, level } of alerts) {
    const slot = slots[Math.min(pieces - 1, Math.floor((at - since) / length))];
    if (slot === undefined || at < since) continue;
    slot.count += 1;
    if (level === "critical") slot.level = "crit";
    else if (slot.level === "none") slot.level = "warn";
  }
  return slots;
}

/** Until when nobody is told of an alert, in milliseconds, by its id; what is over is left out. */
export function snoozes(
  alerts: readonly { id: string; metadata?: Readonly<Record<string, unknown>> }[],
  now: number,
): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { id, metadata } of alerts) {
    const text = metadata?.snoozedUntil;
    const until = typeof text === "string" ? parseTime(text) : undefined;
    if (until !== undefined && until > now) found.set(id, until);
  }
  return found;
}
