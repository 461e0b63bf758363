// All backups, wherever they lie.

import { type JSX, Show } from "solid-js";
import { bytes, moment, shortMoment } from "../../state/format";
import type { View } from "../../state/view";
import { t } from "../../text";
import { Badge, Empty } from "../../ui/controls";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { PhoneName, Two } from "../parts/cells";
import { type Backup, type guestNames, startOfDay } from "./model";

const TYPE_NAMES: Readonly<Record<string, string>> = { vm: "VM", ct: "CT", host: t("Host") };

export function BackupTable(props: {
  view: View;
  rows: ReadonlyMap<string, Backup>;
  onDay: number | undefined;
  names: ReturnType<typeof guestNames>;
  tools: JSX.Element;
}): JSX.Element {
  const nameOf = (row: Backup): string =>
    (row.type === "host"
      ? undefined
      : props.names(row.vmid, row.kind === "storage" ? row.instance : undefined)) ?? row.vmid;
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
