// Machines with an agent, this server's own one among them.

import { createMemo, type JSX, lazy, Show } from "solid-js";
import { type Live, uptimeAt } from "../../api/delta";
import { hasData, hosts, lastUpdate } from "../../api/live";
import type { Host } from "../../api/types";
import { type Fields, matches, parseFilter } from "../../state/filter";
import { bytesOf, celsius, count, duration } from "../../state/format";
import { parseSort, type SortValue, sortRows, sortText } from "../../state/order";
import { useView } from "../../state/view";
import { known, reason } from "../../state/why";
import { Button, Empty, Panel } from "../../ui/controls";
import { type Column, DataTable, type Entry } from "../../ui/DataTable";
import { Mark } from "../../ui/Mark";
import { CPU_LIMITS, DISK_LIMITS, MEMORY_LIMITS, Meter } from "../../ui/Meter";
import { isPhone } from "../../ui/screen";
import { Value } from "../../ui/Value";
import { Waiting } from "../../ui/Waiting";
import { LastSeen } from "../parts/LastSeen";
import styles from "../proxmox/Proxmox.module.css";
import { cpuOfHost, fullestDisk, highestTemperature, hostHealth, hostName } from "./model";

const HostDrawer = lazy(() => import("./HostDrawer"));

type LiveHost = Live<Host>;

const FIELDS: Fields<LiveHost> = {
  text: (host) =>
    `${hostName(host)} ${host.hostname} ${host.osName ?? ""} ${(host.tags ?? []).join(" ")}`.toLowerCase(),
  fields: {
    name: hostName,
    os: (host) => host.osName,
    status: (host) => host.status,
    tag: (host) => host.tags,
    cpu: cpuOfHost,
    mem: (host) => known(host, host.memory?.usage, "memory"),
    memory: (host) => known(host, host.memory?.usage, "memory"),
    disk: (host) => fullestDisk(host)?.percent,
    temp: highestTemperature,
  },
};
const SORTS: Readonly<Record<string, (host: LiveHost, now: number) => SortValue>> = {
  name: hostName,
  system: (host) => host.osName,
  uptime: uptimeAt,
  cpu: cpuOfHost,
  memory: (host) => known(host, host.memory?.usage, "memory"),
  disk: (host) => fullestDisk(host)?.percent,
  temperature: highestTemperature,
};

