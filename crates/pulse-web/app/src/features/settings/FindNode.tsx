// Two ways to a node without typing: a search of the network, and a command with which the node connects itself.

import { createSignal, For, type JSX, Show } from "solid-js";
import { type FoundServer, searchNetwork, setupCommand } from "../../api/connect";
import { reasonOf } from "../../state/failure";
import { clock } from "../../state/format";
import { t, tn } from "../../text";
import { Badge, Button, Field, Note, Secret } from "../../ui/controls";
import lists from "../parts/lists.module.css";
import { KINDS, type Kind } from "./nodeForm";
import styles from "./Settings.module.css";

export function Discovery(props: { onUse: (server: FoundServer) => void }): JSX.Element {
  const [subnet, setSubnet] = createSignal("");
  const [isBusy, setBusy] = createSignal(false);
  const [problem, setProblem] = createSignal<string>();
  const [found, setFound] = createSignal<{ servers: readonly FoundServer[]; errors: readonly string[] }>();
  const search = async (): Promise<void> => {
    setBusy(true);
    setProblem(undefined);
    setFound(undefined);
    try {
      setFound(await searchNetwork(subnet().trim()));
    } catch (cause) {
      setProblem(reasonOf(cause));
    }
    setBusy(false);
  };
  return (
    <details>
      <summary>{t("Search the network for Proxmox servers")}</summary>
      <Field
        label={t("Networks")}
        placeholder="192.0.2.0/24"
        hint={t("Empty: the private networks of the server itself. It takes up to half a minute.")}
        value={subnet()}
        onInput={setSubnet}
      />
      <div class={styles.actions}>
        <Button isDisabled={isBusy()} onClick={() => void search()}>
          {isBusy() ? t("Searching…") : t("Search")}
        </Button>
      </div>
      <div role="status">
        <Show when={found()}>
          {(answer) => (
            <>
              <p>
                {answer().servers.length === 0
                  ? t("No server was found that is not there already.")
                  : tn("{n} server was found.", "{n} servers were found.", answer().servers.length)}
              </p>
              <ul class={lists.list} aria-label={t("Servers found")}>
                <For each={answer().servers}>
                  {(server) => (
                    <li class="row">
                      <Badge>{KINDS.find((kind) => kind.id === server.type)?.title ?? server.type}</Badge>
                      <span class="mono">
                        {server.ip}:{server.port}
                      </span>
                      <span class="soft">{server.hostname}</span>
                      <Button
                        isSmall
                        label={t("Use {name}", { name: `${server.ip}:${server.port}` })}
                        onClick={() => props.onUse(server)}
                      >
                        {t("Use")}
                      </Button>
                    </li>
                  )}
                </For>
              </ul>
              <For each={answer().errors}>{(text) => <Note health="warn">{text}</Note>}</For>
            </>
          )}
        </Show>
      </div>
      <Show when={problem()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
    </details>
  );
}

export function SelfConnect(props: { kind: Kind; host: string }): JSX.Element {
  const [made, setMade] = createSignal<{ command: string; expires: number }>();
  const [problem, setProblem] = createSignal<string>();
  const make = async (): Promise<void> => {
    setProblem(undefined);
    setMade(undefined);
    try {
      setMade(await setupCommand(props.kind, props.host.trim()));
    } catch (cause) {
      setProblem(reasonOf(cause));
    }
  };
  return (
    <details>
      <summary>{t("Let the node connect itself: one command to paste there")}</summary>
      <p class={styles.small}>
        {t(
          "It makes a user that can look and do nothing else, and hands its token over. The node then stands in the list by itself.",
        )}
      </p>
      <div class={styles.actions}>
        <Button onClick={() => void make()}>{t("Make the command")}</Button>
      </div>
      <Show when={made()}>
        {(answer) => (
          <>
            <Secret label={t("As root on the node")} value={answer().command} />
            <p class={styles.small}>
              {t("Good once, until {time}.", { time: clock(answer().expires * 1000) })}
            </p>
          </>
        )}
      </Show>
      <Show when={problem()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
    </details>
  );
}
