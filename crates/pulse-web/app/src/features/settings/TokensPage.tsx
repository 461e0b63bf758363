// API tokens: list, create with scopes, revoke. A token's value is shown once.

import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { createToken, listTokens, revokeToken, type TokenRecord } from "../../api/calls";
import { onAsked } from "../../state/asked";
import { moment } from "../../state/format";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Badge, Button, Check, Confirm, Empty, Field, Note, Secret, Segmented } from "../../ui/controls";
import { Waiting } from "../../ui/Waiting";
import { ActionList } from "./ActionList";
import styles from "./Settings.module.css";

const SCOPES = [
  { id: "monitoring:read", text: t("read state, charts and history") },
  { id: "monitoring:write", text: t("acknowledge alerts and change monitoring") },
  { id: "docker:report", text: t("send reports of a Docker or Podman host") },
  { id: "docker:manage", text: t("remove and command Docker hosts") },
  { id: "kubernetes:report", text: t("send reports of a cluster") },
  { id: "kubernetes:manage", text: t("remove and rename clusters") },
  { id: "host-agent:report", text: t("send reports of a machine") },
  { id: "host-agent:config:read", text: t("an agent reads its own settings") },
  { id: "host-agent:manage", text: t("remove and configure agents") },
  { id: "settings:read", text: t("read the settings") },
  { id: "settings:write", text: t("change the settings, nodes and tokens") },
] as const;

const AGENT_SCOPES = ["host-agent:report", "host-agent:config:read", "docker:report", "kubernetes:report"];
const READ_SCOPES = ["monitoring:read"];

const PRESETS = [
  { id: "agent", title: t("For an agent") },
  { id: "read", title: t("Read only") },
  { id: "full", title: t("Full access") },
  { id: "own", title: t("Choose") },
] as const;
type Preset = (typeof PRESETS)[number]["id"];

export default function TokensPage(): JSX.Element {
  const [tokens, { refetch }] = createResource(listTokens);
  const [isCreating, setCreating] = createSignal(false);
  onAsked("new", () => setCreating(true));
  const [created, setCreated] = createSignal<{ record: TokenRecord; token: string }>();
  const [revoking, setRevoking] = createSignal<TokenRecord>();
  const list = (): TokenRecord[] => settled(tokens) ?? [];

  const revoke = async (token: TokenRecord): Promise<void> => {
    await revokeToken(token.id);
    setRevoking(undefined);
    if (created()?.record.id === token.id) setCreated(undefined);
    await refetch();
  };

  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("API tokens")}</h1>
          <p>
            {t(
              "For agents and scripts. Each has only the rights it was given, and stops working at once when revoked.",
            )}
          </p>
        </div>
        <Show when={!isCreating()}>
          <Button
            kind="primary"
            icon="plus"
            onClick={() => {
              setCreating(true);
              setCreated(undefined);
            }}
          >
            {t("New token")}
          </Button>
        </Show>
      </header>

      <Show when={isCreating()}>
        <CreateToken
          onCancel={() => setCreating(false)}
          onCreated={async (result) => {
            setCreating(false);
            setCreated(result);
            await refetch();
          }}
        />
      </Show>
      <Show when={created()}>
        {(result) => (
          <section class={styles.form} aria-label={t("New token")}>
            <h2>{result().record.name}</h2>
            <p>{t("Copy the token now. Only its hash is kept: it cannot be shown again.")}</p>
            <Secret label={t("API token")} value={result().token} />
            <div class={styles.actions}>
              <Button onClick={() => setCreated(undefined)}>{t("I have copied it")}</Button>
            </div>
          </section>
        )}
      </Show>
      <Show when={tokens.error}>
        <Note health="crit">
          {t("The tokens could not be loaded: {reason}", { reason: (tokens.error as Error).message })}
        </Note>
      </Show>
      <Show when={tokens.error === undefined}>
        <Show when={settled(tokens) !== undefined} fallback={<Waiting what={t("tokens")} />}>
          <Show
            when={list().length > 0}
            fallback={
              <Empty title={t("No tokens")}>
                <p>{t("An agent needs one to report to this server.")}</p>
              </Empty>
            }
          >
            <ActionList label={t("API tokens")} columns={[t("Name"), t("Rights"), t("Last used")]}>
              <For each={list()}>
                {(token) => (
                  <tr>
                    <td>
                      <strong>{token.name}</strong>
                      <div class={`${styles.small} mono`}>
                        {token.prefix}…{token.suffix}
                      </div>
                    </td>
                    <td>
                      <span class="row">
                        <For each={token.scopes}>
                          {(scope) => <Badge>{scope === "*" ? t("full access") : scope}</Badge>}
                        </For>
                      </span>
                    </td>
                    <td>
                      {token.lastUsedAt ? moment(Date.parse(token.lastUsedAt)) : t("never")}
                      <div class={styles.small}>
                        {t("made {moment}", { moment: moment(Date.parse(token.createdAt)) })}
                      </div>
                    </td>
                    <td>
                      <div class={styles.actions}>
                        <Button
                          isSmall
                          kind="danger"
                          label={t("Revoke {name}", { name: token.name })}
                          onClick={() => setRevoking(token)}
                        >
                          {t("Revoke")}
                        </Button>
                      </div>
                    </td>
                  </tr>
                )}
              </For>
            </ActionList>
          </Show>
        </Show>
      </Show>
      <Show when={revoking()}>
        {(token) => (
          <Confirm
            title={t("Revoke {name}?", { name: token().name })}
            action={t("Revoke token")}
            onCancel={() => setRevoking(undefined)}
            onConfirm={() => revoke(token())}
          >
            <p>
              {t(
                "Whatever uses this token is locked out at once. This cannot be undone; a new token has a new value.",
              )}
            </p>
          </Confirm>
        )}
      </Show>
    </>
  );
}

