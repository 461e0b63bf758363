// How to put the agent on a machine: one line per platform, with a token made for it.

import { createMemo, createSignal, type JSX, Show } from "solid-js";
import { createToken } from "../../api/calls";
import { HOME } from "../../base";
import { reasonOf } from "../../state/failure";
import { t } from "../../text";
import { Button, Field, Note, Secret, Segmented } from "../../ui/controls";
import { AgentList } from "./agents/AgentList";
import { installCommand, PLATFORMS, type Platform } from "./install";
import styles from "./Settings.module.css";

const SCOPES: Readonly<Record<Platform, readonly string[]>> = {
  linux: ["host-agent:report", "host-agent:config:read", "docker:report"],
  docker: ["docker:report", "host-agent:config:read"],
  windows: ["host-agent:report", "host-agent:config:read"],
  kubernetes: ["kubernetes:report"],
};

export default function AgentsPage(): JSX.Element {
  const [platform, setPlatform] = createSignal<Platform>("linux");
  const [address, setAddress] = createSignal(HOME);
  const [token, setToken] = createSignal<string>();
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const command = createMemo(() => installCommand(platform(), address(), token() ?? "TOKEN"));
  const make = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const made = await createToken(t("Agent, {platform}", { platform: platform() }), [
        ...SCOPES[platform()],
      ]);
      setToken(made.token);
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("Agents")}</h1>
          <p>
            {t(
              "The agent reports a machine, its containers or a Kubernetes cluster to this server. It opens no port; the token can report and do nothing else.",
            )}
          </p>
        </div>
      </header>
      <section class={styles.form} aria-label={t("Install the agent")}>
        <Segmented<Platform>
          label={t("Platform")}
          options={PLATFORMS}
          value={platform()}
          onChange={(id) => {
            setPlatform(id);
            setToken(undefined);
          }}
        />
        <Field
          label={t("Address of this server, as the machine reaches it")}
          type="url"
          value={address()}
          onInput={setAddress}
        />
        <Show
          when={token() !== undefined}
          fallback={
            <div>
              <Button kind="primary" isDisabled={isBusy()} onClick={() => void make()}>
                {t("Make a token for it")}
              </Button>
            </div>
          }
        >
          <Note health="ok">
            {t(
              "The token stands in the command below and is not shown again. Make one per machine, so that one can be revoked alone.",
            )}
          </Note>
        </Show>
        <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
        <Secret label={t("Command")} value={command()} />
        <p class="soft">
          {t(
            "Run it on the machine as root (on Windows in PowerShell as administrator). The machine appears here with its first report.",
          )}
        </p>
      </section>
      <AgentList />
    </>
  );
}
