// Docker and Podman: hosts above, containers or services below, details on the right.

import { createMemo, type JSX, lazy, Show, Suspense } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { dockerHosts, hasData, lastUpdate } from "../../api/live";
import { address } from "../../base";
import { bytes, duration, number, percent } from "../../state/format";
import { oneOf } from "../../state/options";
import { shown } from "../../state/shown";
import { useView } from "../../state/view";
import { known, reason } from "../../state/why";
import { t, tn } from "../../text";
import { Badge, Empty, Segmented } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { CPU_LIMITS, MEMORY_LIMITS, Meter } from "../../ui/Meter";
import { isPhone } from "../../ui/screen";
import { type Column, type Grouping, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { Waiting } from "../../ui/Waiting";
import { AlertMark } from "../alerts/AlertMark";
import { dockerAlertId } from "../alerts/model";
import { LinkMark } from "../metadata/LinkMark";
import { cellStyles, PhoneName, type Share, ShareMeter, Two } from "../parts/cells";
import { LastSeen } from "../parts/LastSeen";
import {
  CONTAINER_FIELDS,
  type ContainerRow,
  containerHealth,
  containerRows,
  cpuOf,
  cpuShareOf,
  hasUpdate,
  hostHealth,
  hostName,
  isRunning,
  type LiveDockerHost,
  linkId,
  memoryBytes,
  memoryPercent,
  serviceRows,
  stackOf,
  stateText,
  uptimeOf,
  whyNot,
} from "./model";
import { ServiceTable } from "./ServiceTable";

const ContainerDrawer = lazy(() => import("./ContainerDrawer"));
const DockerHostDrawer = lazy(() => import("./DockerHostDrawer"));

const STATES = [
  { id: "all", title: t("Any state") },
  { id: "running", title: t("Running") },
  { id: "stopped", title: t("Not running") },
] as const;
const LISTS = [
  { id: "containers", title: t("Containers") },
  { id: "services", title: t("Services") },
] as const;

export default function DockerPage(): JSX.Element {
  const view = useView("docker", ["sort", "group", "list"]);
  const machines = createMemo(() => shown(dockerHosts()));
  const rows = createMemo(() => containerRows(machines().values()));
  const services = createMemo(() => serviceRows(machines().values()));
  const open = (): string => view.get("open") ?? "";
  const openRow = (key: string): void => (open() === "" ? view.go({ open: key }) : view.set({ open: key }));
  const close = (): void => view.set({ open: undefined });
  const list = createMemo(() =>
    services().size === 0 ? "containers" : oneOf(view.get("list"), LISTS, "containers"),
  );
  const state = createMemo(() => oneOf(view.get("state"), STATES, "all"));

  // Cells ask for their row themselves: given the row's values they would be made anew with each of its changes.
  const hostMark = (host: () => LiveDockerHost): JSX.Element => (
    <Mark health={hostHealth(host())} label={host().status} />
  );
  const hostCpu = (host: () => LiveDockerHost): JSX.Element => {
    const cpus = createMemo(() => host().cpus ?? 0);
    const detail = createMemo(() =>
      !isPhone() && cpus() > 0 ? tn("{n} core", "{n} cores", cpus()) : undefined,
    );
    return (
      <Meter
        value={known(host(), host().cpuUsagePercent, "cpuUsagePercent")}
        limits={CPU_LIMITS}
        detail={detail()}
        hasShortDetail
        why={reason(host(), "cpuUsagePercent")}
      />
    );
  };
  const hostShare = ({ status, memory }: LiveDockerHost): Share | undefined =>
    status === "offline" || !memory?.total
      ? undefined
      : {
          percent: memory.usage ?? (memory.used / memory.total) * 100,
          used: memory.used,
          total: memory.total,
        };
  const hostMemory = (host: () => LiveDockerHost): JSX.Element => (
    <ShareMeter share={hostShare(host())} limits={MEMORY_LIMITS} why={reason(host(), "memory")} />
  );
  const running = (host: LiveDockerHost): number =>
    (host.containers ?? []).filter((each) => each.state === "running").length;
  const runningText = (host: LiveDockerHost): string => {
    const all = host.containers?.length ?? 0;
    return host.status === "offline"
      ? t("{n} known", { n: all })
      : t("{shown} of {total}", { shown: running(host), total: all });
  };
  const hostColumns: Column<LiveDockerHost>[] = [
    {
      id: "name",
      title: t("Host"),
      sort: "ascending",
      value: hostName,
      isFixed: true,
      cell: hostMark,
    },
    {
      id: "runtime",
      title: t("Engine"),
      width: 170,
      from: 800,
      sort: "ascending",
      value: (host) => `${host.runtime ?? "docker"} ${host.runtimeVersion ?? host.dockerVersion ?? ""}`,
      cell: (row) => (
        <span class={cellStyles.badges}>
          <Badge>
            {row().runtime ?? "docker"} {row().runtimeVersion ?? row().dockerVersion}
          </Badge>
          <Show when={row().swarm?.nodeRole}>
            {(role) => <Badge title={t("Role in the swarm")}>{role()}</Badge>}
          </Show>
        </span>
      ),
    },
    {
      id: "uptime",
      title: t("Uptime"),
      width: 100,
      from: 700,
      isNumber: true,
      sort: "descending",
      value: (host) => uptimeAt(host, lastUpdate()),
      cell: (row) => (
        <Value value={uptimeAt(row(), lastUpdate())} text={duration} why={reason(row(), "uptime")} />
      ),
    },
    {
      id: "cpu",
      title: t("CPU"),
      sort: "descending",
      value: (host) => known(host, host.cpuUsagePercent, "cpuUsagePercent"),
      cell: hostCpu,
    },
    {
      id: "memory",
      title: t("Memory"),
      sort: "descending",
      value: (host) => (host.status === "offline" ? undefined : host.memory?.usage),
      cell: hostMemory,
    },
    {
      id: "containers",
      title: t("Running"),
      hint: t("Containers that run, of all"),
      width: 100,
      isNumber: true,
      sort: "descending",
      value: running,
      cell: (row) => runningText(row()),
    },
    {
      id: "seen",
      title: t("Heard"),
      width: 130,
      from: 1100,
      isNumber: true,
      cell: (row) => (
        <span class="soft">
          <LastSeen row={row()} />
        </span>
      ),
    },
    {
      id: "agent",
      title: t("Agent"),
      width: 90,
      isExtra: true,
      value: (host) => host.agentVersion,
      cell: (row) => <span class="soft">{row().agentVersion}</span>,
    },
  ];
  const hostPhone: Column<LiveDockerHost>[] = [
    { id: "name", title: t("Host"), width: 160, cell: hostMark },
    {
      id: "use",
      title: t("CPU and memory"),
      cell: (row) => (
        <Two>
          {hostCpu(row)}
          {hostMemory(row)}
        </Two>
      ),
    },
  ];

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
          <Show when={dockerHosts().get(key)}>{(host) => hostMark(host)}</Show>
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
  const lists = (): JSX.Element => (
    <Show when={services().size > 0}>
      <Segmented
        label={t("List")}
        options={LISTS}
        value={list() as (typeof LISTS)[number]["id"]}
        onChange={(id) => view.set({ list: id, sort: undefined, group: undefined })}
      />
    </Show>
  );

  return (
    <div class="page">
      <h1 class="sr">Docker</h1>
      <Show when={hasData()} fallback={<Waiting what={t("Docker hosts")} />}>
        <Show
          when={machines().size > 0}
          fallback={
            <Empty title={t("No Docker or Podman host yet")}>
              <p>
                {t(
                  "Start pulse-agent on a host with Docker or Podman, with an API token that has the scope docker:report, and its containers appear here with the first report.",
                )}
              </p>
              <p>
                <a href={address("/settings/agents")}>{t("How to install the agent")}</a>
              </p>
            </Empty>
          }
        >
          <Table<LiveDockerHost>
            id="docker-hosts"
            isBare
            label={t("Docker hosts")}
            view={view}
            sortName="hostsort"
            rows={machines()}
            key={(host) => host.id}
            columns={hostColumns}
            phone={hostPhone}
            name={(host) => <PhoneName name={hostName(host)} below={runningText(host)} />}
            first={(host) => (host.status === "offline" ? 0 : 1)}
            sort={{ column: "name", descending: false }}
            open={view.get("open")}
            onOpen={openRow}
            tone={(host) => (host.status === "offline" ? "dim" : undefined)}
          />
          <Show
            when={list() === "containers"}
            fallback={<ServiceTable view={view} rows={services()} tools={lists()} />}
          >
            <Table<ContainerRow>
              id="containers"
              label={t("Containers")}
              view={view}
              rows={rows()}
              key={(row) => row.key}
              columns={columns}
              phone={phone}
              name={(row) => <PhoneName name={row.container.name} below={stateText(row)} />}
              fields={CONTAINER_FIELDS}
              where={(row) => state() === "all" || (state() === "running") === isRunning(row)}
              groups={groups}
              sort={{ column: "name", descending: false }}
              open={view.get("open")}
              onOpen={openRow}
              tone={(row) => (isRunning(row) ? undefined : "dim")}
              onClear={() => view.set({ state: undefined })}
              tools={
                <>
                  {lists()}
                  <Segmented
                    label={t("State")}
                    options={STATES}
                    value={state()}
                    onChange={(id) => view.set({ state: id === "all" ? undefined : id })}
                  />
                </>
              }
              empty={
                <Empty title={t("No containers")}>
                  <p>{t("The hosts report no container.")}</p>
                </Empty>
              }
            />
          </Show>
        </Show>
        <Suspense>
          <Show when={rows().get(open())}>
            {(row) => <ContainerDrawer row={row()} view={view} onClose={close} />}
          </Show>
          <Show when={dockerHosts().get(open())}>
            {(host) => <DockerHostDrawer host={host()} view={view} onClose={close} />}
          </Show>
        </Suspense>
      </Show>
    </div>
  );
}
