// The first run: prove that you own the machine, choose user and password, keep the first API token.

import { createSignal, For, type JSX, Match, Show, Switch } from "solid-js";
import { login, quickSetup, validateBootstrapToken } from "../../api/calls";
import { refreshSession } from "../../api/session";
import { reasonOf } from "../../state/failure";
import { t } from "../../text";
import { Button, Field, Note, Secret } from "../../ui/controls";
import { Gate } from "./Gate";
import styles from "./Gate.module.css";
import { createNewPassword } from "./NewPassword";
import { newToken } from "./setup";

const STEPS = [t("Bootstrap token"), t("User and password"), t("API token")];

export default function Setup(props: { tokenPath: string | undefined; inContainer: boolean }): JSX.Element {
  const [step, setStep] = createSignal(0);
  const [token, setToken] = createSignal("");
  const [username, setUsername] = createSignal("admin");
  const password = createNewPassword();
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const [apiToken] = createSignal(newToken());

  const attempt = async (work: () => Promise<void>): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await work();
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  const checkToken = (): Promise<void> =>
    attempt(async () => {
      await validateBootstrapToken(token().trim());
      setStep(1);
    });
  const finish = async (): Promise<void> => {
    if (!password.check()) return;
    await attempt(async () => {
      await quickSetup({
        username: username().trim(),
        password: password.value(),
        apiToken: apiToken(),
        setupToken: token().trim(),
      });
      setStep(2);
      await login(username().trim(), password.value(), false);
    });
  };
  const command = (): string | undefined => {
    const path = props.tokenPath;
    return path === undefined ? undefined : `cat ${path}`;
  };

  return (
    <Gate>
      <section class={styles.card} aria-label={t("First setup")}>
        <ol class={styles.steps}>
          <For each={STEPS}>
            {(title, index) => (
              <li
                aria-current={step() === index() ? "step" : undefined}
                data-done={step() > index() ? "" : undefined}
              >
                {title}
              </li>
            )}
          </For>
        </ol>
        <Switch>
          <Match when={step() === 0}>
            <form
              aria-label={t("Bootstrap token")}
              onSubmit={(event) => {
                event.preventDefault();
                void checkToken();
              }}
            >
              <Stack>
                <h1>{t("Welcome to Pulse")}</h1>
                <p class="soft">
                  {t(
                    "The server printed a bootstrap token when it started. It shows that the machine is yours.",
                  )}
                  <Show when={command()}>
                    {" "}
                    {props.inContainer
                      ? t("It is also in a file in its container:")
                      : t("It is also in a file there:")}
                  </Show>
                </p>
                <Show when={command()}>{(text) => <code class={styles.command}>{text()}</code>}</Show>
                <Field label={t("Bootstrap token")} hasFocus isRequired value={token()} onInput={setToken} />
                <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
                <div class={styles.actions}>
                  <Button type="submit" kind="primary" isDisabled={isBusy() || token().trim() === ""}>
                    {t("Continue")}
                  </Button>
                </div>
              </Stack>
            </form>
          </Match>
          <Match when={step() === 1}>
            <form
              aria-label={t("User and password")}
              novalidate
              onSubmit={(event) => {
                event.preventDefault();
                void finish();
              }}
            >
              <Stack>
                <h1>{t("Who may log in")}</h1>
                <Field
                  label={t("User")}
                  name="username"
                  autocomplete="username"
                  isRequired
                  value={username()}
                  error={username().trim() === "" ? t("A user name is needed") : undefined}
                  onInput={setUsername}
                />
                {password.fields({ first: t("Password"), again: t("Password again"), hasFocus: true })}
                <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
                <div class={styles.actions}>
                  <Button onClick={() => setStep(0)}>{t("Back")}</Button>
                  <Button type="submit" kind="primary" isDisabled={isBusy() || username().trim() === ""}>
                    {t("Set up Pulse")}
                  </Button>
                </div>
              </Stack>
            </form>
          </Match>
          <Match when={step() === 2}>
            <Stack>
              <h1>{t("Pulse is set up")}</h1>
              <p class="soft">
                {t(
                  "This is the first API token, with full access. Keep it if you want to use the API; it is not shown again. Others are made in Settings.",
                )}
              </p>
              <Secret label={t("API token")} value={apiToken()} />
              <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
              <div class={styles.actions}>
                {/* Only once the login behind it is done: before, it would lead to the login form. */}
                <Button kind="primary" isDisabled={isBusy()} onClick={() => void refreshSession()}>
                  {t("Open the dashboard")}
                </Button>
              </div>
            </Stack>
          </Match>
        </Switch>
      </section>
    </Gate>
  );
}

function Stack(props: { children: JSX.Element }): JSX.Element {
  return <div class={styles.stack}>{props.children}</div>;
}
