// All about one host with an agent.

import { For, type JSX, Show } from "solid-js";
import { type Live, uptimeAt } from "../../api/delta";
import { lastUpdate, serverNow } from "../../api/live";
import type { Host } from "../../api/types";
import { useReports } from "../../api/watch";
import { bytesOf, celsius, duration, fixed, number, percent, rate } from "../../state/format";
import type { View } from "../../state/view";
import { known, reason } from "../../state/why";
import { t, tn } from "../../text";
import { Badge, Fact, Facts } from "../../ui/controls";
import { Drawer, DrawerSection } from "../../ui/Drawer";
import { Mark } from "../../ui/Mark";
import { Value } from "../../ui/Value";
import { AlertList } from "../alerts/AlertList";
import { Limits } from "../alerts/Limits";
import { hostAlertId } from "../alerts/model";
import { HistoryCharts } from "../charts/HistoryCharts";
import { Notes } from "../metadata/Notes";
import { EverySecond, LastSeen } from "../parts/LastSeen";
import { DiskList, InterfaceList } from "../parts/lists";
import lists from "../parts/lists.module.css";
import {
  arrayHealth,
  cpuOfHost,
  fullestDisk,
  hostHealth,
  hostName,
  isRebuilding,
  memoryOfHost,
} from "./model";

