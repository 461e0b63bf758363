import { createResource, createSignal, type JSX, lazy, onMount, Show } from "solid-js";
import { login, oidcLogin, securityStatus } from "../../api/calls";
import { refreshSession } from "../../api/session";
import { reasonOf } from "../../state/failure";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Button, Check, Field, Note } from "../../ui/controls";
import { Gate } from "./Gate";
import styles from "./Gate.module.css";

/** What a provider's login that came to nothing leaves in the address, in words with what to do. */
const REFUSALS: Readonly<Record<string, string>> = {
  group_restricted: t("None of your groups may log in here. Ask whoever runs this server."),
  domain_restricted: t("Addresses of your domain may not log in here. Ask whoever runs this server."),
  email_restricted: t("Your address may not log in here. Ask whoever runs this server."),
  access_denied: t("The provider says that you may not, or you broke it off there."),
  invalid_state: t("The login took too long, or another browser began it. Try it again."),
  missing_state: t("The login took too long, or another browser began it. Try it again."),
  oidc_disabled: t("The login by the provider is switched off."),
};

const Recover = lazy(() => import("./Recover"));

export default function Login(props: { hasExpired: boolean }): JSX.Element {
  const [username, setUsername] = createSignal("");
  const [password, setPassword] = createSignal("");
  const [isRemembered, setRemembered] = createSignal(false);
  // What a provider that refused leaves in the address.
  const refusal = new URLSearchParams(location.search).get("oidc_error");
  const [error, setError] = createSignal<string | undefined>(
    refusal === null
      ? undefined
      : (REFUSALS[refusal] ??
          t(
            "The provider's login did not work ({reason}). The log of the server says why; under Security an administrator can test it.",
            { reason: refusal },
          )),
  );
  const [status] = createResource(securityStatus);
  const [isBusy, setBusy] = createSignal(false);
  const [isLockedOut, setLockedOut] = createSignal(false);
  const [isPasswordWanted, setPasswordWanted] = createSignal(false);
  const hasProvider = (): boolean => settled(status)?.oidcEnabled === true;
  /** The administrator may want people to use the provider; the password works all the same. */
  const isProviderOnly = (): boolean =>
    hasProvider() && settled(status)?.hideLocalLogin === true && !isPasswordWanted();

  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await login(username(), password(), isRemembered());
      await refreshSession();
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };

  const goToProvider = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      location.assign(await oidcLogin(location.pathname));
    } catch (cause) {
      setError(reasonOf(cause));
      setBusy(false);
    }
  };

  const Form = (): JSX.Element => (
    <form
      class={styles.card}
      aria-label={t("Log in")}
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h1>{t("Log in")}</h1>
      <Show when={props.hasExpired}>
        <Note health="warn">
          {t("Your session has ended. Log in again and you are back where you were.")}
        </Note>
      </Show>
      <Show when={!isProviderOnly()}>
        <Field
          label={t("User")}
          name="username"
          autocomplete="username"
          hasFocus
          isRequired
          value={username()}
          onInput={setUsername}
        />
        <Field
          label={t("Password")}
          name="password"
          type="password"
          autocomplete="current-password"
          isRequired
          value={password()}
          onInput={setPassword}
        />
        <Check label={t("Stay logged in for 30 days")} isOn={isRemembered()} onChange={setRemembered} />
      </Show>
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.actions}>
        <Show when={!isProviderOnly() && !props.hasExpired}>
          <Button onClick={() => setLockedOut(true)}>{t("Locked out?")}</Button>
        </Show>
        <Show when={hasProvider()}>
          <Show when={isProviderOnly()}>
            <Button onClick={() => setPasswordWanted(true)}>{t("Use the password")}</Button>
          </Show>
          <Button
            kind={isProviderOnly() ? "primary" : undefined}
            isDisabled={isBusy()}
            onClick={() => void goToProvider()}
          >
            {t("Log in by the provider")}
          </Button>
        </Show>
        <Show when={!isProviderOnly()}>
          <Button type="submit" kind="primary" isDisabled={isBusy()}>
            {t("Log in")}
          </Button>
        </Show>
      </div>
    </form>
  );

  let dialog: HTMLDialogElement | undefined;
  onMount(() => dialog?.showModal());
  return (
    <Show
      when={props.hasExpired}
      fallback={
        <Gate>
          <Show when={isLockedOut()} fallback={Form()}>
            <Recover onBack={() => setLockedOut(false)} />
          </Show>
        </Gate>
      }
    >
      {/* Over the page: what was typed there is still there afterwards. */}
      <dialog
        ref={dialog}
        class={styles.over}
        aria-label={t("Log in")}
        onCancel={(event) => event.preventDefault()}
      >
        {Form()}
      </dialog>
    </Show>
  );
}
