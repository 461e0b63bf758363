// Kubernetes: clusters above; pods (problems first), workloads and nodes below.

import { createMemo, For, type JSX, Match, Show, Switch } from "solid-js";
import { hasData, kubernetesClusters, lastUpdate, serverNow } from "../../api/live";
import type { Deployment, KubernetesNode, Pod } from "../../api/types";
import { address } from "../../base";
import { bytes, duration, moment, number } from "../../state/format";
import { oneOf } from "../../state/options";
import { shown } from "../../state/shown";
import { useView, type View } from "../../state/view";
import { t, tn } from "../../text";
import { Badge, Empty, Fact, Facts, Note, Segmented } from "../../ui/controls";
import { Drawer, DrawerSection } from "../../ui/Drawer";
import { Mark } from "../../ui/Mark";
import { type Column, type Grouping, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { Waiting } from "../../ui/Waiting";
import { AlertList } from "../alerts/AlertList";
import { PhoneName } from "../parts/cells";
import { LastSeen } from "../parts/LastSeen";
import lists from "../parts/lists.module.css";
import {
  clusterHealth,
  clusterName,
  DEPLOYMENT_FIELDS,
  deploymentHealth,
  type LiveCluster,
  NODE_FIELDS,
  nodeHealth,
  nodeState,
  type Of,
  POD_FIELDS,
  podAge,
  podHealth,
  podOwner,
  podRank,
  podReady,
  podState,
  rowsOf,
} from "./model";

const LISTS = [
  { id: "pods", title: t("Pods") },
  { id: "workloads", title: t("Workloads") },
  { id: "nodes", title: t("Nodes") },
] as const;

export default function KubernetesPage(): JSX.Element {
  const view = useView("kubernetes", ["sort", "group", "list"]);
  const list = createMemo(() => oneOf(view.get("list"), LISTS, "pods"));
  const clusters = createMemo(() => shown(kubernetesClusters()));
  const pods = createMemo(() => rowsOf<Pod>(clusters().values(), (cluster) => cluster.pods));
  const deployments = createMemo(() =>
    rowsOf<Deployment>(clusters().values(), (cluster) => cluster.deployments),
  );
  const nodes = createMemo(() => rowsOf<KubernetesNode>(clusters().values(), (cluster) => cluster.nodes));
  const open = (): string => view.get("open") ?? "";
  const tools = (): JSX.Element => (
    <Segmented
      label={t("List")}
      options={LISTS}
      value={list()}
      onChange={(id) => view.set({ list: id, sort: undefined, group: undefined, q: undefined })}
    />
  );
  const columns: Column<LiveCluster>[] = [
    {
      id: "name",
      title: t("Cluster"),
      sort: "ascending",
      value: clusterName,
      isFixed: true,
      cell: (row) => <Mark health={clusterHealth(row())} label={row().status} />,
    },
    {
      id: "version",
      title: t("Version"),
      width: 140,
      from: 700,
      value: (cluster) => cluster.version,
      cell: (row) => <Show when={row().version}>{(version) => <Badge>{version()}</Badge>}</Show>,
    },
    {
      id: "nodes",
      title: t("Nodes ready"),
      width: 120,
      isNumber: true,
      value: (cluster) => cluster.nodes?.length,
      cell: (row) => (
        <Value
          value={row().nodes}
          text={(all) =>
            t("{shown} of {total}", {
              shown: all.filter((node) => node.ready === true).length,
              total: all.length,
            })
          }
          why={t("the agent may not read the nodes")}
        />
      ),
    },
    {
      id: "pods",
      title: t("Pods in order"),
      width: 130,
      isNumber: true,
      value: (cluster) => cluster.pods?.length,
      cell: (row) => {
        const rows = (): Of<Pod>[] => (row().pods ?? []).map((it) => ({ key: it.uid, cluster: row(), it }));
        return (
          <span>
            {t("{shown} of {total}", {
              shown: rows().filter((pod) => podRank(pod) >= 2).length,
              total: rows().length,
            })}
          </span>
        );
      },
    },
    {
      id: "server",
      title: t("Server"),
      from: 900,
      value: (cluster) => cluster.server,
      cell: (row) => <span class="soft">{row().server}</span>,
    },
    {
      id: "seen",
      title: t("Heard"),
      width: 140,
      isNumber: true,
      cell: (row) => (
        <span class="soft">
          <LastSeen row={{ lastSeen: row().lastSeen ?? 0, clockAt: row().clockAt, status: row().status }} />
        </span>
      ),
    },
  ];
  const phone: Column<LiveCluster>[] = [
    {
      id: "name",
      title: t("Cluster"),
      cell: (row) => <Mark health={clusterHealth(row())} label={row().status} />,
    },
    {
      id: "pods",
      title: t("Pods"),
      width: 110,
      isNumber: true,
      cell: (row) => tn("{n} pod", "{n} pods", row().pods?.length ?? 0),
    },
  ];

  return (
    <div class="page">
      <h1 class="sr">Kubernetes</h1>
      <Show when={hasData()} fallback={<Waiting what={t("clusters")} />}>
        <Show
          when={clusters().size > 0}
          fallback={
            <Empty title={t("No Kubernetes cluster yet")}>
              <p>
                {t(
                  "Start pulse-agent in the cluster with an API token that has the scope kubernetes:report, and the cluster appears here with the first report.",
                )}
              </p>
              <p>
                <a href={address("/settings/agents")}>{t("How to install the agent")}</a>
              </p>
            </Empty>
          }
        >
          <Table<LiveCluster>
            id="clusters"
            isBare
            label={t("Clusters")}
            view={view}
            sortName="clustersort"
            rows={clusters()}
            key={(cluster) => cluster.id}
            columns={columns}
            phone={phone}
            name={(cluster) => <PhoneName name={clusterName(cluster)} below={cluster.version} />}
            first={(cluster) => (cluster.status === "online" ? 1 : 0)}
            sort={{ column: "name", descending: false }}
            tone={(cluster) => (cluster.status === "online" ? undefined : "dim")}
          />
          <For each={[...clusters().keys()]}>{(id) => <AlertList resourceId={id} />}</For>
          <Switch>
            <Match when={list() === "pods"}>
              <PodTable view={view} rows={pods()} tools={tools()} />
            </Match>
            <Match when={list() === "workloads"}>
              <DeploymentTable view={view} rows={deployments()} tools={tools()} />
            </Match>
            <Match when={list() === "nodes"}>
              <NodeTable view={view} rows={nodes()} tools={tools()} />
            </Match>
          </Switch>
        </Show>
        <Show when={pods().get(open())}>
          {(row) => <PodDrawer row={row()} onClose={() => view.set({ open: undefined })} />}
        </Show>
      </Show>
    </div>
  );
}

function byCluster<T>(): Grouping<Of<T>> {
  return {
    id: "cluster",
    title: t("By cluster"),
    of: ({ cluster }) => ({ key: cluster.id, title: clusterName(cluster) }),
  };
}

function byNamespace<T extends { namespace: string }>(): Grouping<Of<T>> {
  return {
    id: "namespace",
    title: t("By namespace"),
    of: ({ cluster, it }) => ({ key: `${cluster.id}/${it.namespace}`, title: it.namespace }),
  };
}

function PodTable(props: {
  view: View;
  rows: ReadonlyMap<string, Of<Pod>>;
  tools: JSX.Element;
}): JSX.Element {
  const mark = (row: Of<Pod>): JSX.Element => <Mark health={podHealth(row)} label={podState(row.it)} />;
  const columns: Column<Of<Pod>>[] = [
    {
      id: "name",
      title: t("Pod"),
      sort: "ascending",
      value: ({ it }) => it.name,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    {
      id: "namespace",
      title: t("Namespace"),
      width: 150,
      sort: "ascending",
      value: ({ it }) => it.namespace,
      cell: (row) => row().it.namespace,
    },
    {
      id: "state",
      title: t("State"),
      width: 160,
      sort: "ascending",
      value: ({ it }) => podState(it),
      cell: (row) => <span title={row().it.message}>{podState(row().it)}</span>,
    },
    {
      id: "ready",
      title: t("Ready"),
      width: 80,
      isNumber: true,
      value: ({ it }) => podReady(it),
      cell: (row) => podReady(row().it),
    },
    {
      id: "restarts",
      title: t("Restarts"),
      width: 80,
      isNumber: true,
      sort: "descending",
      value: ({ it }) => it.restarts ?? 0,
      cell: (row) => number(row().it.restarts ?? 0),
    },
    {
      id: "age",
      title: t("Age"),
      width: 100,
      from: 800,
      isNumber: true,
      sort: "ascending",
      value: ({ it }) => podAge(it, lastUpdate()),
      cell: (row) => (
        <Value value={podAge(row().it, serverNow())} text={duration} why={t("the pod has not started")} />
      ),
    },
    {
      id: "node",
      title: t("Node"),
      width: 150,
      from: 900,
      sort: "ascending",
      value: ({ it }) => it.nodeName,
      cell: (row) => row().it.nodeName ?? "",
    },
    {
      id: "owner",
      title: t("Owner"),
      from: 1100,
      sort: "ascending",
      value: ({ it }) => podOwner(it),
      cell: (row) => <span class="soft">{podOwner(row().it)}</span>,
    },
    {
      id: "cluster",
      title: t("Cluster"),
      width: 130,
      // Two clusters may have a pod of one name.
      ...(kubernetesClusters().size > 1 ? { from: 1000 } : { isExtra: true }),
      sort: "ascending",
      value: ({ cluster }) => clusterName(cluster),
      cell: (row) => clusterName(row().cluster),
    },
  ];
  const phone: Column<Of<Pod>>[] = [
    { id: "name", title: t("Pod"), cell: (row) => mark(row()) },
    { id: "state", title: t("State"), width: 130, cell: (row) => podState(row().it) },
  ];
  const open = (): string => props.view.get("open") ?? "";
  return (
    <Table<Of<Pod>>
      id="pods"
      label={t("Pods")}
      view={props.view}
      rows={props.rows}
      key={(row) => row.key}
      columns={columns}
      phone={phone}
      name={({ it }) => <PhoneName name={it.name} below={it.namespace} />}
      fields={POD_FIELDS}
      groups={[byNamespace<Pod>(), byCluster<Pod>()]}
      isFlatAtFirst
      first={podRank}
      sort={{ column: "name", descending: false }}
      open={props.view.get("open")}
      onOpen={(key) => (open() === "" ? props.view.go({ open: key }) : props.view.set({ open: key }))}
      tone={(row) => (podHealth(row) === "idle" ? "dim" : undefined)}
      tools={props.tools}
      empty={
        <Empty title={t("No pods")}>
          <p>{t("The agents report no pod; they may be told to report only some namespaces.")}</p>
        </Empty>
      }
    />
  );
}

function DeploymentTable(props: {
  view: View;
  rows: ReadonlyMap<string, Of<Deployment>>;
  tools: JSX.Element;
}): JSX.Element {
  const mark = (row: Of<Deployment>): JSX.Element => (
    <Mark health={deploymentHealth(row)} label={available(row)} />
  );
  // The wire leaves a count of 0 out.
  const available = ({ it }: Of<Deployment>): string =>
    t("{shown} of {total}", { shown: it.availableReplicas ?? 0, total: it.desiredReplicas ?? 0 });
  const columns: Column<Of<Deployment>>[] = [
    {
      id: "name",
      title: t("Deployment"),
      sort: "ascending",
      value: ({ it }) => it.name,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    {
      id: "namespace",
      title: t("Namespace"),
      sort: "ascending",
      value: ({ it }) => it.namespace,
      cell: (row) => row().it.namespace,
    },
    {
      id: "available",
      title: t("Available"),
      width: 110,
      isNumber: true,
      sort: "ascending",
      value: ({ it }) => (it.availableReplicas ?? 0) - (it.desiredReplicas ?? 0),
      csv: available,
      cell: (row) => available(row()),
    },
    {
      id: "ready",
      title: t("Ready"),
      width: 90,
      isNumber: true,
      sort: "descending",
      value: ({ it }) => it.readyReplicas ?? 0,
      cell: (row) => number(row().it.readyReplicas ?? 0),
    },
    {
      id: "updated",
      title: t("Updated"),
      width: 90,
      isNumber: true,
      sort: "descending",
      value: ({ it }) => it.updatedReplicas ?? 0,
      cell: (row) => number(row().it.updatedReplicas ?? 0),
    },
    {
      id: "cluster",
      title: t("Cluster"),
      sort: "ascending",
      value: ({ cluster }) => clusterName(cluster),
      cell: (row) => clusterName(row().cluster),
    },
  ];
  const phone: Column<Of<Deployment>>[] = [
    { id: "name", title: t("Deployment"), cell: (row) => mark(row()) },
    { id: "available", title: t("Available"), width: 90, isNumber: true, cell: (row) => available(row()) },
  ];
  return (
    <Table<Of<Deployment>>
      id="deployments"
      label={t("Workloads")}
      view={props.view}
      rows={props.rows}
      key={(row) => row.key}
      columns={columns}
      phone={phone}
      name={({ it }) => <PhoneName name={it.name} below={it.namespace} />}
      fields={DEPLOYMENT_FIELDS}
      groups={[byNamespace<Deployment>(), byCluster<Deployment>()]}
      isFlatAtFirst
      first={(row) => ({ crit: 0, warn: 1, ok: 2, idle: 2 })[deploymentHealth(row)]}
      sort={{ column: "name", descending: false }}
      tools={props.tools}
      empty={
        <Empty title={t("No workloads")}>
          <p>{t("The agents report no deployment.")}</p>
        </Empty>
      }
    />
  );
}

function NodeTable(props: {
  view: View;
  rows: ReadonlyMap<string, Of<KubernetesNode>>;
  tools: JSX.Element;
}): JSX.Element {
  const mark = (row: Of<KubernetesNode>): JSX.Element => (
    <Mark health={nodeHealth(row)} label={nodeState(row)} />
  );
  const columns: Column<Of<KubernetesNode>>[] = [
    {
      id: "name",
      title: t("Node"),
      sort: "ascending",
      value: ({ it }) => it.name,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    { id: "state", title: t("State"), width: 150, value: nodeState, cell: (row) => nodeState(row()) },
    {
      id: "roles",
      title: t("Roles"),
      width: 160,
      value: ({ it }) => it.roles?.join(" "),
      cell: (row) => <span class="soft">{row().it.roles?.join(", ")}</span>,
    },
    {
      id: "version",
      title: t("Version"),
      width: 120,
      sort: "ascending",
      value: ({ it }) => it.kubeletVersion,
      cell: (row) => row().it.kubeletVersion ?? "",
    },
    {
      id: "cpu",
      title: t("Cores"),
      width: 80,
      isNumber: true,
      sort: "descending",
      value: ({ it }) => it.capacityCpuCores,
      cell: (row) => <Value value={row().it.capacityCpuCores} text={(cores) => number(cores, 1)} />,
    },
    {
      id: "memory",
      title: t("Memory"),
      width: 100,
      isNumber: true,
      sort: "descending",
      value: ({ it }) => it.capacityMemoryBytes,
      cell: (row) => <Value value={row().it.capacityMemoryBytes} text={bytes} />,
    },
    {
      id: "pods",
      title: t("Pods at most"),
      width: 110,
      isNumber: true,
      value: ({ it }) => it.capacityPods,
      cell: (row) => <Value value={row().it.capacityPods} text={(pods) => number(pods)} />,
    },
    {
      id: "os",
      title: t("System"),
      from: 1000,
      sort: "ascending",
      value: ({ it }) => it.osImage,
      cell: (row) => <span class="soft">{row().it.osImage}</span>,
    },
  ];
  const phone: Column<Of<KubernetesNode>>[] = [
    { id: "name", title: t("Node"), cell: (row) => mark(row()) },
    { id: "state", title: t("State"), width: 130, cell: (row) => nodeState(row()) },
  ];
  return (
    <Table<Of<KubernetesNode>>
      id="kubernetes-nodes"
      label={t("Nodes")}
      view={props.view}
      rows={props.rows}
      key={(row) => row.key}
      columns={columns}
      phone={phone}
      name={({ it }) => <PhoneName name={it.name} below={it.kubeletVersion} />}
      fields={NODE_FIELDS}
      groups={[byCluster<KubernetesNode>()]}
      sort={{ column: "name", descending: false }}
      first={(row) => (nodeHealth(row) === "crit" ? 0 : 1)}
      tools={props.tools}
      empty={
        <Empty title={t("No nodes")}>
          <p>{t("The agents report no node; their role may lack the right to list them.")}</p>
        </Empty>
      }
    />
  );
}

function PodDrawer(props: { row: Of<Pod>; onClose: () => void }): JSX.Element {
  const pod = (): Pod => props.row.it;
  return (
    <Drawer
      onClose={props.onClose}
      title={
        <>
          <Mark health={podHealth(props.row)} label={podState(pod())} />
          {pod().name}
        </>
      }
      subtitle={`${pod().namespace} · ${clusterName(props.row.cluster)}`}
    >
      <AlertList resourceId={props.row.key} />
      <Show when={pod().message}>{(text) => <Note health={podHealth(props.row)}>{text()}</Note>}</Show>
      <Facts>
        <Fact name={t("State")}>{podState(pod())}</Fact>
        <Fact name={t("Ready")}>{podReady(pod())}</Fact>
        <Fact name={t("Restarts")}>{number(pod().restarts ?? 0)}</Fact>
        <Fact name={t("Node")}>
          <Value value={pod().nodeName} text={(name) => name} why={t("no node was chosen yet")} />
        </Fact>
        <Show when={podOwner(pod())}>{(owner) => <Fact name={t("Owner")}>{owner()}</Fact>}</Show>
        <Show when={pod().startTime}>{(at) => <Fact name={t("Started")}>{moment(at())}</Fact>}</Show>
        <Show when={pod().qosClass}>
          {(quality) => <Fact name={t("Quality of service")}>{quality()}</Fact>}
        </Show>
      </Facts>
      <DrawerSection title={t("Containers")}>
        <table class={lists.list} aria-label={t("Containers")}>
          <thead>
            <tr>
              <th scope="col">{t("Name")}</th>
              <th scope="col">{t("State")}</th>
              <th scope="col" class="number">
                {t("Restarts")}
              </th>
            </tr>
          </thead>
          <tbody>
            <For each={pod().containers ?? []}>
              {(container) => (
                <tr>
                  <td class={lists.wrap}>
                    {container.name}
                    <div class={lists.small}>{container.image}</div>
                  </td>
                  <td class={lists.wrap}>
                    <span class={lists.state}>
                      <Mark health={container.ready === true ? "ok" : "warn"} label="" />
                      {container.reason ?? container.state}
                    </span>
                    <div class={lists.small}>{container.message}</div>
                  </td>
                  <td class="number">{number(container.restartCount ?? 0)}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </DrawerSection>
      <Show when={Object.keys(pod().labels ?? {}).length > 0}>
        <DrawerSection title={t("Labels")}>
          <span class="row">
            <For each={Object.entries(pod().labels ?? {})}>
              {([name, value]) => (
                <Badge>
                  {name}={value}
                </Badge>
              )}
            </For>
          </span>
        </DrawerSection>
      </Show>
    </Drawer>
  );
}
