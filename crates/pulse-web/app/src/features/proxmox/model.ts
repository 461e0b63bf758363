// What the Proxmox page derives from nodes and guests. Pure.

import type { Live } from "../../api/delta";
import type { Disk, Guest, Node } from "../../api/types";
import type { Fields } from "../../state/filter";
import { known } from "../../state/why";
import { t } from "../../text";
import type { Health } from "../../ui/Mark";
import type { Share } from "../parts/cells";

export type LiveGuest = Live<Guest>;
export type LiveNode = Live<Node>;

export function isVm(guest: Guest): boolean {
  return guest.type === "qemu";
}

export function typeName(guest: Guest): string {
  if (isVm(guest)) return "VM";
  return guest.type === "oci" ? "OCI" : "CT";
}

export function guestHealth(guest: Guest): Health {
  switch (guest.status) {
    case "running":
      return "ok";
    case "paused":
    case "suspended":
      return "warn";
    case "stopped":
      return "idle";
    default:
      return "crit";
  }
}

export function nodeHealth(node: Node): Health {
  if (node.status !== "online") return "crit";
  if (problemsOf(node).length > 0) return "warn";
  return node.connectionHealth === undefined || node.connectionHealth === "healthy" ? "ok" : "warn";
}

/** What the last poll complained of about this node, with what to do about it. */
export function problemsOf(node: Node): readonly string[] {
  return node.problems ?? NO_PROBLEMS;
}

const NO_PROBLEMS: readonly string[] = [];

export function nodeStatusText(node: Node): string {
  const [problem] = problemsOf(node);
  if (node.status !== "online")
    return problem === undefined ? t("offline") : t("offline: {problem}", { problem });
  if (problem !== undefined) return t("online, but: {problem}", { problem });
  if (node.connectionHealth === undefined || node.connectionHealth === "healthy") return t("online");
  return t("online, connection {health}", { health: node.connectionHealth });
}

export function nodeName(node: Node): string {
  return node.displayName ?? node.name;
}

export function nodeTemperature(node: Node): number | undefined {
  return node.temperature?.cpuPackage || node.temperature?.cpuMax || undefined;
}

const STATUSES: Readonly<Record<string, string>> = {
  running: t("running"),
  stopped: t("stopped"),
  paused: t("paused"),
  suspended: t("suspended"),
};

export function statusName(guest: Guest): string {
  return STATUSES[guest.status] ?? guest.status;
}

/** `, locked: backup`, where it is. */
export function lockText(guest: Guest): string {
  return guest.lock ? t(", locked: {lock}", { lock: guest.lock }) : "";
}

export function tagsOf(guest: Guest): string[] {
  return (guest.tags ?? "")
    .split(/[,;]/)
    .map((tag) => tag.trim())
    .filter((tag) => tag !== "");
}

/** Percent, where it is known. */
export function cpuOf(row: Guest | Node): number | undefined {
  const fraction = known(row, row.cpu, "cpu");
  return fraction === undefined ? undefined : fraction * 100;
}

export function memoryOf(row: Guest | Node): Share | undefined {
  const memory = known(row, row.memory, "memory", "mem");
  return memory === undefined ? undefined : share(memory.used, memory.total, memory.usage);
}

const MEMORY_SOURCES: Readonly<Record<string, string>> = {
  "linked-agent": t("told by the Pulse agent inside"),
  "guest-agent": t("told by the guest agent, without page cache"),
  meminfo: t("told by the guest, without page cache"),
  balloon: t("told by the balloon driver, with page cache"),
  "status-current": t("what its process takes of the host"),
  listing: t("from the cluster's list"),
};

/** Where a guest's memory figure is from: it says what the figure means. */
export function memorySourceText(source: string): string {
  return MEMORY_SOURCES[source] ?? source;
}

export function diskOf(row: Guest | Node): Share | undefined {
  const disk: Disk | undefined = known(row, row.disk, "disk");
  return disk === undefined ? undefined : share(disk.used, disk.total, disk.usage);
}

function share(used: number, total: number, usage: number | undefined): Share | undefined {
  // A usage below 0 says that only the size is known.
  if (total <= 0 || (usage ?? 0) < 0) return undefined;
  return { percent: usage ?? (used / total) * 100, used, total };
}

