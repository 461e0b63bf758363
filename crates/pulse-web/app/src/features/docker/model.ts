// What the Docker page derives from hosts and their containers. Pure.

import type { Live } from "../../api/delta";
import type { DockerContainer, DockerHost, DockerService, DockerTask } from "../../api/types";
import type { Fields } from "../../state/filter";
import { known, reason } from "../../state/why";
import { t } from "../../text";
import type { Health } from "../../ui/Mark";

export type LiveDockerHost = Live<DockerHost>;

/** A container and the host that it runs on: its id alone is not unique. */
export interface ContainerRow {
  key: string;
  host: LiveDockerHost;
  container: DockerContainer;
}

export function hostName(host: DockerHost): string {
  return host.customDisplayName || host.displayName || host.hostname;
}

export function hostHealth(host: { status: string }): Health {
  if (host.status === "online") return "ok";
  return host.status === "degraded" ? "warn" : "crit";
}

const rowCache = new WeakMap<DockerContainer, ContainerRow>();

/** All containers; the row of one that did not change, on a host that did not, is the same as before. */
export function containerRows(hosts: Iterable<LiveDockerHost>): Map<string, ContainerRow> {
  const rows = new Map<string, ContainerRow>();
  for (const host of hosts) {
    for (const container of host.containers ?? []) {
      let row = rowCache.get(container);
      if (row?.host !== host) {
        row = { key: `${host.id}/${container.id}`, host, container };
        rowCache.set(container, row);
      }
      rows.set(row.key, row);
    }
  }
  return rows;
}

/** The container that took the place of one that is gone: of its name, on its host. */
export function successor(
  gone: ContainerRow,
  rows: ReadonlyMap<string, ContainerRow>,
): ContainerRow | undefined {
  for (const row of rows.values())
    if (row.host.id === gone.host.id && row.container.name === gone.container.name) return row;
  return undefined;
}

export function stateOf(row: ContainerRow): string {
  return row.host.status === "offline" ? "offline" : (row.container.state ?? "unknown");
}

export function containerHealth(row: ContainerRow): Health {
  const { container } = row;
  switch (stateOf(row)) {
    case "running":
      if (container.health === "unhealthy") return "crit";
      return container.health === "starting" ? "warn" : "ok";
    case "paused":
    case "restarting":
      return "warn";
    case "exited":
      return (container.exitCode ?? 0) === 0 ? "idle" : "warn";
    case "created":
      return "idle";
    default:
      return "crit";
  }
}

const STATES: Readonly<Record<string, string>> = {
  running: t("running"),
  paused: t("paused"),
  restarting: t("restarting"),
  created: t("created"),
  dead: t("dead"),
  offline: t("offline"),
  unknown: t("unknown"),
};

export function stateText(row: ContainerRow): string {
  const { container } = row;
  const state = stateOf(row);
  if (state === "running" && container.health && container.health !== "none")
    return t("running, {health}", { health: container.health });
  if (state === "exited") return t("exited ({code})", { code: container.exitCode ?? "?" });
  return STATES[state] ?? state;
}

/** Whether its figures are of the present. */
export function isRunning(row: ContainerRow): boolean {
  return stateOf(row) === "running";
}

/** Why a figure is not there. */
export function whyNot(row: ContainerRow, ...fields: readonly string[]): string | undefined {
  return row.host.status === "offline" ? t("its host is offline") : reason(row.container, ...fields);
}

export function cpuOf(row: ContainerRow): number | undefined {
  if (!isRunning(row)) return undefined;
  return known(row.container, row.container.cpuPercent, "cpuPercent");
}

/** Percent of all processors of its host: one busy processor of 16 is no trouble. */
export function cpuShareOf(row: ContainerRow): number | undefined {
  const cpu = cpuOf(row);
  return cpu === undefined ? undefined : cpu / Math.max(1, row.host.cpus ?? 1);
}

export function memoryPercent(row: ContainerRow): number | undefined {
  const { container } = row;
  if (!isRunning(row)) return undefined;
  // Without a limit the engine reports none, and a percentage would be of nothing.
  if (!container.memoryLimitBytes) return undefined;
  return known(container, container.memoryPercent, "memoryUsageBytes");
}

export function memoryBytes(row: ContainerRow): number | undefined {
  if (!isRunning(row)) return undefined;
  return known(row.container, row.container.memoryUsageBytes, "memoryUsageBytes");
}

