// The clusters that report.

import { type JSX, Show } from "solid-js";
import type { Pod } from "../../api/types";
import type { View } from "../../state/view";
import { t, tn } from "../../text";
import { Badge } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { PhoneName } from "../parts/cells";
import { LastSeen } from "../parts/LastSeen";
import { clusterHealth, clusterName, type LiveCluster, type Of, podRank } from "./model";

export function ClusterTable(props: { view: View; rows: ReadonlyMap<string, LiveCluster> }): JSX.Element {
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
    <Table<LiveCluster>
      id="clusters"
      isBare
      label={t("Clusters")}
      view={props.view}
      sortName="clustersort"
      rows={props.rows}
      key={(cluster) => cluster.id}
      columns={columns}
      phone={phone}
      name={(cluster) => <PhoneName name={clusterName(cluster)} below={cluster.version} />}
      first={(cluster) => (cluster.status === "online" ? 1 : 0)}
      sort={{ column: "name", descending: false }}
      tone={(cluster) => (cluster.status === "online" ? undefined : "dim")}
    />
  );
}
