// Backup servers and mail gateways as rows of the nodes' table: what each has of a node's figures. Pure.

import type { Live, Rows } from "../../api/delta";
import type { BackupServer, MailGateway, Memory } from "../../api/types";
import { known } from "../../state/why";
import { t } from "../../text";
import type { LiveNode } from "./model";

/** A row of the nodes' table: a node, or another product of Proxmox with figures of the same kind. */
export type Machine = LiveNode & {
  /** Absent for a node of Proxmox VE. */
  product?: "pbs" | "pmg";
};

export const PRODUCTS = {
  pbs: { name: "Proxmox Backup Server", short: "PBS", page: "/proxmox/backups" },
  pmg: { name: "Proxmox Mail Gateway", short: "PMG", page: "/proxmox/mail" },
} as const;

/** A share of which only the percentage is known. */
function percentOnly(percent: number | undefined): Memory | undefined {
  return percent === undefined ? undefined : { used: percent, total: 100, usage: percent };
}

function ofBackupServer(server: Live<BackupServer>): Machine {
  const cpu = known(server, server.cpu, "cpu");
  const used = known(server, server.memoryUsed, "memory");
  const stores = (server.datastores ?? []).filter((store) => (store.total ?? 0) > 0);
  const sum = (of: "used" | "total"): number => stores.reduce((all, store) => all + (store[of] ?? 0), 0);
  return {
    id: server.id,
    name: server.name,
    displayName: server.name,
    instance: server.name,
    status: server.status,
    product: "pbs",
    clockAt: server.clockAt,
    pveVersion: server.version ?? "",
    connectionHealth: server.connectionHealth ?? "healthy",
    missing: { disk: t("the server reports no datastore"), ...server.missing },
    ...(server.uptime === undefined ? {} : { uptime: server.uptime }),
    ...(cpu === undefined ? {} : { cpu: cpu / 100 }),
    ...(used === undefined || !server.memoryTotal
      ? {}
      : {
          memory: {
            used,
            total: server.memoryTotal,
            usage: server.memory ?? (used / server.memoryTotal) * 100,
          },
        }),
    ...(stores.length === 0
      ? {}
      : {
          disk: { used: sum("used"), total: sum("total"), usage: (sum("used") / sum("total")) * 100 },
          missing: server.missing ?? {},
        }),
  };
}

/** Of several nodes the busiest: that one matters first. */
function highest(values: readonly (number | null | undefined)[]): number | undefined {
  const all = values.filter((value): value is number => typeof value === "number");
  return all.length === 0 ? undefined : Math.max(...all);
}

function ofMailGateway(gateway: Live<MailGateway>): Machine {
  const nodes = gateway.nodes ?? [];
  const why = t("the gateway has not reported its figures");
  const [cpu, memory, disk] = [
    highest(nodes.map((node) => node.cpu)),
    percentOnly(highest(nodes.map((node) => node.memory))),
    percentOnly(highest(nodes.map((node) => node.disk))),
  ];
  const uptime = highest(nodes.map((node) => node.uptime));
  return {
    id: gateway.id,
    name: gateway.name,
    displayName: gateway.name,
    instance: gateway.name,
    status: gateway.status,
    product: "pmg",
    clockAt: gateway.clockAt,
    pveVersion: gateway.version ?? "",
    connectionHealth: gateway.connectionHealth ?? "healthy",
    missing: {
      ...(cpu === undefined ? { cpu: why } : {}),
      ...(memory === undefined ? { memory: why } : {}),
      ...(disk === undefined ? { disk: why } : {}),
      ...(uptime === undefined ? { uptime: why } : {}),
      ...gateway.missing,
    },
    ...(cpu === undefined ? {} : { cpu: cpu / 100 }),
    ...(memory === undefined ? {} : { memory }),
    ...(disk === undefined ? {} : { disk }),
    ...(uptime === undefined ? {} : { uptime }),
  };
}

const cache = new WeakMap<object, Machine>();

function cached<T extends object>(row: T, of: (row: T) => Machine): Machine {
  let machine = cache.get(row);
  if (machine === undefined) {
    machine = of(row);
    cache.set(row, machine);
  }
  return machine;
}

/** A row that did not change is the same object as before. */
export function machines(pbs: Rows<BackupServer>, pmg: Rows<MailGateway>): ReadonlyMap<string, Machine> {
  const all = new Map<string, Machine>();
  for (const [id, row] of pbs) all.set(id, cached(row, ofBackupServer));
  for (const [id, row] of pmg) all.set(id, cached(row, ofMailGateway));
  return all;
}

/** So many nodes stand in the table at once; more of them scroll. */
const MOST_NODES_IN_SIGHT = 11;

/**
 * What is broken first. Backup servers and gateways stand below the nodes, and above them where the nodes scroll: what
 * is at the end of a long table nobody sees.
 */
export function machineRank(nodes: number): (machine: Machine) => number {
  const others = nodes > MOST_NODES_IN_SIGHT ? 1 : 4;
  return ({ status, product }) => {
    if (status !== "online") return 0;
    if (product === undefined) return 3;
    return product === "pbs" ? others : others + 1;
  };
}
