// Guests without a backup, and with none that is young enough.

import { useNavigate } from "@solidjs/router";
import type { JSX } from "solid-js";
import type { Fields } from "../../state/filter";
import type { View } from "../../state/view";
import { t, tn } from "../../text";
import { Empty } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { PhoneName } from "../parts/cells";
import { BackupAge } from "../proxmox/GuestTable";
import { GUEST_FIELDS, type LiveGuest, statusName, typeName } from "../proxmox/model";
import type { Exposed } from "./model";

type Row = Exposed<LiveGuest>;

const FIELDS: Fields<Row> = {
  text: (row) => GUEST_FIELDS.text(row.guest),
  fields: Object.fromEntries(
    Object.entries(GUEST_FIELDS.fields).map(([name, of]) => [name, (row: Row) => of(row.guest)]),
  ),
};

export function UnprotectedTable(props: {
  view: View;
  rows: ReadonlyMap<string, Row>;
  /** Days that the newest backup may be old; 0 where its age does not count. */
  limit: number;
  tools: JSX.Element;
}): JSX.Element {
  const navigate = useNavigate();
  const why = (row: Row): string => (row.kind === "none" ? t("no backup") : t("the backup is old"));
  const mark = (row: Row): JSX.Element => (
    <Mark health={row.kind === "none" ? "crit" : "warn"} label={why(row)} />
  );
  const columns: Column<Row>[] = [
    {
      id: "name",
      title: t("Guest"),
      sort: "ascending",
      value: (row) => row.guest.name,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    {
      id: "type",
      title: t("Type"),
      width: 60,
      value: (row) => typeName(row.guest),
      sort: "ascending",
      cell: (row) => <span class="soft">{typeName(row().guest)}</span>,
    },
    {
      id: "vmid",
      title: t("ID"),
      width: 80,
      isNumber: true,
      sort: "ascending",
      value: (row) => row.guest.vmid,
      cell: (row) => <span class="soft">{row().guest.vmid}</span>,
    },
    {
      id: "node",
      title: t("Node"),
      sort: "ascending",
      value: (row) => row.guest.node,
      cell: (row) => row().guest.node,
    },
    {
      id: "backup",
      title: t("Newest backup"),
      width: 130,
      isNumber: true,
      sort: "ascending",
      value: (row) => row.at ?? 0,
      csv: (row) => (row.at === undefined ? undefined : new Date(row.at).toISOString()),
      cell: (row) => <BackupAge guest={row().guest} />,
    },
    {
      id: "why",
      title: t("Why"),
      width: 150,
      sort: "ascending",
      value: why,
      cell: (row) => <span class="soft">{why(row())}</span>,
    },
    {
      id: "status",
      title: t("State"),
      width: 100,
      from: 800,
      sort: "ascending",
      value: (row) => row.guest.status,
      cell: (row) => <span class="soft">{statusName(row().guest)}</span>,
    },
  ];
  const phone: Column<Row>[] = [
    { id: "name", title: t("Guest"), cell: (row) => mark(row()) },
    {
      id: "backup",
      title: t("Newest backup"),
      width: 110,
      isNumber: true,
      cell: (row) => <BackupAge guest={row().guest} />,
    },
  ];
  return (
    <Table<Row>
      id="unprotected"
      label={t("Unprotected guests")}
      view={props.view}
      rows={props.rows}
      key={(row) => row.guest.id}
      columns={columns}
      phone={phone}
      name={({ guest }) => (
        <PhoneName name={guest.name} below={`${typeName(guest)} ${guest.vmid} · ${guest.node}`} />
      )}
      fields={FIELDS}
      sort={{ column: "backup", descending: false }}
      tools={props.tools}
      onOpen={(key) => navigate(`/proxmox?open=${encodeURIComponent(key)}`)}
      openHint={t("Open the guest")}
      empty={
        <Empty title={t("Every guest is protected")}>
          <p>
            {props.limit === 0
              ? t("Each guest whose backups can be seen has one.")
              : tn(
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
