// The agents that report, of all kinds, as one list. Pure.

import type { AgentKind } from "../../api/agents";
import type { Cluster, DockerHost, Host } from "../../api/types";
import { shellQuoted } from "./install";

export interface ManagedAgent {
  key: string;
  kind: AgentKind;
  id: string;
  name: string;
  /** The name that a person gave it. */
  givenName: string;
  status: string;
  version: string | undefined;
  isHidden: boolean;
  /** It was asked to stop, or is about to be uninstalled by hand. */
  isGoing: boolean;
  isWindows: boolean;
  nodeId: string | undefined;
  commandsEnabled: boolean | undefined;
}

/** Some agents write `v5.1.0`, others `5.1.0`. */
function versionText(version: string | undefined): string | undefined {
  return version?.replace(/^v(?=\d)/, "");
}

export function managedAgents(
  hosts: Iterable<Host>,
  dockerHosts: Iterable<DockerHost>,
  clusters: Iterable<Cluster>,
): ManagedAgent[] {
  const none = {
    givenName: "",
    isHidden: false,
    isGoing: false,
    isWindows: false,
    nodeId: undefined,
    commandsEnabled: undefined,
  };
  const all: ManagedAgent[] = [];
  for (const host of hosts)
    all.push({
      ...none,
      key: `host:${host.id}`,
      kind: "host",
      id: host.id,
      name: host.displayName || host.hostname,
      status: host.status,
      version: versionText(host.agentVersion),
      isWindows: /windows/i.test(`${host.platform ?? ""} ${host.osName ?? ""}`),
      nodeId: host.linkedNodeId || undefined,
      commandsEnabled: host.commandsEnabled,
    });
  for (const host of dockerHosts)
    all.push({
      ...none,
      key: `docker:${host.id}`,
      kind: "docker",
      id: host.id,
      name: host.customDisplayName || host.displayName || host.hostname,
      givenName: host.customDisplayName ?? "",
      status: host.status,
      version: versionText(host.agentVersion),
      isHidden: host.hidden === true,
      isGoing: host.pendingUninstall === true,
    });
  for (const cluster of clusters)
    all.push({
      ...none,
      key: `kubernetes:${cluster.id}`,
      kind: "kubernetes",
      id: cluster.id,
      name: cluster.customDisplayName || cluster.displayName || cluster.id,
      givenName: cluster.customDisplayName ?? "",
      status: cluster.status,
      version: versionText(cluster.agentVersion),
      isHidden: cluster.hidden === true,
      isGoing: cluster.pendingUninstall === true,
    });
  return all.sort((a, b) => a.name.localeCompare(b.name) || a.key.localeCompare(b.key));
}

/** What takes the agent off the machine itself. */
export function uninstallCommand(agent: Pick<ManagedAgent, "kind" | "isWindows">, address: string): string {
  const url = address.trim().replace(/\/+$/, "");
  if (agent.kind === "kubernetes") return "kubectl -n pulse delete deployment pulse-agent";
  if (agent.isWindows) {
    const script = `'${`${url}/install.ps1`.replaceAll("'", "''")}'`;
    return `& ([scriptblock]::Create((irm ${script}))) -Uninstall`;
  }
  return `curl -fsSL ${shellQuoted(`${url}/install.sh`)} | sh -s -- --uninstall`;
}
