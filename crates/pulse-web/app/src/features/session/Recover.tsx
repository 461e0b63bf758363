// A new login for whoever is locked out: they show that the machine is theirs by a token that its command line gives.

import { createSignal, type JSX, Show } from "solid-js";
import { login, recoverLogin } from "../../api/calls";
import { refreshSession } from "../../api/session";
import { reasonOf } from "../../state/failure";
import { t } from "../../text";
import { Button, Field, Note } from "../../ui/controls";
import styles from "./Gate.module.css";
import { createNewPassword } from "./NewPassword";

const COMMAND = "pulse-server recovery-token";

export default function Recover(props: { onBack: () => void }): JSX.Element {
  const [token, setToken] = createSignal("");
  const [username, setUsername] = createSignal("admin");
  const password = createNewPassword();
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);

  const submit = async (): Promise<void> => {
    if (!password.check()) return;
    setBusy(true);
    setError(undefined);
    try {
      await recoverLogin({
        username: username().trim(),
        password: password.value(),
        recoveryToken: token().trim(),
      });
      await login(username().trim(), password.value(), false);
      await refreshSession();
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };

  return (
    <form
      class={styles.card}
      aria-label={t("Set a new login")}
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <h1>{t("Set a new login")}</h1>
      <p class="soft">
        {t(
          "Run this on the machine of the server, in its container where there is one. It prints a token that counts once, for 15 minutes. API tokens and settings stay as they are; all sessions end.",
        )}
      </p>
      <code class={styles.command}>{COMMAND}</code>
      <Field label={t("Recovery token")} hasFocus isRequired value={token()} onInput={setToken} />
      <Field
        label={t("User")}
        name="username"
        autocomplete="username"
        isRequired
        value={username()}
        onInput={setUsername}
      />
      {password.fields({ first: t("New password"), again: t("Password again") })}
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.actions}>
        <Button onClick={() => props.onBack()}>{t("Back")}</Button>
        <Button
          type="submit"
          kind="primary"
          isDisabled={isBusy() || token().trim() === "" || username().trim() === ""}
        >
          {t("Set it")}
        </Button>
      </div>
    </form>
  );
}
