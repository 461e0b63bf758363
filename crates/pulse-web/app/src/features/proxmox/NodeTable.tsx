// The nodes table. A click on a node shows only its guests below.

import { createMemo, createSignal, type JSX, Show } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { lastUpdate, nodes } from "../../api/live";
import { bytesOf, celsius, duration } from "../../state/format";
import { sortRows } from "../../state/order";
import type { View } from "../../state/view";
import { reason } from "../../state/why";
import { Badge, Panel } from "../../ui/controls";
import { type Column, DataTable, type Entry } from "../../ui/DataTable";
import { Icon } from "../../ui/Icon";
import { Mark } from "../../ui/Mark";
import { CPU_LIMITS, DISK_LIMITS, MEMORY_LIMITS, Meter } from "../../ui/Meter";
import { isPhone, ScrollerContext } from "../../ui/screen";
import { Value } from "../../ui/Value";
import {
  cpuOf,
  diskOf,
  isVm,
  keysOfNode,
  type LiveGuest,
  type LiveNode,
  memoryOf,
  nodeHealth,
  nodeKeyOf,
  nodeStatusText,
} from "./model";
import styles from "./Proxmox.module.css";

interface Counts {
  vms: number;
  containers: number;
}

export function NodeTable(props: { view: View; guests: ReadonlyMap<string, LiveGuest> }): JSX.Element {
  const counts = createMemo(() => {
    const byNode = new Map<string, Counts>();
    for (const guest of props.guests.values()) {
      const key = nodeKeyOf(guest);
      const count = byNode.get(key) ?? { vms: 0, containers: 0 };
      if (isVm(guest)) count.vms += 1;
      else count.containers += 1;
      byNode.set(key, count);
    }
    return byNode;
  });
  const [box, setBox] = createSignal<HTMLElement>();
  const countsOf = (node: LiveNode): Counts => {
    for (const key of keysOfNode(node)) {
      const count = counts().get(key);
      if (count !== undefined) return count;
    }
    return { vms: 0, containers: 0 };
  };

  const entries = createMemo<Entry[]>(() => {
    const byName = sortRows([...nodes().values()], (node) => node.displayName ?? node.name, false);
    // Offline sorts up, not away.
    const sorted = sortRows(byName, (node) => (node.status === "online" ? 1 : 0), false);
    return sorted.map((node) => ({ kind: "row", key: node.id }));
  });

  const memory = (node: LiveNode): JSX.Element => {
    const share = memoryOf(node);
    return (
      <Meter
        value={share?.percent}
        limits={MEMORY_LIMITS}
        detail={isPhone() || share === undefined ? undefined : bytesOf(share.used, share.total)}
        why={reason(node, "memory", "mem")}
      />
    );
  };
  const disk = (node: LiveNode): JSX.Element => {
    const share = diskOf(node);
    return (
      <Meter
        value={share?.percent}
        limits={DISK_LIMITS}
        detail={share === undefined ? undefined : bytesOf(share.used, share.total)}
        why={reason(node, "disk")}
      />
    );
  };
  const cpu = (node: LiveNode): JSX.Element => (
    <Meter
      value={cpuOf(node)}
      limits={CPU_LIMITS}
      detail={!isPhone() && node.cpuInfo?.cores ? `${node.cpuInfo.cores} threads` : undefined}
      hasShortDetail
      title={node.cpuInfo?.model}
      why={reason(node, "cpu")}
    />
  );
  const uptime = (node: LiveNode): JSX.Element => (
    <Value
      value={node.status === "online" ? uptimeAt(node, lastUpdate()) : undefined}
      text={duration}
      why={reason(node, "uptime")}
    />
  );
  const mark = (node: LiveNode): JSX.Element => (
    <Mark health={nodeHealth(node)} label={nodeStatusText(node)} />
  );
  const details = (node: LiveNode): JSX.Element => (
    <button
      type="button"
      class={styles.details}
      aria-label={`Details of ${node.displayName ?? node.name}`}
      title="Details and charts"
      onClick={() => props.view.go({ open: node.id })}
    >
      <Icon name="right" size={14} />
    </button>
  );

  const columns: Column<LiveNode>[] = [
    { id: "name", title: "Node", width: "15%", cell: (row) => mark(row()) },
    {
      id: "version",
      title: "Version",
      width: "150px",
      from: 1000,
      cell: (row) => (
        <span class={styles.badges}>
          <Show when={row().pveVersion}>
            {(version) => <Badge title="Proxmox VE">{shortVersion(version())}</Badge>}
          </Show>
          <Show when={row().clusterName}>{(name) => <Badge title="Cluster">{name()}</Badge>}</Show>
        </span>
      ),
    },
    { id: "uptime", title: "Uptime", width: "92px", isNumber: true, cell: (row) => uptime(row()) },
    { id: "cpu", title: "CPU", cell: (row) => cpu(row()) },
    { id: "memory", title: "Memory", cell: (row) => memory(row()) },
    { id: "disk", title: "Disk", cell: (row) => disk(row()) },
    {
      id: "temperature",
      title: "Temp.",
      hint: "Temperature of the processor",
      width: "70px",
      from: 1180,
      isNumber: true,
      cell: (row) => (
        <Value
          value={row().temperature?.cpuPackage || row().temperature?.cpuMax || undefined}
          text={celsius}
          why={row().missing?.temperature ?? "no sensor of this node is read"}
        />
      ),
    },
    { id: "vms", title: "VMs", width: "52px", isNumber: true, cell: (row) => countsOf(row()).vms },
    {
      id: "containers",
      title: "CTs",
      hint: "Containers",
      width: "52px",
      isNumber: true,
      cell: (row) => countsOf(row()).containers,
    },
    { id: "details", title: "", width: "48px", cell: (row) => details(row()) },
  ];
  const phoneColumns: Column<LiveNode>[] = [
    { id: "name", title: "Node", width: "38%", cell: (row) => mark(row()) },
    {
      id: "use",
      title: "CPU and memory",
      cell: (row) => (
        <span class={styles.two}>
          {cpu(row())}
          {memory(row())}
        </span>
      ),
    },
    { id: "details", title: "", width: "50px", cell: (row) => details(row()) },
  ];

  const filtered = (): string | undefined => {
    const wanted = props.view.get("node");
    return [...nodes().values()].find((node) => node.id === wanted)?.id;
  };

  return (
    <Panel label="Nodes">
      {/* A large estate must not push the guests out of sight: the nodes then scroll by themselves. */}
      <div class={styles.nodes} ref={setBox}>
        <ScrollerContext.Provider value={box}>
          <DataTable<LiveNode>
            label="Proxmox nodes"
            columns={columns}
            phoneColumns={phoneColumns}
            entries={entries()}
            row={(key) => nodes().get(key)}
            name={(node) => node.displayName ?? node.name}
            open={filtered()}
            openHint="Show only the guests of this node"
            onOpen={(key) => props.view.set({ node: filtered() === key ? undefined : key })}
            tone={(node) => (node.status === "online" ? undefined : "dim")}
          />
        </ScrollerContext.Provider>
      </div>
    </Panel>
  );
}

/** `pve-manager/8.2.4/abcdef` and `8.2.4` alike. */
function shortVersion(version: string): string {
  return /\d+(\.\d+)+/.exec(version)?.[0] ?? version;
}
