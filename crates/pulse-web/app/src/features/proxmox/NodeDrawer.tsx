// All about one node, with its storages and disks.

import { createMemo, For, Index, type JSX, Show } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { lastUpdate, physicalDisks, serverNow, storage } from "../../api/live";
import { useWatched } from "../../api/watch";
import { bytes, bytesOf, celsius, duration, fixed, percent } from "../../state/format";
import { sortRows } from "../../state/order";
import type { View } from "../../state/view";
import { reason } from "../../state/why";
import { t, tn } from "../../text";
import { Badge, Fact, Facts, Note } from "../../ui/controls";
import { Drawer, DrawerSection } from "../../ui/Drawer";
import { Mark } from "../../ui/Mark";
import { DISK_LIMITS } from "../../ui/Meter";
import { Value } from "../../ui/Value";
import { AlertList } from "../alerts/AlertList";
import { Limits } from "../alerts/Limits";
import { HistoryCharts } from "../charts/HistoryCharts";
import { ShareMeter } from "../parts/cells";
import { ShareFact } from "../parts/Facts";
import { EverySecond } from "../parts/LastSeen";
import lists from "../parts/lists.module.css";
import {
  cpuOf,
  diskOf,
  keysOfNode,
  type LiveNode,
  memoryOf,
  nodeHealth,
  nodeName,
  nodeStatusText,
  nodeTemperature,
  problemsOf,
} from "./model";
import { diskHealth, diskTemperature, storageShare, storageWhy } from "./storageModel";

export default function NodeDrawer(props: { node: LiveNode; view: View; onClose: () => void }): JSX.Element {
  const watched = useWatched(() => props.node, serverNow);
  const node = watched.row;
  const isHere = createMemo(() => {
    const keys = new Set(keysOfNode(node()));
    return (each: { instance: string; node: string }): boolean => keys.has(`${each.instance}/${each.node}`);
  });
  const storages = createMemo(() =>
    sortRows([...storage().values()].filter(isHere()), (each) => each.name, false),
  );
  const disks = createMemo(() =>
    sortRows([...physicalDisks().values()].filter(isHere()), (each) => each.devPath, false),
  );
  const cores = createMemo(() => node().temperature?.cores ?? []);
  return (
    <Drawer
      onClose={props.onClose}
      title={
        <>
          <Mark health={nodeHealth(node())} label={nodeStatusText(node())} />
          {nodeName(node())}
        </>
      }
      subtitle={[node().clusterName, node().pveVersion].filter(Boolean).join(" · ")}
    >
      <AlertList resourceId={node().id} />
      <Index each={problemsOf(node())}>{(problem) => <Note health="warn">{problem()}</Note>}</Index>
      <Facts>
        <Fact name={t("State")}>
          {nodeStatusText(node())}
          <EverySecond at={watched.at()} />
        </Fact>
        <Fact name={t("Uptime")}>
          <Value
            value={node().status === "online" ? uptimeAt(node(), lastUpdate()) : undefined}
            text={duration}
            why={reason(node(), "uptime")}
          />
        </Fact>
        <Fact name={t("CPU")}>
          <Value value={cpuOf(node())} text={percent} why={reason(node(), "cpu")} />
          <Show when={node().cpuInfo?.cores}>
            {(count) => (
              <span class="soft">
                {" "}
                {tn("of {n} core", "of {n} cores", count())}
                {node().cpuInfo?.model ? `, ${node().cpuInfo?.model}` : ""}
              </span>
            )}
          </Show>
        </Fact>
        <Fact name={t("Load")}>
          <Value
            value={node().loadAverage?.length ? node().loadAverage : undefined}
            text={(load) => load?.map((each) => fixed(each, 2)).join("  ")}
            why={reason(node(), "loadAverage", "load")}
          />
        </Fact>
        <ShareFact name={t("Memory")} share={memoryOf(node())} why={reason(node(), "memory", "mem")} />
        <Show when={node().memory?.swapTotal}>
          {(total) => <Fact name={t("Swap")}>{bytesOf(node().memory?.swapUsed ?? 0, total())}</Fact>}
        </Show>
        <ShareFact name={t("Root disk")} share={diskOf(node())} why={reason(node(), "disk")} />
        <Show when={nodeTemperature(node())}>
          {(value) => (
            <Fact name={t("Temperature")}>
              {celsius(value())}
              <Show when={cores().length > 0}>
                <span class="soft">
                  {" "}
                  {t("cores {values}", {
                    values: cores()
                      .map((core) => Math.round(core.temp))
                      .join(" "),
                  })}
                </span>
              </Show>
            </Fact>
          )}
        </Show>
        <Fact name={t("Updates waiting")}>
          <Value
            value={node().pendingUpdates ?? undefined}
            text={String}
            why={node().missing?.pendingUpdates ?? t("not read: that needs Sys.Modify on the node")}
          />
        </Fact>
        <Show when={node().kernelVersion}>{(kernel) => <Fact name={t("Kernel")}>{kernel()}</Fact>}</Show>
        <Show when={node().host}>
          {(host) => (
            <Fact name={t("Address")}>
              <a href={node().guestURL || host()} target="_blank" rel="noreferrer">
                {node().guestURL || host()}
              </a>
            </Fact>
          )}
        </Show>
      </Facts>
      <HistoryCharts
        resourceType="node"
        resourceId={node().id}
        range={props.view.get("range")}
        onRange={(range) => props.view.set({ range })}
        at={watched.at()}
        now={() => ({
          cpu: cpuOf(node()),
          memory: memoryOf(node())?.percent,
          disk: diskOf(node())?.percent,
          temperature: nodeTemperature(node()),
        })}
      />
      <Show when={storages().length > 0}>
        <DrawerSection title={t("Storage")}>
          <table class={lists.list} aria-label={t("Storage")}>
            <thead>
              <tr>
                <th scope="col">{t("Name")}</th>
                <th scope="col">{t("Used")}</th>
              </tr>
            </thead>
            <tbody>
              <For each={storages()}>
                {(each) => (
                  <tr>
                    <td>
                      <span class="row">
                        {each.name}
                        <Show when={each.shared}>
                          <Badge>{t("shared")}</Badge>
                        </Show>
                      </span>
                      <div class={lists.small}>
                        {each.type}, {each.status}
                      </div>
                    </td>
                    <td>
                      <ShareMeter share={storageShare(each)} limits={DISK_LIMITS} why={storageWhy(each)} />
                    </td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </DrawerSection>
      </Show>
      <Show when={disks().length > 0}>
        <DrawerSection title={t("Physical disks")}>
          <table class={lists.list} aria-label={t("Physical disks")}>
            <thead>
              <tr>
                <th scope="col">{t("Disk")}</th>
                <th scope="col" class="number">
                  {t("Size")}
                </th>
                <th scope="col" class="number">
                  {t("Temp.")}
                </th>
              </tr>
            </thead>
            <tbody>
              <For each={disks()}>
                {(disk) => (
                  <tr>
                    <td>
                      <span class="row">
                        <Mark health={diskHealth(disk)} label={disk.health ?? ""} />
                        {disk.devPath}
                      </span>
                      <div class={lists.small}>{disk.model}</div>
                    </td>
                    <td class="number">{disk.size ? bytes(disk.size) : ""}</td>
                    <td class="number">
                      <Value value={diskTemperature(disk)} text={celsius} />
                    </td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </DrawerSection>
      </Show>
      <Limits kind="node" id={node().id} />
    </Drawer>
  );
}
