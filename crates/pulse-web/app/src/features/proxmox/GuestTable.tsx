// The guests table: search, filters, sort, groups, and thousands of rows.

import { createMemo, type JSX, Show } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { lastUpdate, nodes, serverNow } from "../../api/live";
import { matches, parseFilter } from "../../state/filter";
import { age, bytesOf, count, duration, moment, rate } from "../../state/format";
import { groupRows, parseSort, sortRows, sortText } from "../../state/order";
import type { View } from "../../state/view";
import { reason } from "../../state/why";
import { Button, Empty, Panel, Segmented } from "../../ui/controls";
import { type Column, DataTable, type Entry } from "../../ui/DataTable";
import { Mark } from "../../ui/Mark";
import { CPU_LIMITS, DISK_LIMITS, MEMORY_LIMITS, Meter } from "../../ui/Meter";
import { isPhone } from "../../ui/screen";
import { Value } from "../../ui/Value";
import {
  backupHealth,
  cpuOf,
  diskOf,
  GUEST_FIELDS,
  GUEST_SORTS,
  guestHealth,
  isVm,
  keysOfNode,
  type LiveGuest,
  memoryOf,
  nodeHealth,
  nodeKeyOf,
  nodeStatusText,
  rateOf,
  tagsOf,
  typeName,
} from "./model";
import styles from "./Proxmox.module.css";

const TYPES = [
  { id: "all", title: "All" },
  { id: "vm", title: "VMs" },
  { id: "ct", title: "Containers" },
] as const;
const STATES = [
  { id: "all", title: "Any state" },
  { id: "running", title: "Running" },
  { id: "stopped", title: "Stopped" },
] as const;
const GROUPS = [
  { id: "node", title: "By node" },
  { id: "none", title: "Flat" },
] as const;

/** Height of the bar above the table, which sticks; the table's head sticks below it. */
const BAR = 44;

function oneOf<Id extends string>(
  value: string | undefined,
  options: readonly { id: Id }[],
  fallback: Id,
): Id {
  return options.find((option) => option.id === value)?.id ?? fallback;
}

