// Login by an OpenID Connect provider: what the server must know of it, and a test that names what is wrong.

import { createEffect, createResource, createSignal, For, type JSX, on, Show } from "solid-js";
import { type OidcPreflight, oidcSettings, saveOidc, testOidc } from "../../api/calls";
import { reasonOf } from "../../state/failure";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Button, Check, Field, Note } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import lists from "../parts/lists.module.css";
import { changeOf, EMPTY, formOf, type ProviderForm } from "./providerForm";
import styles from "./Settings.module.css";

export function Provider(): JSX.Element {
  const [stored, { refetch }] = createResource(oidcSettings);
  const [form, setForm] = createSignal<ProviderForm>(EMPTY);
  const [checks, setChecks] = createSignal<OidcPreflight>();
  const [outcome, setOutcome] = createSignal<{ isGood: boolean; text: string }>();
  const [isBusy, setBusy] = createSignal(false);
  createEffect(
    on(
      () => settled(stored),
      (now) => {
        if (now === undefined) return;
        setForm(formOf(now));
      },
    ),
  );
  const set =
    (name: keyof Omit<ProviderForm, "enabled">) =>
    (value: string): void => {
      setForm((old) => ({ ...old, [name]: value }));
    };
  const change = (): Parameters<typeof saveOidc>[0] => changeOf(form());
  /** The environment holds all of it, or nothing. */
  const isLocked = (): boolean => Object.keys(settled(stored)?.envOverrides ?? {}).length > 0;
  const One = (one: {
    name: keyof Omit<ProviderForm, "enabled">;
    label: string;
    hint?: string | undefined;
    isSecret?: boolean;
    isLong?: boolean;
  }): JSX.Element => (
    <Field
      label={one.label}
      type={one.isSecret === true ? "password" : "text"}
      hint={one.hint}
      isLong={one.isLong === true}
      isDisabled={isLocked()}
      value={form()[one.name]}
      onInput={set(one.name)}
    />
  );
  const attempt = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setOutcome(undefined);
    setChecks(undefined);
    try {
      await work();
    } catch (cause) {
      setOutcome({ isGood: false, text: reasonOf(cause) });
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
      <Show when={isLocked()}>
        <Note health="warn">{t("Set by the environment of the server; it cannot be changed here.")}</Note>
      </Show>
      <Check
        label={t("Offer it on the login page")}
        isOn={form().enabled}
        isDisabled={isLocked()}
        onChange={(enabled) => setForm((old) => ({ ...old, enabled }))}
      />
      <div class={styles.columns}>
        <One name="issuerUrl" label={t("Issuer")} hint="https://id.example.com/realms/home" />
        <One name="clientId" label={t("Client id")} />
        <One
          name="clientSecret"
          label={t("Client secret")}
          isSecret
          hint={
            settled(stored)?.clientSecretSet === true ? t("One is stored. Type to replace it.") : undefined
          }
        />
        <One
          name="redirectUrl"
          label={t("Redirect address")}
          hint={t("Give the provider the same: {address}", {
            address: settled(stored)?.defaultRedirect ?? "",
          })}
        />
        <One
          name="logoutUrl"
          label={t("Logout address")}
          hint={t("Where the provider ends its own session; empty for none.")}
        />
        <One name="scopes" label={t("Scopes")} hint="openid profile email groups" />
        <One name="usernameClaim" label={t("Claim of the user name")} hint="preferred_username" />
        <One name="emailClaim" label={t("Claim of the address")} hint="email" />
        <One
          name="groupsClaim"
          label={t("Claim of the groups")}
          hint={t("Such as groups or realm_access.roles; empty for none.")}
        />
        <One
          name="allowedGroups"
          label={t("Groups that may log in")}
          isLong
          hint={t("One a line, as the provider writes it. Empty: all")}
        />
        <One name="allowedDomains" label={t("Mail domains that may log in")} hint={t("Empty: all")} />
        <One name="allowedEmails" label={t("Mail addresses that may log in")} hint={t("Empty: all")} />
        <One
          name="groupRoleMappings"
          label={t("Roles of groups")}
          isLong
          hint={t(
            "A line for each, such as ops=admin. Roles are admin, operator, viewer and auditor. Empty: whoever may log in administers.",
          )}
        />
        <One
          name="caBundle"
          label={t("File of certificate authorities")}
          hint={t("A PEM file on the server's machine, where the provider's certificate is one of your own.")}
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
        <Button type="submit" kind="primary" isDisabled={isBusy() || isLocked()}>
          {t("Save")}
        </Button>
      </div>
    </form>
  );
}
