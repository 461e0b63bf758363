// Docker and Podman hosts.

import { createMemo, type JSX, Show } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { lastUpdate } from "../../api/live";
import { duration } from "../../state/format";
import type { View } from "../../state/view";
import { known, reason } from "../../state/why";
import { t, tn } from "../../text";
import { Badge } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { CPU_LIMITS, MEMORY_LIMITS, Meter } from "../../ui/Meter";
import { isPhone } from "../../ui/screen";
import { Bounded } from "../../ui/table/Bounded";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { cellStyles, PhoneName, type Share, ShareMeter, Two } from "../parts/cells";
import { LastSeen } from "../parts/LastSeen";
import { hostHealth, hostName, type LiveDockerHost } from "./model";

export function HostMark(props: { host: LiveDockerHost }): JSX.Element {
  return <Mark health={hostHealth(props.host)} label={props.host.status} />;
}

export function HostTable(props: {
  view: View;
  rows: ReadonlyMap<string, LiveDockerHost>;
  onOpen: (key: string) => void;
  /** Something else stands between it and the containers. */
  isSmall: boolean;
}): JSX.Element {
  // Cells ask for their row themselves: given the row's values they would be made anew with each of its changes.
  const hostMark = (host: () => LiveDockerHost): JSX.Element => <HostMark host={host()} />;
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
      width: 210,
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

  return (
    <Bounded isSmall={props.isSmall}>
      <Table<LiveDockerHost>
        id="docker-hosts"
        isBare
        label={t("Docker hosts")}
        view={props.view}
        sortName="hostsort"
        rows={props.rows}
        key={(host) => host.id}
        columns={hostColumns}
        phone={hostPhone}
        name={(host) => <PhoneName name={hostName(host)} below={runningText(host)} />}
        first={(host) => (host.status === "offline" ? 0 : 1)}
        sort={{ column: "name", descending: false }}
        open={props.view.get("open")}
        onOpen={props.onOpen}
        tone={(host) => (host.status === "offline" ? "dim" : undefined)}
      />
    </Bounded>
  );
}
