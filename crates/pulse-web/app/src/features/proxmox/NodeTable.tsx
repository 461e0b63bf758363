// The nodes table, with backup servers and mail gateways. A click on a node shows only its guests below, one on another
// machine its page.

import { A, useNavigate } from "@solidjs/router";
import { createMemo, type JSX, Show } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { backupServers, lastUpdate, mailGateways, nodes, slowUpdate } from "../../api/live";
import { isChanged, JoinedRows } from "../../api/rows";
import { celsius, duration, fixed } from "../../state/format";
import type { View } from "../../state/view";
import { reason } from "../../state/why";
import { t, tn } from "../../text";
import { Badge } from "../../ui/controls";
import { surelyFits } from "../../ui/fit";
import { Mark } from "../../ui/Mark";
import { CPU_LIMITS, DISK_LIMITS, MEMORY_LIMITS, Meter } from "../../ui/Meter";
import { isPhone } from "../../ui/screen";
import { Bounded } from "../../ui/table/Bounded";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { AlertMark } from "../alerts/AlertMark";
import { cellStyles, PhoneName, ShareMeter, Two } from "../parts/cells";
import { type Machine, machineRank, machines, PRODUCTS } from "./machines";
import {
  cpuOf,
  diskOf,
  isVm,
  type LiveGuest,
  type LiveNode,
  memoryOf,
  nodeHealth,
  nodeName,
  nodeStatusText,
  nodeTemperature,
} from "./model";

interface Counts {
  vms: number;
  containers: number;
}

/** What two badges need besides their letters, in pixels. */
const BADGE_EDGES = 2 * 12 + 4;

/** The fields of a guest that decide in which count it is. */
const COUNTED_BY: ReadonlySet<string> = new Set(["instance", "node", "type"]);

