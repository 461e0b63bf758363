// What the Hosts page derives from an agent's report. Pure.

import type { Live } from "../../api/delta";
import type { Host } from "../../api/types";
import type { Fields } from "../../state/filter";
import { known } from "../../state/why";
import type { Health } from "../../ui/Mark";
import type { Share } from "../parts/cells";

export type LiveHost = Live<Host>;
/** A disk as its agent read it with SMART. */
export type SmartDisk = NonNullable<NonNullable<Host["sensors"]>["smart"]>[number];

export function hostName(host: Host): string {
  return host.displayName || host.hostname;
}

export function hostHealth(host: Host): Health {
  if (host.status === "online") return "ok";
  return host.status === "degraded" ? "warn" : "crit";
}

/** Percent. The wire leaves a measured 0 out: an online host without a reason is idle, not unknown. */
export function cpuOfHost(host: Host): number | undefined {
  if (host.cpuUsage === undefined && host.status === "online" && host.missing?.cpuUsage === undefined) {
    return host.missing?.cpu === undefined ? 0 : undefined;
  }
  return known(host, host.cpuUsage, "cpu", "cpuUsage");
}

/** The file system with the highest use. */
export function fullestDisk(host: Host): { percent: number; where: string } | undefined {
  let fullest: { percent: number; where: string } | undefined;
  for (const disk of known(host, host.disks, "disk", "disks") ?? []) {
    if (disk.total <= 0 || (disk.usage ?? 0) < 0) continue;
    const percent = disk.usage ?? (disk.used / disk.total) * 100;
    if (fullest === undefined || percent > fullest.percent) {
      fullest = { percent, where: disk.mountpoint ?? disk.device ?? "" };
    }
  }
  return fullest;
}

export function highestTemperature(host: Host): number | undefined {
  if (host.status === "offline") return undefined;
  const values = Object.values(host.sensors?.temperatureCelsius ?? {});
  return values.length === 0 ? undefined : Math.max(...values);
}

export function memoryOfHost(host: Host): Share | undefined {
  const memory = known(host, host.memory, "memory");
  if (memory === undefined || memory.total <= 0) return undefined;
  return {
    percent: memory.usage ?? (memory.used / memory.total) * 100,
    used: memory.used,
    total: memory.total,
  };
}

export function smartHealth(disk: SmartDisk): Health {
  const health = (disk.health ?? "").toUpperCase();
  if (health === "PASSED" || health === "OK") return "ok";
  return health === "" || health === "UNKNOWN" ? "idle" : "crit";
}

const RANK: Readonly<Record<Health, number>> = { crit: 0, warn: 1, ok: 2, idle: 3 };

/** The disk to worry about most. */
export function worstSmart(host: Host): SmartDisk | undefined {
  if (host.status === "offline") return undefined;
  let worst: SmartDisk | undefined;
  for (const disk of host.sensors?.smart ?? []) {
    if (worst === undefined || RANK[smartHealth(disk)] < RANK[smartHealth(worst)]) worst = disk;
  }
  return worst;
}

export const HOST_FIELDS: Fields<LiveHost> = {
  text: (host) =>
    `${hostName(host)} ${host.hostname} ${host.osName ?? ""} ${(host.tags ?? []).join(" ")}`.toLowerCase(),
  fields: {
    name: hostName,
    os: (host) => host.osName,
    status: (host) => host.status,
    tag: (host) => host.tags,
    cpu: cpuOfHost,
    mem: (host) => memoryOfHost(host)?.percent,
    memory: (host) => memoryOfHost(host)?.percent,
    disk: (host) => fullestDisk(host)?.percent,
    temp: highestTemperature,
    ip: (host) => (host.networkInterfaces ?? []).flatMap((each) => each.addresses ?? []),
  },
};

export type RaidArray = NonNullable<Host["raid"]>[number];

/** How an array is; a rebuild is no failure any more, and not yet good. */
export function arrayHealth(array: RaidArray): Health {
  const state = (array.state ?? "").toLowerCase();
  if ((array.failedDevices ?? 0) > 0 || /degrad|fault|fail|inactive|unavail|suspend/.test(state))
    return isRebuilding(array) ? "warn" : "crit";
  return isRebuilding(array) ? "warn" : "ok";
}

export function isRebuilding(array: RaidArray): boolean {
  return (array.rebuildPercent ?? 0) > 0 && (array.rebuildPercent ?? 0) < 100;
}

/** The array that is in the worst state. */
export function worstArray(host: Host): RaidArray | undefined {
  const rank: Readonly<Record<Health, number>> = { crit: 0, warn: 1, idle: 2, ok: 3 };
  return [...(host.raid ?? [])].sort((a, b) => rank[arrayHealth(a)] - rank[arrayHealth(b)])[0];
}

/** The addresses of a host, without those that every machine has. */
export function addressesOf(host: Host): string[] {
  return (host.networkInterfaces ?? [])
    .flatMap((each) => each.addresses ?? [])
    .map((address) => address.replace(/\/\d+$/, ""))
    .filter((address) => !/^(127\.|::1$|fe80:)/i.test(address));
}
