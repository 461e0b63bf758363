// Kubernetes: clusters above; pods (problems first), workloads and nodes below.

import { createMemo, For, type JSX, Match, Show, Switch } from "solid-js";
import { hasData, kubernetesClusters } from "../../api/live";
import type { Deployment, KubernetesNode, Pod } from "../../api/types";
import { address } from "../../base";
import { oneOf } from "../../state/options";
import { shown } from "../../state/shown";
import { useView } from "../../state/view";
import { t } from "../../text";
import { Empty, Segmented } from "../../ui/controls";
import { Waiting } from "../../ui/Waiting";
import { AlertList } from "../alerts/AlertList";
import { ClusterTable } from "./ClusterTable";
import { rowsOf } from "./model";
import { NodeTable } from "./NodeTable";
import { PodDrawer } from "./PodDrawer";
import { PodTable } from "./PodTable";
import { WorkloadTable } from "./WorkloadTable";

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
          <ClusterTable view={view} rows={clusters()} />
          <For each={[...clusters().keys()]}>{(id) => <AlertList resourceId={id} />}</For>
          <Switch>
            <Match when={list() === "pods"}>
              <PodTable view={view} rows={pods()} tools={tools()} />
            </Match>
            <Match when={list() === "workloads"}>
              <WorkloadTable view={view} rows={deployments()} tools={tools()} />
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
