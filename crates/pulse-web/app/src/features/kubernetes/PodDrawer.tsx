// All about one pod.

import { For, type JSX, Show } from "solid-js";
import type { Pod } from "../../api/types";
import { moment, number } from "../../state/format";
import { t } from "../../text";
import { Badge, Fact, Facts, Note } from "../../ui/controls";
import { Drawer, DrawerSection } from "../../ui/Drawer";
import { Mark } from "../../ui/Mark";
import { Value } from "../../ui/Value";
import { AlertList } from "../alerts/AlertList";
import lists from "../parts/lists.module.css";
import { clusterName, type Of, podHealth, podOwner, podReady, podState } from "./model";

export function PodDrawer(props: { row: Of<Pod>; onClose: () => void }): JSX.Element {
  const pod = (): Pod => props.row.it;
  return (
    <Drawer
      onClose={props.onClose}
      title={
        <>
          <Mark health={podHealth(props.row)} label={podState(pod())} />
          {pod().name}
        </>
      }
      subtitle={`${pod().namespace} · ${clusterName(props.row.cluster)}`}
    >
      <AlertList resourceId={props.row.key} />
      <Show when={pod().message}>{(text) => <Note health={podHealth(props.row)}>{text()}</Note>}</Show>
      <Facts>
        <Fact name={t("State")}>{podState(pod())}</Fact>
        <Fact name={t("Ready")}>{podReady(pod())}</Fact>
        <Fact name={t("Restarts")}>{number(pod().restarts ?? 0)}</Fact>
        <Fact name={t("Node")}>
          <Value value={pod().nodeName} text={(name) => name} why={t("no node was chosen yet")} />
        </Fact>
        <Show when={podOwner(pod())}>{(owner) => <Fact name={t("Owner")}>{owner()}</Fact>}</Show>
        <Show when={pod().startTime}>{(at) => <Fact name={t("Started")}>{moment(at())}</Fact>}</Show>
        <Show when={pod().qosClass}>
          {(quality) => <Fact name={t("Quality of service")}>{quality()}</Fact>}
        </Show>
      </Facts>
      <DrawerSection title={t("Containers")}>
        <table class={lists.list} aria-label={t("Containers")}>
          <thead>
            <tr>
              <th scope="col">{t("Name")}</th>
              <th scope="col">{t("State")}</th>
              <th scope="col" class="number">
                {t("Restarts")}
              </th>
            </tr>
          </thead>
          <tbody>
            <For each={pod().containers ?? []}>
              {(container) => (
                <tr>
                  <td class={lists.wrap}>
                    {container.name}
                    <div class={lists.small}>{container.image}</div>
                  </td>
                  <td class={lists.wrap}>
                    <span class={lists.state}>
                      <Mark health={container.ready === true ? "ok" : "warn"} label="" />
                      {container.reason ?? container.state}
                    </span>
                    <div class={lists.small}>{container.message}</div>
                  </td>
                  <td class="number">{number(container.restartCount ?? 0)}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </DrawerSection>
      <Show when={Object.keys(pod().labels ?? {}).length > 0}>
        <DrawerSection title={t("Labels")}>
          <span class="row">
            <For each={Object.entries(pod().labels ?? {})}>
              {([name, value]) => (
                <Badge>
                  {name}={value}
                </Badge>
              )}
            </For>
          </span>
        </DrawerSection>
      </Show>
    </Drawer>
  );
}
