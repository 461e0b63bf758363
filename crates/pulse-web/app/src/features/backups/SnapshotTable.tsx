// The snapshots of guests: no backups, and often forgotten.

import { type JSX, Show } from "solid-js";
import type { Live } from "../../api/delta";
import { guestSnapshots, serverNow } from "../../api/live";
import type { GuestSnapshot } from "../../api/types";
import { age, bytes, moment, parseTime } from "../../state/format";
import type { View } from "../../state/view";
import { t } from "../../text";
import { Empty } from "../../ui/controls";
import { type Column, Table } from "../../ui/table/Table";
import { Dash, Value } from "../../ui/Value";
import { PhoneName } from "../parts/cells";
import type { guestNames } from "./model";

export function SnapshotTable(props: {
  view: View;
  names: ReturnType<typeof guestNames>;
  tools: JSX.Element;
}): JSX.Element {
  type Row = Live<GuestSnapshot>;
  const nameOf = (row: Row): string => props.names(row.vmid, row.instance) ?? String(row.vmid);
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
