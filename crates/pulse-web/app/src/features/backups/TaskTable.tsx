// The tasks that make backups, and how they ended.

import type { JSX } from "solid-js";
import type { Live } from "../../api/delta";
import { backupTasks } from "../../api/live";
import type { BackupTask } from "../../api/types";
import { bytes, duration, parseTime, shortMoment } from "../../state/format";
import type { View } from "../../state/view";
import { t } from "../../text";
import { Empty } from "../../ui/controls";
import { type Health, Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { PhoneName } from "../parts/cells";
import type { guestNames } from "./model";

/** How good a task ended. */
export function taskHealth(task: BackupTask): Health {
  if (task.status === "OK" || task.status === "ok") return "ok";
  if (task.status === "running" || task.status === "") return "idle";
  return /^warn/i.test(task.status) ? "warn" : "crit";
}

export function TaskTable(props: {
  view: View;
  names: ReturnType<typeof guestNames>;
  tools: JSX.Element;
}): JSX.Element {
  type Row = Live<BackupTask>;
  const nameOf = (row: Row): string =>
    row.vmid > 0 ? (props.names(row.vmid, row.instance) ?? String(row.vmid)) : t("several guests");
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
