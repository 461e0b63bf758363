// Security: the password, how people get in, and what is open.

import { createResource, createSignal, type JSX, Show } from "solid-js";
import { changePassword, securityStatus } from "../../api/calls";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Button, Fact, Facts, Field, Note } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { createNewPassword } from "../session/NewPassword";
import { Provider } from "./Provider";
import { Sessions } from "./Sessions";
import styles from "./Settings.module.css";

export default function SecurityPage(): JSX.Element {
  const [status] = createResource(securityStatus);
  const now = () => settled(status);
  const yes = (isGood: boolean | undefined, good: string, bad: string): JSX.Element => (
    <span class={styles.state}>
      <Mark health={isGood === true ? "ok" : "warn"} label="" />
      <span>{isGood === true ? good : bad}</span>
    </span>
  );
  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("Security")}</h1>
        </div>
      </header>
      <section class={styles.form} aria-label={t("State of security")}>
        <h2>{t("State of security")}</h2>
        <Show when={status.error}>
          <Note health="crit">
            {t("The state could not be loaded: {reason}", { reason: (status.error as Error).message })}
          </Note>
        </Show>
        <Show when={now()}>
          {(each) => (
            <Facts>
              <Fact name={t("Login")}>
                {yes(each().hasAuthentication, t("is needed"), t("is not needed"))}
              </Fact>
              <Fact name={t("Connection of this page")}>
                {yes(
                  location.protocol === "https:",
                  t("encrypted"),
                  t("not encrypted: put a proxy with TLS in front, or give the server a certificate"),
                )}
              </Fact>
              <Fact name={t("User")}>
                {each().authUsername || each().proxyAuthUsername || each().oidcUsername}
              </Fact>
            </Facts>
          )}
        </Show>
      </section>
      <Password user={now()?.authUsername} />
      <Sessions />
      <Provider />
    </>
  );
}

function Password(props: { user: string | undefined }): JSX.Element {
  const [current, setCurrent] = createSignal("");
  const next = createNewPassword();
  const [outcome, setOutcome] = createSignal<{ isGood: boolean; text: string }>();
  const [isBusy, setBusy] = createSignal(false);
  const change = async (): Promise<void> => {
    if (!next.check()) return;
    setBusy(true);
    setOutcome(undefined);
    try {
      await changePassword(current(), next.value());
      setCurrent("");
      next.clear();
      setOutcome({ isGood: true, text: t("The password was changed. Other sessions have ended.") });
    } catch (cause) {
      setOutcome({ isGood: false, text: cause instanceof Error ? cause.message : String(cause) });
    }
    setBusy(false);
  };
  return (
    <form
      class={styles.form}
      aria-label={t("Change the password")}
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        void change();
      }}
    >
      <h2>{t("Change the password")}</h2>
      <input type="text" autocomplete="username" value={props.user ?? ""} readonly hidden />
      <div class={styles.columns}>
        <Field
          label={t("Present password")}
          type="password"
          autocomplete="current-password"
          value={current()}
          onInput={setCurrent}
        />
        {next.fields({ first: t("New password"), again: t("New password again") })}
      </div>
      <Show when={outcome()}>
        {(said) => <Note health={said().isGood ? "ok" : "crit"}>{said().text}</Note>}
      </Show>
      <div class={styles.actions}>
        <Button type="submit" kind="primary" isDisabled={isBusy() || current() === "" || next.value() === ""}>
          {t("Change the password")}
        </Button>
      </div>
    </form>
  );
}
