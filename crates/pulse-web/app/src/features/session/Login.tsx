import { createResource, createSignal, type JSX, lazy, onMount, Show } from "solid-js";
import { login, oidcLogin, securityStatus } from "../../api/calls";
import { refreshSession } from "../../api/session";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Button, Check, Field, Note } from "../../ui/controls";
import { Gate } from "./Gate";
import styles from "./Gate.module.css";

const Recover = lazy(() => import("./Recover"));

export default function Login(props: { hasExpired: boolean }): JSX.Element {
  const [username, setUsername] = createSignal("");
  const [password, setPassword] = createSignal("");
  const [isRemembered, setRemembered] = createSignal(false);
  // What a provider that refused leaves in the address.
  const refusal = new URLSearchParams(location.search).get("oidc_error");
  const [error, setError] = createSignal<string | undefined>(
    refusal === null ? undefined : t("The provider's login did not work: {reason}", { reason: refusal }),
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
      setError(cause instanceof Error ? cause.message : String(cause));
    }
    setBusy(false);
  };

  const goToProvider = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      location.assign(await oidcLogin(location.pathname));
    } catch (cause) {
      setError(cause instanceof Error ? cause.message : String(cause));
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