export function GuestTable(props: { view: View; guests: ReadonlyMap<string, LiveGuest> }): JSX.Element {
  const type = createMemo(() => oneOf(props.view.get("type"), TYPES, "all"));
  const state = createMemo(() => oneOf(props.view.get("state"), STATES, "all"));
  const group = createMemo(() => oneOf(props.view.get("group"), GROUPS, "node"));
  const sort = createMemo(() =>
    parseSort(props.view.get("sort"), Object.keys(GUEST_SORTS), { column: "name", descending: false }),
  );
  const terms = createMemo(() => parseFilter(props.view.get("q") ?? "", Object.keys(GUEST_FIELDS.fields)));
  const onlyNode = createMemo(() => nodes().get(props.view.get("node") ?? ""));

  const filtered = createMemo(() => {
    const wantedType = type();
    const wantedState = state();
    const node = onlyNode();
    const nodeKeys = node === undefined ? undefined : new Set(keysOfNode(node));
    return [...props.guests.values()].filter(
      (guest) =>
        (wantedType === "all" || (wantedType === "vm") === isVm(guest)) &&
        (wantedState === "all" || (wantedState === "running") === (guest.status === "running")) &&
        (nodeKeys === undefined || nodeKeys.has(nodeKeyOf(guest))) &&
        matches(guest, terms(), GUEST_FIELDS),
    );
  });

  const nodeByKey = createMemo(() => {
    const map = new Map(
      [...nodes().values()].flatMap((node) => keysOfNode(node).map((key) => [key, node] as const)),
    );
    return map;
  });

  const entries = createMemo<Entry[]>(() => {
    const now = lastUpdate();
    const by = GUEST_SORTS[sort().column] ?? ((guest: LiveGuest) => guest.name);
    // Equal values stay in the order of their names, whatever the sort.
    const named = sortRows(filtered(), (guest) => guest.name, false);
    const sorted =
      sort().column === "name" && !sort().descending
        ? named
        : sortRows(named, (guest) => by(guest, now), sort().descending);
    if (group() === "none") return sorted.map((guest) => ({ kind: "row", key: guest.id }));
    return groupRows(sorted, (guest) => ({ key: nodeKeyOf(guest), title: guest.node })).flatMap(
      ({ key, title, rows }): Entry[] => [
        {
          kind: "group",
          key: `group:${key}`,
          head: () => <GroupHead nodeKey={key} title={title} rows={rows} />,
        },
        ...rows.map((guest): Entry => ({ kind: "row", key: guest.id })),
      ],
    );
  });

  const GroupHead = (head: { nodeKey: string; title: string; rows: readonly LiveGuest[] }): JSX.Element => {
    const running = (): number => head.rows.filter((guest) => guest.status === "running").length;
    return (
      <>
        <Show when={nodeByKey().get(head.nodeKey)}>
          {(node) => <Mark health={nodeHealth(node())} label={nodeStatusText(node())} />}
        </Show>
        <span>{nodeByKey().get(head.nodeKey)?.displayName ?? head.title}</span>
        <span class={styles.groupCount}>
          {running()} of {head.rows.length} running
        </span>
      </>
    );
  };

  const mark = (guest: LiveGuest): JSX.Element => (
    <Mark
      health={guestHealth(guest)}
      label={guest.lock ? `${guest.status}, locked: ${guest.lock}` : guest.status}
    />
  );
  const cpu = (guest: LiveGuest, isShort = false): JSX.Element => (
    <Meter
      value={cpuOf(guest)}
      limits={CPU_LIMITS}
      detail={isShort || !guest.cpus ? undefined : count(guest.cpus, "core")}
      why={reason(guest, "cpu")}
    />
  );
  const memory = (guest: LiveGuest, isShort = false): JSX.Element => {
    const share = memoryOf(guest);
    return (
      <Meter
        value={share?.percent}
        limits={MEMORY_LIMITS}
        detail={isShort || share === undefined ? undefined : bytesOf(share.used, share.total)}
        title={guest.memorySource === undefined ? undefined : `source: ${guest.memorySource}`}
        why={reason(guest, "memory", "mem")}
      />
    );
  };
  const disk = (guest: LiveGuest): JSX.Element => {
    const share = diskOf(guest);
    return (
      <Meter
        value={share?.percent}
        limits={DISK_LIMITS}
        detail={share === undefined ? undefined : bytesOf(share.used, share.total)}
        why={reason(guest, "disk")}
      />
    );
  };
  const io = (guest: LiveGuest, field: Parameters<typeof rateOf>[1]): JSX.Element => (
    <Value value={rateOf(guest, field)} text={rate} why={reason(guest, field)} />
  );
  const ioColumn = (
    id: string,
    title: string,
    hint: string,
    field: Parameters<typeof rateOf>[1],
    from: number,
  ) =>
    ({
      id,
      title,
      hint,
      width: "78px",
      from,
      isNumber: true,
      sort: "descending",
      cell: (row) => io(row(), field),
    }) satisfies Column<LiveGuest>;

  const columns = createMemo<Column<LiveGuest>[]>(() => [
    {
      id: "name",
      title: "Name",
      sort: "ascending",
      cell: (row) => mark(row()),
    },
    {
      id: "type",
      title: "Type",
      width: "46px",
      from: 700,
      cell: (row) => <span class="soft">{typeName(row())}</span>,
    },
    {
      id: "vmid",
      title: "ID",
      width: "62px",
      isNumber: true,
      sort: "ascending",
      cell: (row) => <span class="soft">{row().vmid}</span>,
    },
    { id: "cpu", title: "CPU", width: "124px", sort: "descending", cell: (row) => cpu(row(), true) },
    { id: "memory", title: "Memory", sort: "descending", cell: (row) => memory(row()) },
    { id: "disk", title: "Disk", sort: "descending", cell: (row) => disk(row()) },
    {
      id: "uptime",
      title: "Uptime",
      width: "92px",
      from: 860,
      isNumber: true,
      sort: "descending",
      cell: (row) => (
        <Value
          value={row().status === "running" ? uptimeAt(row(), lastUpdate()) : undefined}
          text={duration}
          why={reason(row(), "uptime")}
        />
      ),
    },
    ...(group() === "none"
      ? [
          {
            id: "node",
            title: "Node",
            width: "96px",
            from: 760,
            sort: "ascending",
            cell: (row) => row().node,
          } satisfies Column<LiveGuest>,
        ]
      : []),
    ioColumn("netin", "Net in", "Received from the network", "networkIn", 1180),
    ioColumn("netout", "Net out", "Sent to the network", "networkOut", 1180),
    ioColumn("diskread", "Read", "Read from disk", "diskRead", 1340),
    ioColumn("diskwrite", "Write", "Written to disk", "diskWrite", 1340),
    {
      id: "backup",
      title: "Backup",
      hint: "Age of the newest backup",
      width: "70px",
      from: 1000,
      isNumber: true,
      sort: "ascending",
      cell: (row) => <BackupAge guest={row()} />,
    },
    {
      id: "tags",
      title: "Tags",
      width: "110px",
      from: 1460,
      cell: (row) => <span class={styles.tags}>{tagsOf(row()).join(", ")}</span>,
    },
  ]);
  const phoneColumns: Column<LiveGuest>[] = [
    { id: "name", title: "Name", width: "46%", cell: (row) => mark(row()) },
    {
      id: "use",
      title: "CPU and memory",
      cell: (row) => (
        <span class={styles.two}>
          {cpu(row(), true)}
          {memory(row(), true)}
        </span>
      ),
    },
  ];

  const clear = (): void =>
    props.view.set({ q: undefined, type: undefined, state: undefined, node: undefined });

  return (
    <Panel label="Guests">
      <div class={styles.bar}>
        <h2 class={styles.heading}>Guests</h2>
        <span class="soft" role="status">
          {filtered().length === props.guests.size
            ? props.guests.size.toLocaleString()
            : `${filtered().length.toLocaleString()} of ${props.guests.size.toLocaleString()}`}
        </span>
        <Show when={onlyNode()}>
          {(node) => (
            <Button isSmall icon="close" onClick={() => props.view.set({ node: undefined })}>
              on {node().displayName ?? node().name}
            </Button>
          )}
        </Show>
        <span class="grow" />
        <Segmented
          label="Type"
          options={TYPES}
          value={type()}
          onChange={(id) => props.view.set({ type: id === "all" ? undefined : id })}
        />
        <Segmented
          label="State"
          options={STATES}
          value={state()}
          onChange={(id) => props.view.set({ state: id === "all" ? undefined : id })}
        />
        <Segmented
          label="Grouping"
          options={GROUPS}
          value={group()}
          onChange={(id) => props.view.set({ group: id })}
        />
      </div>
      <DataTable<LiveGuest>
        label="Guests"
        columns={columns()}
        phoneColumns={phoneColumns}
        stickyTop={isPhone() ? 0 : BAR}
        entries={entries()}
        row={(key) => props.guests.get(key)}
        name={(guest) => (
          <Show when={isPhone()} fallback={guest.name}>
            <span class={styles.phoneName}>
              <span class="cut">{guest.name}</span>
              <span class="soft cut">
                {typeName(guest)} {guest.vmid} · {guest.status === "running" ? guest.node : guest.status}
              </span>
            </span>
          </Show>
        )}
        sort={sort()}
        onSort={(next) => props.view.set({ sort: sortText(next) })}
        open={props.view.get("open")}
        onOpen={(key) =>
          props.view.get("open") === undefined ? props.view.go({ open: key }) : props.view.set({ open: key })
        }
        tone={(guest) => (guest.status === "running" ? undefined : "dim")}
        empty={
          <Show
            when={props.guests.size > 0}
            fallback={
              <Empty title="No guests">
                <p>
                  The nodes report no VMs and no containers. If there are some, the credentials may lack the
                  right to see them.
                </p>
              </Empty>
            }
          >
            <Empty title="Nothing matches">
              <p>None of the {count(props.guests.size, "guest")} matches the search and the filters.</p>
              <Button onClick={clear}>Show all guests</Button>
            </Empty>
          </Show>
        }
      />
    </Panel>
  );
}

function BackupAge(props: { guest: LiveGuest }): JSX.Element {
  const health = (): ReturnType<typeof backupHealth> => backupHealth(props.guest, serverNow());
  return (
    <Show
      when={props.guest.lastBackup !== undefined && props.guest.lastBackup > 0}
      fallback={
        <span class="faint" title="unknown: this version does not read backups yet">
          —
        </span>
      }
    >
      <span class={styles.backup} data-health={health()} title={moment(props.guest.lastBackup ?? 0)}>
        {age((serverNow() - (props.guest.lastBackup ?? 0)) / 1000)}
      </span>
    </Show>
  );
}
