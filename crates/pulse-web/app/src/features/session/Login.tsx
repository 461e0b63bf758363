import { createSignal, type JSX, Show } from "solid-js";
import { login } from "../../api/calls";
import { refreshSession } from "../../api/session";
import { Button, Check, Field, Note } from "../../ui/controls";
import { Gate } from "./Gate";
import styles from "./Gate.module.css";

export default function Login(props: { hasExpired: boolean }): JSX.Element {
  const [username, setUsername] = createSignal("");
  const [password, setPassword] = createSignal("");
  const [isRemembered, setRemembered] = createSignal(false);
  const [error, setError] = createSignal<string>();
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

  return (
    <Gate>
      <form
        class={styles.card}
        aria-label="Log in"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <h1>Log in</h1>
        <Show when={props.hasExpired}>
          <Note health="warn">Your session has ended. Log in again and you are back where you were.</Note>
        </Show>
        <Field
          label="User"
          name="username"
          autocomplete="username"
          hasFocus
          isRequired
          value={username()}
          onInput={setUsername}
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autocomplete="current-password"
          isRequired
          value={password()}
          onInput={setPassword}
        />
        <Check label="Stay logged in for 30 days" isOn={isRemembered()} onChange={setRemembered} />
        <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
        <div class={styles.actions}>
          <Button type="submit" kind="primary" isDisabled={isBusy()}>
            Log in
          </Button>
        </div>
      </form>
    </Gate>
  );
}
