// A newer image of a container: says so, moves the container to it, and shows how that goes.

import { createMemo, createSignal, type JSX, Show } from "solid-js";
import { updateContainer } from "../../api/agents";
import { serverNow } from "../../api/live";
import { age } from "../../state/format";
import { t } from "../../text";
import { Button, Confirm, Note } from "../../ui/controls";
import { type ContainerRow, commandState, hasUpdate, isUpdateOf } from "./model";

/** Commands that were given here, by host and name: the container that comes after has another id. */
const [given, setGiven] = createSignal<ReadonlyMap<string, string>>(new Map());

export function ContainerUpdate(props: { row: ContainerRow }): JSX.Element {
  const [isAsking, setAsking] = createSignal(false);
  const name = (): string => `${props.row.host.id}/${props.row.container.name}`;
  /** The update of this container, whoever gave it; the host's state tells how it goes. */
  const command = createMemo(() => {
    const last = props.row.host.command;
    return last != null && (last.id === given().get(name()) || isUpdateOf(last, props.row.container.id))
      ? last
      : undefined;
  });
  /** Given just now: the state does not know of it yet. */
  const isSent = (): boolean => given().has(name()) && props.row.host.command?.id !== given().get(name());
  const isShown = (): boolean => command() !== undefined || isSent();
  const state = createMemo(() => (isSent() ? "waits" : commandState(command())));
  const status = () => props.row.container.updateStatus;
  const isOffline = (): boolean => props.row.host.status === "offline";
  return (
    <>
      <Show when={hasUpdate(props.row.container) === true || isShown()}>
        <Show when={hasUpdate(props.row.container) === true && (!isShown() || state() === "failed")}>
          <Note health="idle">
            <span class="row">
              {t("A newer image is there")}
              <Show when={status()?.lastChecked}>
                {(at) => (
                  <span class="soft">
                    {t("looked at {age} ago", { age: age(Math.max(0, (serverNow() - at()) / 1000)) })}
                  </span>
                )}
              </Show>
              <Button
                isSmall
                isDisabled={isOffline()}
                label={t("Update {name}", { name: props.row.container.name })}
                onClick={() => setAsking(true)}
              >
                {t("Update…")}
              </Button>
              <Show when={isOffline()}>
                <span class="soft">{t("its host is offline")}</span>
              </Show>
            </span>
          </Note>
        </Show>
        <Show when={isShown()}>
          <Note health={state() === "failed" ? "crit" : state() === "done" ? "ok" : "idle"}>
            {state() === "failed"
              ? t("The update failed {age} ago: {reason}", {
                  age: age(Math.max(0, (serverNow() - (command()?.updatedAt ?? serverNow())) / 1000)),
                  reason: command()?.failureReason || command()?.message || t("the agent gave no reason"),
                })
              : state() === "done"
                ? t("The container runs from the newest image.")
                : state() === "runs"
                  ? command()?.message || t("The agent pulls the image and starts the container anew.")
                  : t("The agent is told with its next report.")}
          </Note>
        </Show>
      </Show>
      <Show when={isAsking()}>
        <Confirm
          title={t("Update {name}?", { name: props.row.container.name })}
          action={t("Update")}
          onCancel={() => setAsking(false)}
          onConfirm={async () => {
            const queued = await updateContainer(
              props.row.host.id,
              props.row.container.id,
              props.row.container.name,
            );
            setGiven((old) => new Map(old).set(name(), queued.commandId));
            setAsking(false);
          }}
        >
          <p>
            {t(
              "The agent pulls {image}, stops the container and starts a new one with the same settings. Where that does not work, the old one comes back.",
              { image: props.row.container.image ?? "" },
            )}
          </p>
        </Confirm>
      </Show>
    </>
  );
}
