// All about one container.

import { For, type JSX, Show } from "solid-js";
import { lastUpdate, serverNow } from "../../api/live";
import { useReports } from "../../api/watch";
import { bytes, bytesOf, duration, moment, number, percent, rate } from "../../state/format";
import type { View } from "../../state/view";
import { t } from "../../text";
import { Fact, Facts } from "../../ui/controls";
import { Drawer, DrawerSection } from "../../ui/Drawer";
import { Mark } from "../../ui/Mark";
import { Value } from "../../ui/Value";
import { AlertList } from "../alerts/AlertList";
import { Limits } from "../alerts/Limits";
import { dockerAlertId } from "../alerts/model";
import { HistoryCharts } from "../charts/HistoryCharts";
import { Notes } from "../metadata/Notes";
import { EverySecond } from "../parts/LastSeen";
import lists from "../parts/lists.module.css";
import { ContainerUpdate } from "./ContainerUpdate";
import {
  type ContainerRow,
  containerHealth,
  cpuOf,
  hostName,
  linkId,
  memoryBytes,
  memoryPercent,
  stackOf,
  stateText,
  uptimeOf,
  whyNot,
} from "./model";

export default function ContainerDrawer(props: {
  row: ContainerRow;
  view: View;
  onClose: () => void;
}): JSX.Element {
  const container = () => props.row.container;
  const reportedAt = useReports("docker", () => props.row.host, lastUpdate, serverNow);
  const ports = (): string =>
    (container().ports ?? [])
      .map((port) =>
        port.publicPort
          ? `${port.publicPort} → ${port.privatePort}/${port.protocol}`
          : `${port.privatePort}/${port.protocol}`,
      )
      .join(", ");
  return (
    <Drawer
      onClose={props.onClose}
      title={
        <>
          <Mark health={containerHealth(props.row)} label={stateText(props.row)} />
          {container().name}
        </>
      }
      subtitle={t("{image} on {host}", { image: container().image ?? "", host: hostName(props.row.host) })}
    >
      <AlertList resourceId={dockerAlertId(props.row.key)} />
      <ContainerUpdate row={props.row} />
      <Facts>
        <Fact name={t("State")}>
          {stateText(props.row)}
          <Show when={container().status}>{(status) => <span class="soft"> ({status()})</span>}</Show>
          <EverySecond at={reportedAt()} />
        </Fact>
        <Fact name={t("Uptime")}>
          <Value
            value={uptimeOf(props.row, lastUpdate())}
            text={duration}
            why={whyNot(props.row, "uptime")}
          />
        </Fact>
        <Fact name={t("CPU")}>
          <Value value={cpuOf(props.row)} text={percent} why={whyNot(props.row, "cpuPercent")} />
          <span class="soft"> {t("of one processor")}</span>
        </Fact>
        <Fact name={t("Memory")}>
          <Value
            value={memoryBytes(props.row)}
            text={(used) =>
              container().memoryLimitBytes
                ? bytesOf(used, container().memoryLimitBytes ?? 0)
                : t("{used}, no limit", { used: bytes(used) })
            }
            why={whyNot(props.row, "memoryUsageBytes")}
          />
          <Show when={memoryPercent(props.row) !== undefined}>
            {" "}
            ({percent(memoryPercent(props.row) ?? 0)})
          </Show>
        </Fact>
        <Fact name={t("Disk I/O")}>
          <Value
            value={container().blockIo?.readRateBytesPerSecond ?? undefined}
            text={rate}
            why={whyNot(props.row, "blockIo") ?? t("a rate needs two reports")}
          />{" "}
          {t("read")},{" "}
          <Value
            value={container().blockIo?.writeRateBytesPerSecond ?? undefined}
            text={rate}
            why={whyNot(props.row, "blockIo") ?? t("a rate needs two reports")}
          />{" "}
          {t("write")}
        </Fact>
        <Show when={container().networkIn !== undefined || container().networkOut !== undefined}>
          <Fact name={t("Network")}>
            <Value value={container().networkIn} text={rate} why={whyNot(props.row, "networkIn")} /> {t("in")}
            , <Value value={container().networkOut} text={rate} why={whyNot(props.row, "networkOut")} />{" "}
            {t("out")}
          </Fact>
        </Show>
        <Fact name={t("Restarts")}>
          <Value value={container().restartCount} text={(times) => number(times)} />
        </Fact>
        <Show when={stackOf(container())}>{(stack) => <Fact name={t("Stack")}>{stack()}</Fact>}</Show>
        <Show when={ports() !== ""}>
          <Fact name={t("Ports")}>
            <span class="mono">{ports()}</span>
          </Fact>
        </Show>
        <Show when={container().createdAt}>{(at) => <Fact name={t("Created")}>{moment(at())}</Fact>}</Show>
        <Fact name={t("Id")}>
          <span class="mono">{container().id.slice(0, 12)}</span>
        </Fact>
      </Facts>
      <Notes kind="docker" id={linkId(props.row)} />
      <HistoryCharts
        resourceType="dockerContainer"
        resourceId={props.row.key}
        alertId={dockerAlertId(props.row.key)}
        at={reportedAt()}
        range={props.view.get("range")}
        onRange={(range) => props.view.set({ range })}
        now={() => ({ cpu: cpuOf(props.row), memory: memoryPercent(props.row) })}
      />
      <Show when={(container().networks?.length ?? 0) > 0}>
        <DrawerSection title={t("Networks")}>
          <table class={lists.list} aria-label={t("Networks")}>
            <thead>
              <tr>
                <th scope="col">{t("Network")}</th>
                <th scope="col">{t("Address")}</th>
              </tr>
            </thead>
            <tbody>
              <For each={container().networks}>
                {(network) => (
                  <tr>
                    <td class={lists.wrap}>{network.name}</td>
                    <td class="mono">{[network.ipv4, network.ipv6].filter(Boolean).join(", ")}</td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </DrawerSection>
      </Show>
      <Show when={(container().mounts?.length ?? 0) > 0}>
        <DrawerSection title={t("Mounts")}>
          <table class={lists.list} aria-label={t("Mounts")}>
            <thead>
              <tr>
                <th scope="col">{t("In the container")}</th>
                <th scope="col">{t("From")}</th>
              </tr>
            </thead>
            <tbody>
              <For each={container().mounts}>
                {(mount) => (
                  <tr>
                    <td class={lists.wrap}>{mount.destination}</td>
                    <td class={lists.wrap}>
                      {mount.source}
                      <div class={lists.small}>
                        {mount.type}
                        {mount.rw === false ? t(", read-only") : ""}
                      </div>
                    </td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </DrawerSection>
      </Show>
      <Show when={Object.keys(container().labels ?? {}).length > 0}>
        <DrawerSection title={t("Labels")}>
          <table class={lists.list} aria-label={t("Labels")}>
            <thead>
              <tr>
                <th scope="col">{t("Name")}</th>
                <th scope="col">{t("Value")}</th>
              </tr>
            </thead>
            <tbody>
              <For each={Object.entries(container().labels ?? {}).sort()}>
                {([name, value]) => (
                  <tr>
                    <td class={lists.wrap}>{name}</td>
                    <td class={lists.wrap}>{value}</td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </DrawerSection>
      </Show>
      <Limits kind="docker" id={dockerAlertId(props.row.key)} />
    </Drawer>
  );
}
