// The guests table: search, filters, sort, groups, and thousands of rows.

import { createMemo, type JSX, Show } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { lastUpdate, nodes, slowNow, slowUpdate } from "../../api/live";
import { isChanged } from "../../api/rows";
import { age, bytes, bytesOf, duration, moment, percent, rate } from "../../state/format";
import { oneOf } from "../../state/options";
import type { View } from "../../state/view";
import { reason } from "../../state/why";
import { t } from "../../text";
import { Button, Empty, Segmented } from "../../ui/controls";
import { surelyFits } from "../../ui/fit";
import { Mark } from "../../ui/Mark";
import { CPU_LIMITS, DISK_LIMITS, MEMORY_LIMITS, Meter } from "../../ui/Meter";
import { isPhone } from "../../ui/screen";
import { Tags, tagsFit } from "../../ui/Tags";
import { type Column, type Grouping, Table } from "../../ui/table/Table";
import { Dash, Value } from "../../ui/Value";
import { AlertMark } from "../alerts/AlertMark";
import { TrendCell, trends } from "../charts/trends";
import { LinkMark } from "../metadata/LinkMark";
import { cellStyles, PhoneName, ShareMeter, Two } from "../parts/cells";
import {
  backupHealth,
  cpuOf,
  diskCuts,
  diskOf,
  fileSystemsOf,
  GUEST_FIELDS,
  guestHealth,
  isVm,
  keysOfNode,
  type LiveGuest,
  lockText,
  memoryMarks,
  memoryOf,
  nodeHealth,
  nodeKeyOf,
  nodeName,
  nodeStatusText,
  rateOf,
  statusName,
  tagsOf,
  typeName,
} from "./model";

const TYPES = [
  { id: "all", title: t("All") },
  { id: "vm", title: t("VMs") },
  { id: "ct", title: t("Containers") },
] as const;
const STATES = [
  { id: "all", title: t("Any state") },
  { id: "running", title: t("Running") },
  { id: "stopped", title: t("Stopped") },
] as const;
const LOOKS = [
  { id: "bars", title: t("Bars") },
  { id: "trends", title: t("Trends") },
] as const;

type Rate = Parameters<typeof rateOf>[1];

/** The fields of a node that decide which guests are its own, and what stands above them. */
const HEAD_READS: ReadonlySet<string> = new Set([
  "instance",
  "name",
  "displayName",
  "clusterName",
  "status",
  "problems",
  "connectionHealth",
]);

