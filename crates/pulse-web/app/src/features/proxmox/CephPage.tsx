// Ceph: each cluster with its health, daemons, and pools.

import { For, type JSX, Show } from "solid-js";
import type { Live } from "../../api/delta";
import { cephClusters } from "../../api/live";
import type { CephCluster } from "../../api/types";
import { bytes, number } from "../../state/format";
import { sortRows } from "../../state/order";
import { useView, type View } from "../../state/view";
import { t, tn } from "../../text";
import { Badge, Empty, Fact, Facts, Note } from "../../ui/controls";
import { type Health, Mark } from "../../ui/Mark";
import { DISK_LIMITS, Meter } from "../../ui/Meter";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { PhoneName, ShareMeter } from "../parts/cells";
import styles from "./Cards.module.css";
import { cephHealth } from "./storageModel";

type Pool = NonNullable<CephCluster["pools"]>[number];

export default function CephPage(): JSX.Element {
  const view = useView("ceph", []);
  return (
    <>
      <h1 class="sr">Ceph</h1>
      <Show when={cephClusters().size === 0}>
        <Empty title={t("No Ceph cluster")}>
          <p>{t("No cluster that is watched has Ceph, and no agent reports one.")}</p>
        </Empty>
      </Show>
      <For each={sortRows([...cephClusters().keys()], (id) => id, false)}>
        {(id) => (
          <Show when={cephClusters().get(id)}>
            {(cluster) => <Cluster cluster={cluster()} view={view} />}
          </Show>
        )}
      </For>
    </>
  );
}

function Cluster(props: { cluster: Live<CephCluster>; view: View }): JSX.Element {
  const cluster = (): Live<CephCluster> => props.cluster;
  const osds = (): Health => {
    const { numOsds = 0, numOsdsUp = 0, numOsdsIn = 0 } = cluster();
    if (numOsdsUp < numOsds) return "crit";
    return numOsdsIn < numOsds ? "warn" : "ok";
  };
  const pools = () => new Map((cluster().pools ?? []).map((pool) => [String(pool.id), pool]));
  const columns: Column<Pool>[] = [
    {
      id: "name",
      title: t("Pool"),
      sort: "ascending",
      value: (pool) => pool.name,
      isFixed: true,
      cell: () => "",
    },
    {
      id: "used",
      title: t("Used"),
      sort: "descending",
      value: (pool) => pool.percentUsed,
      cell: (pool) => <Meter value={pool().percentUsed} limits={DISK_LIMITS} />,
    },
    {
      id: "stored",
      title: t("On disk"),
      hint: t("What the pool takes, all copies together"),
      width: 110,
      isNumber: true,
      sort: "descending",
      value: (pool) => pool.storedBytes,
      cell: (pool) => bytes(pool().storedBytes ?? 0),
    },
    {
      id: "available",
      title: t("Available"),
      hint: t("What the pool could still take, all copies together"),
      width: 110,
      isNumber: true,
      sort: "ascending",
      value: (pool) => pool.availableBytes,
      cell: (pool) => bytes(pool().availableBytes ?? 0),
    },
    {
      id: "objects",
      title: t("Objects"),
      width: 110,
      isNumber: true,
      sort: "descending",
      value: (pool) => pool.objects,
      cell: (pool) => (
        <Value
          value={pool().objects || undefined}
          text={(count) => number(count)}
          why={t("Proxmox VE does not say how many objects a pool holds")}
        />
      ),
    },
  ];
  const phone: Column<Pool>[] = [
    { id: "name", title: t("Pool"), width: 170, cell: () => "" },
    {
      id: "used",
      title: t("Used"),
      cell: (pool) => <Meter value={pool().percentUsed} limits={DISK_LIMITS} />,
    },
  ];
  return (
    <section class={styles.card} aria-label={cluster().name}>
      <header class={styles.head}>
        <h2>
          <Mark health={cephHealth(cluster())} label={cluster().health} />{" "}
          {cluster().name || cluster().instance}
        </h2>
        <Badge health={cephHealth(cluster())}>{cluster().health}</Badge>
      </header>
      <Show when={cephHealth(cluster()) !== "ok" && cluster().healthMessage}>
        {(text) => <Note health={cephHealth(cluster())}>{text()}</Note>}
      </Show>
      <div class={styles.columns}>
        <Facts>
          <Fact name={t("Used")}>
            <ShareMeter
              share={
                cluster().totalBytes
                  ? {
                      percent: cluster().usagePercent ?? 0,
                      used: cluster().usedBytes ?? 0,
                      total: cluster().totalBytes ?? 0,
                    }
                  : undefined
              }
              limits={DISK_LIMITS}
              why={t("the cluster reports no size")}
            />
          </Fact>
          <Fact name={t("OSDs")}>
            <span class="row">
              <Mark health={osds()} label="" />
              {t("{up} of {all} up, {in} in", {
                up: cluster().numOsdsUp ?? 0,
                all: cluster().numOsds ?? 0,
                in: cluster().numOsdsIn ?? 0,
              })}
            </span>
          </Fact>
          <Fact name={t("Placement groups")}>{number(cluster().numPGs ?? 0)}</Fact>
          <Fact name={t("Instance")}>{cluster().instance}</Fact>
        </Facts>
        <Facts>
          <Fact name={t("Monitors")}>{tn("{n} monitor", "{n} monitors", cluster().numMons ?? 0)}</Fact>
          <Fact name={t("Managers")}>{tn("{n} manager", "{n} managers", cluster().numMgrs ?? 0)}</Fact>
          <For each={cluster().services ?? []}>
            {(service) => (
              <Fact name={service.type}>
                <span class="row">
                  <Mark health={(service.running ?? 0) < (service.total ?? 0) ? "warn" : "ok"} label="" />
                  {t("{running} of {all} running", {
                    running: service.running ?? 0,
                    all: service.total ?? 0,
                  })}
                </span>
                <Show when={service.message}>{(text) => <span class="soft">{text()}</span>}</Show>
              </Fact>
            )}
          </For>
        </Facts>
      </div>
      <Show when={pools().size > 0}>
        <Table<Pool>
          id="ceph-pools"
          isBare
          label={t("Pools of {name}", { name: cluster().name })}
          view={props.view}
          rows={pools()}
          key={(pool) => String(pool.id)}
          columns={columns}
          phone={phone}
          name={(pool) => <PhoneName name={pool.name} below={bytes(pool.storedBytes ?? 0)} />}
          sort={{ column: "name", descending: false }}
        />
      </Show>
    </section>
  );
}
