// Security: the password, how people get in, and what is open.

import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { changePassword, listTokens, login, securityStatus, systemSettings } from "../../api/calls";
import { reasonOf } from "../../state/failure";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Button, Fact, Facts, Field, Note } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { createNewPassword } from "../session/NewPassword";
import { Provider } from "./Provider";
import { posture } from "./posture";
import { Sessions } from "./Sessions";
import styles from "./Settings.module.css";

export default function SecurityPage(): JSX.Element {
  const [status] = createResource(securityStatus);
  // Who may not see these sees the rest.
  const [settings] = createResource(() => systemSettings().catch(() => undefined));
  const [tokens] = createResource(() => listTokens().catch(() => undefined));
  const now = () => settled(status);
  const isEncrypted = location.protocol === "https:";
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
              <For each={posture(each(), settled(settings), settled(tokens), Date.now(), isEncrypted)}>
                {(finding) => (
                  <Fact name={finding.name}>
                    <span class={styles.state}>
                      <Mark
                        health={finding.health}
                        label={finding.health === "ok" ? t("good") : t("worth a look")}
                      />
                      <span>{finding.text}</span>
                    </span>
                  </Fact>
                )}
              </For>
              <Fact name={t("User")}>
                {each().oidcUsername || each().proxyAuthUsername || each().authUsername}
              </Fact>
            </Facts>
          )}
        </Show>
      </section>
      <Password user={now()?.authUsername} isOwn={!now()?.oidcUsername && !now()?.proxyAuthUsername} />
      <Sessions />
      <Provider />
    </>
  );
}

/** `isOwn`: whoever changes it came in by it, not by a provider or a proxy. */
function Password(props: { user: string | undefined; isOwn: boolean }): JSX.Element {
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
      // All sessions of the login end, this one as well: it is begun anew.
      if (props.user && props.isOwn) await login(props.user, next.value(), false);
      setCurrent("");
      next.clear();
      setOutcome({ isGood: true, text: t("The password was changed. Other sessions have ended.") });
    } catch (cause) {
      setOutcome({ isGood: false, text: reasonOf(cause) });
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
