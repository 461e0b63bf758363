// What the Hosts page derives from an agent's report. Pure.

import type { Host } from "../../api/types";
import { known } from "../../state/why";
import type { Health } from "../../ui/Mark";

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
