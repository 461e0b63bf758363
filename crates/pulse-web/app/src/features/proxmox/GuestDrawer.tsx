// All about one guest.

import { For, type JSX, Show } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { lastUpdate } from "../../api/live";
import { bytes, bytesOf, count, duration, moment, percent, rate } from "../../state/format";
import type { View } from "../../state/view";
import { reason } from "../../state/why";
import { Badge, Fact, Facts } from "../../ui/controls";
import { Drawer, DrawerSection } from "../../ui/Drawer";
import { Mark } from "../../ui/Mark";
import { Value } from "../../ui/Value";
import { HistoryCharts } from "../charts/HistoryCharts";
import { DiskList, InterfaceList } from "../parts/lists";
import {
  cpuOf,
  diskOf,
  guestHealth,
  isVm,
  type LiveGuest,
  memoryOf,
  rateOf,
  tagsOf,
  typeName,
} from "./model";

export default function GuestDrawer(props: {
  guest: LiveGuest;
  view: View;
  onClose: () => void;
}): JSX.Element {
  const guest = (): LiveGuest => props.guest;
  const io = (
    into: "networkIn" | "diskRead",
    out: "networkOut" | "diskWrite",
    words: [string, string],
  ): JSX.Element => (
    <>
      <Value value={rateOf(guest(), into)} text={rate} why={reason(guest(), into)} /> {words[0]},{" "}
      <Value value={rateOf(guest(), out)} text={rate} why={reason(guest(), out)} /> {words[1]}
    </>
  );
  return (
    <Drawer
      onClose={props.onClose}
      title={
        <>
          <Mark health={guestHealth(guest())} label={guest().status} />
          {guest().name}
        </>
      }
      subtitle={`${typeName(guest())} ${guest().vmid} on ${guest().node}, ${guest().instance}`}
    >
      <Facts>
        <Fact name="State">
          {guest().status}
          <Show when={guest().lock}>{(lock) => <> (locked: {lock()})</>}</Show>
        </Fact>
        <Fact name="Uptime">
          <Value
            value={guest().status === "running" ? uptimeAt(guest(), lastUpdate()) : undefined}
            text={duration}
            why={reason(guest(), "uptime")}
          />
        </Fact>
        <Fact name="CPU">
          <Value value={cpuOf(guest())} text={percent} why={reason(guest(), "cpu")} />
          <Show when={guest().cpus}>{(cores) => <span class="soft"> of {count(cores(), "core")}</span>}</Show>
        </Fact>
        <Fact name="Memory">
          <Value
            value={memoryOf(guest())}
            text={(share) => `${bytesOf(share.used, share.total)} (${percent(share.percent)})`}
            why={reason(guest(), "memory", "mem")}
          />
          <Show when={guest().memorySource}>{(source) => <span class="soft"> from {source()}</span>}</Show>
        </Fact>
        <Show when={guest().memory?.balloon}>
          {(balloon) => <Fact name="Balloon">{bytes(balloon())}</Fact>}
        </Show>
        <Show when={guest().memory?.swapTotal}>
          {(total) => <Fact name="Swap">{bytesOf(guest().memory?.swapUsed ?? 0, total())}</Fact>}
        </Show>
        <Fact name="Disk">
          <Value
            value={diskOf(guest())}
            text={(share) => `${bytesOf(share.used, share.total)} (${percent(share.percent)})`}
            why={reason(guest(), "disk")}
          />
          <Show when={diskOf(guest()) === undefined && reason(guest(), "disk")}>
            {(why) => <span class="soft"> {why()}</span>}
          </Show>
        </Fact>
        <Fact name="Network">{io("networkIn", "networkOut", ["in", "out"])}</Fact>
        <Fact name="Disk I/O">{io("diskRead", "diskWrite", ["read", "write"])}</Fact>
        <Show when={guest().osName}>
          {(os) => (
            <Fact name="System">
              {os()} {guest().osVersion}
            </Fact>
          )}
        </Show>
        <Show when={(guest().ipAddresses?.length ?? 0) > 0}>
          <Fact name="Addresses">
            <span class="mono">{guest().ipAddresses?.join(", ")}</span>
          </Fact>
        </Show>
        <Fact name="Last backup">
          <Value
            value={guest().lastBackup || undefined}
            text={moment}
            why="unknown: this version does not read backups yet"
          />
        </Fact>
        <Show when={tagsOf(guest()).length > 0}>
          <Fact name="Tags">
            <span class="row">
              <For each={tagsOf(guest())}>{(tag) => <Badge>{tag}</Badge>}</For>
            </span>
          </Fact>
        </Show>
      </Facts>
      <HistoryCharts
        resourceType={isVm(guest()) ? "vm" : "container"}
        resourceId={guest().id}
        range={props.view.get("range")}
        onRange={(range) => props.view.set({ range })}
      />
      <Show when={(guest().disks?.length ?? 0) > 0}>
        <DrawerSection title="File systems">
          <DiskList disks={guest().disks ?? []} />
        </DrawerSection>
      </Show>
      <Show when={(guest().networkInterfaces?.length ?? 0) > 0}>
        <DrawerSection title="Network">
          <InterfaceList interfaces={guest().networkInterfaces ?? []} />
        </DrawerSection>
      </Show>
    </Drawer>
  );
}
