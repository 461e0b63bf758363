// Notifications through Apprise, which knows many more services.

import { createResource, createSignal, type JSX, Show } from "solid-js";
import { type Apprise, apprise, saveApprise, testNotification } from "../../../api/alertConfig";
import { settled } from "../../../state/settled";
import { t } from "../../../text";
import { Check, Choice, Field } from "../../../ui/controls";
import { Waiting } from "../../../ui/Waiting";
import settings from "../../settings/Settings.module.css";
import styles from "../Alerts.module.css";
import { Failed, lines, TestAndSave, useAttempt } from "./attempt";

export function AppriseForm(): JSX.Element {
  const [stored, { refetch }] = createResource(apprise);
  const [draft, setDraft] = createSignal<Apprise>();
  const attempts = useAttempt();
  const config = (): Apprise | undefined => draft() ?? settled(stored);
  const change = (parts: Partial<Apprise>): void => {
    const now = config();
    if (now !== undefined) setDraft({ ...now, ...parts });
  };
  return (
    <section class={settings.form} aria-label="Apprise">
      <h2>Apprise</h2>
      <Show when={stored.error === undefined} fallback={<Failed what="Apprise" error={stored.error} />}>
        <Show when={config()} fallback={<Waiting what={t("the settings of Apprise")} />}>
          {(now) => (
            <>
              <Check
                label={t("Send through Apprise")}
                isOn={now().enabled}
                onChange={(enabled) => change({ enabled })}
              />
              <div class={styles.grid}>
                <Choice
                  label={t("Way")}
                  value={now().mode}
                  options={[
                    { id: "cli", title: t("the program on this server") },
                    { id: "http", title: t("an Apprise API server") },
                  ]}
                  onChange={(mode) => change({ mode })}
                />
                <Show when={now().mode === "http"}>
                  <Field
                    label={t("Address")}
                    type="url"
                    value={now().serverUrl ?? ""}
                    onInput={(serverUrl) => change({ serverUrl })}
                  />
                  <Field
                    label={t("Configuration key")}
                    value={now().configKey ?? ""}
                    onInput={(configKey) => change({ configKey })}
                  />
                </Show>
              </div>
              <Field
                label={t("Targets, one a line")}
                isLong
                value={(now().targets ?? []).join("\n")}
                onInput={(text) => change({ targets: lines(text) })}
              />
              <TestAndSave
                attempts={attempts}
                isChanged={draft() !== undefined}
                test={() => testNotification("apprise", { ...now(), enabled: true })}
                save={() => saveApprise(now())}
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
