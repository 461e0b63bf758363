// What the Kubernetes page derives from the clusters' reports. Pure.

import type { Live } from "../../api/delta";
import type { Cluster, Deployment, KubernetesNode, Pod } from "../../api/types";
import type { Fields } from "../../state/filter";
import { t } from "../../text";
import type { Health } from "../../ui/Mark";

export type LiveCluster = Live<Cluster>;

export function clusterName(cluster: Cluster): string {
  return cluster.customDisplayName || cluster.displayName || cluster.name || cluster.id;
}

export function clusterHealth(cluster: Cluster): Health {
  if (cluster.status !== "online") return "crit";
  return (cluster.nodes ?? []).some((node) => node.ready !== true) ? "warn" : "ok";
}

/** An object of a cluster; its own id is unique only there. */
export interface Of<T> {
  key: string;
  cluster: LiveCluster;
  it: T;
}

export function rowsOf<T extends { uid: string }>(
  clusters: Iterable<LiveCluster>,
  list: (cluster: LiveCluster) => readonly T[] | undefined | null,
): Map<string, Of<T>> {
  const rows = new Map<string, Of<T>>();
  for (const cluster of clusters) {
    for (const it of list(cluster) ?? []) {
      const key = `${cluster.id}/${it.uid}`;
      rows.set(key, { key, cluster, it });
    }
  }
  return rows;
}

/** States of a container that a person must look at. */
const BAD_REASONS = /BackOff|Err|Error|OOMKilled|CreateContainerConfig|InvalidImage|Evicted|Failed/;

/** What is wrong with a pod, in Kubernetes' own word, else its phase. */
export function podState(pod: Pod): string {
  if (pod.reason) return pod.reason;
  for (const container of pod.containers ?? []) {
    if (container.ready !== true && container.reason && container.reason !== "Completed")
      return container.reason;
  }
  return pod.phase ?? t("unknown");
}

export function podHealth({ it: pod, cluster }: Of<Pod>): Health {
  if (cluster.status !== "online") return "idle";
  const state = podState(pod);
  if (BAD_REASONS.test(state) || pod.phase === "Failed") return "crit";
  switch (pod.phase) {
    case "Succeeded":
      return "idle";
    case "Running":
      return (pod.containers ?? []).every((container) => container.ready === true) ? "ok" : "warn";
    case "Pending":
      return "warn";
    default:
      return "crit";
  }
}

const RANK: Readonly<Record<Health, number>> = { crit: 0, warn: 1, ok: 2, idle: 3 };

/** Problems first. */
export function podRank(row: Of<Pod>): number {
  return Math.min(RANK[podHealth(row)], RANK.ok);
}

export function podReady(pod: Pod): string {
  const all = pod.containers ?? [];
  return t("{shown} of {total}", {
    shown: all.filter((container) => container.ready === true).length,
    total: all.length,
  });
}

export function podOwner(pod: Pod): string {
  return [pod.ownerKind, pod.ownerName].filter(Boolean).join(" ");
}

export function podAge(pod: Pod, now: number): number | undefined {
  const at = pod.startTime ?? pod.createdAt;
  return at ? Math.max(0, (now - at) / 1000) : undefined;
}

export function deploymentHealth({ it, cluster }: Of<Deployment>): Health {
  if (cluster.status !== "online") return "idle";
  const wanted = it.desiredReplicas ?? 0;
  const available = it.availableReplicas ?? 0;
  if (wanted === 0) return "idle";
  if (available >= wanted) return "ok";
  return available === 0 ? "crit" : "warn";
}

export function nodeHealth({ it, cluster }: Of<KubernetesNode>): Health {
  if (cluster.status !== "online") return "idle";
  if (it.ready !== true) return "crit";
  return it.unschedulable === true ? "warn" : "ok";
}

export function nodeState({ it }: Of<KubernetesNode>): string {
  if (it.ready !== true) return t("not ready");
  return it.unschedulable === true ? t("ready, no new pods") : t("ready");
}

export const POD_FIELDS: Fields<Of<Pod>> = {
  text: ({ it, cluster }) =>
    `${it.name} ${it.namespace} ${it.nodeName ?? ""} ${podOwner(it)} ${podState(it)} ${clusterName(cluster)}`.toLowerCase(),
  fields: {
    name: ({ it }) => it.name,
    namespace: ({ it }) => it.namespace,
    ns: ({ it }) => it.namespace,
    node: ({ it }) => it.nodeName,
    state: ({ it }) => podState(it),
    phase: ({ it }) => it.phase,
    owner: ({ it }) => podOwner(it),
    cluster: ({ cluster }) => clusterName(cluster),
    restarts: ({ it }) => it.restarts ?? 0,
    image: ({ it }) => (it.containers ?? []).flatMap((container) => container.image ?? []),
    label: ({ it }) => Object.entries(it.labels ?? {}).map(([name, value]) => `${name}=${value}`),
  },
};

export const DEPLOYMENT_FIELDS: Fields<Of<Deployment>> = {
  text: ({ it, cluster }) => `${it.name} ${it.namespace} ${clusterName(cluster)}`.toLowerCase(),
  fields: {
    name: ({ it }) => it.name,
    namespace: ({ it }) => it.namespace,
    ns: ({ it }) => it.namespace,
    cluster: ({ cluster }) => clusterName(cluster),
    wanted: ({ it }) => it.desiredReplicas ?? 0,
    available: ({ it }) => it.availableReplicas ?? 0,
  },
};

export const NODE_FIELDS: Fields<Of<KubernetesNode>> = {
  text: ({ it, cluster }) =>
    `${it.name} ${(it.roles ?? []).join(" ")} ${it.osImage ?? ""} ${clusterName(cluster)}`.toLowerCase(),
  fields: {
    name: ({ it }) => it.name,
    role: ({ it }) => it.roles,
    cluster: ({ cluster }) => clusterName(cluster),
    os: ({ it }) => it.osImage,
    version: ({ it }) => it.kubeletVersion,
    cpu: ({ it }) => it.capacityCpuCores,
  },
};
