// Pods, those with problems first.

import type { JSX } from "solid-js";
import { kubernetesClusters, lastUpdate, serverNow } from "../../api/live";
import type { Pod } from "../../api/types";
import { duration, number } from "../../state/format";
import type { View } from "../../state/view";
import { t } from "../../text";
import { Empty } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { PhoneName } from "../parts/cells";
import { byCluster, byNamespace } from "./groups";
import {
  clusterName,
  type Of,
  POD_FIELDS,
  podAge,
  podHealth,
  podOwner,
  podRank,
  podReady,
  podState,
} from "./model";

export function PodTable(props: {
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
