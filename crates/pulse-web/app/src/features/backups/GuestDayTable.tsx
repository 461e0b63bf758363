// The calendar by guest: on which of the last days each was backed up.

import { useNavigate } from "@solidjs/router";
import type { JSX } from "solid-js";
import type { View } from "../../state/view";
import { t } from "../../text";
import { Empty } from "../../ui/controls";
import { type Column, Table } from "../../ui/table/Table";
import { PhoneName } from "../parts/cells";
import { BackupAge } from "../proxmox/GuestTable";
import { GUEST_FIELDS, type LiveGuest, typeName } from "../proxmox/model";
import { DayStrip } from "./DayStrip";
import type { GuestDays } from "./model";

type Row = GuestDays<LiveGuest>;

/** As many as a phone has room for. */
const PHONE_DAYS = 14;

export function GuestDayTable(props: {
  view: View;
  rows: ReadonlyMap<string, Row>;
  days: readonly number[];
  tools: JSX.Element;
}): JSX.Element {
  const navigate = useNavigate();
  const madeOn = (row: Row): number => row.counts.filter((count) => count > 0).length;
  const columns: Column<Row>[] = [
    {
      id: "name",
      title: t("Guest"),
      sort: "ascending",
      value: (row) => row.guest.name,
      isFixed: true,
      cell: () => "",
    },
    {
      id: "type",
      title: t("Type"),
      width: 60,
      from: 800,
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
      width: 140,
      from: 900,
      sort: "ascending",
      value: (row) => row.guest.node,
      cell: (row) => row().guest.node,
    },
    {
      id: "days",
      title: t("Last {n} days", { n: props.days.length }),
      width: 440,
      sort: "ascending",
      value: madeOn,
      cell: (row) => <DayStrip days={props.days} of={row()} />,
    },
    {
      id: "count",
      title: t("Days"),
      hint: t("Days with a backup"),
      width: 70,
      isNumber: true,
      sort: "ascending",
      value: madeOn,
      cell: (row) => madeOn(row()),
    },
    {
      id: "backup",
      title: t("Newest backup"),
      width: 130,
      isNumber: true,
      sort: "ascending",
      value: (row) => row.guest.lastBackup ?? 0,
      cell: (row) => <BackupAge guest={row().guest} />,
    },
  ];
  const phone: Column<Row>[] = [
    { id: "name", title: t("Guest"), cell: () => "" },
    {
      id: "days",
      title: t("Last {n} days", { n: PHONE_DAYS }),
      width: 150,
      cell: (row) => <DayStrip days={props.days} of={row()} most={PHONE_DAYS} />,
    },
  ];
  return (
    <Table<Row>
      id="backup-days"
      label={t("Backups by guest and day")}
      view={props.view}
      rows={props.rows}
      key={(row) => row.guest.id}
      columns={columns}
      phone={phone}
      name={(row) => (
        <PhoneName
          name={row.guest.name}
          below={`${typeName(row.guest)} ${row.guest.vmid} · ${row.guest.node}`}
        />
      )}
      fields={{
        text: (row) => GUEST_FIELDS.text(row.guest),
        fields: {
          ...Object.fromEntries(
            Object.entries(GUEST_FIELDS.fields).map(([name, of]) => [name, (row: Row) => of(row.guest)]),
          ),
          days: madeOn,
        },
      }}
      groups={[
        {
          id: "node",
          title: t("By node"),
          of: ({ guest }) => ({ key: `${guest.instance}/${guest.node}`, title: guest.node }),
        },
      ]}
      isFlatAtFirst
      sort={{ column: "count", descending: false }}
      tools={props.tools}
      onOpen={(key) => navigate(`/proxmox?open=${encodeURIComponent(key)}`)}
      openHint={t("Open the guest")}
      empty={
        <Empty title={t("No guests")}>
          <p>{t("No guest is known whose backups could be shown.")}</p>
        </Empty>
      }
    />
  );
}