function CreateToken(props: {
  onCancel: () => void;
  onCreated: (result: { record: TokenRecord; token: string }) => Promise<void>;
}): JSX.Element {
  const [name, setName] = createSignal("");
  const [preset, setPreset] = createSignal<Preset>("agent");
  const [chosen, setChosen] = createSignal<ReadonlySet<string>>(new Set(AGENT_SCOPES));
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);

  const choose = (next: Preset): void => {
    setPreset(next);
    setError(undefined);
    if (next === "agent") setChosen(new Set(AGENT_SCOPES));
    if (next === "read") setChosen(new Set(READ_SCOPES));
  };
  const toggle = (scope: string, isOn: boolean): void => {
    setPreset("own");
    setError(undefined);
    setChosen((old) => {
      const next = new Set(old);
      if (isOn) next.add(scope);
      else next.delete(scope);
      return next;
    });
  };
  const create = async (): Promise<void> => {
    if (preset() !== "full" && chosen().size === 0) {
      setError(t("Choose at least one right"));
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      const scopes = preset() === "full" ? undefined : [...chosen()];
      await props.onCreated(await createToken(name().trim() || t("API token"), scopes));
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : String(cause));
      setBusy(false);
    }
  };

  return (
    <form
      class={styles.form}
      aria-label={t("New token")}
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        void create();
      }}
    >
      <h2>{t("New API token")}</h2>
      <Field
        label={t("Name")}
        hasFocus
        value={name()}
        placeholder={t("API token")}
        hint={t("What uses it, such as the machine's name.")}
        onInput={setName}
      />
      <Segmented label={t("Rights")} options={PRESETS} value={preset()} onChange={choose} />
      <Show
        when={preset() !== "full"}
        fallback={
          <p class="soft">{t("The token may do everything that you may, including making other tokens.")}</p>
        }
      >
        <fieldset class={styles.scopes}>
          <legend class="sr">{t("Rights")}</legend>
          <For each={SCOPES}>
            {(scope) => (
              <Check
                isOn={chosen().has(scope.id)}
                onChange={(isOn) => toggle(scope.id, isOn)}
                label={
                  <>
                    <span class={styles.scopeName}>{scope.id}</span>
                    <small>{scope.text}</small>
                  </>
                }
              />
            )}
          </For>
        </fieldset>
      </Show>
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.actions}>
        <Button onClick={props.onCancel}>{t("Cancel")}</Button>
        <Button type="submit" kind="primary" isDisabled={isBusy()}>
          {t("Create token")}
        </Button>
      </div>
    </form>
  );
}