export function GuestTable(props: { view: View; guests: ReadonlyMap<string, LiveGuest> }): JSX.Element {
  const type = createMemo(() => oneOf(props.view.get("type"), TYPES, "all"));
  const state = createMemo(() => oneOf(props.view.get("state"), STATES, "all"));
  const look = createMemo(() => oneOf(props.view.get("look"), LOOKS, "bars"));
  const onlyNode = createMemo(() => nodes().get(props.view.get("node") ?? ""));
  const trend = trends(() => look() === "trends");

  // As text: a node changes with every update, where it stands does not.
  const nodeKeys = createMemo(() => {
    const node = onlyNode();
    return node === undefined ? "" : keysOfNode(node).join("\n");
  });
  const where = createMemo(() => {
    const wantedType = type();
    const wantedState = state();
    const keys = nodeKeys();
    const isOn = keys === "" ? undefined : new Set(keys.split("\n"));
    return (guest: LiveGuest): boolean =>
      (wantedType === "all" || (wantedType === "vm") === isVm(guest)) &&
      (wantedState === "all" || (wantedState === "running") === (guest.status === "running")) &&
      (isOn === undefined || isOn.has(nodeKeyOf(guest)));
  });
  const headed = createMemo(nodes, undefined, {
    equals: (before, after) => !isChanged(before, after, HEAD_READS),
  });
  const nodeByKey = createMemo(
    () =>
      new Map([...headed().values()].flatMap((node) => keysOfNode(node).map((key) => [key, node] as const))),
  );
  const groups: Grouping<LiveGuest>[] = [
    {
      id: "node",
      title: t("By node"),
      of: (guest) => ({ key: nodeKeyOf(guest), title: guest.node }),
      headReads: ["status"],
      head: ({ key, title, rows }) => (
        <>
          <Show when={nodeByKey().get(key)}>
            {(node) => <Mark health={nodeHealth(node())} label={nodeStatusText(node())} />}
          </Show>
          <span>
            {(() => {
              const node = nodeByKey().get(key);
              return node === undefined ? title : nodeName(node);
            })()}
          </span>
          <span class={cellStyles.groupCount}>
            {t("{running} of {all} running", {
              running: rows.filter((guest) => guest.status === "running").length,
              all: rows.length,
            })}
          </span>
        </>
      ),
    },
  ];

  // Cells ask for their row themselves: given the row's values they would be made anew with each of its changes.
  const mark = (guest: () => LiveGuest): JSX.Element => (
    <>
      <Mark health={guestHealth(guest())} label={statusName(guest()) + lockText(guest())} />
      <AlertMark resourceId={guest().id} />
      <LinkMark kind="guests" id={guest().id} name={guest().name} />
    </>
  );
  const cpu = (guest: () => LiveGuest): JSX.Element => (
    <Meter value={cpuOf(guest())} limits={CPU_LIMITS} why={reason(guest(), "cpu")} />
  );
  const memory = (guest: () => LiveGuest, room: () => number, isShort = false): JSX.Element => {
    const source = (): string | undefined => guest().memorySource;
    return (
      <ShareMeter
        share={memoryOf(guest())}
        limits={MEMORY_LIMITS}
        isShort={isShort}
        room={room()}
        title={
          [
            source() === undefined ? "" : t("source: {source}", { source: source() ?? "" }),
            guest().memory?.balloon ? t("balloon {size}", { size: bytes(guest().memory?.balloon ?? 0) }) : "",
            guest().memory?.swapTotal
              ? t("swap {use}", {
                  use: bytesOf(guest().memory?.swapUsed ?? 0, guest().memory?.swapTotal ?? 0),
                })
              : "",
          ]
            .filter(Boolean)
            .join(", ") || undefined
        }
        marks={memoryMarks(guest())}
        why={reason(guest(), "memory", "mem")}
      />
    );
  };
  const disk = (guest: () => LiveGuest, room: () => number): JSX.Element => {
    const systems = createMemo(() => fileSystemsOf(guest()));
    const share = createMemo(() => diskOf(guest()));
    /** One that is nearly full shows, however much room the others have. */
    const full = (): string | undefined => {
      const first = systems()[0];
      return first === undefined || first.percent < DISK_LIMITS.warn
        ? undefined
        : `${first.name} ${percent(first.percent)}`;
    };
    return (
      <ShareMeter
        share={share()}
        limits={DISK_LIMITS}
        detail={full()}
        room={room()}
        title={
          systems()
            .map((each) => `${each.name} ${percent(each.percent)}`)
            .join(", ") || undefined
        }
        marks={systems().length === 0 ? undefined : { cuts: diskCuts(systems(), share()?.percent ?? 0) }}
        why={reason(guest(), "disk")}
      />
    );
  };
  const uptime = (guest: LiveGuest): number | undefined =>
    guest.status === "running" ? uptimeAt(guest, lastUpdate()) : undefined;
  const uptimeShown = (guest: LiveGuest): number | undefined =>
    guest.status === "running" ? uptimeAt(guest, slowUpdate()) : undefined;
  const rateColumn = (
    id: string,
    title: string,
    hint: string,
    field: Rate,
    from: number,
  ): Column<LiveGuest> => ({
    id,
    title,
    hint,
    width: 78,
    from,
    isNumber: true,
    sort: "descending",
    value: (guest) => rateOf(guest, field),
    cell: (row) => <Value value={rateOf(row(), field)} text={rate} why={reason(row(), field)} />,
  });

  const columns = createMemo<Column<LiveGuest>[]>(() => [
    {
      id: "name",
      title: t("Name"),
      sort: "ascending",
      value: (guest) => guest.name,
      isFixed: true,
      cell: mark,
    },
    {
      id: "status",
      title: t("State"),
      width: 80,
      isExtra: true,
      sort: "ascending",
      value: (guest) => guest.status,
      cell: (row) => <span class="soft">{statusName(row())}</span>,
    },
    {
      id: "type",
      title: t("Type"),
      width: 46,
      from: 700,
      sort: "ascending",
      value: typeName,
      fits: true,
      cell: (row) => <span class="soft">{typeName(row())}</span>,
    },
    {
      id: "vmid",
      title: t("ID"),
      width: 62,
      isNumber: true,
      sort: "ascending",
      value: (guest) => guest.vmid,
      cell: (row) => <span class="soft">{row().vmid}</span>,
    },
    {
      id: "cpu",
      title: t("CPU"),
      width: 124,
      sort: "descending",
      value: cpuOf,
      fits: true,
      cell: (row) => (
        <Show when={look() === "trends"} fallback={cpu(row)}>
          <TrendCell
            points={trend(row().id, "cpu")}
            now={cpuOf(row())}
            limits={CPU_LIMITS}
            why={reason(row(), "cpu")}
          />
        </Show>
      ),
    },
    {
      id: "memory",
      title: t("Memory"),
      sort: "descending",
      value: (guest) => memoryOf(guest)?.percent,
      fits: true,
      cell: (row, room) => (
        <Show when={look() === "trends"} fallback={memory(row, room)}>
          <TrendCell
            points={trend(row().id, "memory")}
            now={memoryOf(row())?.percent}
            limits={MEMORY_LIMITS}
            why={reason(row(), "memory", "mem")}
          />
        </Show>
      ),
    },
    {
      id: "disk",
      title: t("Disk"),
      sort: "descending",
      value: (guest) => diskOf(guest)?.percent,
      fits: true,
      cell: disk,
    },
    {
      id: "uptime",
      title: t("Uptime"),
      width: 100,
      from: 860,
      isNumber: true,
      sort: "descending",
      value: uptime,
      cell: (row) => <Value value={uptimeShown(row())} text={duration} why={reason(row(), "uptime")} />,
    },
    {
      id: "node",
      title: t("Node"),
      width: 96,
      ...(props.view.get("group") === "none" ? { from: 760 } : { isExtra: true }),
      sort: "ascending",
      value: (guest) => guest.node,
      fits: (guest, room) => surelyFits(guest.node, room),
      cell: (row) => row().node,
    },
    rateColumn("netin", t("Net in"), t("Received from the network"), "networkIn", 1180),
    rateColumn("netout", t("Net out"), t("Sent to the network"), "networkOut", 1180),
    rateColumn("diskread", t("Read"), t("Read from disk"), "diskRead", 1340),
    rateColumn("diskwrite", t("Write"), t("Written to disk"), "diskWrite", 1340),
    {
      id: "backup",
      title: t("Backup"),
      hint: t("Age of the newest backup"),
      width: 70,
      from: 1000,
      isNumber: true,
      sort: "ascending",
      // A guest without any backup is the one to find: it sorts as the oldest.
      value: (guest) => guest.lastBackup ?? 0,
      csv: (guest) => (guest.lastBackup ? new Date(guest.lastBackup).toISOString() : undefined),
      cell: (row) => <BackupAge guest={row()} />,
    },
    {
      id: "os",
      title: t("System"),
      width: 150,
      isExtra: true,
      sort: "ascending",
      value: (guest) => guest.osName,
      cell: (row) => <span class="soft">{[row().osName, row().osVersion].filter(Boolean).join(" ")}</span>,
    },
    {
      id: "ip",
      title: t("Address"),
      width: 130,
      isExtra: true,
      sort: "ascending",
      value: (guest) => guest.ipAddresses?.[0],
      csv: (guest) => guest.ipAddresses?.join(" "),
      cell: (row) => <span class="mono">{row().ipAddresses?.[0] ?? ""}</span>,
    },
    {
      id: "swap",
      title: t("Swap"),
      width: 90,
      isExtra: true,
      isNumber: true,
      sort: "descending",
      value: (guest) => guest.memory?.swapUsed,
      cell: (row) => (
        <Value value={row().memory?.swapUsed} text={bytes} why={t("the guest reports no swap")} />
      ),
    },
    {
      id: "ha",
      title: t("HA"),
      hint: t("High availability"),
      width: 84,
      isExtra: true,
      sort: "ascending",
      value: (guest) => guest.haState ?? undefined,
      cell: (row) => <span class="soft">{row().haState ?? ""}</span>,
    },
    {
      id: "pool",
      title: t("Pool"),
      width: 96,
      isExtra: true,
      sort: "ascending",
      value: (guest) => guest.pool ?? undefined,
      cell: (row) => <span class="soft">{row().pool ?? ""}</span>,
    },
    {
      id: "tags",
      title: t("Tags"),
      width: 110,
      from: 1400,
      value: (guest) => tagsOf(guest).join(","),
      fits: (guest, room) => tagsFit(tagsOf(guest), room),
      cell: (row) => (
        <Tags
          tags={tagsOf(row())}
          onPick={(tag) => props.view.set({ q: `tag:${/\s/.test(tag) ? `"${tag}"` : tag}` })}
        />
      ),
    },
  ]);
  const phone: Column<LiveGuest>[] = [
    { id: "name", title: t("Name"), width: 176, cell: mark },
    {
      id: "use",
      title: t("CPU and memory"),
      cell: (row, room) => (
        <Two>
          {cpu(row)}
          {memory(row, room, true)}
        </Two>
      ),
    },
  ];

  return (
    <Table<LiveGuest>
      id="guests"
      label={t("Guests")}
      view={props.view}
      rows={props.guests}
      key={(guest) => guest.id}
      columns={columns()}
      phone={phone}
      name={(guest) =>
        isPhone() ? (
          <PhoneName
            name={guest.name}
            below={`${typeName(guest)} ${guest.vmid} · ${guest.status === "running" ? guest.node : statusName(guest)}`}
          />
        ) : (
          guest.name
        )
      }
      fields={GUEST_FIELDS}
      where={where()}
      groups={groups}
      sort={{ column: "name", descending: false }}
      open={props.view.get("open")}
      onOpen={(key) =>
        props.view.get("open") === undefined ? props.view.go({ open: key }) : props.view.set({ open: key })
      }
      tone={(guest) => (guest.status === "running" ? undefined : "dim")}
      onClear={() => props.view.set({ type: undefined, state: undefined, node: undefined })}
      tools={
        <>
          <Show when={onlyNode()}>
            {(node) => (
              <Button isSmall icon="close" onClick={() => props.view.set({ node: undefined })}>
                {t("on {node}", { node: nodeName(node()) })}
              </Button>
            )}
          </Show>
          <Segmented
            label={t("Type")}
            options={TYPES}
            value={type()}
            onChange={(id) => props.view.set({ type: id === "all" ? undefined : id })}
          />
          <Segmented
            label={t("State")}
            options={STATES}
            value={state()}
            onChange={(id) => props.view.set({ state: id === "all" ? undefined : id })}
          />
          <Segmented
            label={t("Look")}
            options={LOOKS}
            value={look()}
            onChange={(id) => props.view.set({ look: id === "bars" ? undefined : id })}
          />
        </>
      }
      empty={
        <Empty title={t("No guests")}>
          <p>
            {t(
              "The nodes report no VMs and no containers. If there are some, the credentials may lack the right to see them.",
            )}
          </p>
        </Empty>
      }
    />
  );
}

export function BackupAge(props: { guest: LiveGuest }): JSX.Element {
  const at = (): number | undefined => props.guest.lastBackup || undefined;
  const health = createMemo(() => backupHealth(props.guest, slowNow()));
  const ago = createMemo(() => age((slowNow() - (at() ?? 0)) / 1000));
  return (
    <Show
      when={at()}
      fallback={<Dash why={props.guest.missing?.lastBackup ?? t("no backup of this guest is known")} />}
    >
      {(time) => (
        <span class={cellStyles.aged} data-health={health()} title={moment(time())}>
          {ago()}
        </span>
      )}
    </Show>
  );
}
