// Containers, by host or by stack.

import { createMemo, type JSX, Show } from "solid-js";
import { dockerHosts, lastUpdate } from "../../api/live";
import { bytes, duration, number, percent } from "../../state/format";
import { oneOf } from "../../state/options";
import type { View } from "../../state/view";
import { t } from "../../text";
import { Badge, Empty, Segmented } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { CPU_LIMITS, MEMORY_LIMITS, Meter } from "../../ui/Meter";
import { isPhone } from "../../ui/screen";
import { type Column, type Grouping, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { AlertMark } from "../alerts/AlertMark";
import { dockerAlertId } from "../alerts/model";
import { LinkMark } from "../metadata/LinkMark";
import { cellStyles, PhoneName, Two } from "../parts/cells";
import { HostMark } from "./HostTable";
import {
  CONTAINER_FIELDS,
  type ContainerRow,
  containerHealth,
  cpuOf,
  cpuShareOf,
  hasUpdate,
  hostName,
  isRunning,
  linkId,
  memoryBytes,
  memoryPercent,
  stackOf,
  stateText,
  uptimeOf,
  whyNot,
} from "./model";

const STATES = [
  { id: "all", title: t("Any state") },
  { id: "running", title: t("Running") },
  { id: "stopped", title: t("Not running") },
] as const;

export function ContainerTable(props: {
  view: View;
  rows: ReadonlyMap<string, ContainerRow>;
  onOpen: (key: string) => void;
  tools: JSX.Element;
}): JSX.Element {
  const state = createMemo(() => oneOf(props.view.get("state"), STATES, "all"));
  // Cells ask for their row themselves: given the row's values they would be made anew with each of its changes.
  const mark = (row: () => ContainerRow): JSX.Element => (
    <>
      <Mark health={containerHealth(row())} label={stateText(row())} />
      <AlertMark resourceId={dockerAlertId(row().key)} />
      <LinkMark kind="docker" id={linkId(row())} name={row().container.name} />
    </>
  );
  const cpu = (row: () => ContainerRow): JSX.Element => {
    const value = (): number | undefined => cpuOf(row());
    return (
      <Meter
        value={cpuShareOf(row())}
        text={value() === undefined ? undefined : percent(value() ?? 0)}
        limits={CPU_LIMITS}
        title={t("of one processor")}
        why={whyNot(row(), "cpuPercent")}
      />
    );
  };
  const memory = (row: () => ContainerRow): JSX.Element => {
    const used = (): number | undefined => memoryBytes(row());
    return (
      <Show
        when={memoryPercent(row()) === undefined && used() !== undefined}
        fallback={
          <Meter
            value={memoryPercent(row())}
            limits={MEMORY_LIMITS}
            detail={isPhone() || used() === undefined ? undefined : bytes(used() ?? 0)}
            why={whyNot(row(), "memoryUsageBytes")}
          />
        }
      >
        <span title={t("without a limit")}>{bytes(used() ?? 0)}</span>
      </Show>
    );
  };
  const columns: Column<ContainerRow>[] = [
    {
      id: "name",
      title: t("Container"),
      sort: "ascending",
      value: ({ container }) => container.name,
      isFixed: true,
      cell: mark,
    },
    {
      id: "image",
      title: t("Image"),
      from: 760,
      sort: "ascending",
      value: ({ container }) => container.image,
      cell: (row) => (
        <span class="soft" title={row().container.image}>
          {row().container.image}
        </span>
      ),
    },
    {
      id: "update",
      title: t("Update"),
      hint: t("Whether a newer image is there"),
      width: 90,
      from: 900,
      sort: "descending",
      value: ({ container }) => {
        const update = hasUpdate(container);
        return update === undefined ? undefined : Number(update);
      },
      cell: (row) => (
        <Show
          when={hasUpdate(row().container) !== undefined}
          fallback={
            <span
              class="faint"
              title={row().container.updateStatus?.error ?? t("nobody has looked for one yet")}
            >
              —
            </span>
          }
        >
          <Show when={hasUpdate(row().container)} fallback={<span class="soft">{t("newest")}</span>}>
            <Badge title={t("A newer image is there")}>{t("update")}</Badge>
          </Show>
        </Show>
      ),
    },
    {
      id: "state",
      title: t("State"),
      width: 140,
      from: 700,
      sort: "ascending",
      value: stateText,
      cell: (row) => stateText(row()),
    },
    { id: "cpu", title: t("CPU"), width: 130, sort: "descending", value: cpuOf, cell: cpu },
    {
      id: "memory",
      title: t("Memory"),
      width: 190,
      sort: "descending",
      value: memoryBytes,
      cell: memory,
    },
    {
      id: "restarts",
      title: t("Restarts"),
      width: 80,
      from: 860,
      isNumber: true,
      sort: "descending",
      value: ({ container }) => container.restartCount,
      cell: (row) => (
        <Value
          value={row().container.restartCount}
          text={(count) => number(count)}
          why={whyNot(row(), "restartCount")}
        />
      ),
    },
    {
      id: "uptime",
      title: t("Uptime"),
      width: 100,
      from: 860,
      isNumber: true,
      sort: "descending",
      value: (row) => uptimeOf(row, lastUpdate()),
      cell: (row) => (
        <Value value={uptimeOf(row(), lastUpdate())} text={duration} why={whyNot(row(), "uptime")} />
      ),
    },
    {
      id: "host",
      title: t("Host"),
      width: 120,
      isExtra: true,
      sort: "ascending",
      value: ({ host }) => hostName(host),
      cell: (row) => hostName(row().host),
    },
    {
      id: "stack",
      title: t("Stack"),
      width: 120,
      isExtra: true,
      sort: "ascending",
      value: ({ container }) => stackOf(container),
      cell: (row) => stackOf(row().container) ?? "",
    },
  ];
  const phone: Column<ContainerRow>[] = [
    { id: "name", title: t("Container"), width: 170, cell: mark },
    {
      id: "use",
      title: t("CPU and memory"),
      cell: (row) => (
        <Two>
          {cpu(row)}
          {memory(row)}
        </Two>
      ),
    },
  ];
  const runs = (rows: readonly ContainerRow[]): JSX.Element => (
    <span class={cellStyles.groupCount}>
      {t("{running} of {all} running", { running: rows.filter(isRunning).length, all: rows.length })}
    </span>
  );
  /** Two hosts may have a stack of one name. */
  const hasSeveralHosts = (): boolean => dockerHosts().size > 1;
  const groups: Grouping<ContainerRow>[] = [
    {
      id: "host",
      title: t("By host"),
      of: ({ host }) => ({ key: host.id, title: hostName(host) }),
      head: ({ key, title, rows }) => (
        <>
          <Show when={dockerHosts().get(key)}>{(host) => <HostMark host={host()} />}</Show>
          <span>{title}</span>
          {runs(rows)}
        </>
      ),
    },
    {
      id: "stack",
      title: t("By stack"),
      of: ({ container, host }) => {
        const stack = stackOf(container);
        return stack === undefined
          ? { key: "", title: t("without a stack") }
          : { key: `${host.id}/${stack}`, title: hasSeveralHosts() ? `${stack} · ${hostName(host)}` : stack };
      },
      head: ({ title, rows }) => (
        <>
          <span>{title}</span>
          {runs(rows)}
        </>
      ),
    },
  ];

  return (
    <Table<ContainerRow>
      id="containers"
      label={t("Containers")}
      view={props.view}
      rows={props.rows}
      key={(row) => row.key}
      columns={columns}
      phone={phone}
      name={(row) => <PhoneName name={row.container.name} below={stateText(row)} />}
      fields={CONTAINER_FIELDS}
      where={(row) => state() === "all" || (state() === "running") === isRunning(row)}
      groups={groups}
      sort={{ column: "name", descending: false }}
      open={props.view.get("open")}
      onOpen={props.onOpen}
      tone={(row) => (isRunning(row) ? undefined : "dim")}
      onClear={() => props.view.set({ state: undefined })}
      tools={
        <>
          {props.tools}
          <Segmented
            label={t("State")}
            options={STATES}
            value={state()}
            onChange={(id) => props.view.set({ state: id === "all" ? undefined : id })}
          />
        </>
      }
      empty={
        <Empty title={t("No containers")}>
          <p>{t("The hosts report no container.")}</p>
        </Empty>
      }
    />
  );
}
