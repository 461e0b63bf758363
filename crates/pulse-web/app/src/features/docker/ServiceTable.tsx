// Services of a swarm, with their tasks.

import { For, type JSX, Show } from "solid-js";
import { moment, shortMoment } from "../../state/format";
import type { View } from "../../state/view";
import { t } from "../../text";
import { Fact, Facts } from "../../ui/controls";
import { Drawer, DrawerSection } from "../../ui/Drawer";
import { Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { PhoneName } from "../parts/cells";
import lists from "../parts/lists.module.css";
import { hostName, SERVICE_FIELDS, type ServiceRow, serviceHealth } from "./model";

function runningText({ service }: ServiceRow): string {
  return t("{shown} of {total}", { shown: service.runningTasks ?? 0, total: service.desiredTasks ?? 0 });
}

function portsText({ service }: ServiceRow): string {
  return (service.endpointPorts ?? [])
    .map((port) =>
      port.publishedPort
        ? `${port.publishedPort} → ${port.targetPort ?? ""}/${port.protocol ?? "tcp"}`
        : `${port.targetPort ?? ""}/${port.protocol ?? "tcp"}`,
    )
    .join(", ");
}

export function ServiceTable(props: {
  view: View;
  rows: ReadonlyMap<string, ServiceRow>;
  tools: JSX.Element;
}): JSX.Element {
  const mark = (row: ServiceRow): JSX.Element => (
    <Mark health={serviceHealth(row)} label={runningText(row)} />
  );
  const columns: Column<ServiceRow>[] = [
    {
      id: "name",
      title: t("Service"),
      sort: "ascending",
      value: ({ service }) => service.name,
      isFixed: true,
      cell: (row) => mark(row()),
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
    { id: "name", title: t("Service"), cell: (row) => mark(row()) },
    { id: "tasks", title: t("Running"), width: 90, isNumber: true, cell: (row) => runningText(row()) },
  ];
  const open = (): string => props.view.get("open") ?? "";
  return (
    <>
      <Table<ServiceRow>
        id="services"
        label={t("Services")}
        view={props.view}
        rows={props.rows}
        key={(row) => row.key}
        columns={columns}
        phone={phone}
        name={(row) => <PhoneName name={row.service.name} below={row.service.image?.split("@")[0]} />}
        fields={SERVICE_FIELDS}
        groups={[
          {
            id: "stack",
            title: t("By stack"),
            of: ({ service }) => ({ key: service.stack ?? "", title: service.stack || t("without a stack") }),
          },
        ]}
        first={(row) => (serviceHealth(row) === "crit" ? 0 : 1)}
        sort={{ column: "name", descending: false }}
        open={props.view.get("open")}
        onOpen={(key) => (open() === "" ? props.view.go({ open: key }) : props.view.set({ open: key }))}
        tools={props.tools}
      />
      <Show when={props.rows.get(open())}>
        {(row) => (
          <Drawer
            onClose={() => props.view.set({ open: undefined })}
            title={
              <>
                {mark(row())}
                {row().service.name}
              </>
            }
            subtitle={t("{image}, told by {host}", {
              image: row().service.image?.split("@")[0] ?? "",
              host: hostName(row().host),
            })}
          >
            <Facts>
              <Fact name={t("Running")}>{runningText(row())}</Fact>
              <Fact name={t("Mode")}>{row().service.mode}</Fact>
              <Show when={row().service.stack}>{(stack) => <Fact name={t("Stack")}>{stack()}</Fact>}</Show>
              <Show when={portsText(row())}>
                {(ports) => (
                  <Fact name={t("Ports")}>
                    <span class="mono">{ports()}</span>
                  </Fact>
                )}
              </Show>
              <Show when={row().service.updateStatus?.state}>
                {(state) => (
                  <Fact name={t("Update")}>
                    {state()} <span class="soft">{row().service.updateStatus?.message}</span>
                  </Fact>
                )}
              </Show>
            </Facts>
            <DrawerSection title={t("Tasks")}>
              <table class={lists.list} aria-label={t("Tasks")}>
                <thead>
                  <tr>
                    <th scope="col">{t("Node")}</th>
                    <th scope="col">{t("State")}</th>
                    <th scope="col">{t("Since")}</th>
                  </tr>
                </thead>
                <tbody>
                  <For each={row().tasks}>
                    {(task) => (
                      <tr>
                        <td>
                          {task.nodeName ?? task.nodeId}
                          <div class={lists.small}>{task.slot ? t("slot {n}", { n: task.slot }) : ""}</div>
                        </td>
                        <td class={lists.wrap}>
                          {task.currentState}
                          <div class={lists.small}>{task.error ?? task.message}</div>
                        </td>
                        <td>{task.updatedAt ? moment(task.updatedAt) : ""}</td>
                      </tr>
                    )}
                  </For>
                </tbody>
              </table>
            </DrawerSection>
          </Drawer>
        )}
      </Show>
    </>
  );
}
