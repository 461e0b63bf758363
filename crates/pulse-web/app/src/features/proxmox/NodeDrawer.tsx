// All about one node, with its storages.

import { createMemo, For, type JSX, Show } from "solid-js";
import { uptimeAt } from "../../api/delta";
import { lastUpdate, storage } from "../../api/live";
import { bytesOf, celsius, duration, percent } from "../../state/format";
import { sortRows } from "../../state/order";
import type { View } from "../../state/view";
import { reason } from "../../state/why";
import { Badge, Fact, Facts } from "../../ui/controls";
import { Drawer, DrawerSection } from "../../ui/Drawer";
import { Mark } from "../../ui/Mark";
import { DISK_LIMITS, Meter } from "../../ui/Meter";
import { Value } from "../../ui/Value";
import { HistoryCharts } from "../charts/HistoryCharts";
import lists from "../parts/lists.module.css";
import { cpuOf, diskOf, keysOfNode, type LiveNode, memoryOf, nodeHealth, nodeStatusText } from "./model";

export default function NodeDrawer(props: { node: LiveNode; view: View; onClose: () => void }): JSX.Element {
  const node = (): LiveNode => props.node;
  const storages = createMemo(() => {
    const keys = new Set(keysOfNode(node()));
    const own = [...storage().values()].filter((each) => keys.has(`${each.instance}/${each.node}`));
    return sortRows(own, (each) => each.name, false);
  });
  return (
    <Drawer
      onClose={props.onClose}
      title={
        <>
          <Mark health={nodeHealth(node())} label={nodeStatusText(node())} />
          {node().displayName ?? node().name}
        </>
      }
      subtitle={[node().clusterName, node().pveVersion].filter(Boolean).join(" · ")}
    >
      <Facts>
        <Fact name="State">{nodeStatusText(node())}</Fact>
        <Fact name="Uptime">
          <Value
            value={node().status === "online" ? uptimeAt(node(), lastUpdate()) : undefined}
            text={duration}
            why={reason(node(), "uptime")}
          />
        </Fact>
        <Fact name="CPU">
          <Value value={cpuOf(node())} text={percent} why={reason(node(), "cpu")} />
          <Show when={node().cpuInfo?.model}>
            {(model) => (
              <span class="soft">
                {" "}
                of {node().cpuInfo?.cores} threads, {model()}
              </span>
            )}
          </Show>
        </Fact>
        <Fact name="Load">
          <Value
            value={node().loadAverage?.length ? node().loadAverage : undefined}
            text={(load) => load?.map((each) => each.toFixed(2)).join("  ")}
            why={reason(node(), "loadAverage", "load")}
          />
        </Fact>
        <Fact name="Memory">
          <Value
            value={memoryOf(node())}
            text={(share) => `${bytesOf(share.used, share.total)} (${percent(share.percent)})`}
            why={reason(node(), "memory", "mem")}
          />
        </Fact>
        <Fact name="Root disk">
          <Value
            value={diskOf(node())}
            text={(share) => `${bytesOf(share.used, share.total)} (${percent(share.percent)})`}
            why={reason(node(), "disk")}
          />
        </Fact>
        <Show when={node().temperature?.cpuPackage}>
          {(value) => <Fact name="Temperature">{celsius(value())}</Fact>}
        </Show>
        <Show when={node().kernelVersion}>{(kernel) => <Fact name="Kernel">{kernel()}</Fact>}</Show>
        <Show when={node().host}>
          {(host) => (
            <Fact name="Address">
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
      />
      <Show when={storages().length > 0}>
        <DrawerSection title="Storage">
          <table class={lists.list} aria-label="Storage">
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Used</th>
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
                          <Badge>shared</Badge>
                        </Show>
                      </span>
                      <div class={lists.small}>
                        {each.type}, {each.status}
                      </div>
                    </td>
                    <td>
                      <Meter
                        value={each.status === "available" && (each.total ?? 0) > 0 ? each.usage : undefined}
                        limits={DISK_LIMITS}
                        detail={each.total ? bytesOf(each.used ?? 0, each.total) : undefined}
                        why={each.missing?.usage ?? `the storage is ${each.status ?? "unknown"}`}
                      />
                    </td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </DrawerSection>
      </Show>
    </Drawer>
  );
}
