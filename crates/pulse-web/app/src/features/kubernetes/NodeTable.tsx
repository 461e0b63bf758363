// Nodes of clusters.

import type { JSX } from "solid-js";
import type { KubernetesNode } from "../../api/types";
import { bytes, number } from "../../state/format";
import type { View } from "../../state/view";
import { t } from "../../text";
import { Empty } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { PhoneName } from "../parts/cells";
import { byCluster } from "./groups";
import { NODE_FIELDS, nodeHealth, nodeState, type Of } from "./model";

export function NodeTable(props: {
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