/** Seconds since its start. */
export function uptimeOf(row: ContainerRow, now: number): number | undefined {
  if (!isRunning(row)) return undefined;
  if (row.container.startedAt) return Math.max(0, (now - row.container.startedAt) / 1000);
  return row.container.uptimeSeconds || undefined;
}

/** Under which id notes and the link of a container are kept: by its host and its own id. */
export function linkId({ host, container }: Pick<ContainerRow, "host" | "container">): string {
  return `${host.id}:container:${container.id}`;
}

/** The compose project, in either engine's words. */
export function stackOf(container: DockerContainer): string | undefined {
  return container.labels?.["com.docker.compose.project"] ?? container.labels?.["com.docker.stack.namespace"];
}

export const CONTAINER_FIELDS: Fields<ContainerRow> = {
  text: ({ container, host }) =>
    `${container.name} ${container.image ?? ""} ${hostName(host)} ${stackOf(container) ?? ""}`.toLowerCase(),
  fields: {
    name: ({ container }) => container.name,
    image: ({ container }) => container.image,
    host: ({ host }) => hostName(host),
    stack: ({ container }) => stackOf(container),
    state: stateOf,
    status: stateOf,
    health: ({ container }) => container.health,
    cpu: cpuOf,
    mem: memoryPercent,
    memory: memoryPercent,
    restarts: ({ container }) => container.restartCount,
    update: ({ container }) => (hasUpdate(container) ? "yes" : "no"),
  },
};

/** Whether a newer image is there; undefined where nobody looked. */
export function hasUpdate(container: DockerContainer): boolean | undefined {
  const status = container.updateStatus;
  return status == null || status.error ? undefined : status.updateAvailable;
}

/** A service of a swarm, and the host that told of it. */
export interface ServiceRow {
  key: string;
  host: LiveDockerHost;
  service: DockerService;
  tasks: readonly DockerTask[];
}

/** Every service once: each manager of a swarm tells of all of them. */
export function serviceRows(hosts: Iterable<LiveDockerHost>): Map<string, ServiceRow> {
  const rows = new Map<string, ServiceRow>();
  for (const host of hosts) {
    for (const service of host.services ?? []) {
      const key = `${host.swarm?.clusterId ?? host.id}/${service.id}`;
      if (rows.has(key)) continue;
      const tasks = (host.tasks ?? []).filter((task) => task.serviceId === service.id);
      rows.set(key, { key, host, service, tasks });
    }
  }
  return rows;
}

export function serviceHealth({ service }: ServiceRow): Health {
  const wanted = service.desiredTasks ?? 0;
  const running = service.runningTasks ?? 0;
  if (wanted === 0) return "idle";
  if (running >= wanted) return "ok";
  return running === 0 ? "crit" : "warn";
}

export const SERVICE_FIELDS: Fields<ServiceRow> = {
  text: ({ service, host }) =>
    `${service.name} ${service.image ?? ""} ${service.stack ?? ""} ${hostName(host)}`.toLowerCase(),
  fields: {
    name: ({ service }) => service.name,
    image: ({ service }) => service.image,
    stack: ({ service }) => service.stack,
    mode: ({ service }) => service.mode,
    running: ({ service }) => service.runningTasks,
  },
};

/** Whether the command is the update of this container: its id says of which. */
export function isUpdateOf(
  command: { id: string; type: string } | null | undefined,
  containerId: string,
): boolean {
  return command?.type === "update_container" && command.id.endsWith(`:${containerId}`);
}

/** How far a command for the agent got; undefined while the host's state does not know of it. */
export function commandState(
  command: { status: string } | null | undefined,
): "waits" | "runs" | "done" | "failed" | undefined {
  switch (command?.status) {
    case undefined:
      return undefined;
    case "completed":
      return "done";
    case "failed":
    case "expired":
      return "failed";
    case "acknowledged":
    case "in_progress":
      return "runs";
    default:
      return "waits";
  }
}

/** Tasks that run, of those that are wanted. */
export function runningText({ service }: ServiceRow): string {
  return t("{shown} of {total}", { shown: service.runningTasks ?? 0, total: service.desiredTasks ?? 0 });
}

export function portsText({ service }: ServiceRow): string {
  return (service.endpointPorts ?? [])
    .map((port) =>
      port.publishedPort
        ? `${port.publishedPort} → ${port.targetPort ?? ""}/${port.protocol ?? "tcp"}`
        : `${port.targetPort ?? ""}/${port.protocol ?? "tcp"}`,
    )
    .join(", ");
}
