// All about one guest.

import { createMemo, For, type JSX, Show } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { guestSnapshots, lastUpdate, serverNow } from "../../api/live";
import { useWatched } from "../../api/watch";
import { bytes, bytesOf, duration, moment, parseTime, percent } from "../../state/format";
import { sortRows } from "../../state/order";
import type { View } from "../../state/view";
import { reason } from "../../state/why";
import { t, tn } from "../../text";
import { Badge, Fact, Facts } from "../../ui/controls";
import { Drawer, DrawerSection } from "../../ui/Drawer";
import { Mark } from "../../ui/Mark";
import { Tags } from "../../ui/Tags";
import { Value } from "../../ui/Value";
import { AlertList } from "../alerts/AlertList";
import { Limits } from "../alerts/Limits";
import { GuestBackups } from "../backups/GuestBackups";
import { HistoryCharts } from "../charts/HistoryCharts";
import { Notes } from "../metadata/Notes";
import { RatesFact, ShareFact } from "../parts/Facts";
import { EverySecond } from "../parts/LastSeen";
import { DiskList, InterfaceList } from "../parts/lists";
import lists from "../parts/lists.module.css";
import {
  cpuOf,
  diskOf,
  guestHealth,
  isVm,
  type LiveGuest,
  lockText,
  memoryOf,
  rateOf,
  statusName,
  tagsOf,
  typeName,
} from "./model";

export default function GuestDrawer(props: {
  guest: LiveGuest;
  view: View;
  onClose: () => void;
}): JSX.Element {
  const watched = useWatched(() => props.guest, serverNow);
  const guest = watched.row;
  const snapshots = createMemo(() =>
    sortRows(
      [...guestSnapshots().values()].filter(
        (each) => each.vmid === guest().vmid && each.instance === guest().instance,
      ),
      (each) => parseTime(each.time),
      true,
    ),
  );
  return (
    <Drawer
      onClose={props.onClose}
      title={
        <>
          <Mark health={guestHealth(guest())} label={statusName(guest())} />
          {guest().name}
        </>
      }
      subtitle={t("{type} {id} on {node}, {instance}", {
        type: typeName(guest()),
        id: guest().vmid,
        node: guest().node,
        instance: guest().instance,
      })}
    >
      <AlertList resourceId={guest().id} />
      <Facts>
        <Fact name={t("State")}>
          {statusName(guest()) + lockText(guest())}
          <EverySecond at={watched.at()} />
        </Fact>
        <Fact name={t("Uptime")}>
          <Value
            value={guest().status === "running" ? uptimeAt(guest(), lastUpdate()) : undefined}
            text={duration}
            why={reason(guest(), "uptime")}
          />
        </Fact>
        <Fact name={t("CPU")}>
          <Value value={cpuOf(guest())} text={percent} why={reason(guest(), "cpu")} />
          <Show when={guest().cpus}>
            {(cores) => <span class="soft"> {tn("of {n} core", "of {n} cores", cores())}</span>}
          </Show>
        </Fact>
        <Fact name={t("Memory")}>
          <Value
            value={memoryOf(guest())}
            text={(share) => `${bytesOf(share.used, share.total)} (${percent(share.percent)})`}
            why={reason(guest(), "memory", "mem")}
          />
          <Show when={guest().memorySource}>
            {(source) => <span class="soft"> {t("from {source}", { source: source() })}</span>}
          </Show>
        </Fact>
        <Show when={guest().memory?.balloon}>
          {(balloon) => <Fact name={t("Balloon")}>{bytes(balloon())}</Fact>}
        </Show>
        <Show when={guest().memory?.swapTotal}>
          {(total) => <Fact name={t("Swap")}>{bytesOf(guest().memory?.swapUsed ?? 0, total())}</Fact>}
        </Show>
        <ShareFact name={t("Disk")} share={diskOf(guest())} why={reason(guest(), "disk")} />
        <RatesFact
          name={t("Network")}
          words="network"
          into={rateOf(guest(), "networkIn")}
          out={rateOf(guest(), "networkOut")}
          whyInto={reason(guest(), "networkIn")}
          whyOut={reason(guest(), "networkOut")}
        />
        <RatesFact
          name={t("Disk I/O")}
          words="disk"
          into={rateOf(guest(), "diskRead")}
          out={rateOf(guest(), "diskWrite")}
          whyInto={reason(guest(), "diskRead")}
          whyOut={reason(guest(), "diskWrite")}
        />
        <Show when={guest().osName}>
          {(os) => (
            <Fact name={t("System")}>
              {os()} {guest().osVersion}
            </Fact>
          )}
        </Show>
        <Show when={(guest().ipAddresses?.length ?? 0) > 0}>
          <Fact name={t("Addresses")}>
            <span class="mono">{guest().ipAddresses?.join(", ")}</span>
          </Fact>
        </Show>
        <Show when={guest().agentVersion}>
          {(version) => <Fact name={t("Guest agent")}>{version()}</Fact>}
        </Show>
        <Show when={guest().haState}>{(state) => <Fact name={t("High availability")}>{state()}</Fact>}</Show>
        <Show when={guest().pool}>{(pool) => <Fact name={t("Pool")}>{pool()}</Fact>}</Show>
        <Fact name={t("Last backup")}>
          <Value
            value={guest().lastBackup || undefined}
            text={moment}
            why={guest().missing?.lastBackup ?? t("no backup of this guest is known")}
          />
        </Fact>
        <Show when={tagsOf(guest()).length > 0}>
          <Fact name={t("Tags")}>
            <Tags tags={tagsOf(guest())} />
          </Fact>
        </Show>
      </Facts>
      <Notes kind="guests" id={guest().id} />
      <HistoryCharts
        resourceType={isVm(guest()) ? "vm" : "container"}
        resourceId={guest().id}
        range={props.view.get("range")}
        onRange={(range) => props.view.set({ range })}
        at={watched.at()}
        now={() => ({
          cpu: cpuOf(guest()),
          memory: memoryOf(guest())?.percent,
          disk: diskOf(guest())?.percent,
          netin: rateOf(guest(), "networkIn"),
          netout: rateOf(guest(), "networkOut"),
          diskread: rateOf(guest(), "diskRead"),
          diskwrite: rateOf(guest(), "diskWrite"),
        })}
      />
      <Show when={(guest().disks?.length ?? 0) > 0}>
        <DrawerSection title={t("File systems")}>
          <DiskList disks={guest().disks ?? []} />
        </DrawerSection>
      </Show>
      <Show when={(guest().networkInterfaces?.length ?? 0) > 0}>
        <DrawerSection title={t("Network")}>
          <InterfaceList interfaces={guest().networkInterfaces ?? []} />
        </DrawerSection>
      </Show>
      <GuestBackups guest={guest()} />
      <Show when={snapshots().length > 0}>
        <DrawerSection title={t("Snapshots")}>
          <table class={lists.list} aria-label={t("Snapshots")}>
            <thead>
              <tr>
                <th scope="col">{t("Name")}</th>
                <th scope="col">{t("Made")}</th>
              </tr>
            </thead>
            <tbody>
              <For each={snapshots()}>
                {(each) => (
                  <tr>
                    <td class={lists.wrap}>
                      <span class="row">
                        {each.name}
                        <Show when={each.vmstate}>
                          <Badge>{t("with memory")}</Badge>
                        </Show>
                      </span>
                      <div class={lists.small}>{each.description}</div>
                    </td>
                    <td>{moment(parseTime(each.time) ?? 0)}</td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </DrawerSection>
      </Show>
      <Limits kind="guest" id={guest().id} />
    </Drawer>
  );
}
