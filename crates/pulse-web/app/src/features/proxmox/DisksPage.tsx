// Physical disks of all nodes: health, wear, temperature.

import type { JSX } from "solid-js";
import type { Live } from "../../api/delta";
import { physicalDisks } from "../../api/live";
import type { PhysicalDisk } from "../../api/types";
import { bytes, celsius, moment, parseTime } from "../../state/format";
import { useView } from "../../state/view";
import { t } from "../../text";
import { Empty } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { PhoneName, Two } from "../parts/cells";
import { DISK_FIELDS, diskHealth, diskLifeLeft, diskTemperature } from "./storageModel";

type Row = Live<PhysicalDisk>;

export default function DisksPage(): JSX.Element {
  const view = useView("disks", ["sort", "group"]);
  const mark = (row: Row): JSX.Element => (
    <Mark health={diskHealth(row)} label={row.health ?? t("unknown")} />
  );
  const life = (row: Row): JSX.Element => (
    <Value
      value={diskLifeLeft(row)}
      text={(left) => `${left}\u00a0%`}
      why={t("the disk does not say how worn it is")}
    />
  );
  const temperature = (row: Row): JSX.Element => (
    <Value value={diskTemperature(row)} text={celsius} why={t("no sensor of this disk is read")} />
  );
  const columns: Column<Row>[] = [
    {
      id: "disk",
      title: t("Disk"),
      width: 200,
      sort: "ascending",
      value: (row) => row.devPath,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    {
      id: "node",
      title: t("Node"),
      width: 110,
      sort: "ascending",
      value: (row) => row.node,
      cell: (row) => row().node,
    },
    {
      id: "model",
      title: t("Model"),
      sort: "ascending",
      value: (row) => row.model,
      cell: (row) => row().model,
    },
    {
      id: "serial",
      title: t("Serial number"),
      from: 1000,
      value: (row) => row.serial,
      cell: (row) => <span class="mono">{row().serial}</span>,
    },
    {
      id: "type",
      title: t("Type"),
      width: 70,
      sort: "ascending",
      value: (row) => row.type,
      cell: (row) => <span class="soft">{row().type}</span>,
    },
    {
      id: "size",
      title: t("Size"),
      width: 90,
      isNumber: true,
      sort: "descending",
      value: (row) => row.size,
      cell: (row) => <Value value={row().size || undefined} text={bytes} />,
    },
    {
      id: "health",
      title: t("Health"),
      width: 100,
      sort: "ascending",
      value: (row) => row.health,
      cell: (row) => row().health,
    },
    {
      id: "life",
      title: t("Life left"),
      width: 90,
      isNumber: true,
      sort: "ascending",
      value: diskLifeLeft,
      cell: (row) => life(row()),
    },
    {
      id: "temperature",
      title: t("Temp."),
      width: 80,
      isNumber: true,
      sort: "descending",
      value: diskTemperature,
      cell: (row) => temperature(row()),
    },
    {
      id: "used",
      title: t("Used for"),
      width: 100,
      from: 900,
      value: (row) => row.used,
      cell: (row) => <span class="soft">{row().used}</span>,
    },
    {
      id: "checked",
      title: t("Looked at"),
      width: 170,
      isExtra: true,
      isNumber: true,
      sort: "descending",
      value: (row) => parseTime(row.lastChecked),
      cell: (row) => <Value value={parseTime(row().lastChecked)} text={moment} />,
    },
  ];
  const phone: Column<Row>[] = [
    { id: "disk", title: t("Disk"), width: 200, cell: (row) => mark(row()) },
    {
      id: "state",
      title: t("Health"),
      cell: (row) => (
        <Two>
          <span>
            {row().health} · {temperature(row())}
          </span>
          <span class="soft">
            {t("life left")}: {life(row())}
          </span>
        </Two>
      ),
    },
  ];
  return (
    <>
      <h1 class="sr">{t("Physical disks")}</h1>
      <Table<Row>
        id="disks"
        label={t("Physical disks")}
        view={view}
        rows={physicalDisks()}
        key={(row) => row.id}
        columns={columns}
        phone={phone}
        name={(row) => <PhoneName name={row.devPath} below={`${row.node} · ${row.model ?? ""}`} />}
        fields={DISK_FIELDS}
        groups={[
          {
            id: "node",
            title: t("By node"),
            of: (row) => ({ key: `${row.instance}/${row.node}`, title: row.node }),
          },
        ]}
        sort={{ column: "disk", descending: false }}
        empty={
          <Empty title={t("No disks")}>
            <p>{t("The nodes report no physical disks; the role of the token may lack Sys.Audit.")}</p>
          </Empty>
        }
      />
    </>
  );
}
