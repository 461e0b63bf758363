// Notifications by e-mail.

import { createResource, createSignal, type JSX, Show } from "solid-js";
import { type Email, email, emailProviders, saveEmail, testNotification } from "../../../api/alertConfig";
import { settled } from "../../../state/settled";
import { t } from "../../../text";
import { Check, Choice, Field } from "../../../ui/controls";
import { Waiting } from "../../../ui/Waiting";
import settings from "../../settings/Settings.module.css";
import styles from "../Alerts.module.css";
import { Failed, lines, TestAndSave, useAttempt } from "./attempt";

export function EmailForm(): JSX.Element {
  const [stored, { refetch }] = createResource(email);
  const [providers] = createResource(emailProviders);
  const [draft, setDraft] = createSignal<Email>();
  const attempts = useAttempt();
  const config = (): Email | undefined => draft() ?? settled(stored);
  const change = (parts: Partial<Email>): void => {
    const now = config();
    if (now !== undefined) setDraft({ ...now, ...parts });
  };
  const list = () => settled(providers) ?? [];
  return (
    <section class={settings.form} aria-label={t("E-mail")}>
      <h2>{t("E-mail")}</h2>
      <Show when={stored.error === undefined} fallback={<Failed what={t("E-mail")} error={stored.error} />}>
        <Show when={config()} fallback={<Waiting what={t("the settings of e-mail")} />}>
          {(now) => (
            <>
              <Check
                label={t("Send e-mail")}
                isOn={now().enabled}
                onChange={(enabled) => change({ enabled })}
              />
              <div class={styles.grid}>
                <Show when={list().length > 0}>
                  <Choice
                    label={t("Provider")}
                    value={now().provider}
                    options={[
                      { id: "", title: t("own server") },
                      ...list().map(({ name }) => ({ id: name, title: name })),
                    ]}
                    onChange={(name) => {
                      const found = list().find((each) => each.name === name);
                      change({
                        provider: name,
                        ...(found === undefined
                          ? {}
                          : {
                              server: found.smtpHost,
                              port: found.smtpPort,
                              tls: found.tls,
                              startTLS: found.startTLS,
                            }),
                      });
                    }}
                  />
                </Show>
                <Field
                  label={t("Server")}
                  value={now().server}
                  placeholder="smtp.example.net"
                  onInput={(server) => change({ server })}
                />
                <Field
                  label={t("Port")}
                  type="number"
                  value={String(now().port)}
                  onInput={(text) => change({ port: Number(text) || 0 })}
                />
                <Field
                  label={t("User")}
                  autocomplete="off"
                  value={now().username}
                  onInput={(username) => change({ username })}
                />
                <Field
                  label={t("Password")}
                  type="password"
                  autocomplete="new-password"
                  value={now().password}
                  placeholder={t("unchanged")}
                  hint={t("It is stored encrypted and never shown; leave it empty to keep it.")}
                  onInput={(password) => change({ password })}
                />
                <Field
                  label={t("From")}
                  type="email"
                  value={now().from}
                  onInput={(from) => change({ from })}
                />
              </div>
              <Field
                label={t("To, one address a line")}
                isLong
                value={(now().to ?? []).join("\n")}
                onInput={(text) => change({ to: lines(text) })}
              />
              <div class="row">
                <Check label="TLS" isOn={now().tls} onChange={(tls) => change({ tls })} />
                <Check label="STARTTLS" isOn={now().startTLS} onChange={(startTLS) => change({ startTLS })} />
              </div>
              <TestAndSave
                attempts={attempts}
                isChanged={draft() !== undefined}
                test={() => testNotification("email", { ...now(), enabled: true })}
                save={() => saveEmail(now())}
                onSaved={() => {
                  setDraft(undefined);
                  void refetch();
                }}
              />
            </>
          )}
        </Show>
      </Show>
    </section>
  );
}
