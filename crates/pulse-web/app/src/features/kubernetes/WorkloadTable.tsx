// Deployments, and other workloads.

import type { JSX } from "solid-js";
import type { Deployment } from "../../api/types";
import { number } from "../../state/format";
import type { View } from "../../state/view";
import { t } from "../../text";
import { Empty } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { PhoneName } from "../parts/cells";
import { byCluster, byNamespace } from "./groups";
import { clusterName, DEPLOYMENT_FIELDS, deploymentHealth, type Of } from "./model";

export function WorkloadTable(props: {
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
