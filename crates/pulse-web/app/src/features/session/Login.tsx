import { createResource, createSignal, type JSX, onMount, Show } from "solid-js";
import { login, oidcLogin, securityStatus } from "../../api/calls";
import { refreshSession } from "../../api/session";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Button, Check, Field, Note } from "../../ui/controls";
import { Gate } from "./Gate";
import styles from "./Gate.module.css";

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
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.actions}>
        <Show when={settled(status)?.oidcEnabled === true}>
          <Button isDisabled={isBusy()} onClick={() => void goToProvider()}>
            {t("Log in by the provider")}
          </Button>
        </Show>
        <Button type="submit" kind="primary" isDisabled={isBusy()}>
          {t("Log in")}
        </Button>
      </div>
    </form>
  );

  let dialog: HTMLDialogElement | undefined;
  onMount(() => dialog?.showModal());
  return (
    <Show when={props.hasExpired} fallback={<Gate>{Form()}</Gate>}>
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
