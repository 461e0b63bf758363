// Backups: the calendar, guests without one, all backups, tasks and snapshots, and the backup servers.

import { useNavigate } from "@solidjs/router";
import { createMemo, type JSX, Match, Show, Switch } from "solid-js";
import type { Live } from "../../api/delta";
import {
  backupServers,
  backupTasks,
  containers,
  guestSnapshots,
  pbsBackups,
  serverNow,
  storageBackups,
  vms,
} from "../../api/live";
import type { BackupTask, GuestSnapshot } from "../../api/types";
import { age, bytes, day, duration, moment, parseTime, shortMoment } from "../../state/format";
import { oneOf } from "../../state/options";
import { useView, type View } from "../../state/view";
import { t, tn } from "../../text";
import { Badge, Button, Empty, Segmented } from "../../ui/controls";
import { type Health, Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { Dash, Value } from "../../ui/Value";
import { PhoneName, Two } from "../parts/cells";
import { BackupAge } from "../proxmox/GuestTable";
import { GUEST_FIELDS, type LiveGuest, typeName } from "../proxmox/model";
import { Calendar } from "./Calendar";
import { CoverageLine, UnclearTable, useCoverage } from "./Coverage";
import { allBackups, type Backup, calendar, startOfDay, unprotected } from "./model";
import { Servers } from "./Servers";

const LISTS = [
  { id: "unprotected", title: t("Unprotected guests") },
  { id: "backups", title: t("Backups") },
  { id: "unclear", title: t("Unclear") },
  { id: "tasks", title: t("Tasks") },
  { id: "snapshots", title: t("Snapshots") },
] as const;
/** A guest is protected by a backup that is not older than this. */
const LIMITS = [
  { id: "1", title: t("1 day") },
  { id: "7", title: t("7 days") },
  { id: "30", title: t("30 days") },
] as const;
const CALENDAR_DAYS = 35;

export default function BackupsPage(): JSX.Element {
  const view = useView("backups", ["sort", "list", "limit"]);
  const guests = createMemo<ReadonlyMap<string, LiveGuest>>(() => new Map([...vms(), ...containers()]));
  const backups = createMemo(() => allBackups(pbsBackups(), storageBackups()));
  const coverage = useCoverage();
  const list = createMemo(() => oneOf(view.get("list"), LISTS, "unprotected"));
  const limit = createMemo(() => Number(oneOf(view.get("limit"), LIMITS, "7")));
  // By the hour: the clock alone must not make all of it anew every second.
  const now = createMemo(() => Math.ceil(serverNow() / 3_600_000) * 3_600_000);
  const failures = createMemo(() =>
    [...backupTasks().values()].flatMap((task) => {
      const at = parseTime(task.startTime);
      return taskHealth(task) === "crit" && at !== undefined ? [at] : [];
    }),
  );
  const days = createMemo(() =>
    calendar(backups().values(), failures(), serverNow() || now(), CALENDAR_DAYS),
  );
  const exposed = createMemo(() => unprotected(guests().values(), now(), limit()));
  const onDay = createMemo(() => {
    const at = Number(view.get("day"));
    return Number.isFinite(at) && at > 0 ? at : undefined;
  });
  const tools = (): JSX.Element => (
    <>
      <Segmented
        label={t("List")}
        options={LISTS}
        value={list()}
        onChange={(id) => view.set({ list: id, sort: undefined, q: undefined })}
      />
      <Show when={list() === "unprotected"}>
        <Segmented
          label={t("Newest backup at most")}
          options={LIMITS}
          value={String(limit()) as (typeof LIMITS)[number]["id"]}
          onChange={(id) => view.set({ limit: id })}
        />
      </Show>
      <Show when={list() === "backups" && onDay()}>
        {(at) => (
          <Button isSmall icon="close" onClick={() => view.set({ day: undefined })}>
            {day(at())}
          </Button>
        )}
      </Show>
    </>
  );
  const guestNames = createMemo(() => {
    const names = new Map<string, string>();
    for (const guest of guests().values()) names.set(String(guest.vmid), guest.name);
    return names;
  });

  return (
    <>
      <h1 class="sr">{t("Backups")}</h1>
      <Show when={backupServers().size > 0}>
        <Servers view={view} />
      </Show>
      <CoverageLine data={coverage} />
      <Calendar
        days={days()}
        chosen={onDay()}
        onChoose={(at) =>
          view.set({ day: at === undefined ? undefined : String(at), list: "backups", sort: undefined })
        }
      />
      <Switch>
        <Match when={list() === "unprotected"}>
          <Unprotected view={view} rows={exposed()} total={guests().size} tools={tools()} limit={limit()} />
        </Match>
        <Match when={list() === "backups"}>
          <BackupTable view={view} rows={backups()} onDay={onDay()} names={guestNames()} tools={tools()} />
        </Match>
        <Match when={list() === "unclear"}>
          <UnclearTable data={coverage} tools={tools()} />
        </Match>
        <Match when={list() === "tasks"}>
          <Tasks view={view} names={guestNames()} tools={tools()} />
        </Match>
        <Match when={list() === "snapshots"}>
          <Snapshots view={view} names={guestNames()} tools={tools()} />
        </Match>
      </Switch>
    </>
  );
}

function Unprotected(props: {
  view: View;
  rows: ReadonlyMap<string, LiveGuest>;
  total: number;
  limit: number;
  tools: JSX.Element;
}): JSX.Element {
  const navigate = useNavigate();
  const mark = (guest: LiveGuest): JSX.Element => (
    <Mark
      health={guest.lastBackup ? "warn" : "crit"}
      label={guest.lastBackup ? t("the backup is old") : t("no backup")}
    />
  );
  const columns: Column<LiveGuest>[] = [
    {
      id: "name",
      title: t("Guest"),
      sort: "ascending",
      value: (guest) => guest.name,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    {
      id: "type",
      title: t("Type"),
      width: 60,
      value: typeName,
      sort: "ascending",
      cell: (row) => <span class="soft">{typeName(row())}</span>,
    },
    {
      id: "vmid",
      title: t("ID"),
      width: 80,
      isNumber: true,
      sort: "ascending",
      value: (guest) => guest.vmid,
      cell: (row) => <span class="soft">{row().vmid}</span>,
    },
    {
      id: "node",
      title: t("Node"),
      sort: "ascending",
      value: (guest) => guest.node,
      cell: (row) => row().node,
    },
    {
      id: "backup",
      title: t("Newest backup"),
      width: 130,
      isNumber: true,
      sort: "ascending",
      value: (guest) => guest.lastBackup ?? 0,
      csv: (guest) => (guest.lastBackup ? new Date(guest.lastBackup).toISOString() : undefined),
      cell: (row) => <BackupAge guest={row()} />,
    },
    {
      id: "status",
      title: t("State"),
      width: 100,
      sort: "ascending",
      value: (guest) => guest.status,
      cell: (row) => <span class="soft">{row().status}</span>,
    },
  ];
  const phone: Column<LiveGuest>[] = [
    { id: "name", title: t("Guest"), cell: (row) => mark(row()) },
    {
      id: "backup",
      title: t("Newest backup"),
      width: 110,
      isNumber: true,
      cell: (row) => <BackupAge guest={row()} />,
    },
  ];
  return (
    <Table<LiveGuest>
      id="unprotected"
      label={t("Unprotected guests")}
      view={props.view}
      rows={props.rows}
      key={(guest) => guest.id}
      columns={columns}
      phone={phone}
      name={(guest) => (
        <PhoneName name={guest.name} below={`${typeName(guest)} ${guest.vmid} · ${guest.node}`} />
      )}
      fields={GUEST_FIELDS}
      sort={{ column: "backup", descending: false }}
      tools={props.tools}
      onOpen={(key) => navigate(`/proxmox?open=${encodeURIComponent(key)}`)}
      openHint={t("Open the guest")}
      empty={
        <Empty title={t("Every guest is protected")}>
          <p>
            {tn(
              "The newest backup of each guest is at most {n} day old.",
              "The newest backup of each guest is at most {n} days old.",
              props.limit,
            )}
          </p>
        </Empty>
      }
    />
  );
}

const TYPE_NAMES: Readonly<Record<string, string>> = { vm: "VM", ct: "CT", host: t("Host") };

function BackupTable(props: {
  view: View;
  rows: ReadonlyMap<string, Backup>;
  onDay: number | undefined;
  names: ReadonlyMap<string, string>;
  tools: JSX.Element;
}): JSX.Element {
  const nameOf = (row: Backup): string =>
    (row.type === "host" ? undefined : props.names.get(row.vmid)) ?? row.vmid;
  const badges = (row: Backup): JSX.Element => (
    <span class="row">
      <Show when={row.isVerified}>
        <Badge health="ok">{t("verified")}</Badge>
      </Show>
      <Show when={row.isProtected}>
        <Badge>{t("protected")}</Badge>
      </Show>
    </span>
  );
  const columns: Column<Backup>[] = [
    { id: "guest", title: t("Guest"), sort: "ascending", value: nameOf, isFixed: true, cell: () => "" },
    {
      id: "type",
      title: t("Type"),
      width: 60,
      sort: "ascending",
      value: (row) => row.type,
      cell: (row) => <span class="soft">{TYPE_NAMES[row().type] ?? row().type}</span>,
    },
    {
      id: "vmid",
      title: t("ID"),
      width: 80,
      isNumber: true,
      sort: "ascending",
      value: (row) => Number(row.vmid) || undefined,
      cell: (row) => <span class="soft">{row().vmid}</span>,
    },
    {
      id: "made",
      title: t("Made"),
      width: 150,
      isNumber: true,
      sort: "descending",
      value: (row) => row.at,
      csv: (row) => (row.at === undefined ? undefined : new Date(row.at).toISOString()),
      cell: (row) => <Value value={row().at} text={shortMoment} title={moment(row().at ?? 0)} />,
    },
    {
      id: "size",
      title: t("Size"),
      width: 90,
      isNumber: true,
      sort: "descending",
      value: (row) => row.size,
      cell: (row) => (
        <Value value={row().size || undefined} text={bytes} why={t("the source gives no size")} />
      ),
    },
    {
      id: "where",
      title: t("Where"),
      sort: "ascending",
      value: (row) => row.where,
      cell: (row) => <span title={row().where}>{row().where}</span>,
    },
    {
      id: "state",
      title: t("Marks"),
      width: 150,
      from: 900,
      value: (row) => (row.isVerified ? 1 : 0),
      cell: (row) => badges(row()),
    },
    {
      id: "notes",
      title: t("Notes"),
      from: 1100,
      value: (row) => row.notes,
      cell: (row) => (
        <span class="soft" title={row().notes}>
          {row().notes}
        </span>
      ),
    },
    {
      id: "owner",
      title: t("Owner"),
      width: 160,
      isExtra: true,
      value: (row) => row.owner,
      cell: (row) => <span class="soft">{row().owner}</span>,
    },
  ];
  const phone: Column<Backup>[] = [
    { id: "guest", title: t("Guest"), width: 190, cell: () => "" },
    {
      id: "made",
      title: t("Made"),
      isNumber: true,
      cell: (row) => (
        <Two>
          <Value value={row().at} text={shortMoment} />
          <span class="soft">{row().size ? bytes(row().size ?? 0) : ""}</span>
        </Two>
      ),
    },
  ];
  return (
    <Table<Backup>
      id="backups"
      label={t("Backups")}
      view={props.view}
      rows={props.rows}
      key={(row) => row.id}
      columns={columns}
      phone={phone}
      name={(row) => <PhoneName name={nameOf(row)} below={row.where} />}
      fields={{
        text: (row) => `${nameOf(row)} ${row.vmid} ${row.where} ${row.notes}`.toLowerCase(),
        fields: {
          guest: nameOf,
          id: (row) => row.vmid,
          type: (row) => row.type,
          where: (row) => row.where,
          size: (row) => row.size,
          is: (row) => [row.isVerified ? "verified" : "", row.isProtected ? "protected" : ""],
          owner: (row) => row.owner,
        },
      }}
      where={(row) =>
        props.onDay === undefined || (row.at !== undefined && startOfDay(row.at) === props.onDay)
      }
      onClear={() => props.view.set({ day: undefined })}
      sort={{ column: "made", descending: true }}
      groups={[
        {
          id: "guest",
          title: t("By guest"),
          of: (row) => ({ key: `${row.type}/${row.vmid}`, title: nameOf(row) }),
        },
        { id: "where", title: t("By place"), of: (row) => ({ key: row.where, title: row.where }) },
      ]}
      isFlatAtFirst
      tools={props.tools}
      empty={
        <Empty title={t("No backups")}>
          <p>{t("No backup storage and no backup server that is read holds a backup.")}</p>
        </Empty>
      }
    />
  );
}

function taskHealth(task: BackupTask): Health {
  if (task.status === "OK" || task.status === "ok") return "ok";
  if (task.status === "running" || task.status === "") return "idle";
  return /^warn/i.test(task.status) ? "warn" : "crit";
}

function Tasks(props: { view: View; names: ReadonlyMap<string, string>; tools: JSX.Element }): JSX.Element {
  type Row = Live<BackupTask>;
  const nameOf = (row: Row): string =>
    row.vmid > 0 ? (props.names.get(String(row.vmid)) ?? String(row.vmid)) : t("several guests");
  const took = (row: Row): number | undefined => {
    const from = parseTime(row.startTime);
    const to = parseTime(row.endTime);
    return from === undefined || to === undefined ? undefined : (to - from) / 1000;
  };
  const mark = (row: Row): JSX.Element => <Mark health={taskHealth(row)} label={row.status} />;
  const columns: Column<Row>[] = [
    {
      id: "guest",
      title: t("Guest"),
      sort: "ascending",
      value: nameOf,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    {
      id: "node",
      title: t("Node"),
      width: 120,
      sort: "ascending",
      value: (row) => row.node,
      cell: (row) => row().node,
    },
    {
      id: "start",
      title: t("Began"),
      width: 150,
      isNumber: true,
      sort: "descending",
      value: (row) => parseTime(row.startTime),
      csv: (row) => row.startTime,
      cell: (row) => <Value value={parseTime(row().startTime)} text={shortMoment} />,
    },
    {
      id: "took",
      title: t("Took"),
      width: 100,
      isNumber: true,
      sort: "descending",
      value: took,
      cell: (row) => <Value value={took(row())} text={duration} why={t("it has not ended")} />,
    },
    {
      id: "size",
      title: t("Size"),
      width: 90,
      isNumber: true,
      sort: "descending",
      value: (row) => row.size,
      cell: (row) => <Value value={row().size || undefined} text={bytes} why={t("the task gives no size")} />,
    },
    {
      id: "state",
      title: t("Result"),
      sort: "ascending",
      value: (row) => row.error ?? row.status,
      cell: (row) => <span title={row().error ?? row().status}>{row().error ?? row().status}</span>,
    },
  ];
  const phone: Column<Row>[] = [
    { id: "guest", title: t("Guest"), width: 190, cell: (row) => mark(row()) },
    { id: "state", title: t("Result"), cell: (row) => row().error ?? row().status },
  ];
  return (
    <Table<Row>
      id="backup-tasks"
      label={t("Backup tasks")}
      view={props.view}
      rows={backupTasks()}
      key={(row) => row.id}
      columns={columns}
      phone={phone}
      name={(row) => <PhoneName name={nameOf(row)} below={row.node} />}
      fields={{
        text: (row) =>
          `${nameOf(row)} ${row.vmid} ${row.node} ${row.status} ${row.error ?? ""}`.toLowerCase(),
        fields: {
          guest: nameOf,
          node: (row) => row.node,
          status: (row) => row.status,
          id: (row) => row.vmid,
        },
      }}
      sort={{ column: "start", descending: true }}
      tools={props.tools}
      empty={
        <Empty title={t("No backup tasks")}>
          <p>{t("The nodes report no backup task of the last days.")}</p>
        </Empty>
      }
    />
  );
}

function Snapshots(props: {
  view: View;
  names: ReadonlyMap<string, string>;
  tools: JSX.Element;
}): JSX.Element {
  type Row = Live<GuestSnapshot>;
  const nameOf = (row: Row): string => props.names.get(String(row.vmid)) ?? String(row.vmid);
  const at = (row: Row): number | undefined => parseTime(row.time);
  const old = (row: Row): JSX.Element => (
    <Show when={at(row)} fallback={<Dash why={t("the source gives no time")} />}>
      {(time) => <span title={moment(time())}>{age((serverNow() - time()) / 1000)}</span>}
    </Show>
  );
  const columns: Column<Row>[] = [
    { id: "guest", title: t("Guest"), sort: "ascending", value: nameOf, isFixed: true, cell: () => "" },
    {
      id: "name",
      title: t("Snapshot"),
      sort: "ascending",
      value: (row) => row.name,
      cell: (row) => row().name,
    },
    {
      id: "node",
      title: t("Node"),
      width: 120,
      sort: "ascending",
      value: (row) => row.node,
      cell: (row) => row().node,
    },
    {
      id: "age",
      title: t("Age"),
      width: 90,
      isNumber: true,
      sort: "ascending",
      value: at,
      csv: (row) => row.time,
      cell: (row) => old(row()),
    },
    {
      id: "size",
      title: t("Size"),
      width: 90,
      isNumber: true,
      sort: "descending",
      value: (row) => row.sizeBytes,
      cell: (row) => <Value value={row().sizeBytes} text={bytes} why={t("the storage gives no size")} />,
    },
    {
      id: "memory",
      title: t("Memory"),
      width: 110,
      value: (row) => (row.vmstate ? 1 : 0),
      cell: (row) => (row().vmstate ? t("with memory") : ""),
    },
    {
      id: "text",
      title: t("Description"),
      from: 900,
      value: (row) => row.description,
      cell: (row) => <span class="soft">{row().description}</span>,
    },
  ];
  const phone: Column<Row>[] = [
    { id: "guest", title: t("Guest"), width: 230, cell: () => "" },
    { id: "age", title: t("Age"), isNumber: true, cell: (row) => old(row()) },
  ];
  return (
    <Table<Row>
      id="snapshots"
      label={t("Snapshots")}
      view={props.view}
      rows={guestSnapshots()}
      key={(row) => row.id}
      columns={columns}
      phone={phone}
      name={(row) => <PhoneName name={nameOf(row)} below={`${row.name} · ${row.node}`} />}
      fields={{
        text: (row) =>
          `${nameOf(row)} ${row.vmid} ${row.name} ${row.node} ${row.description ?? ""}`.toLowerCase(),
        fields: { guest: nameOf, name: (row) => row.name, node: (row) => row.node, id: (row) => row.vmid },
      }}
      sort={{ column: "age", descending: false }}
      tools={props.tools}
      empty={
        <Empty title={t("No snapshots")}>
          <p>{t("No guest has a snapshot.")}</p>
        </Empty>
      }
    />
  );
}
