// Updates that wait on what is watched: newer images of containers, packages of nodes.

import { createResource, createSignal, For, type JSX, onCleanup, Show } from "solid-js";
import { checkAllUpdates, type InfraUpdate, waitingUpdates } from "../../api/agents";
import { dockerHosts, nodes } from "../../api/live";
import { address } from "../../base";
import { reasonOf } from "../../state/failure";
import { moment } from "../../state/format";
import { settled } from "../../state/settled";
import { t, tn } from "../../text";
import { Badge, Button, Empty, Note } from "../../ui/controls";
import { toast } from "../../ui/toast";
import { Waiting } from "../../ui/Waiting";
import { hostName } from "../docker/model";
import styles from "./Settings.module.css";

const REFRESH_MS = 30_000;

export default function UpdatesPage(): JSX.Element {
  const [updates, { refetch }] = createResource(waitingUpdates);
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const timer = setInterval(() => {
    if (document.visibilityState === "visible") void refetch();
  }, REFRESH_MS);
  onCleanup(() => clearInterval(timer));
  const machine = (update: InfraUpdate): string => {
    const host = dockerHosts().get(update.hostId);
    return host === undefined ? (nodes().get(update.hostId)?.name ?? update.hostId) : hostName(host);
  };
  const check = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await checkAllUpdates();
      toast(t("The agents look for newer images with their next report."));
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("Updates")}</h1>
          <p>{t("What waits on the machines that are watched. A container is updated in its own drawer.")}</p>
          <p>
            <a href={address("/docker?q=update:yes")}>{t("Containers with a newer image")}</a>
          </p>
        </div>
        <Button isDisabled={isBusy() || dockerHosts().size === 0} onClick={() => void check()}>
          {t("Check for updates")}
        </Button>
      </header>
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <Show when={updates.error !== undefined}>
        <Note health="crit">
          {t("The updates could not be loaded: {reason}", { reason: reasonOf(updates.error) })}
        </Note>
      </Show>
      <Show when={updates.error === undefined}>
        <Show when={settled(updates)} fallback={<Waiting what={t("updates")} />}>
          {(list) => (
            <Show
              when={list().length > 0}
              fallback={
                <Empty title={t("No updates wait")}>
                  <p>{t("As far as agents and nodes have looked, everything is the newest.")}</p>
                </Empty>
              }
            >
              <table class={styles.list} aria-label={t("Updates")}>
                <thead>
                  <tr>
                    <th scope="col">{t("What")}</th>
                    <th scope="col">{t("Machine")}</th>
                    <th scope="col">{t("Update")}</th>
                    <th scope="col">{t("Known since")}</th>
                  </tr>
                </thead>
                <tbody>
                  <For each={list()}>
                    {(update) => (
                      <tr>
                        <td>
                          <strong>{update.resourceName}</strong>
                          <div class={styles.small}>{update.currentVersion}</div>
                        </td>
                        <td>{machine(update)}</td>
                        <td>
                          <Badge>
                            {update.type === "package"
                              ? tn("{n} package", "{n} packages", update.packageCount ?? 0)
                              : t("newer image")}
                          </Badge>
                          <Show when={update.error}>
                            {(text) => <div class={styles.small}>{text()}</div>}
                          </Show>
                        </td>
                        <td>
                          {moment(Date.parse(update.firstDetected))}
                          <div class={styles.small}>
                            {t("looked at {moment}", { moment: moment(Date.parse(update.lastChecked)) })}
                          </div>
                        </td>
                      </tr>
                    )}
                  </For>
                </tbody>
              </table>
            </Show>
          )}
        </Show>
      </Show>
    </>
  );
}
