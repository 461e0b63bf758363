// API tokens: list, create with scopes, change, revoke. A token's value is shown once.

import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { changeToken, createToken, listTokens, revokeToken, type TokenRecord } from "../../api/calls";
import { onAsked } from "../../state/asked";
import { moment } from "../../state/format";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Badge, Button, Confirm, Empty, Note, Secret } from "../../ui/controls";
import { Waiting } from "../../ui/Waiting";
import { ActionList } from "./ActionList";
import styles from "./Settings.module.css";
import { TokenForm } from "./TokenForm";

export default function TokensPage(): JSX.Element {
  const [tokens, { refetch }] = createResource(listTokens);
  const [isCreating, setCreating] = createSignal(false);
  onAsked("new", () => setCreating(true));
  const [created, setCreated] = createSignal<{ record: TokenRecord; token: string }>();
  const [changing, setChanging] = createSignal<TokenRecord>();
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
              setChanging(undefined);
              setCreated(undefined);
            }}
          >
            {t("New token")}
          </Button>
        </Show>
      </header>

      <Show when={isCreating()}>
        <TokenForm
          title={t("New API token")}
          action={t("Create token")}
          onCancel={() => setCreating(false)}
          onDone={async (wish) => {
            const scopes = wish.scopes ?? undefined;
            const result = await createToken(wish.name, scopes, wish.expiresAt ?? undefined);
            setCreating(false);
            setCreated(result);
            await refetch();
          }}
        />
      </Show>
      <Show when={changing()} keyed>
        {(token) => (
          <TokenForm
            title={t("Change {name}", { name: token.name })}
            action={t("Save")}
            known={token}
            onCancel={() => setChanging(undefined)}
            onDone={async (wish) => {
              await changeToken(token.id, { ...wish, scopes: wish.scopes ?? ["*"] });
              setChanging(undefined);
              await refetch();
            }}
          />
        )}
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
                      <Show when={token.expiresAt}>
                        {(end) => (
                          <div class={styles.small}>
                            {Date.parse(end()) <= Date.now()
                              ? t("ended {moment}", { moment: moment(Date.parse(end())) })
                              : t("ends {moment}", { moment: moment(Date.parse(end())) })}
                          </div>
                        )}
                      </Show>
                    </td>
                    <td>
                      <div class={styles.actions}>
                        <Button
                          isSmall
                          label={t("Change {name}", { name: token.name })}
                          onClick={() => {
                            setCreating(false);
                            setChanging(token);
                          }}
                        >
                          {t("Change")}
                        </Button>
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