/** What a memory bar shows besides: how far the balloon lets the guest go, and the use of its swap. */
export function memoryMarks(guest: Guest): { at: number[]; below: number | undefined } | undefined {
  const memory = known(guest, guest.memory, "memory", "mem");
  if (memory === undefined || memory.total <= 0) return undefined;
  const balloon = memory.balloon ?? 0;
  // At its full size the balloon limits nothing.
  const at = balloon > 0 && balloon < memory.total ? [(balloon / memory.total) * 100] : [];
  const total = memory.swapTotal ?? 0;
  const below = total > 0 && (memory.swapUsed ?? 0) > 0 ? ((memory.swapUsed ?? 0) / total) * 100 : undefined;
  return at.length === 0 && below === undefined ? undefined : { at, below };
}

/** One file system's share. */
export interface FileSystem {
  name: string;
  percent: number;
  used: number;
}

/** The file systems of a guest that has several; the fullest stands first. */
export function fileSystemsOf(guest: Guest): FileSystem[] {
  const list = known(guest, guest.disks, "disk") ?? [];
  const all = list.flatMap((disk) =>
    disk.total > 0 && (disk.usage ?? 0) >= 0
      ? [
          {
            name: disk.mountpoint || disk.device || "",
            percent: disk.usage ?? (disk.used / disk.total) * 100,
            used: disk.used,
          },
        ]
      : [],
  );
  return all.length < 2 ? [] : all.sort((a, b) => b.percent - a.percent);
}

/** Where the filled part of a bar is cut between its file systems. */
export function diskCuts(systems: readonly FileSystem[], percent: number): number[] {
  const sum = systems.reduce((all, each) => all + each.used, 0);
  if (sum <= 0) return [];
  let before = 0;
  return systems.slice(0, -1).map((each) => {
    before += each.used;
    return (before / sum) * percent;
  });
}

export function rateOf(
  guest: Guest,
  field: "networkIn" | "networkOut" | "diskRead" | "diskWrite",
): number | undefined {
  return known(guest, guest[field], field, field.startsWith("network") ? "network" : "diskIo");
}

/** Which of the page's nodes a guest stands on. */
export function nodeKeyOf(guest: Guest): string {
  return `${guest.instance}/${guest.node}`;
}

/** The same key for a node. A cluster's guests carry the configured name, its nodes may carry the cluster's. */
export function keysOfNode(node: Node): string[] {
  const keys = [`${node.instance}/${node.name}`];
  if (node.clusterName !== undefined) keys.push(`${node.clusterName}/${node.name}`);
  return keys;
}

const texts = new WeakMap<Guest, string>();

/** For the search box. */
export const GUEST_FIELDS: Fields<LiveGuest> = {
  text: (guest) => {
    let text = texts.get(guest);
    if (text === undefined) {
      text =
        `${guest.name} ${guest.vmid} ${guest.node} ${guest.tags ?? ""} ${(guest.ipAddresses ?? []).join(" ")} ${guest.osName ?? ""}`.toLowerCase();
      texts.set(guest, text);
    }
    return text;
  },
  fields: {
    name: (guest) => guest.name,
    id: (guest) => guest.vmid,
    vmid: (guest) => guest.vmid,
    node: (guest) => guest.node,
    instance: (guest) => guest.instance,
    status: (guest) => guest.status,
    type: (guest) => (isVm(guest) ? ["vm", "qemu"] : ["ct", "lxc", guest.type]),
    tag: tagsOf,
    os: (guest) => guest.osName,
    ip: (guest) => guest.ipAddresses,
    cpu: cpuOf,
    mem: (guest) => memoryOf(guest)?.percent,
    memory: (guest) => memoryOf(guest)?.percent,
    disk: (guest) => diskOf(guest)?.percent,
    in: (guest) => rateOf(guest, "networkIn"),
    out: (guest) => rateOf(guest, "networkOut"),
    read: (guest) => rateOf(guest, "diskRead"),
    write: (guest) => rateOf(guest, "diskWrite"),
    uptime: (guest) => known(guest, guest.uptime),
  },
};

const HOUR_MS = 3_600_000;

/** How good the newest backup is. */
export function backupHealth(guest: Guest, now: number): Health {
  if (guest.lastBackup === undefined || guest.lastBackup <= 0) return "idle";
  const age = now - guest.lastBackup;
  if (age <= 26 * HOUR_MS) return "ok";
  return age <= 8 * 24 * HOUR_MS ? "warn" : "crit";
}
