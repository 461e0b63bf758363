// A newer image of a container: says so, moves the container to it, and shows how that goes.

import { createMemo, createSignal, type JSX, Show } from "solid-js";
import { updateContainer } from "../../api/agents";
import { age } from "../../state/format";
import { t } from "../../text";
import { Button, Confirm, Note } from "../../ui/controls";
import { type ContainerRow, commandState, hasUpdate } from "./model";

export function ContainerUpdate(props: { row: ContainerRow }): JSX.Element {
  const [isAsking, setAsking] = createSignal(false);
  /** The command that was given here; the host's state tells how it goes. */
  const [asked, setAsked] = createSignal<{ key: string; command: string }>();
  // The drawer goes from one container to the next.
  const given = (): string | undefined => (asked()?.key === props.row.key ? asked()?.command : undefined);
  const command = createMemo(() => {
    const last = props.row.host.command;
    return last != null && last.id === given() ? last : undefined;
  });
  const state = createMemo(() => commandState(command()));
  const status = () => props.row.container.updateStatus;
  const isOffline = (): boolean => props.row.host.status === "offline";
  return (
    <>
      <Show when={hasUpdate(props.row.container) === true || given() !== undefined}>
        <Show when={given() === undefined || state() === "failed"}>
          <Note health="idle">
            <span class="row">
              {t("A newer image is there")}
              <Show when={status()?.lastChecked}>
                {(at) => (
                  <span class="soft">
                    {t("looked at {age} ago", { age: age(Math.max(0, (Date.now() - at()) / 1000)) })}
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
            </span>
          </Note>
        </Show>
        <Show when={given() !== undefined}>
          <Note health={state() === "failed" ? "crit" : state() === "done" ? "ok" : "idle"}>
            {state() === "failed"
              ? t("The update failed: {reason}", {
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
            setAsked({ key: props.row.key, command: queued.commandId });
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
