// Services of a swarm.

import { type ComponentProps, type JSX, Show } from "solid-js";
import { shortMoment } from "../../state/format";
import type { View } from "../../state/view";
import { t } from "../../text";
import { Bounded } from "../../ui/table/Bounded";
import { type Column, type Grouping, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { PhoneName } from "../parts/cells";
import { portsText, runningText, SERVICE_FIELDS, type ServiceRow, serviceHealth } from "./model";
import { ServiceMark } from "./ServiceDrawer";

const GROUPS: readonly Grouping<ServiceRow>[] = [
  {
    id: "stack",
    title: t("By stack"),
    of: ({ service }) => ({ key: service.stack ?? "", title: service.stack || t("without a stack") }),
  },
];

interface Props {
  view: View;
  rows: ReadonlyMap<string, ServiceRow>;
  onOpen: (key: string) => void;
  /** Above the containers: without a bar of its own, and no higher than leaves them room. */
  isAmongOthers: boolean;
  tools: JSX.Element;
}

export function ServiceTable(props: Props): JSX.Element {
  const columns: Column<ServiceRow>[] = [
    {
      id: "name",
      title: t("Service"),
      sort: "ascending",
      value: ({ service }) => service.name,
      isFixed: true,
      cell: (row) => <ServiceMark row={row()} />,
    },
    {
      id: "image",
      title: t("Image"),
      sort: "ascending",
      value: ({ service }) => service.image,
      cell: (row) => (
        <span class="soft" title={row().service.image}>
          {row().service.image?.split("@")[0]}
        </span>
      ),
    },
    {
      id: "mode",
      title: t("Mode"),
      width: 110,
      sort: "ascending",
      value: ({ service }) => service.mode,
      cell: (row) => <span class="soft">{row().service.mode}</span>,
    },
    {
      id: "tasks",
      title: t("Running"),
      width: 100,
      isNumber: true,
      sort: "ascending",
      value: ({ service }) => (service.runningTasks ?? 0) - (service.desiredTasks ?? 0),
      csv: ({ service }) => service.runningTasks,
      cell: (row) => runningText(row()),
    },
    {
      id: "ports",
      title: t("Ports"),
      from: 900,
      value: portsText,
      cell: (row) => <span class="mono">{portsText(row())}</span>,
    },
    {
      id: "updated",
      title: t("Updated"),
      width: 150,
      from: 1000,
      isNumber: true,
      sort: "descending",
      value: ({ service }) => service.updatedAt,
      cell: (row) => <Value value={row().service.updatedAt} text={shortMoment} />,
    },
  ];
  const phone: Column<ServiceRow>[] = [
    { id: "name", title: t("Service"), cell: (row) => <ServiceMark row={row()} /> },
    { id: "tasks", title: t("Running"), width: 90, isNumber: true, cell: (row) => runningText(row()) },
  ];
  const table = (how: Partial<ComponentProps<typeof Table<ServiceRow>>>): JSX.Element => (
    <Table<ServiceRow>
      id="services"
      label={t("Services")}
      view={props.view}
      rows={props.rows}
      key={(row) => row.key}
      columns={columns}
      phone={phone}
      name={(row) => <PhoneName name={row.service.name} below={row.service.image?.split("@")[0]} />}
      first={(row) => (serviceHealth(row) === "crit" ? 0 : 1)}
      sort={{ column: "name", descending: false }}
      open={props.view.get("open")}
      onOpen={props.onOpen}
      {...how}
    />
  );
  return (
    <Show
      when={props.isAmongOthers}
      fallback={table({ fields: SERVICE_FIELDS, groups: GROUPS, tools: props.tools })}
    >
      <Bounded isSmall>{table({ isBare: true, sortName: "servicesort" })}</Bounded>
    </Show>
  );
}