export default function HostDrawer(props: {
  host: Live<Host>;
  view: View;
  onClose: () => void;
}): JSX.Element {
  const host = (): Live<Host> => props.host;
  const reportedAt = useReports("host", host, lastUpdate, serverNow);
  const temperatures = (): [string, number][] => Object.entries(host().sensors?.temperatureCelsius ?? {});
  const fans = (): [string, number][] => Object.entries(host().sensors?.fanRpm ?? {});
  return (
    <Drawer
      onClose={props.onClose}
      title={
        <>
          <Mark health={hostHealth(host())} label={host().status} />
          {hostName(host())}
        </>
      }
      subtitle={[
        [host().osName, host().osVersion].filter(Boolean).join(" "),
        host().kernelVersion,
        host().architecture,
      ]
        .filter(Boolean)
        .join(" · ")}
    >
      <AlertList resourceId={hostAlertId(host().id)} />
      <Facts>
        <Fact name={t("State")}>
          {host().status}, <LastSeen row={host()} />
          <EverySecond at={reportedAt()} />
        </Fact>
        <Fact name={t("Uptime")}>
          <Value value={uptimeAt(host(), lastUpdate())} text={duration} why={reason(host(), "uptime")} />
        </Fact>
        <Fact name={t("CPU")}>
          <Value value={cpuOfHost(host())} text={percent} why={reason(host(), "cpu", "cpuUsage")} />
          <Show when={host().cpuCount}>
            {(cores) => <span class="soft"> {tn("of {n} core", "of {n} cores", cores())}</span>}
          </Show>
        </Fact>
        <Fact name={t("Load")}>
          <Value
            value={known(
              host(),
              host().loadAverage?.length ? host().loadAverage : undefined,
              "loadAverage",
              "load",
            )}
            text={(load) => load?.map((each) => fixed(each, 2)).join("  ")}
            why={reason(host(), "loadAverage", "load")}
          />
        </Fact>
        <Fact name={t("Memory")}>
          <Value
            value={known(host(), host().memory, "memory")}
            text={(memory) => `${bytesOf(memory.used, memory.total)} (${percent(memory.usage ?? 0)})`}
            why={reason(host(), "memory")}
          />
        </Fact>
        <Show when={host().memory?.swapTotal}>
          {(total) => <Fact name={t("Swap")}>{bytesOf(host().memory?.swapUsed ?? 0, total())}</Fact>}
        </Show>
        <Fact name={t("Network")}>
          <Value value={known(host(), host().networkIn)} text={rate} why={reason(host(), "networkIn")} />{" "}
          {t("in")},{" "}
          <Value value={known(host(), host().networkOut)} text={rate} why={reason(host(), "networkIn")} />{" "}
          {t("out")}
        </Fact>
        <Fact name={t("Disk I/O")}>
          <Value value={known(host(), host().diskRead)} text={rate} why={reason(host(), "diskRead")} />{" "}
          {t("read")},{" "}
          <Value value={known(host(), host().diskWrite)} text={rate} why={reason(host(), "diskRead")} />{" "}
          {t("write")}
        </Fact>
        <Show when={host().agentVersion}>
          {(version) => (
            <Fact name={t("Agent")}>
              {version()}
              <Show when={host().intervalSeconds}>
                {(seconds) => <span class="soft">{t(", every {time}", { time: duration(seconds()) })}</span>}
              </Show>
            </Fact>
          )}
        </Show>
        <Show when={(host().tags?.length ?? 0) > 0}>
          <Fact name={t("Tags")}>
            <span class="row">
              <For each={host().tags}>{(tag) => <Badge>{tag}</Badge>}</For>
            </span>
          </Fact>
        </Show>
      </Facts>
      <Notes kind="hosts" id={host().id} />
      <HistoryCharts
        resourceType="host"
        resourceId={host().id}
        alertId={hostAlertId(host().id)}
        at={reportedAt()}
        range={props.view.get("range")}
        onRange={(range) => props.view.set({ range })}
        now={() => ({
          cpu: cpuOfHost(host()),
          memory: memoryOfHost(host())?.percent,
          disk: fullestDisk(host())?.percent,
          netin: known(host(), host().networkIn),
          netout: known(host(), host().networkOut),
          diskread: known(host(), host().diskRead),
          diskwrite: known(host(), host().diskWrite),
        })}
      />
      <Show when={(host().disks?.length ?? 0) > 0}>
        <DrawerSection title={t("File systems")}>
          <DiskList disks={host().disks ?? []} />
        </DrawerSection>
      </Show>
      <Show when={(host().networkInterfaces?.length ?? 0) > 0}>
        <DrawerSection title={t("Network")}>
          <InterfaceList interfaces={host().networkInterfaces ?? []} />
        </DrawerSection>
      </Show>
      <Show when={(host().raid?.length ?? 0) > 0}>
        <DrawerSection title={t("Arrays")}>
          <table class={lists.list} aria-label={t("Arrays")}>
            <thead>
              <tr>
                <th scope="col">{t("Array")}</th>
                <th scope="col">{t("State")}</th>
                <th scope="col" class="number">
                  {t("Devices")}
                </th>
              </tr>
            </thead>
            <tbody>
              <For each={host().raid ?? []}>
                {(array) => (
                  <tr>
                    <td class={lists.wrap}>
                      {array.name || array.device}
                      <div class={lists.small}>
                        {[array.level, array.name ? array.device : ""].filter(Boolean).join(" · ")}
                      </div>
                    </td>
                    <td class={lists.wrap}>
                      <span class={lists.state}>
                        <Mark health={arrayHealth(array)} label="" />
                        {array.state || t("unknown")}
                      </span>
                      <Show when={isRebuilding(array)}>
                        <div class={lists.small}>
                          {t("rebuilt to {percent}", { percent: percent(array.rebuildPercent ?? 0) })}{" "}
                          {array.rebuildSpeed}
                        </div>
                      </Show>
                    </td>
                    <td class="number">
                      {t("{n} of {all}", { n: array.workingDevices ?? 0, all: array.totalDevices ?? 0 })}
                      <Show when={(array.failedDevices ?? 0) > 0}>
                        <div class={lists.small}>
                          {tn("{n} failed", "{n} failed", array.failedDevices ?? 0)}
                        </div>
                      </Show>
                    </td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </DrawerSection>
      </Show>
      <Show when={temperatures().length + fans().length + (host().sensors?.smart?.length ?? 0) > 0}>
        <DrawerSection title={t("Sensors")}>
          <table class={lists.list} aria-label={t("Sensors")}>
            <thead>
              <tr>
                <th scope="col">{t("Sensor")}</th>
                <th scope="col" class="number">
                  {t("Reading")}
                </th>
              </tr>
            </thead>
            <tbody>
              <For each={temperatures()}>
                {([name, value]) => (
                  <tr>
                    <td>{name}</td>
                    <td class="number">{celsius(value)}</td>
                  </tr>
                )}
              </For>
              <For each={fans()}>
                {([name, value]) => (
                  <tr>
                    <td>{name}</td>
                    <td class="number">{t("{n} rpm", { n: number(value) })}</td>
                  </tr>
                )}
              </For>
              <For each={host().sensors?.smart ?? []}>
                {(disk) => (
                  <tr>
                    <td>
                      {disk.device}
                      <div class={lists.small}>
                        {disk.model} {disk.health}
                      </div>
                    </td>
                    <td class="number">
                      <Value
                        value={disk.standby === true ? undefined : disk.temperature || undefined}
                        text={celsius}
                        why={
                          disk.standby === true
                            ? t("the disk sleeps and is not woken for a reading")
                            : undefined
                        }
                      />
                    </td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </DrawerSection>
      </Show>
      <Limits kind="host" id={host().id} />
    </Drawer>
  );
}
