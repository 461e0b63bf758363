// One service of a swarm, with its tasks.

import { For, type JSX, Show } from "solid-js";
import { moment } from "../../state/format";
import { t } from "../../text";
import { Fact, Facts } from "../../ui/controls";
import { Drawer, DrawerSection } from "../../ui/Drawer";
import { Mark } from "../../ui/Mark";
import lists from "../parts/lists.module.css";
import { hostName, portsText, runningText, type ServiceRow, serviceHealth } from "./model";

export function ServiceMark(props: { row: ServiceRow }): JSX.Element {
  return <Mark health={serviceHealth(props.row)} label={runningText(props.row)} />;
}

export function ServiceDrawer(props: { row: ServiceRow; onClose: () => void }): JSX.Element {
  return (
    <Drawer
      onClose={props.onClose}
      title={
        <>
          <ServiceMark row={props.row} />
          {props.row.service.name}
        </>
      }
      subtitle={t("{image}, told by {host}", {
        image: props.row.service.image?.split("@")[0] ?? "",
        host: hostName(props.row.host),
      })}
    >
      <Facts>
        <Fact name={t("Running")}>{runningText(props.row)}</Fact>
        <Fact name={t("Mode")}>{props.row.service.mode}</Fact>
        <Show when={props.row.service.stack}>{(stack) => <Fact name={t("Stack")}>{stack()}</Fact>}</Show>
        <Show when={portsText(props.row)}>
          {(ports) => (
            <Fact name={t("Ports")}>
              <span class="mono">{ports()}</span>
            </Fact>
          )}
        </Show>
        <Show when={props.row.service.updateStatus?.state}>
          {(state) => (
            <Fact name={t("Update")}>
              {state()} <span class="soft">{props.row.service.updateStatus?.message}</span>
            </Fact>
          )}
        </Show>
      </Facts>
      <DrawerSection title={t("Tasks")}>
        <Show when={props.row.tasks.length > 0} fallback={<p class="soft">{t("No task of it is told.")}</p>}>
          <table class={lists.list} aria-label={t("Tasks")}>
            <thead>
              <tr>
                <th scope="col">{t("Node")}</th>
                <th scope="col">{t("State")}</th>
                <th scope="col">{t("Since")}</th>
              </tr>
            </thead>
            <tbody>
              <For each={props.row.tasks}>
                {(task) => (
                  <tr>
                    <td>
                      {task.nodeName ?? task.nodeId}
                      <div class={lists.small}>{task.slot ? t("slot {n}", { n: task.slot }) : ""}</div>
                    </td>
                    <td class={lists.wrap}>
                      {task.currentState}
                      <div class={lists.small}>{task.error ?? task.message}</div>
                    </td>
                    <td>{task.updatedAt ? moment(task.updatedAt) : ""}</td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </Show>
      </DrawerSection>
    </Drawer>
  );
}