export function NodeTable(props: { view: View; guests: ReadonlyMap<string, LiveGuest> }): JSX.Element {
  const guests = createMemo(() => props.guests, undefined, {
    equals: (before, after) => !isChanged(before, after, COUNTED_BY),
  });
  const counts = createMemo(() => {
    // By instance, then by node: a key of both would be a new text for each guest at each update.
    const byInstance = new Map<string, Map<string, Counts>>();
    for (const guest of guests().values()) {
      let byNode = byInstance.get(guest.instance);
      if (byNode === undefined) {
        byNode = new Map();
        byInstance.set(guest.instance, byNode);
      }
      let count = byNode.get(guest.node);
      if (count === undefined) {
        count = { vms: 0, containers: 0 };
        byNode.set(guest.node, count);
      }
      if (isVm(guest)) count.vms += 1;
      else count.containers += 1;
    }
    return byInstance;
  });
  const countsOf = (node: LiveNode): Counts => {
    const of = (instance: string): Counts | undefined => counts().get(instance)?.get(node.name);
    return (
      of(node.instance) ??
      (node.clusterName === undefined ? undefined : of(node.clusterName)) ?? { vms: 0, containers: 0 }
    );
  };
  // Cells ask for their row themselves: given the row's values they would be made anew with each of its changes.
  /** Of a gateway only percentages are known: the place of the absolute figures stays empty, bars as long as others. */
  const bare = (node: Machine): string | undefined => (node.product === "pmg" ? "\u00a0" : undefined);
  const memory = (node: () => Machine, room: () => number): JSX.Element => (
    <ShareMeter
      share={memoryOf(node())}
      limits={MEMORY_LIMITS}
      detail={bare(node())}
      why={reason(node(), "memory", "mem")}
      room={room()}
    />
  );
  const cpu = (node: () => Machine, room: () => number): JSX.Element => {
    // A number and its unit are put together when the number is another one, not whenever the node is busier.
    const cores = createMemo(() => node().cpuInfo?.cores ?? 0);
    const detail = createMemo(() =>
      isPhone() ? undefined : cores() > 0 ? tn("{n} core", "{n} cores", cores()) : "\u00a0",
    );
    return (
      <Meter
        value={cpuOf(node())}
        limits={CPU_LIMITS}
        detail={detail()}
        hasShortDetail
        title={node().cpuInfo?.model}
        why={reason(node(), "cpu")}
        room={room()}
      />
    );
  };
  const mark = (node: () => Machine): JSX.Element => (
    <>
      <Mark health={nodeHealth(node())} label={nodeStatusText(node())} />
      <AlertMark resourceId={node().id} />
    </>
  );
  const details = (node: () => Machine): JSX.Element => (
    <Show
      when={node().product}
      fallback={
        <button
          type="button"
          class={cellStyles.details}
          aria-label={t("Details of {name}", { name: nodeName(node()) })}
          title={t("Details and charts")}
          onClick={() => props.view.go({ open: node().id })}
        />
      }
    >
      {(product) => (
        <A
          class={cellStyles.details}
          href={PRODUCTS[product()].page}
          aria-label={t("Page of {name}", { name: nodeName(node()) })}
          title={PRODUCTS[product()].name}
        />
      )}
    </Show>
  );
  /** What only nodes have: guests, sensors and packages. Empty in the other rows. */
  const ofNode = (row: () => Machine, cell: () => JSX.Element): JSX.Element => (
    <Show when={row().product === undefined}>{cell()}</Show>
  );
  const uptime = (node: LiveNode): number | undefined =>
    node.status === "online" ? uptimeAt(node, lastUpdate()) : undefined;

  const uptimeShown = (node: LiveNode): number | undefined =>
    node.status === "online" ? uptimeAt(node, slowUpdate()) : undefined;

  const columns: Column<Machine>[] = [
    {
      id: "name",
      title: t("Node"),
      sort: "ascending",
      value: nodeName,
      isFixed: true,
      cell: mark,
    },
    {
      id: "version",
      title: t("Version"),
      width: 150,
      from: 1000,
      sort: "ascending",
      value: (node) => node.pveVersion,
      fits: (node, room) => surelyFits(versionText(node) + (node.clusterName ?? ""), room - BADGE_EDGES, 11),
      cell: (row) => (
        <span class={cellStyles.badges}>
          <Show when={versionText(row())}>
            {(text) => <Badge title={productOf(row()).name}>{text()}</Badge>}
          </Show>
          <Show when={row().clusterName}>{(name) => <Badge title={t("Cluster")}>{name()}</Badge>}</Show>
        </span>
      ),
    },
    {
      id: "uptime",
      title: t("Uptime"),
      width: 100,
      isNumber: true,
      sort: "descending",
      value: uptime,
      cell: (row) => <Value value={uptimeShown(row())} text={duration} why={reason(row(), "uptime")} />,
    },
    { id: "cpu", title: t("CPU"), sort: "descending", value: cpuOf, fits: true, cell: cpu },
    {
      id: "memory",
      title: t("Memory"),
      sort: "descending",
      value: (node) => memoryOf(node)?.percent,
      fits: true,
      cell: memory,
    },
    {
      id: "disk",
      title: t("Disk"),
      sort: "descending",
      value: (node) => diskOf(node)?.percent,
      fits: true,
      cell: (row, room) => (
        <ShareMeter
          share={diskOf(row())}
          limits={DISK_LIMITS}
          detail={bare(row())}
          title={row().product === "pbs" ? t("all datastores together") : undefined}
          why={reason(row(), "disk")}
          room={room()}
        />
      ),
    },
    {
      id: "load",
      title: t("Load"),
      hint: t("Load average of the last minute"),
      width: 64,
      isExtra: true,
      isNumber: true,
      sort: "descending",
      value: (node) => node.loadAverage?.[0],
      cell: (row) =>
        ofNode(row, () => (
          <Value
            value={row().loadAverage?.[0]}
            text={(load) => fixed(load, 2)}
            why={reason(row(), "loadAverage", "load")}
          />
        )),
    },
    {
      id: "temperature",
      title: t("Temp."),
      hint: t("Temperature of the processor"),
      width: 70,
      from: 1180,
      isNumber: true,
      sort: "descending",
      value: nodeTemperature,
      cell: (row) =>
        ofNode(row, () => (
          <Value
            value={nodeTemperature(row())}
            text={celsius}
            why={row().missing?.temperature ?? t("no sensor of this node is read")}
          />
        )),
    },
    {
      id: "updates",
      title: t("Updates"),
      hint: t("Packages that wait to be updated"),
      width: 76,
      from: 1500,
      isNumber: true,
      sort: "descending",
      value: (node) => node.pendingUpdates ?? undefined,
      cell: (row) =>
        ofNode(row, () => (
          <Value
            value={row().pendingUpdates ?? undefined}
            text={String}
            why={row().missing?.pendingUpdates ?? t("not read: that needs Sys.Modify on the node")}
          />
        )),
    },
    {
      id: "vms",
      title: t("VMs"),
      width: 52,
      isNumber: true,
      sort: "descending",
      value: (node) => (node.product === undefined ? countsOf(node).vms : undefined),
      cell: (row) => ofNode(row, () => <>{countsOf(row()).vms}</>),
    },
    {
      id: "containers",
      title: t("CTs"),
      hint: t("Containers"),
      width: 52,
      isNumber: true,
      sort: "descending",
      value: (node) => (node.product === undefined ? countsOf(node).containers : undefined),
      cell: (row) => ofNode(row, () => <>{countsOf(row()).containers}</>),
    },
    { id: "details", title: "", width: 48, isFixed: true, fits: true, cell: details },
  ];
  const phone: Column<Machine>[] = [
    { id: "name", title: t("Node"), width: 140, cell: mark },
    {
      id: "use",
      title: t("CPU and memory"),
      cell: (row, room) => (
        <Two>
          {cpu(row, room)}
          {memory(row, room)}
        </Two>
      ),
    },
    { id: "details", title: "", width: 50, cell: details },
  ];
  /** The second line of a name on a phone, which has no columns for it. */
  const below = (node: Machine): string => {
    if (node.product !== undefined) return versionText(node);
    const { vms, containers } = countsOf(node);
    return t("{vms} VMs, {containers} CTs", { vms, containers });
  };
  const others = createMemo(() => machines(backupServers(), mailGateways()));
  const rows = createMemo<ReadonlyMap<string, Machine>>(() =>
    others().size === 0 ? nodes() : new JoinedRows<Machine>(nodes(), others()),
  );
  const count = createMemo(() => nodes().size);
  const rank = createMemo(() => machineRank(count()));
  const navigate = useNavigate();
  const open = (key: string): void => {
    const product = others().get(key)?.product;
    if (product !== undefined) navigate(PRODUCTS[product].page);
    else props.view.set({ node: filtered() === key ? undefined : key });
  };
  const filtered = createMemo(() => nodes().get(props.view.get("node") ?? "")?.id);

  return (
    <Bounded>
      <Table<Machine>
        id="nodes"
        isBare
        label={t("Proxmox nodes")}
        view={props.view}
        sortName="nodesort"
        rows={rows()}
        key={(node) => node.id}
        columns={columns}
        phone={phone}
        name={(node) => <PhoneName name={nodeName(node)} below={below(node)} />}
        sort={{ column: "name", descending: false }}
        first={rank()}
        open={filtered()}
        openHint={(node) =>
          node.product === undefined ? t("Show only the guests of this node") : productOf(node).name
        }
        onOpen={open}
        tone={(node) => (node.status === "online" ? undefined : "dim")}
      />
    </Bounded>
  );
}

function productOf(machine: Machine): { name: string; short: string } {
  return machine.product === undefined ? { name: "Proxmox VE", short: "PVE" } : PRODUCTS[machine.product];
}

/** Of another product its name, too, also where its version is not known. */
function versionText(machine: Machine): string {
  const version = shortVersion(machine.pveVersion ?? "");
  return machine.product === undefined ? version : `${productOf(machine).short} ${version}`.trim();
}

/** `pve-manager/8.2.4/abcdef` and `8.2.4` alike. */
function shortVersion(version: string): string {
  return /\d+(\.\d+)+/.exec(version)?.[0] ?? version;
}
