// Replication jobs: what failed first, when each last ran and runs next.

import type { JSX } from "solid-js";
import type { Live } from "../../api/delta";
import { replicationJobs, serverNow } from "../../api/live";
import type { ReplicationJob } from "../../api/types";
import { age, duration, moment } from "../../state/format";
import { useView } from "../../state/view";
import { t } from "../../text";
import { Empty } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { PhoneName, Two } from "../parts/cells";
import { lastSync, nextSync, REPLICATION_FIELDS, replicationHealth, replicationState } from "./storageModel";

type Row = Live<ReplicationJob>;

export default function ReplicationPage(): JSX.Element {
  const view = useView("replication", ["sort"]);
  const mark = (row: Row): JSX.Element => (
    <Mark health={replicationHealth(row)} label={replicationState(row)} />
  );
  const ago = (row: Row): JSX.Element => (
    <Value
      value={lastSync(row)}
      text={(at) => t("{age} ago", { age: age((serverNow() - at) / 1000) })}
      title={moment(lastSync(row) ?? 0)}
      why={t("it has not run yet")}
    />
  );
  const columns: Column<Row>[] = [
    {
      id: "guest",
      title: t("Guest"),
      sort: "ascending",
      value: (row) => row.guestName ?? row.guest,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    {
      id: "job",
      title: t("Job"),
      width: 90,
      sort: "ascending",
      value: (row) => row.jobId,
      cell: (row) => <span class="soft">{row().jobId}</span>,
    },
    {
      id: "from",
      title: t("From"),
      width: 110,
      sort: "ascending",
      value: (row) => row.sourceNode,
      cell: (row) => row().sourceNode,
    },
    {
      id: "to",
      title: t("To"),
      width: 110,
      sort: "ascending",
      value: (row) => row.targetNode,
      cell: (row) => row().targetNode,
    },
    {
      id: "schedule",
      title: t("Schedule"),
      width: 120,
      from: 900,
      value: (row) => row.schedule,
      cell: (row) => <span class="mono">{row().schedule}</span>,
    },
    {
      id: "last",
      title: t("Last run"),
      width: 110,
      isNumber: true,
      sort: "ascending",
      value: lastSync,
      cell: (row) => ago(row()),
    },
    {
      id: "took",
      title: t("Took"),
      width: 80,
      from: 1000,
      isNumber: true,
      sort: "descending",
      value: (row) => row.lastSyncDurationSeconds,
      cell: (row) => (
        <Value value={row().lastSyncDurationSeconds} text={duration} why={t("it has not run yet")} />
      ),
    },
    {
      id: "next",
      title: t("Next run"),
      width: 110,
      isNumber: true,
      sort: "ascending",
      value: nextSync,
      cell: (row) => (
        <Value
          value={nextSync(row())}
          text={(at) =>
            at <= serverNow() ? t("due") : t("in {age}", { age: age((at - serverNow()) / 1000) })
          }
          title={moment(nextSync(row()) ?? 0)}
          why={row().enabled === false ? t("the job is disabled") : t("no next run is planned")}
        />
      ),
    },
    {
      id: "fails",
      title: t("Fails"),
      width: 64,
      isNumber: true,
      sort: "descending",
      value: (row) => row.failCount,
      cell: (row) => row().failCount ?? 0,
    },
    {
      id: "state",
      title: t("State"),
      sort: "ascending",
      value: replicationState,
      cell: (row) => <span title={replicationState(row())}>{replicationState(row())}</span>,
    },
  ];
  const phone: Column<Row>[] = [
    { id: "guest", title: t("Guest"), width: 190, cell: (row) => mark(row()) },
    {
      id: "last",
      title: t("Last run"),
      cell: (row) => (
        <Two>
          {ago(row())}
          <span class="soft cut">{replicationState(row())}</span>
        </Two>
      ),
    },
  ];
  return (
    <>
      <h1 class="sr">{t("Replication")}</h1>
      <Table<Row>
        id="replication"
        label={t("Replication jobs")}
        view={view}
        rows={replicationJobs()}
        key={(row) => row.id}
        columns={columns}
        phone={phone}
        name={(row) => (
          <PhoneName
            name={row.guestName || row.guest || row.jobId}
            below={`${row.sourceNode ?? ""} → ${row.targetNode ?? ""}`}
          />
        )}
        fields={REPLICATION_FIELDS}
        first={(row) => (replicationHealth(row) === "crit" ? 0 : 1)}
        sort={{ column: "guest", descending: false }}
        tone={(row) => (row.enabled === false ? "dim" : undefined)}
        empty={
          <Empty title={t("No replication")}>
            <p>{t("No cluster has a replication job.")}</p>
          </Empty>
        }
      />
    </>
  );
}