export default function HostsPage(): JSX.Element {
  const view = useView("hosts", ["sort"]);
  const open = (): string => view.get("open") ?? "";
  const sort = createMemo(() =>
    parseSort(view.get("sort"), Object.keys(SORTS), { column: "name", descending: false }),
  );
  const terms = createMemo(() => parseFilter(view.get("q") ?? "", Object.keys(FIELDS.fields)));
  const entries = createMemo<Entry[]>(() => {
    const by = SORTS[sort().column] ?? hostName;
    const now = lastUpdate();
    const shown = [...hosts().values()].filter((host) => matches(host, terms(), FIELDS));
    const sorted = sortRows(sortRows(shown, hostName, false), (host) => by(host, now), sort().descending);
    return sortRows(sorted, (host) => (host.status === "offline" ? 0 : 1), false).map((host) => ({
      kind: "row",
      key: host.id,
    }));
  });

  const mark = (host: LiveHost): JSX.Element => <Mark health={hostHealth(host)} label={host.status} />;
  const cpu = (host: LiveHost): JSX.Element => (
    <Meter
      value={cpuOfHost(host)}
      limits={CPU_LIMITS}
      detail={isPhone() || !host.cpuCount ? undefined : count(host.cpuCount, "core")}
      hasShortDetail
      why={reason(host, "cpu", "cpuUsage")}
    />
  );
  const memory = (host: LiveHost): JSX.Element => (
    <Meter
      value={known(host, host.memory?.usage, "memory")}
      limits={MEMORY_LIMITS}
      detail={
        isPhone() || host.memory === undefined ? undefined : bytesOf(host.memory.used, host.memory.total)
      }
      why={reason(host, "memory")}
    />
  );
  const columns: Column<LiveHost>[] = [
    { id: "name", title: "Host", width: "18%", sort: "ascending", cell: (row) => mark(row()) },
    {
      id: "system",
      title: "System",
      width: "15%",
      from: 900,
      sort: "ascending",
      cell: (row) => (
        <span class="soft">
          {[row().osName, row().osVersion].filter(Boolean).join(" ") || row().platform}
        </span>
      ),
    },
    {
      id: "uptime",
      title: "Uptime",
      width: "96px",
      from: 760,
      isNumber: true,
      sort: "descending",
      cell: (row) => (
        <Value value={uptimeAt(row(), lastUpdate())} text={duration} why={reason(row(), "uptime")} />
      ),
    },
    { id: "cpu", title: "CPU", sort: "descending", cell: (row) => cpu(row()) },
    { id: "memory", title: "Memory", sort: "descending", cell: (row) => memory(row()) },
    {
      id: "disk",
      title: "Fullest disk",
      sort: "descending",
      cell: (row) => {
        const disk = (): ReturnType<typeof fullestDisk> => fullestDisk(row());
        return (
          <Meter
            value={disk()?.percent}
            limits={DISK_LIMITS}
            detail={disk()?.where}
            why={reason(row(), "disk", "disks")}
          />
        );
      },
    },
    {
      id: "load",
      title: "Load",
      hint: "Load average of the last minute",
      width: "64px",
      from: 1000,
      isNumber: true,
      cell: (row) => (
        <Value
          value={row().loadAverage?.[0]}
          text={(load) => load.toFixed(2)}
          why={reason(row(), "loadAverage", "load")}
        />
      ),
    },
    {
      id: "temperature",
      title: "Temp.",
      hint: "The highest temperature of all sensors",
      width: "72px",
      from: 1000,
      isNumber: true,
      sort: "descending",
      cell: (row) => (
        <Value
          value={highestTemperature(row())}
          text={celsius}
          why={row().missing?.sensors ?? "the agent found no temperature sensor"}
        />
      ),
    },
    {
      id: "seen",
      title: "Heard",
      width: "120px",
      from: 1100,
      isNumber: true,
      cell: (row) => (
        <span class="soft">
          <LastSeen row={row()} />
        </span>
      ),
    },
  ];
  const phoneColumns: Column<LiveHost>[] = [
    { id: "name", title: "Host", width: "46%", cell: (row) => mark(row()) },
    {
      id: "use",
      title: "CPU and memory",
      cell: (row) => (
        <span class={styles.two}>
          {cpu(row())}
          {memory(row())}
        </span>
      ),
    },
  ];

  return (
    <div class="page">
      <h1 class="sr">Hosts</h1>
      <Show when={hasData()} fallback={<Waiting what="hosts" />}>
        <Panel label="Hosts">
          <DataTable<LiveHost>
            label="Hosts"
            columns={columns}
            phoneColumns={phoneColumns}
            entries={entries()}
            row={(key) => hosts().get(key)}
            name={(host) => (
              <Show when={isPhone()} fallback={hostName(host)}>
                <span class={styles.phoneName}>
                  <span class="cut">{hostName(host)}</span>
                  <span class="soft cut">{host.osName ?? host.platform}</span>
                </span>
              </Show>
            )}
            sort={sort()}
            onSort={(next) => view.set({ sort: sortText(next) })}
            open={open()}
            onOpen={(key) => (open() === "" ? view.go({ open: key }) : view.set({ open: key }))}
            tone={(host) => (host.status === "offline" ? "dim" : undefined)}
            empty={
              <Show
                when={hosts().size > 0}
                fallback={
                  <Empty title="No host has reported yet">
                    <p>
                      Install pulse-agent on a machine, with an API token that has the scope
                      host-agent:report, and it appears here with its first report.
                    </p>
                    <p>
                      <a href="/settings/tokens">Create a token</a>
                    </p>
                  </Empty>
                }
              >
                <Empty title="Nothing matches">
                  <p>None of the {count(hosts().size, "host")} matches the search.</p>
                  <Button onClick={() => view.set({ q: undefined })}>Show all hosts</Button>
                </Empty>
              </Show>
            }
          />
        </Panel>
        <Show when={hosts().get(open())}>
          {(host) => <HostDrawer host={host()} view={view} onClose={() => view.set({ open: undefined })} />}
        </Show>
      </Show>
    </div>
  );
}
