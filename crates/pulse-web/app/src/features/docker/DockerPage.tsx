// Docker and Podman: hosts above, containers by host below, details on the right.

import { createMemo, type JSX, lazy, Show } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { dockerHosts, hasData, lastUpdate } from "../../api/live";
import { matches, parseFilter } from "../../state/filter";
import { bytes, bytesOf, count, duration, percent } from "../../state/format";
import { groupRows, parseSort, sortRows, sortText } from "../../state/order";
import { useView } from "../../state/view";
import { known, reason } from "../../state/why";
import { Badge, Button, Empty, Panel, Segmented } from "../../ui/controls";
import { type Column, DataTable, type Entry } from "../../ui/DataTable";
import { Mark } from "../../ui/Mark";
import { CPU_LIMITS, MEMORY_LIMITS, Meter } from "../../ui/Meter";
import { isPhone } from "../../ui/screen";
import { Value } from "../../ui/Value";
import { Waiting } from "../../ui/Waiting";
import { LastSeen } from "../parts/LastSeen";
import styles from "../proxmox/Proxmox.module.css";
import {
  CONTAINER_FIELDS,
  CONTAINER_SORTS,
  type ContainerRow,
  containerHealth,
  containerRows,
  cpuOf,
  cpuShareOf,
  hostHealth,
  hostName,
  isRunning,
  type LiveDockerHost,
  memoryBytes,
  memoryPercent,
  stateText,
  uptimeOf,
  whyNot,
} from "./model";

const ContainerDrawer = lazy(() => import("./ContainerDrawer"));
const DockerHostDrawer = lazy(() => import("./DockerHostDrawer"));

const STATES = [
  { id: "all", title: "Any state" },
  { id: "running", title: "Running" },
  { id: "stopped", title: "Not running" },
] as const;
const GROUPS = [
  { id: "host", title: "By host" },
  { id: "none", title: "Flat" },
] as const;
const BAR = 44;

