// What a report can be about, and over which range. Pure.

import type {
  BackupServer,
  Cluster,
  DockerHost,
  Guest,
  Host,
  MailGateway,
  Node,
  Storage,
} from "../../api/types";
import { t } from "../../text";

/** A resource whose history is kept. */
export interface Subject {
  key: string;
  resourceType: string;
  resourceId: string;
  name: string;
  /** What it is, and where. */
  note: string;
}

interface World {
  nodes: Iterable<Node>;
  guests: Iterable<Guest>;
  storage: Iterable<Storage>;
  hosts: Iterable<Host>;
  dockerHosts: Iterable<DockerHost>;
  backupServers: Iterable<BackupServer>;
  mailGateways: Iterable<MailGateway>;
  clusters: Iterable<Cluster>;
}

export function subjects(world: World): Subject[] {
  const all: Subject[] = [];
  const add = (resourceType: string, resourceId: string, name: string, note: string): void => {
    all.push({ key: `${resourceType} ${resourceId}`, resourceType, resourceId, name, note });
  };
  for (const node of world.nodes) add("node", node.id, node.displayName || node.name, t("Node"));
  for (const guest of world.guests) {
    const isVm = guest.type === "qemu";
    const note = `${isVm ? "VM" : "CT"} ${guest.vmid}, ${guest.node}`;
    add(isVm ? "vm" : "container", guest.id, guest.name, note);
  }
  for (const store of world.storage)
    add("storage", store.id, store.name, t("Storage on {node}", { node: store.node }));
  for (const host of world.hosts) add("host", host.id, host.displayName || host.hostname, t("Host"));
  for (const host of world.dockerHosts) {
    const name = host.customDisplayName || host.displayName || host.hostname;
    add("dockerHost", host.id, name, t("Docker host"));
    for (const container of host.containers ?? [])
      add(
        "dockerContainer",
        `${host.id}/${container.id}`,
        container.name,
        t("Container on {host}", { host: name }),
      );
  }
  for (const server of world.backupServers) add("pbs", server.id, server.name, t("Backup server"));
  for (const gateway of world.mailGateways) add("pmg", gateway.id, gateway.name, t("Mail gateway"));
  for (const cluster of world.clusters)
    add("k8s", cluster.id, cluster.customDisplayName || cluster.displayName || cluster.id, "Kubernetes");
  return all;
}

/** So many are offered; who looks for another types more of its name. */
export const OFFERED = 50;

/** Those that hold every word, what begins with the first one first. */
export function findSubjects(all: readonly Subject[], typed: string): { offered: Subject[]; total: number } {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const first = words[0] ?? "";
  const found = all.filter((each) => {
    const text = `${each.name} ${each.note} ${each.resourceId}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const rank = (each: Subject): number => (each.name.toLowerCase().startsWith(first) ? 0 : 1);
  found.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name) || a.key.localeCompare(b.key));
  return { offered: found.slice(0, OFFERED), total: found.length };
}

/** A name of any length, for one line of a list. */
export const shortName = (name: string): string => (name.length > 60 ? `${name.slice(0, 59)}…` : name);

export const RANGES = [
  { id: "24h", title: "24 h", hours: 24 },
  { id: "7d", title: "7 d", hours: 168 },
  { id: "30d", title: "30 d", hours: 720 },
  { id: "90d", title: "90 d", hours: 2_160 },
  { id: "own", title: t("From … until"), hours: 0 },
] as const;
export type Range = (typeof RANGES)[number]["id"];

const HOUR = 3_600_000;

/** The range in moments, or what is wrong with it. `from` and `until` are days of the reader. */
export function momentsOf(
  range: Range,
  from: string,
  until: string,
  now: number,
): { start: string; end: string } | { problem: string } {
  const hours = RANGES.find((each) => each.id === range)?.hours ?? 0;
  const text = (ms: number): string => new Date(ms).toISOString();
  if (hours > 0) return { start: text(now - hours * HOUR), end: text(now) };
  const edge = (day: string, more: number): number => {
    const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day)?.slice(1).map(Number);
    const [year, month, date] = parts ?? [];
    if (year === undefined || month === undefined || date === undefined) return Number.NaN;
    return new Date(year, month - 1, date + more).getTime();
  };
  const [start, end] = [edge(from, 0), Math.min(edge(until, 1), now)];
  if (Number.isNaN(start) || Number.isNaN(end)) return { problem: t("Choose both days") };
  if (start >= end) return { problem: t("The first day must come before the last one, and before now") };
  return { start: text(start), end: text(end) };
}
