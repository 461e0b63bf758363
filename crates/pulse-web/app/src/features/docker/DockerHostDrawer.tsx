// All about one Docker or Podman host.

import { type JSX, Show } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { lastUpdate, serverNow } from "../../api/live";
import { useReports } from "../../api/watch";
import { bytesOf, duration, percent } from "../../state/format";
import type { View } from "../../state/view";
import { known, reason } from "../../state/why";
import { t, tn } from "../../text";
import { Fact, Facts } from "../../ui/controls";
import { Drawer, DrawerSection } from "../../ui/Drawer";
import { Mark } from "../../ui/Mark";
import { Value } from "../../ui/Value";
import { AlertList } from "../alerts/AlertList";
import { dockerAlertId } from "../alerts/model";
import { HistoryCharts } from "../charts/HistoryCharts";
import { Notes } from "../metadata/Notes";
import { EverySecond, LastSeen } from "../parts/LastSeen";
import { DiskList, InterfaceList } from "../parts/lists";
import { hostHealth, hostName, type LiveDockerHost } from "./model";

export default function DockerHostDrawer(props: {
  host: LiveDockerHost;
  view: View;
  onClose: () => void;
}): JSX.Element {
  const host = (): LiveDockerHost => props.host;
  const reportedAt = useReports("docker", host, lastUpdate, serverNow);
  return (
    <Drawer
      onClose={props.onClose}
      title={
        <>
          <Mark health={hostHealth(host())} label={host().status} />
          {hostName(host())}
        </>
      }
      subtitle={[host().os, host().kernelVersion, host().architecture].filter(Boolean).join(" · ")}
    >
      <AlertList resourceId={dockerAlertId(host().id)} />
      <Facts>
        <Fact name={t("State")}>
          {host().status}, <LastSeen row={host()} />
          <EverySecond at={reportedAt()} />
        </Fact>
        <Fact name={t("Engine")}>
          {host().runtime ?? "docker"} {host().runtimeVersion ?? host().dockerVersion}
        </Fact>
        <Fact name={t("Containers")}>
          {tn("{n} container", "{n} containers", host().containers?.length ?? 0)}
        </Fact>
        <Fact name={t("Uptime")}>
          <Value value={uptimeAt(host(), lastUpdate())} text={duration} why={reason(host(), "uptime")} />
        </Fact>
        <Fact name={t("CPU")}>
          <Value
            value={known(host(), host().cpuUsagePercent, "cpuUsagePercent")}
            text={percent}
            why={reason(host(), "cpuUsagePercent")}
          />
          <Show when={host().cpus}>
            {(cores) => <span class="soft"> {tn("of {n} core", "of {n} cores", cores())}</span>}
          </Show>
        </Fact>
        <Fact name={t("Memory")}>
          <Value
            value={host().memory}
            text={(memory) => `${bytesOf(memory.used, memory.total)} (${percent(memory.usage ?? 0)})`}
            why={reason(host(), "memory")}
          />
        </Fact>
        <Show when={host().agentVersion}>
          {(version) => <Fact name={t("Agent")}>{version().replace(/^v(?=\d)/, "")}</Fact>}
        </Show>
      </Facts>
      <Notes kind="docker/hosts" id={host().id} />
      <HistoryCharts
        resourceType="dockerHost"
        resourceId={host().id}
        alertId={dockerAlertId(host().id)}
        at={reportedAt()}
        range={props.view.get("range")}
        onRange={(range) => props.view.set({ range })}
        now={() => ({
          cpu: known(host(), host().cpuUsagePercent, "cpuUsagePercent"),
          memory: host().status === "offline" ? undefined : host().memory?.usage,
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
    </Drawer>
  );
}