export default function DockerPage(): JSX.Element {
  const view = useView("docker", ["sort", "group"]);
  const rows = createMemo(() => containerRows(dockerHosts().values()));
  const open = (): string => view.get("open") ?? "";
  const openRow = (key: string): void => (open() === "" ? view.go({ open: key }) : view.set({ open: key }));
  const close = (): void => view.set({ open: undefined });

  const group = createMemo(() => GROUPS.find((each) => each.id === view.get("group"))?.id ?? "host");
  const state = createMemo(() => STATES.find((each) => each.id === view.get("state"))?.id ?? "all");
  const sort = createMemo(() =>
    parseSort(view.get("sort"), Object.keys(CONTAINER_SORTS), { column: "name", descending: false }),
  );
  const terms = createMemo(() => parseFilter(view.get("q") ?? "", Object.keys(CONTAINER_FIELDS.fields)));
  const filtered = createMemo(() =>
    [...rows().values()].filter(
      (row) =>
        (state() === "all" || (state() === "running") === isRunning(row)) &&
        matches(row, terms(), CONTAINER_FIELDS),
    ),
  );
  const entries = createMemo<Entry[]>(() => {
    const by = CONTAINER_SORTS[sort().column] ?? ((row: ContainerRow) => row.container.name);
    const now = lastUpdate();
    const named = sortRows(filtered(), (row) => row.container.name, false);
    const sorted = sortRows(named, (row) => by(row, now), sort().descending);
    if (group() === "none") return sorted.map((row) => ({ kind: "row", key: row.key }));
    return groupRows(sorted, ({ host }) => ({ key: host.id, title: hostName(host) })).flatMap(
      (each): Entry[] => [
        {
          kind: "group",
          key: `group:${each.key}`,
          head: () => <GroupHead host={dockerHosts().get(each.key)} rows={each.rows} />,
        },
        ...each.rows.map((row): Entry => ({ kind: "row", key: row.key })),
      ],
    );
  });
  const hostEntries = createMemo<Entry[]>(() => {
    const named = sortRows([...dockerHosts().values()], hostName, false);
    return sortRows(named, (host) => (host.status === "offline" ? 0 : 1), false).map((host) => ({
      kind: "row",
      key: host.id,
    }));
  });

  const hostCpu = (host: LiveDockerHost): JSX.Element => (
    <Meter
      value={known(host, host.cpuUsagePercent, "cpuUsagePercent")}
      limits={CPU_LIMITS}
      detail={!isPhone() && host.cpus ? count(host.cpus, "core") : undefined}
      hasShortDetail
      why={reason(host, "cpuUsagePercent")}
    />
  );
  const hostMemory = (host: LiveDockerHost): JSX.Element => (
    <Meter
      value={host.status === "offline" ? undefined : host.memory?.usage}
      limits={MEMORY_LIMITS}
      detail={
        isPhone() || host.memory === undefined ? undefined : bytesOf(host.memory.used, host.memory.total)
      }
      why={reason(host, "memory")}
    />
  );
  const running = (host: LiveDockerHost): string => {
    const all = host.containers ?? [];
    if (host.status === "offline") return count(all.length, "known", "known");
    return `${all.filter((each) => each.state === "running").length} of ${all.length}`;
  };
  const hostColumns: Column<LiveDockerHost>[] = [
    {
      id: "name",
      title: "Host",
      width: "20%",
      cell: (row) => <Mark health={hostHealth(row())} label={row().status} />,
    },
    {
      id: "runtime",
      title: "Engine",
      width: "180px",
      from: 800,
      cell: (row) => (
        <Badge>
          {row().runtime ?? "docker"} {row().runtimeVersion ?? row().dockerVersion}
        </Badge>
      ),
    },
    {
      id: "uptime",
      title: "Uptime",
      width: "92px",
      from: 700,
      isNumber: true,
      cell: (row) => (
        <Value value={uptimeAt(row(), lastUpdate())} text={duration} why={reason(row(), "uptime")} />
      ),
    },
    { id: "cpu", title: "CPU", cell: (row) => hostCpu(row()) },
    { id: "memory", title: "Memory", cell: (row) => hostMemory(row()) },
    {
      id: "containers",
      title: "Running",
      hint: "Containers that run, of all",
      width: "100px",
      isNumber: true,
      cell: (row) => running(row()),
    },
  ];
  const hostPhone: Column<LiveDockerHost>[] = [
    {
      id: "name",
      title: "Host",
      width: "42%",
      cell: (row) => <Mark health={hostHealth(row())} label={row().status} />,
    },
    {
      id: "use",
      title: "CPU and memory",
      cell: (row) => (
        <span class={styles.two}>
          {hostCpu(row())}
          {hostMemory(row())}
        </span>
      ),
    },
  ];

  const mark = (row: ContainerRow): JSX.Element => (
    <Mark health={containerHealth(row)} label={stateText(row)} />
  );
  const memory = (row: ContainerRow, isShort = false): JSX.Element => {
    const used = memoryBytes(row);
    const limit = row.container.memoryLimitBytes;
    return (
      <Show
        when={!limit && used !== undefined}
        fallback={
          <Meter
            value={memoryPercent(row)}
            limits={MEMORY_LIMITS}
            detail={isShort || !limit ? undefined : bytesOf(used ?? 0, limit)}
            why={whyNot(row, "memoryUsageBytes")}
          />
        }
      >
        <span title="no limit is set">{bytes(used ?? 0)}</span>
      </Show>
    );
  };
  const cpu = (row: ContainerRow): JSX.Element => (
    <Meter
      value={cpuShareOf(row)}
      limits={CPU_LIMITS}
      text={percent(cpuOf(row) ?? 0)}
      title={`of one processor; the host has ${row.host.cpus ?? "?"}`}
      why={whyNot(row, "cpuPercent")}
    />
  );
  const columns = createMemo<Column<ContainerRow>[]>(() => [
    { id: "name", title: "Name", width: "20%", sort: "ascending", cell: (row) => mark(row()) },
    ...(group() === "none"
      ? [
          {
            id: "host",
            title: "Host",
            width: "12%",
            from: 760,
            cell: (row) => hostName(row().host),
          } satisfies Column<ContainerRow>,
        ]
      : []),
    {
      id: "image",
      title: "Image",
      from: 820,
      sort: "ascending",
      cell: (row) => (
        <span class="soft" title={row().container.image}>
          {row().container.image}
        </span>
      ),
    },
    {
      id: "state",
      title: "State",
      width: "150px",
      sort: "ascending",
      cell: (row) => <span title={row().container.status}>{stateText(row())}</span>,
    },
    { id: "cpu", title: "CPU", width: "14%", sort: "descending", cell: (row) => cpu(row()) },
    { id: "memory", title: "Memory", width: "19%", sort: "descending", cell: (row) => memory(row()) },
    {
      id: "restarts",
      title: "Restarts",
      width: "76px",
      from: 900,
      isNumber: true,
      sort: "descending",
      cell: (row) => <Value value={row().container.restartCount} text={(times) => times.toLocaleString()} />,
    },
    {
      id: "uptime",
      title: "Uptime",
      width: "96px",
      from: 700,
      isNumber: true,
      sort: "descending",
      cell: (row) => (
        <Value value={uptimeOf(row(), lastUpdate())} text={duration} why={whyNot(row(), "uptime")} />
      ),
    },
    {
      id: "update",
      title: "Update",
      width: "100px",
      from: 1080,
      cell: (row) => (
        <Show when={row().container.updateStatus?.updateAvailable}>
          <Badge>available</Badge>
        </Show>
      ),
    },
  ]);
  const phoneColumns: Column<ContainerRow>[] = [
    { id: "name", title: "Name", width: "52%", cell: (row) => mark(row()) },
    {
      id: "use",
      title: "CPU and memory",
      cell: (row) => (
        <span class={styles.two}>
          {cpu(row())}
          {memory(row(), true)}
        </span>
      ),
    },
  ];

  return (
    <div class="page">
      <h1 class="sr">Docker</h1>
      <Show when={hasData()} fallback={<Waiting what="Docker hosts" />}>
        <Show
          when={dockerHosts().size > 0}
          fallback={
            <Empty title="No Docker or Podman host yet">
              <p>
                The machine that Pulse runs on is looked at by itself: where its Docker or Podman socket
                answers, its containers appear here. Other machines report through pulse-agent, with an API
                token that has the scope docker:report.
              </p>
              <p>
                <a href="/settings/tokens">Create a token</a>
              </p>
            </Empty>
          }
        >
          <Panel label="Docker hosts">
            <DataTable<LiveDockerHost>
              label="Docker hosts"
              columns={hostColumns}
              phoneColumns={hostPhone}
              entries={hostEntries()}
              row={(key) => dockerHosts().get(key)}
              name={(host) => (
                <Show when={isPhone()} fallback={hostName(host)}>
                  <span class={styles.phoneName}>
                    <span class="cut">{hostName(host)}</span>
                    <span class="soft cut">
                      {host.status === "offline" ? "offline" : `${running(host)} running`}
                    </span>
                  </span>
                </Show>
              )}
              open={open()}
              onOpen={openRow}
              tone={(host) => (host.status === "offline" ? "dim" : undefined)}
            />
          </Panel>
          <Panel label="Containers">
            <div class={styles.bar}>
              <h2 class={styles.heading}>Containers</h2>
              <span class="soft" role="status">
                {filtered().length === rows().size ? rows().size : `${filtered().length} of ${rows().size}`}
              </span>
              <span class="grow" />
              <Segmented
                label="State"
                options={STATES}
                value={state()}
                onChange={(id) => view.set({ state: id === "all" ? undefined : id })}
              />
              <Segmented
                label="Grouping"
                options={GROUPS}
                value={group()}
                onChange={(id) => view.set({ group: id })}
              />
            </div>
            <DataTable<ContainerRow>
              label="Containers"
              columns={columns()}
              phoneColumns={phoneColumns}
              stickyTop={isPhone() ? 0 : BAR}
              entries={entries()}
              row={(key) => rows().get(key)}
              name={(row) => (
                <Show when={isPhone()} fallback={row.container.name}>
                  <span class={styles.phoneName}>
                    <span class="cut">{row.container.name}</span>
                    <span class="soft cut">
                      {row.container.state === "running" ? row.container.image : stateText(row)}
                    </span>
                  </span>
                </Show>
              )}
              sort={sort()}
              onSort={(next) => view.set({ sort: sortText(next) })}
              open={open()}
              onOpen={openRow}
              tone={(row) =>
                row.container.state === "running" && row.host.status !== "offline" ? undefined : "dim"
              }
              empty={
                <Empty title={rows().size === 0 ? "No containers" : "Nothing matches"}>
                  <Show
                    when={rows().size > 0}
                    fallback={<p>The hosts answer, but no container exists on them.</p>}
                  >
                    <p>None of the {count(rows().size, "container")} matches the search and the filters.</p>
                    <Button onClick={() => view.set({ q: undefined, state: undefined })}>
                      Show all containers
                    </Button>
                  </Show>
                </Empty>
              }
            />
          </Panel>
        </Show>
        <Show when={rows().get(open())}>
          {(row) => <ContainerDrawer row={row()} view={view} onClose={close} />}
        </Show>
        <Show when={dockerHosts().get(open())}>
          {(host) => <DockerHostDrawer host={host()} view={view} onClose={close} />}
        </Show>
      </Show>
    </div>
  );
}

function GroupHead(props: { host: LiveDockerHost | undefined; rows: readonly ContainerRow[] }): JSX.Element {
  return (
    <Show when={props.host}>
      {(host) => (
        <>
          <Mark health={hostHealth(host())} label={host().status} />
          <span>{hostName(host())}</span>
          <span class={styles.groupCount}>
            <Show when={host().status !== "offline"} fallback={<LastSeen row={host()} />}>
              {props.rows.filter(isRunning).length} of {props.rows.length} running
            </Show>
          </span>
        </>
      )}
    </Show>
  );
}
