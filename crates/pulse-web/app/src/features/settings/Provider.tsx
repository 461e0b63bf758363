// Login by an OpenID Connect provider: what the server must know of it, and a test that names what is wrong.

import { createEffect, createResource, createSignal, For, type JSX, on, Show } from "solid-js";
import { type OidcPreflight, oidcSettings, saveOidc, testOidc } from "../../api/calls";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Button, Check, Field, Note } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import lists from "../parts/lists.module.css";
import styles from "./Settings.module.css";

const EMPTY = {
  enabled: false,
  issuerUrl: "",
  clientId: "",
  clientSecret: "",
  redirectUrl: "",
  allowedGroups: "",
  allowedDomains: "",
  allowedEmails: "",
};
type Form = typeof EMPTY;

const split = (text: string): string[] =>
  text
    .split(/[\s,]+/)
    .map((each) => each.trim())
    .filter((each) => each !== "");

export function Provider(): JSX.Element {
  const [stored, { refetch }] = createResource(oidcSettings);
  const [form, setForm] = createSignal<Form>(EMPTY);
  const [checks, setChecks] = createSignal<OidcPreflight>();
  const [outcome, setOutcome] = createSignal<{ isGood: boolean; text: string }>();
  const [isBusy, setBusy] = createSignal(false);
  createEffect(
    on(
      () => settled(stored),
      (now) => {
        if (now === undefined) return;
        setForm({
          enabled: now.enabled,
          issuerUrl: now.issuerUrl,
          clientId: now.clientId,
          clientSecret: "",
          redirectUrl: now.redirectUrl,
          allowedGroups: now.allowedGroups.join(" "),
          allowedDomains: now.allowedDomains.join(" "),
          allowedEmails: now.allowedEmails.join(" "),
        });
      },
    ),
  );
  const set =
    (name: keyof Omit<Form, "enabled">) =>
    (value: string): void => {
      setForm((old) => ({ ...old, [name]: value }));
    };
  /** All is replaced: what the form does not show goes back as it came. */
  const change = (): Parameters<typeof saveOidc>[0] => {
    const now = settled(stored);
    const { clientSecret, allowedGroups, allowedDomains, allowedEmails, ...rest } = form();
    return {
      logoutUrl: now?.logoutUrl ?? "",
      scopes: now?.scopes ?? [],
      usernameClaim: now?.usernameClaim ?? "",
      emailClaim: now?.emailClaim ?? "",
      groupsClaim: now?.groupsClaim ?? "",
      ...rest,
      allowedGroups: split(allowedGroups),
      allowedDomains: split(allowedDomains),
      allowedEmails: split(allowedEmails),
      ...(clientSecret === "" ? {} : { clientSecret }),
    };
  };
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setOutcome(undefined);
    setChecks(undefined);
    try {
      await work();
    } catch (cause) {
      setOutcome({ isGood: false, text: cause instanceof Error ? cause.message : String(cause) });
    }
    setBusy(false);
  };
  return (
    <form
      class={styles.form}
      aria-label={t("Login by a provider")}
      onSubmit={(event) => {
        event.preventDefault();
        void attempt(async () => {
          await saveOidc(change());
          setOutcome({ isGood: true, text: t("Saved. It counts from the next login on.") });
          void refetch();
        });
      }}
    >
      <h2>{t("Login by a provider")}</h2>
      <p class="soft">
        {t(
          "OpenID Connect, such as Keycloak, Authentik or Entra ID. The password goes on working beside it.",
        )}
      </p>
      <Show when={stored.error}>
        <Note health="crit">
          {t("The state could not be loaded: {reason}", { reason: (stored.error as Error).message })}
        </Note>
      </Show>
      <Check
        label={t("Offer it on the login page")}
        isOn={form().enabled}
        onChange={(enabled) => setForm((old) => ({ ...old, enabled }))}
      />
      <div class={styles.columns}>
        <Field
          label={t("Issuer")}
          hint="https://id.example.com/realms/home"
          value={form().issuerUrl}
          onInput={set("issuerUrl")}
        />
        <Field label={t("Client id")} value={form().clientId} onInput={set("clientId")} />
        <Field
          label={t("Client secret")}
          type="password"
          autocomplete="off"
          hint={
            settled(stored)?.clientSecretSet === true ? t("One is stored. Type to replace it.") : undefined
          }
          value={form().clientSecret}
          onInput={set("clientSecret")}
        />
        <Field
          label={t("Redirect address")}
          hint={t("Give the provider the same: {address}", {
            address: settled(stored)?.defaultRedirect ?? "",
          })}
          value={form().redirectUrl}
          onInput={set("redirectUrl")}
        />
        <Field
          label={t("Groups that may log in")}
          hint={t("Empty: all")}
          value={form().allowedGroups}
          onInput={set("allowedGroups")}
        />
        <Field
          label={t("Mail domains that may log in")}
          hint={t("Empty: all")}
          value={form().allowedDomains}
          onInput={set("allowedDomains")}
        />
        <Field
          label={t("Mail addresses that may log in")}
          hint={t("Empty: all")}
          value={form().allowedEmails}
          onInput={set("allowedEmails")}
        />
      </div>
      <Show when={checks()}>
        {(found) => (
          <ul class={lists.list} aria-label={t("What the test found")}>
            <For each={found().checks}>
              {(check) => (
                <li class="row">
                  <Mark health={check.ok ? "ok" : "crit"} label={check.ok ? t("right") : t("wrong")} />
                  <strong>{check.name}</strong>
                  <span>{check.detail}</span>
                </li>
              )}
            </For>
          </ul>
        )}
      </Show>
      <Show when={outcome()}>
        {(said) => <Note health={said().isGood ? "ok" : "crit"}>{said().text}</Note>}
      </Show>
      <div class={styles.actions}>
        <Button
          isDisabled={isBusy() || form().issuerUrl === ""}
          onClick={() => void attempt(async () => void setChecks(await testOidc(change())))}
        >
          {t("Test")}
        </Button>
        <Button type="submit" kind="primary" isDisabled={isBusy()}>
          {t("Save")}
        </Button>
      </div>
    </form>
  );
}
