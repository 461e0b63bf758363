// What the search over everything finds: pages, actions, settings, guests, nodes, hosts, containers, pods. Pure.

import type { Model } from "../api/delta";
import { clusterName } from "../features/kubernetes/model";
import { naturalKey } from "../state/order";
import { t } from "../text";

export interface Command {
  /** Where it leads; empty where it does something here. */
  href: string;
  /** What it does. */
  run?: () => void;
  title: string;
  kind: string;
  /** What is searched, lower case. */
  text: string;
}

type Collections = { readonly [Name in keyof Model["collections"]]: () => Model["collections"][Name] };

/** Everything that can be gone to, in the order in which equals are offered. */
export function commands(
  of: Pick<
    Collections,
    "nodes" | "vms" | "containers" | "dockerHosts" | "hosts" | "storage" | "kubernetesClusters"
  >,
  pages: readonly { href: string; title: string }[],
  /** Actions and settings; they stand behind the pages. */
  more: readonly Command[] = [],
): Command[] {
  const list: Command[] = [];
  const add = (href: string, title: string, kind: string, more = ""): void => {
    list.push({ href, title, kind, text: `${title} ${more}`.toLowerCase() });
  };
  const open = (page: string, id: string): string => `${page}?open=${encodeURIComponent(id)}`;
  for (const page of pages) add(page.href, page.title, t("Page"));
  list.push(...more);
  for (const node of of.nodes().values()) {
    add(
      open("/proxmox", node.id),
      node.displayName ?? node.name,
      t("Node"),
      `${node.name} ${node.clusterName ?? ""}`,
    );
  }
  for (const guests of [of.vms(), of.containers()]) {
    for (const guest of guests.values()) {
      add(
        open("/proxmox", guest.id),
        guest.name,
        `${guest.type === "qemu" ? "VM" : "CT"} ${guest.vmid}`,
        `${guest.vmid} ${guest.node} ${guest.tags ?? ""} ${guest.ipAddresses?.join(" ") ?? ""}`,
      );
    }
  }
  for (const host of of.hosts().values()) {
    add(
      open("/hosts", host.id),
      host.displayName || host.hostname,
      t("Host"),
      `${host.hostname} ${host.osName ?? ""}`,
    );
  }
  for (const host of of.dockerHosts().values()) {
    const name = host.customDisplayName || host.displayName || host.hostname;
    add(open("/docker", host.id), name, t("Docker host"), host.hostname);
    for (const container of host.containers ?? []) {
      add(
        open("/docker", `${host.id}/${container.id}`),
        container.name,
        t("Container on {host}", { host: name }),
        container.image ?? "",
      );
    }
  }
  for (const store of of.storage().values()) {
    add(
      open("/proxmox/storage", store.id),
      store.name,
      t("Storage on {node}", { node: store.node }),
      store.type ?? "",
    );
  }
  for (const cluster of of.kubernetesClusters().values()) {
    for (const pod of cluster.pods ?? []) {
      add(
        open("/kubernetes", `${cluster.id}/${pod.uid}`),
        pod.name,
        t("Pod in {cluster}", { cluster: clusterName(cluster) }),
        pod.namespace,
      );
    }
  }
  return list;
}

const MOST = 40;

/** Those that hold every word; what begins with the first one stands first. */
export function find(list: readonly Command[], typed: string): Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const first = words[0];
  if (first === undefined) return list.slice(0, MOST);
  const found: { command: Command; rank: number }[] = [];
  for (const command of list) {
    if (!words.every((word) => command.text.includes(word))) continue;
    const title = command.title.toLowerCase();
    const rank = title === first ? 0 : title.startsWith(first) ? 1 : title.includes(first) ? 2 : 3;
    found.push({ command, rank });
  }
  found.sort(
    (a, b) => a.rank - b.rank || (naturalKey(a.command.title) < naturalKey(b.command.title) ? -1 : 1),
  );
  return found.slice(0, MOST).map(({ command }) => command);
}
