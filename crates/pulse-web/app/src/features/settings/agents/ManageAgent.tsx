// One agent: its name, the node it belongs to, whether it is shown, and how it goes.

import { createMemo, createSignal, type JSX, Show } from "solid-js";
import {
  checkImages,
  hideAgent,
  linkHost,
  markGoing,
  removeAgent,
  renameAgent,
  setCommands,
  unlinkHost,
} from "../../../api/agents";
import { nodes } from "../../../api/live";
import { HOME } from "../../../base";
import { reasonOf } from "../../../state/failure";
import { t } from "../../../text";
import { Button, Check, Choice, Confirm, Field, Note, Secret } from "../../../ui/controls";
import { toast } from "../../../ui/toast";
import { type ManagedAgent, uninstallCommand } from "../agentsModel";
import styles from "../Settings.module.css";

export function ManageAgent(props: {
  agent: ManagedAgent;
  onClose: () => void;
  onDone: () => Promise<void>;
}): JSX.Element {
  const [name, setName] = createSignal(props.agent.givenName);
  const [node, setNode] = createSignal(props.agent.nodeId ?? "");
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const [isRemoving, setRemoving] = createSignal(false);
  const [isForced, setForced] = createSignal(false);
  /** What has names to give and can be hidden. */
  const named = createMemo(() => {
    const { kind } = props.agent;
    return kind === "host" ? undefined : kind;
  });
  const act = async (what: () => Promise<unknown>, said: string): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await what();
      toast(said);
      await props.onDone();
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  return (
    <section class={styles.form} aria-label={t("Manage {name}", { name: props.agent.name })}>
      <h2>{props.agent.name}</h2>
      <Show when={named()}>
        {(kind) => (
          <form
            class={styles.inline}
            onSubmit={(event) => {
              event.preventDefault();
              void act(() => renameAgent(kind(), props.agent.id, name().trim()), t("The name is kept."));
            }}
          >
            <Field
              label={t("Display name")}
              hasFocus
              value={name()}
              hint={t("Empty: as the machine calls itself.")}
              onInput={setName}
            />
            <Button type="submit" isDisabled={isBusy()}>
              {t("Rename")}
            </Button>
          </form>
        )}
      </Show>
      <Show when={props.agent.kind === "host"}>
        <form
          class={styles.inline}
          onSubmit={(event) => {
            event.preventDefault();
            void act(
              () => (node() === "" ? unlinkHost(props.agent.id) : linkHost(props.agent.id, node())),
              node() === "" ? t("The host is no node now.") : t("Host and node are one machine now."),
            );
          }}
        >
          <Choice
            label={t("Proxmox node that is the same machine")}
            options={[
              { id: "", title: t("none") },
              ...[...nodes().values()].map((each) => ({
                id: each.id,
                title: each.instance === each.name ? each.name : `${each.name} (${each.instance})`,
              })),
            ]}
            value={node()}
            hint={t("Its temperatures and disks are then shown with the node. What you choose stays.")}
            onChange={setNode}
          />
          <Button type="submit" isDisabled={isBusy()}>
            {node() === "" ? t("Unlink") : t("Link")}
          </Button>
        </form>
        <Check
          label={t("The agent may run commands, where its machine's owner allows it")}
          isOn={props.agent.commandsEnabled === true}
          isDisabled={isBusy()}
          onChange={(isOn) =>
            void act(
              () => setCommands(props.agent.id, isOn),
              t("The agent takes it over with its next report."),
            )
          }
        />
      </Show>
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.actions}>
        <Button onClick={props.onClose}>{t("Close")}</Button>
        <Show when={props.agent.kind === "docker"}>
          <Button
            isDisabled={isBusy()}
            onClick={() =>
              void act(() => checkImages(props.agent.id), t("The agent looks for newer images."))
            }
          >
            {t("Check for updates")}
          </Button>
        </Show>
        <Show when={named()}>
          {(kind) => (
            <Button
              isDisabled={isBusy()}
              onClick={() =>
                void act(
                  () => hideAgent(kind(), props.agent.id),
                  t("{name} is hidden. It goes on reporting.", { name: props.agent.name }),
                ).then(() => error() === undefined && props.onClose())
              }
            >
              {t("Hide")}
            </Button>
          )}
        </Show>
        <Button kind="danger" onClick={() => setRemoving(true)}>
          {t("Remove…")}
        </Button>
      </div>
      <Show when={isRemoving()}>
        <Confirm
          title={t("Remove {name}?", { name: props.agent.name })}
          action={t("Remove")}
          onCancel={() => setRemoving(false)}
          onConfirm={async () => {
            await removeAgent(props.agent.kind, props.agent.id, isForced());
            setRemoving(false);
            props.onClose();
            await props.onDone();
          }}
        >
          <p>
            {props.agent.kind === "docker"
              ? t("Its agent is asked to stop, then it goes from all pages. Its history stays.")
              : t(
                  "It goes from all pages and may not report for a day, unless it is installed anew with another token. Its history stays.",
                )}
          </p>
          <p>{t("This takes the agent off the machine itself:")}</p>
          <Secret label={t("Uninstall command")} value={uninstallCommand(props.agent, HOME)} />
          <Show when={props.agent.isGoing ? undefined : named()}>
            {(kind) => (
              <div class={styles.inline}>
                <Button
                  isSmall
                  isDisabled={isBusy()}
                  onClick={() =>
                    void act(
                      () => markGoing(kind(), props.agent.id),
                      t("{name} is marked: everybody sees that it is going.", { name: props.agent.name }),
                    ).then(() => setRemoving(false))
                  }
                >
                  {t("Only mark it")}
                </Button>
                <span class={styles.small}>
                  {t(
                    "It stays, with a mark that it is about to be uninstalled by hand, until it is removed.",
                  )}
                </span>
              </div>
            )}
          </Show>
          <Show when={props.agent.kind === "docker"}>
            <Check
              label={t("Remove it at once, without asking its agent")}
              isOn={isForced()}
              onChange={setForced}
            />
          </Show>
        </Confirm>
      </Show>
    </section>
  );
}
