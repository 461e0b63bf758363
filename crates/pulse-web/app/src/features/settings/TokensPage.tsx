// API tokens: list, create with scopes, revoke. A token's value is shown once.

import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { createToken, listTokens, revokeToken, type TokenRecord } from "../../api/calls";
import { moment } from "../../state/format";
import { Badge, Button, Check, Confirm, Empty, Field, Note, Secret, Segmented } from "../../ui/controls";
import { Waiting } from "../../ui/Waiting";
import styles from "./Settings.module.css";

const SCOPES = [
  { id: "monitoring:read", text: "read state, charts and history" },
  { id: "monitoring:write", text: "acknowledge alerts and change monitoring" },
  { id: "docker:report", text: "send reports of a Docker or Podman host" },
  { id: "docker:manage", text: "remove and command Docker hosts" },
  { id: "kubernetes:report", text: "send reports of a cluster" },
  { id: "kubernetes:manage", text: "remove and rename clusters" },
  { id: "host-agent:report", text: "send reports of a machine" },
  { id: "host-agent:config:read", text: "an agent reads its own settings" },
  { id: "host-agent:manage", text: "remove and configure agents" },
  { id: "settings:read", text: "read the settings" },
  { id: "settings:write", text: "change the settings, nodes and tokens" },
] as const;

const AGENT_SCOPES = ["host-agent:report", "host-agent:config:read", "docker:report", "kubernetes:report"];
const READ_SCOPES = ["monitoring:read"];

const PRESETS = [
  { id: "agent", title: "For an agent" },
  { id: "read", title: "Read only" },
  { id: "full", title: "Full access" },
  { id: "own", title: "Choose" },
] as const;
type Preset = (typeof PRESETS)[number]["id"];

export default function TokensPage(): JSX.Element {
  const [tokens, { refetch }] = createResource(listTokens);
  const [isCreating, setCreating] = createSignal(false);
  const [created, setCreated] = createSignal<{ record: TokenRecord; token: string }>();
  const [revoking, setRevoking] = createSignal<TokenRecord>();
  const list = (): TokenRecord[] => (tokens.error === undefined ? (tokens.latest ?? []) : []);

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
          <h1>API tokens</h1>
          <p>
            For agents and scripts. Each has only the rights it was given, and stops working at once when
            revoked.
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
            New token
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
          <section class={styles.form} aria-label="New token">
            <h2>{result().record.name}</h2>
            <p>Copy the token now. Only its hash is kept: it cannot be shown again.</p>
            <Secret label="API token" value={result().token} />
            <div class={styles.actions}>
              <Button onClick={() => setCreated(undefined)}>I have copied it</Button>
            </div>
          </section>
        )}
      </Show>
      <Show when={tokens.error}>
        <Note health="crit">The tokens could not be loaded: {(tokens.error as Error).message}</Note>
      </Show>
      <Show when={tokens.error === undefined}>
        <Show when={tokens.latest !== undefined} fallback={<Waiting what="tokens" />}>
          <Show
            when={list().length > 0}
            fallback={
              <Empty title="No tokens">
                <p>An agent needs one to report to this server.</p>
              </Empty>
            }
          >
            <table class={styles.list} aria-label="API tokens">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Rights</th>
                  <th scope="col">Last used</th>
                  <th scope="col">
                    <span class="sr">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
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
                            {(scope) => <Badge>{scope === "*" ? "full access" : scope}</Badge>}
                          </For>
                        </span>
                      </td>
                      <td>
                        {token.lastUsedAt ? moment(Date.parse(token.lastUsedAt)) : "never"}
                        <div class={styles.small}>made {moment(Date.parse(token.createdAt))}</div>
                      </td>
                      <td>
                        <div class={styles.actions}>
                          <Button
                            isSmall
                            kind="danger"
                            label={`Revoke ${token.name}`}
                            onClick={() => setRevoking(token)}
                          >
                            Revoke
                          </Button>
                        </div>
                      </td>
                    </tr>
                  )}
                </For>
              </tbody>
            </table>
          </Show>
        </Show>
      </Show>
      <Show when={revoking()}>
        {(token) => (
          <Confirm
            title={`Revoke ${token().name}?`}
            action="Revoke token"
            onCancel={() => setRevoking(undefined)}
            onConfirm={() => revoke(token())}
          >
            <p>
              Whatever uses this token is locked out at once. This cannot be undone; a new token has a new
              value.
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
      setError("Choose at least one right");
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      const scopes = preset() === "full" ? undefined : [...chosen()];
      await props.onCreated(await createToken(name().trim() || "API token", scopes));
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : String(cause));
      setBusy(false);
    }
  };

  return (
    <form
      class={styles.form}
      aria-label="New token"
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        void create();
      }}
    >
      <h2>New API token</h2>
      <Field
        label="Name"
        hasFocus
        value={name()}
        placeholder="API token"
        hint="What uses it, such as the machine's name."
        onInput={setName}
      />
      <Segmented label="Rights" options={PRESETS} value={preset()} onChange={choose} />
      <Show
        when={preset() !== "full"}
        fallback={
          <p class="soft">The token may do everything that you may, including making other tokens.</p>
        }
      >
        <fieldset class={styles.scopes}>
          <legend class="sr">Rights</legend>
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
        <Button onClick={props.onCancel}>Cancel</Button>
        <Button type="submit" kind="primary" isDisabled={isBusy()}>
          Create token
        </Button>
      </div>
    </form>
  );
}
