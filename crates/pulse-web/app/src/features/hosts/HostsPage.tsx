// Machines with an agent, this server's own one among them.

import { type JSX, lazy, Show, Suspense } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { hasData, hosts, lastUpdate } from "../../api/live";
import { address } from "../../base";
import { celsius, duration, fixed, rate } from "../../state/format";
import { useView } from "../../state/view";
import { known, reason } from "../../state/why";
import { t, tn } from "../../text";
import { Empty } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { CPU_LIMITS, DISK_LIMITS, MEMORY_LIMITS, Meter } from "../../ui/Meter";
import { isPhone } from "../../ui/screen";
import { Tags } from "../../ui/Tags";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { Waiting } from "../../ui/Waiting";
import { AlertMark } from "../alerts/AlertMark";
import { hostAlertId } from "../alerts/model";
import { LinkMark } from "../metadata/LinkMark";
import { PhoneName, ShareMeter, Two } from "../parts/cells";
import { LastSeen } from "../parts/LastSeen";
import {
  addressesOf,
  arrayHealth,
  cpuOfHost,
  fullestDisk,
  HOST_FIELDS,
  highestTemperature,
  hostHealth,
  hostName,
  type LiveHost,
  memoryOfHost,
  smartHealth,
  worstArray,
  worstSmart,
} from "./model";

const HostDrawer = lazy(() => import("./HostDrawer"));

