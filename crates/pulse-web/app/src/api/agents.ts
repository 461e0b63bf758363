// What is decided about agents: names, what is hidden, removed or linked, and commands for Docker hosts.

import { api, done } from "./client";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type AgentKind = "host" | "docker" | "kubernetes";
export type AgentDecisions = Schemas["AgentDecisions"];

/** The trail of what people decided. */
export const agentDecisions = (): Promise<AgentDecisions> => done(api.GET("/api/agents/decisions"));

/** An empty name takes the given one away. Hosts are named by themselves. */
export const renameAgent = (
  kind: Exclude<AgentKind, "host">,
  id: string,
  displayName: string,
): Promise<unknown> =>
  kind === "docker"
    ? done(
        api.PUT("/api/agents/docker/hosts/{hostId}/display-name", {
          params: { path: { hostId: id } },
          body: { displayName },
        }),
      )
    : done(
        api.PUT("/api/agents/kubernetes/clusters/{clusterId}/display-name", {
          params: { path: { clusterId: id } },
          body: { displayName },
        }),
      );

/** What is hidden goes on reporting. */
export const hideAgent = (kind: Exclude<AgentKind, "host">, id: string): Promise<unknown> =>
  kind === "docker"
    ? done(
        api.DELETE("/api/agents/docker/hosts/{hostId}", {
          params: { path: { hostId: id }, query: { hide: "true" } },
        }),
      )
    : done(
        api.DELETE("/api/agents/kubernetes/clusters/{clusterId}", {
          params: { path: { clusterId: id }, query: { hide: true } },
        }),
      );

export const showAgent = (kind: Exclude<AgentKind, "host">, id: string): Promise<unknown> =>
  kind === "docker"
    ? done(api.PUT("/api/agents/docker/hosts/{hostId}/unhide", { params: { path: { hostId: id } } }))
    : done(
        api.PUT("/api/agents/kubernetes/clusters/{clusterId}/unhide", {
          params: { path: { clusterId: id } },
        }),
      );

/** With `isForced` a Docker host is gone at once; else its agent is asked to stop first. */
export async function removeAgent(kind: AgentKind, id: string, isForced: boolean): Promise<void> {
  if (kind === "host") await done(api.DELETE("/api/agents/host/{id}", { params: { path: { id } } }));
  else if (kind === "docker")
    await done(
      api.DELETE("/api/agents/docker/hosts/{hostId}", {
        params: { path: { hostId: id }, query: isForced ? { force: "true" } : {} },
      }),
    );
  else
    await done(
      api.DELETE("/api/agents/kubernetes/clusters/{clusterId}", { params: { path: { clusterId: id } } }),
    );
}

/** Notes that it is about to be uninstalled by hand; the note goes when it is removed. */
export const markGoing = (kind: Exclude<AgentKind, "host">, id: string): Promise<unknown> =>
  kind === "docker"
    ? done(
        api.PUT("/api/agents/docker/hosts/{hostId}/pending-uninstall", { params: { path: { hostId: id } } }),
      )
    : done(
        api.PUT("/api/agents/kubernetes/clusters/{clusterId}/pending-uninstall", {
          params: { path: { clusterId: id } },
        }),
      );

/** Lets one that was removed report again. */
export const allowReenroll = (kind: AgentKind, id: string): Promise<unknown> => {
  if (kind === "host")
    return done(api.POST("/api/agents/host/{id}/allow-reenroll", { params: { path: { id } } }));
  return kind === "docker"
    ? done(api.POST("/api/agents/docker/hosts/{hostId}/allow-reenroll", { params: { path: { hostId: id } } }))
    : done(
        api.POST("/api/agents/kubernetes/clusters/{clusterId}/allow-reenroll", {
          params: { path: { clusterId: id } },
        }),
      );
};

export const linkHost = (hostId: string, nodeId: string): Promise<unknown> =>
  done(api.POST("/api/agents/host/link", { body: { hostId, nodeId } }));

export const unlinkHost = (hostId: string): Promise<unknown> =>
  done(api.POST("/api/agents/host/unlink", { body: { hostId } }));

/** `null` leaves it to the agent. */
export const setCommands = (id: string, commandsEnabled: boolean | null): Promise<unknown> =>
  done(api.PATCH("/api/agents/host/{id}/config", { params: { path: { id } }, body: { commandsEnabled } }));

/** The agent asks all registries with its next report. */
export const checkImages = (hostId: string): Promise<unknown> =>
  done(api.POST("/api/agents/docker/hosts/{hostId}/check-updates", { params: { path: { hostId } } }));

/** The agent goes back to the old container where the new one does not work. */
export const updateContainer = (
  hostId: string,
  containerId: string,
  containerName: string,
): Promise<Schemas["Queued"]> =>
  done(api.POST("/api/agents/docker/containers/update", { body: { hostId, containerId, containerName } }));

export type InfraUpdate = Schemas["InfraUpdateBody"];

/** Updates that wait; the server says `null` for none. */
export const waitingUpdates = async (): Promise<readonly InfraUpdate[]> =>
  (await done(api.GET("/api/infra-updates"))).updates ?? [];

/** All agents of Docker hosts look for newer images with their next report. */
export const checkAllUpdates = (): Promise<unknown> =>
  done(api.POST("/api/infra-updates/check", { body: {} }));
