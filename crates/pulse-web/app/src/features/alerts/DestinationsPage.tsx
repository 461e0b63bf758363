// Where notifications go, each with a test; and what became of those that were sent.

import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import {
  type Apprise,
  apprise,
  type DeadLetter,
  deadLetters,
  deliveries,
  type Email,
  email,
  emailProviders,
  queueStats,
  removeDeadLetter,
  removeWebhook,
  retryDeadLetter,
  saveApprise,
  saveEmail,
  saveWebhook,
  testNotification,
  testWebhook,
  type Webhook,
  webhooks,
} from "../../api/alertConfig";
import { number, parseTime, shortMoment } from "../../state/format";
import { settled } from "../../state/settled";
import { t, tn } from "../../text";
import { Badge, Button, Check, Choice, Confirm, Empty, Field, Note } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { toast } from "../../ui/toast";
import { Waiting } from "../../ui/Waiting";
import { ActionList } from "../settings/ActionList";
import settings from "../settings/Settings.module.css";
import styles from "./Alerts.module.css";

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

const lines = (text: string): string[] =>
  text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter(Boolean);

interface Outcome {
  isGood: boolean;
  text: string;
}

/** Work that is busy while it runs, and says how it ended. */
function useAttempt(): {
  outcome: () => Outcome | undefined;
  isBusy: () => boolean;
  attempt: (work: () => Promise<unknown>, said: string) => Promise<boolean>;
  /** What was said belongs to something else now. */
  forget: () => void;
} {
  const [outcome, setOutcome] = createSignal<Outcome>();
  const [isBusy, setBusy] = createSignal(false);
  return {
    outcome,
    isBusy,
    forget: () => setOutcome(undefined),
    attempt: async (work, said) => {
      setBusy(true);
      setOutcome(undefined);
      let isGood = true;
      try {
        await work();
        setOutcome({ isGood, text: said });
      } catch (cause) {
        isGood = false;
        setOutcome({ isGood, text: cause instanceof Error ? cause.message : String(cause) });
      }
      setBusy(false);
      return isGood;
    },
  };
}

export default function DestinationsPage(): JSX.Element {
  return (
    <>
      <h1 class="sr">{t("Destinations")}</h1>
      <EmailForm />
      <Webhooks />
      <AppriseForm />
      <Deliveries />
    </>
  );
}

function Failed(props: { what: string; error: unknown }): JSX.Element {
  return (
    <Note health="crit">
      {t("{what} could not be loaded: {reason}", {
        what: props.what,
        reason: props.error instanceof Error ? props.error.message : String(props.error),
      })}
    </Note>
  );
}

function EmailForm(): JSX.Element {
  const [stored, { refetch }] = createResource(email);
  const [providers] = createResource(emailProviders);
  const [draft, setDraft] = createSignal<Email>();
  const { outcome, isBusy, attempt } = useAttempt();
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
              <Show when={outcome()}>
                {(said) => <Note health={said().isGood ? "ok" : "crit"}>{said().text}</Note>}
              </Show>
              <div class={settings.actions}>
                <Button
                  isDisabled={isBusy()}
                  onClick={() =>
                    void attempt(
                      () => testNotification("email", { ...now(), enabled: true }),
                      t("The test message was sent"),
                    )
                  }
                >
                  {t("Send a test")}
                </Button>
                <Button
                  kind="primary"
                  isDisabled={isBusy() || draft() === undefined}
                  onClick={() =>
                    void attempt(() => saveEmail(now()), t("Saved")).then(async (isGood) => {
                      if (!isGood) return;
                      setDraft(undefined);
                      await refetch();
                    })
                  }
                >
                  {t("Save")}
                </Button>
              </div>
            </>
          )}
        </Show>
      </Show>
    </section>
  );
}

function Webhooks(): JSX.Element {
  const [stored, { refetch }] = createResource(webhooks);
  const [editing, setEditing] = createSignal<Webhook>();
  const [removing, setRemoving] = createSignal<Webhook>();
  const { outcome, isBusy, attempt, forget } = useAttempt();
  const edit = (hook: Webhook): void => {
    forget();
    setEditing(hook);
  };
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
              <Show when={outcome()}>
                {(said) => <Note health={said().isGood ? "ok" : "crit"}>{said().text}</Note>}
              </Show>
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

function AppriseForm(): JSX.Element {
  const [stored, { refetch }] = createResource(apprise);
  const [draft, setDraft] = createSignal<Apprise>();
  const { outcome, isBusy, attempt } = useAttempt();
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
              <Show when={outcome()}>
                {(said) => <Note health={said().isGood ? "ok" : "crit"}>{said().text}</Note>}
              </Show>
              <div class={settings.actions}>
                <Button
                  isDisabled={isBusy()}
                  onClick={() =>
                    void attempt(
                      () => testNotification("apprise", { ...now(), enabled: true }),
                      t("The test message was sent"),
                    )
                  }
                >
                  {t("Send a test")}
                </Button>
                <Button
                  kind="primary"
                  isDisabled={isBusy() || draft() === undefined}
                  onClick={() =>
                    void attempt(() => saveApprise(now()), t("Saved")).then(async (isGood) => {
                      if (!isGood) return;
                      setDraft(undefined);
                      await refetch();
                    })
                  }
                >
                  {t("Save")}
                </Button>
              </div>
            </>
          )}
        </Show>
      </Show>
    </section>
  );
}