export default function HostsPage(): JSX.Element {
  const view = useView("hosts", ["sort", "group"]);
  const open = (): string => view.get("open") ?? "";
  const mark = (host: LiveHost): JSX.Element => (
    <>
      <Mark health={hostHealth(host)} label={host.status} />
      <AlertMark resourceId={hostAlertId(host.id)} />
      <LinkMark kind="hosts" id={host.id} name={hostName(host)} />
    </>
  );
  const cpu = (host: LiveHost): JSX.Element => (
    <Meter
      value={cpuOfHost(host)}
      limits={CPU_LIMITS}
      detail={isPhone() || !host.cpuCount ? undefined : tn("{n} core", "{n} cores", host.cpuCount)}
      hasShortDetail
      why={reason(host, "cpu", "cpuUsage")}
    />
  );
  const memory = (host: LiveHost): JSX.Element => (
    <ShareMeter share={memoryOfHost(host)} limits={MEMORY_LIMITS} why={reason(host, "memory")} />
  );
  const system = (host: LiveHost): string =>
    [host.osName, host.osVersion].filter(Boolean).join(" ") || (host.platform ?? "");
  const rateColumn = (
    id: "networkIn" | "networkOut" | "diskRead" | "diskWrite",
    title: string,
    hint: string,
  ): Column<LiveHost> => ({
    id,
    title,
    hint,
    width: 84,
    isExtra: true,
    isNumber: true,
    sort: "descending",
    value: (host) => known(host, host[id], id),
    cell: (row) => <Value value={known(row(), row()[id], id)} text={rate} why={reason(row(), id)} />,
  });
  const columns: Column<LiveHost>[] = [
    {
      id: "name",
      title: t("Host"),
      sort: "ascending",
      value: hostName,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    {
      id: "system",
      title: t("System"),
      width: 150,
      from: 900,
      sort: "ascending",
      value: system,
      cell: (row) => <span class="soft">{system(row())}</span>,
    },
    {
      id: "uptime",
      title: t("Uptime"),
      width: 96,
      from: 760,
      isNumber: true,
      sort: "descending",
      value: (host) => uptimeAt(host, lastUpdate()),
      cell: (row) => (
        <Value value={uptimeAt(row(), lastUpdate())} text={duration} why={reason(row(), "uptime")} />
      ),
    },
    { id: "cpu", title: t("CPU"), sort: "descending", value: cpuOfHost, cell: (row) => cpu(row()) },
    {
      id: "memory",
      title: t("Memory"),
      sort: "descending",
      value: (host) => memoryOfHost(host)?.percent,
      cell: (row) => memory(row()),
    },
    {
      id: "disk",
      title: t("Fullest disk"),
      sort: "descending",
      value: (host) => fullestDisk(host)?.percent,
      cell: (row) => (
        <Meter
          value={fullestDisk(row())?.percent}
          limits={DISK_LIMITS}
          detail={fullestDisk(row())?.where}
          why={reason(row(), "disk", "disks")}
        />
      ),
    },
    {
      id: "load",
      title: t("Load"),
      hint: t("Load average of the last minute"),
      width: 64,
      from: 1000,
      isNumber: true,
      sort: "descending",
      value: (host) => known(host, host.loadAverage?.[0], "loadAverage", "load"),
      cell: (row) => (
        <Value
          value={known(row(), row().loadAverage?.[0], "loadAverage", "load")}
          text={(load) => fixed(load, 2)}
          why={reason(row(), "loadAverage", "load")}
        />
      ),
    },
    {
      id: "temperature",
      title: t("Temp."),
      hint: t("The highest temperature of all sensors"),
      width: 72,
      from: 1000,
      isNumber: true,
      sort: "descending",
      value: highestTemperature,
      cell: (row) => (
        <Value
          value={highestTemperature(row())}
          text={celsius}
          why={row().missing?.sensors ?? t("the agent found no temperature sensor")}
        />
      ),
    },
    {
      id: "smart",
      title: t("Disks"),
      hint: t("What the disks say of their own health (SMART)"),
      width: 90,
      from: 1200,
      sort: "ascending",
      value: (host) => worstSmart(host)?.health ?? undefined,
      cell: (row) => (
        <Show
          when={worstSmart(row())}
          fallback={
            <Value
              value={undefined}
              text={() => ""}
              why={row().missing?.smart ?? row().missing?.sensors ?? t("the agent reads no SMART values")}
            />
          }
        >
          {(worst) => (
            <span class="row">
              <Mark health={smartHealth(worst())} label="" />
              {worst().health ?? t("unknown")}
            </span>
          )}
        </Show>
      ),
    },
    {
      id: "arrays",
      title: t("Arrays"),
      hint: t("Arrays of disks and ZFS pools: the one in the worst state"),
      width: 110,
      isExtra: true,
      sort: "ascending",
      value: (host) => worstArray(host)?.state,
      cell: (row) => (
        <Show
          when={worstArray(row())}
          fallback={<Value value={undefined} text={() => ""} why={t("the agent found no array")} />}
        >
          {(worst) => (
            <span class="row" title={worst().name || worst().device}>
              <Mark health={arrayHealth(worst())} label="" />
              {worst().state}
            </span>
          )}
        </Show>
      ),
    },
    {
      id: "address",
      title: t("Address"),
      width: 130,
      isExtra: true,
      sort: "ascending",
      value: (host) => addressesOf(host)[0],
      csv: (host) => addressesOf(host).join(" "),
      cell: (row) => (
        <span class="mono" title={addressesOf(row()).join(", ")}>
          {addressesOf(row())[0] ?? ""}
        </span>
      ),
    },
    {
      id: "kernel",
      title: t("Kernel"),
      width: 150,
      isExtra: true,
      sort: "ascending",
      value: (host) => host.kernelVersion,
      cell: (row) => <span class="soft">{row().kernelVersion}</span>,
    },
    {
      id: "architecture",
      title: t("Architecture"),
      width: 100,
      isExtra: true,
      sort: "ascending",
      value: (host) => host.architecture,
      cell: (row) => <span class="soft">{row().architecture}</span>,
    },
    rateColumn("networkIn", t("Net in"), t("Received from the network")),
    rateColumn("networkOut", t("Net out"), t("Sent to the network")),
    rateColumn("diskRead", t("Read"), t("Read from disk")),
    rateColumn("diskWrite", t("Write"), t("Written to disk")),
    {
      id: "agent",
      title: t("Agent"),
      width: 90,
      isExtra: true,
      sort: "ascending",
      value: (host) => host.agentVersion,
      cell: (row) => <span class="soft">{row().agentVersion}</span>,
    },
    {
      id: "tags",
      title: t("Tags"),
      width: 104,
      from: 1400,
      value: (host) => host.tags?.join(","),
      cell: (row) => <Tags tags={row().tags ?? []} onPick={(tag) => view.set({ q: `tag:${tag}` })} />,
    },
    {
      id: "seen",
      title: t("Heard"),
      width: 116,
      from: 1100,
      isNumber: true,
      sort: "descending",
      value: (host) => host.lastSeen,
      csv: (host) => (host.lastSeen ? new Date(host.lastSeen).toISOString() : undefined),
      cell: (row) => (
        <span class="soft">
          <LastSeen row={row()} />
        </span>
      ),
    },
  ];
  const phone: Column<LiveHost>[] = [
    { id: "name", title: t("Host"), width: 170, cell: (row) => mark(row()) },
    {
      id: "use",
      title: t("CPU and memory"),
      cell: (row) => (
        <Two>
          {cpu(row())}
          {memory(row())}
        </Two>
      ),
    },
  ];

  return (
    <div class="page">
      <h1 class="sr">{t("Hosts")}</h1>
      <Show when={hasData()} fallback={<Waiting what={t("hosts")} />}>
        <Table<LiveHost>
          id="hosts"
          label={t("Hosts")}
          view={view}
          rows={hosts()}
          key={(host) => host.id}
          columns={columns}
          phone={phone}
          name={(host) => <PhoneName name={hostName(host)} below={host.osName ?? host.platform} />}
          fields={HOST_FIELDS}
          groups={[
            {
              id: "system",
              title: t("By system"),
              of: (host) => ({
                key: host.osName ?? host.platform ?? "",
                title: host.osName || host.platform || t("unknown"),
              }),
            },
          ]}
          isFlatAtFirst
          first={(host) => (host.status === "offline" ? 0 : 1)}
          sort={{ column: "name", descending: false }}
          open={view.get("open")}
          onOpen={(key) => (open() === "" ? view.go({ open: key }) : view.set({ open: key }))}
          tone={(host) => (host.status === "offline" ? "dim" : undefined)}
          empty={
            <Empty title={t("No host has reported yet")}>
              <p>
                {t(
                  "Install pulse-agent on a machine, with an API token that has the scope host-agent:report, and it appears here with its first report.",
                )}
              </p>
              <p>
                <a href={address("/settings/agents")}>{t("How to install the agent")}</a>
              </p>
            </Empty>
          }
        />
        <Suspense>
          <Show when={hosts().get(open())}>
            {(host) => <HostDrawer host={host()} view={view} onClose={() => view.set({ open: undefined })} />}
          </Show>
        </Suspense>
      </Show>
    </div>
  );
}
