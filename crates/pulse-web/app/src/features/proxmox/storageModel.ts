// What the pages about storage, disks and Ceph derive. Pure.

import type { Live } from "../../api/delta";
import type { CephCluster, PhysicalDisk, ReplicationJob, Storage } from "../../api/types";
import type { Fields } from "../../state/filter";
import { t } from "../../text";
import type { Health } from "../../ui/Mark";
import type { Share } from "../parts/cells";

export type LiveStorage = Live<Storage>;

export function storageShare(row: Storage): Share | undefined {
  if (row.status !== "available" || !row.total || row.missing?.usage !== undefined) return undefined;
  const used = row.used ?? 0;
  return { percent: row.usage ?? (used / row.total) * 100, used, total: row.total };
}

export function storageWhy(row: Storage): string {
  return (
    row.missing?.usage ??
    row.missing?.total ??
    (row.status === "available"
      ? t("the storage reports no size")
      : t("the storage is {status}", { status: row.status ?? t("unknown") }))
  );
}

export function storageHealth(row: Storage): Health {
  if (row.status === "available") return "ok";
  return row.status === "disabled" || row.enabled === false ? "idle" : "crit";
}

export function storageNodes(row: Storage): string {
  return row.shared === true && (row.nodes?.length ?? 0) > 1 ? (row.nodes ?? []).join(", ") : row.node;
}

/** One row per storage: a shared one that every node lists is shown once. */
export function storageRows(rows: ReadonlyMap<string, LiveStorage>): Map<string, LiveStorage> {
  const shared = new Set<string>();
  const out = new Map<string, LiveStorage>();
  for (const [id, row] of rows) {
    if (row.shared === true) {
      const key = `${row.instance}\n${row.name}\n${row.type ?? ""}`;
      if (shared.has(key)) continue;
      shared.add(key);
    }
    out.set(id, row);
  }
  return out;
}

export const STORAGE_FIELDS: Fields<LiveStorage> = {
  text: (row) => `${row.name} ${row.node} ${row.type ?? ""} ${row.content ?? ""}`.toLowerCase(),
  fields: {
    name: (row) => row.name,
    node: (row) => [row.node, ...(row.nodes ?? [])],
    instance: (row) => row.instance,
    type: (row) => row.type,
    status: (row) => row.status,
    content: (row) => row.content?.split(","),
    used: (row) => storageShare(row)?.percent,
    free: (row) => row.free,
  },
};

export function diskHealth(disk: PhysicalDisk): Health {
  const health = (disk.health ?? "").toUpperCase();
  if (health === "FAILED") return "crit";
  const left = diskLifeLeft(disk);
  if (left !== undefined && left <= 10) return "crit";
  if (left !== undefined && left <= 20) return "warn";
  return health === "PASSED" || health === "OK" ? "ok" : "idle";
}

/** Percent of life that is left, where the disk says. */
export function diskLifeLeft(disk: PhysicalDisk): number | undefined {
  return disk.wearout === undefined || disk.wearout < 0 ? undefined : disk.wearout;
}

/** The wire's 0 is unknown. */
export function diskTemperature(disk: PhysicalDisk): number | undefined {
  return disk.temperature || undefined;
}

export const DISK_FIELDS: Fields<Live<PhysicalDisk>> = {
  text: (disk) =>
    `${disk.devPath} ${disk.model ?? ""} ${disk.serial ?? ""} ${disk.node} ${disk.type ?? ""}`.toLowerCase(),
  fields: {
    disk: (disk) => disk.devPath,
    model: (disk) => disk.model,
    serial: (disk) => disk.serial,
    node: (disk) => disk.node,
    type: (disk) => disk.type,
    health: (disk) => disk.health,
    used: (disk) => disk.used,
    size: (disk) => disk.size,
    temp: diskTemperature,
    life: diskLifeLeft,
  },
};

export function cephHealth(cluster: CephCluster): Health {
  const health = cluster.health.replace(/^HEALTH_/, "");
  if (health === "OK") return "ok";
  return health === "WARN" ? "warn" : "crit";
}

export function replicationHealth(job: ReplicationJob): Health {
  if (job.enabled === false) return "idle";
  if ((job.failCount ?? 0) > 0 || job.error) return "crit";
  return job.lastSyncTime || job.lastSyncUnix ? "ok" : "idle";
}

export function replicationState(job: ReplicationJob): string {
  if (job.enabled === false) return t("disabled");
  if (job.error) return job.error;
  return job.state ?? (job.lastSyncTime || job.lastSyncUnix ? t("in order") : t("not run yet"));
}

/** Milliseconds. */
export function lastSync(job: ReplicationJob): number | undefined {
  return job.lastSyncTime || (job.lastSyncUnix ? job.lastSyncUnix * 1000 : undefined);
}

export function nextSync(job: ReplicationJob): number | undefined {
  return job.nextSyncTime || (job.nextSyncUnix ? job.nextSyncUnix * 1000 : undefined);
}

export const REPLICATION_FIELDS: Fields<Live<ReplicationJob>> = {
  text: (job) =>
    `${job.guestName ?? ""} ${job.guest ?? ""} ${job.jobId} ${job.sourceNode ?? ""} ${job.targetNode ?? ""}`.toLowerCase(),
  fields: {
    guest: (job) => job.guestName,
    id: (job) => job.guestId,
    source: (job) => job.sourceNode,
    target: (job) => job.targetNode,
    state: replicationState,
    fails: (job) => job.failCount,
  },
};