const STATES: Readonly<Record<string, string>> = {
  sent: t("sent"),
  pending: t("waiting"),
  sending: t("being sent"),
  dlq: t("given up"),
  failed: t("failed"),
  cancelled: t("cancelled"),
};

/** What could not be delivered stays until somebody tries again or removes it. */
function Deliveries(): JSX.Element {
  const [stats, { refetch: refetchStats }] = createResource(queueStats);
  const [letters, { refetch }] = createResource(deadLetters);
  const [log, { refetch: refetchLog }] = createResource(deliveries);
  const counts = (): [string, number][] => Object.entries(settled(stats) ?? {});
  const list = (): DeadLetter[] => settled(letters) ?? [];
  const lookAgain = async (): Promise<void> => {
    await Promise.all([refetch(), refetchStats(), refetchLog()]);
  };
  const act = async (work: Promise<unknown>, said: string): Promise<void> => {
    try {
      await work;
      toast(said);
    } catch (cause) {
      toast(cause instanceof Error ? cause.message : String(cause), "crit");
    }
    await lookAgain();
  };
  return (
    <section class={settings.form} aria-label={t("Deliveries")}>
      <header class={settings.head}>
        <h2>{t("Deliveries")}</h2>
        <Button isSmall onClick={() => void lookAgain()}>
          {t("Look again")}
        </Button>
      </header>
      <Show
        when={letters.error === undefined}
        fallback={<Failed what={t("Deliveries")} error={letters.error} />}
      >
        <div class="row">
          <For each={counts()} fallback={<span class="soft">{t("Nothing was sent in the last day.")}</span>}>
            {([state, count]) => (
              <Badge health={state === "dlq" || state === "failed" ? "crit" : undefined}>
                {number(count)} {STATES[state] ?? state}
              </Badge>
            )}
          </For>
        </div>
        <Show
          when={list().length > 0}
          fallback={
            <Empty title={t("Everything was delivered")}>
              <p>{t("What cannot be delivered after several tries is listed here.")}</p>
            </Empty>
          }
        >
          <ActionList label={t("Not delivered")} columns={[t("When"), t("What"), t("Why not")]}>
            <For each={list()}>
              {(letter) => (
                <tr>
                  <td>
                    {shortMoment(parseTime(letter.completedAt ?? letter.createdAt) ?? 0)}
                    <div class={settings.small}>{tn("{n} try", "{n} tries", letter.attempts ?? 0)}</div>
                  </td>
                  <td>
                    <Badge>{letter.type}</Badge>
                    <div class={settings.small}>
                      {(letter.alerts ?? []).map((alert) => alert.resourceName ?? alert.message).join(", ")}
                    </div>
                  </td>
                  <td>{letter.lastError}</td>
                  <td>
                    <div class={settings.actions}>
                      <Button
                        isSmall
                        onClick={() => void act(retryDeadLetter(letter.id), t("It is tried again"))}
                      >
                        {t("Try again")}
                      </Button>
                      <Button
                        isSmall
                        onClick={() => void act(removeDeadLetter(letter.id), t("It was removed"))}
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
      </Show>
      <Show when={(settled(log) ?? []).length > 0}>
        <details>
          <summary>{t("All attempts of the last seven days")}</summary>
          <table class={settings.list} aria-label={t("Attempts")}>
            <thead>
              <tr>
                <th scope="col">{t("When")}</th>
                <th scope="col">{t("Destination")}</th>
                <th scope="col">{t("What")}</th>
                <th scope="col">{t("Result")}</th>
              </tr>
            </thead>
            <tbody>
              <For each={settled(log)}>
                {(each) => (
                  <tr>
                    <td>{shortMoment(parseTime(each.timestamp) ?? 0)}</td>
                    <td>
                      {each.name || each.destination}
                      <div class={settings.small}>{each.url}</div>
                    </td>
                    <td>
                      {each.event}
                      <div class={settings.small}>{tn("{n} alert", "{n} alerts", each.alertCount)}</div>
                    </td>
                    <td>
                      <span class="row">
                        <Mark
                          health={each.success ? "ok" : "crit"}
                          label={each.success ? t("sent") : t("failed")}
                        />
                        {each.error ?? each.statusCode ?? t("sent")}
                      </span>
                      <div class={settings.small}>{`${number(each.durationMilliseconds)}\u00a0ms`}</div>
                    </td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </details>
      </Show>
    </section>
  );
}
