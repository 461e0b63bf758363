// Notifications to addresses of other services.

import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { removeWebhook, saveWebhook, testWebhook, type Webhook, webhooks } from "../../../api/alertConfig";
import { onAsked } from "../../../state/asked";
import { settled } from "../../../state/settled";
import { t } from "../../../text";
import { Badge, Button, Check, Choice, Confirm, Field } from "../../../ui/controls";
import { Mark } from "../../../ui/Mark";
import { ActionList } from "../../settings/ActionList";
import settings from "../../settings/Settings.module.css";
import styles from "../Alerts.module.css";
import { Failed, Said, useAttempt } from "./attempt";

const SERVICES = [
  "generic",
  "discord",
  "telegram",
  "slack",
  "teams",
  "teams-adaptive",
  "pagerduty",
  "pushover",
  "gotify",
  "ntfy",
  "mattermost",
].map((id) => ({ id, title: id }));
const METHODS = ["POST", "PUT", "GET"].map((id) => ({ id, title: id }));
const NEW_HOOK: Webhook = { name: "", url: "", method: "POST", enabled: true, service: "generic" };

export function Webhooks(): JSX.Element {
  const [stored, { refetch }] = createResource(webhooks);
  const [editing, setEditing] = createSignal<Webhook>();
  const [removing, setRemoving] = createSignal<Webhook>();
  const { outcome, isBusy, attempt, forget } = useAttempt();
  const edit = (hook: Webhook): void => {
    forget();
    setEditing(hook);
  };
  onAsked("webhook", () => edit(NEW_HOOK));
  const list = (): Webhook[] => settled(stored) ?? [];
  const change = (parts: Partial<Webhook>): void => {
    const now = editing();
    if (now !== undefined) setEditing({ ...now, ...parts });
  };
  const headers = (): string =>
    Object.entries(editing()?.headers ?? {})
      .map(([name, value]) => `${name}: ${value}`)
      .join("\n");
  return (
    <section class={settings.form} aria-label={t("Webhooks")}>
      <header class={settings.head}>
        <h2>{t("Webhooks")}</h2>
        <Button isSmall icon="plus" onClick={() => edit(NEW_HOOK)}>
          {t("Add a webhook")}
        </Button>
      </header>
      <Show when={stored.error === undefined} fallback={<Failed what={t("Webhooks")} error={stored.error} />}>
        <Show
          when={list().length > 0}
          fallback={
            <Show when={editing() === undefined}>
              <p class="soft">
                {t("None yet. Discord, Telegram, Slack, Teams, ntfy, Gotify and others are known by name.")}
              </p>
            </Show>
          }
        >
          <ActionList label={t("Webhooks")} columns={[t("Name"), t("Address")]}>
            <For each={list()}>
              {(hook) => (
                <tr>
                  <td>
                    <span class="row">
                      <Mark health={hook.enabled ? "ok" : "idle"} label={hook.enabled ? t("on") : t("off")} />
                      <strong>{hook.name}</strong>
                      <Badge>{hook.service || "generic"}</Badge>
                    </span>
                  </td>
                  <td>{hook.url}</td>
                  <td>
                    <div class={settings.actions}>
                      <Button
                        isSmall
                        label={t("Edit {name}", { name: hook.name })}
                        onClick={() => edit(hook)}
                      >
                        {t("Edit")}
                      </Button>
                      <Button
                        isSmall
                        kind="danger"
                        label={t("Remove {name}", { name: hook.name })}
                        onClick={() => setRemoving(hook)}
                      >
                        {t("Remove")}
                      </Button>
                    </div>
                  </td>
                </tr>
              )}
            </For>
          </ActionList>
        </Show>
        <Show when={editing()}>
          {(hook) => (
            <form
              class={settings.form}
              aria-label={t("Webhook")}
              novalidate
              onSubmit={(event) => {
                event.preventDefault();
                void attempt(() => saveWebhook(hook()), t("Saved")).then(async (isGood) => {
                  if (!isGood) return;
                  setEditing(undefined);
                  await refetch();
                });
              }}
            >
              <div class={styles.grid}>
                <Field label={t("Name")} hasFocus value={hook().name} onInput={(name) => change({ name })} />
                <Choice
                  label={t("Service")}
                  options={SERVICES}
                  value={hook().service || "generic"}
                  onChange={(service) => change({ service })}
                />
                <Choice
                  label={t("Method")}
                  options={METHODS}
                  value={hook().method}
                  onChange={(method) => change({ method })}
                />
              </div>
              <Field
                label={t("Address")}
                type="url"
                value={hook().url}
                placeholder="https://ntfy.example.net/pulse"
                hint={t("Addresses in private networks must be allowed in the system settings first.")}
                onInput={(url) => change({ url })}
              />
              <Field
                label={t("Headers, one a line")}
                isLong
                value={headers()}
                hint={t("Name: value. Stored values are never shown; leave the marks to keep them.")}
                onInput={(text) =>
                  change({
                    headers: Object.fromEntries(
                      text.split("\n").flatMap((line): [string, string][] => {
                        const at = line.indexOf(":");
                        return at > 0 ? [[line.slice(0, at).trim(), line.slice(at + 1).trim()]] : [];
                      }),
                    ),
                  })
                }
              />
              <Field
                label={t("Template of the body")}
                isLong
                value={hook().template ?? ""}
                hint={t("Empty takes the service's own. Go template syntax.")}
                onInput={(template) => change({ template })}
              />
              <Check
                label={t("Send to it")}
                isOn={hook().enabled}
                onChange={(enabled) => change({ enabled })}
              />
              <Said outcome={outcome()} />
              <div class={settings.actions}>
                <Button onClick={() => setEditing(undefined)}>{t("Cancel")}</Button>
                <Button
                  isDisabled={isBusy() || hook().url.trim() === ""}
                  onClick={() => void attempt(() => testWebhook(hook()), t("The test message was taken"))}
                >
                  {t("Send a test")}
                </Button>
                <Button type="submit" kind="primary" isDisabled={isBusy() || hook().url.trim() === ""}>
                  {t("Save")}
                </Button>
              </div>
            </form>
          )}
        </Show>
      </Show>
      <Show when={removing()}>
        {(hook) => (
          <Confirm
            title={t("Remove {name}?", { name: hook().name })}
            action={t("Remove webhook")}
            onCancel={() => setRemoving(undefined)}
            onConfirm={async () => {
              await removeWebhook(hook().id ?? "");
              setRemoving(undefined);
              await refetch();
            }}
          >
            <p>{t("Nothing is sent there any more. Its headers and template are forgotten.")}</p>
          </Confirm>
        )}
      </Show>
    </section>
  );
}
