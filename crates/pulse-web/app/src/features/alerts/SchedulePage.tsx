// When notifications are sent: activation, quiet hours, cooldown, escalation.

import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import {
  type AlertConfig,
  activateAlerts,
  alertConfig,
  type Schedule,
  saveAlertConfig,
} from "../../api/alertConfig";
import { reasonOf } from "../../state/failure";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Button, Check, Choice, Field, IconButton, Note } from "../../ui/controls";
import { toast } from "../../ui/toast";
import { Waiting } from "../../ui/Waiting";
import settings from "../settings/Settings.module.css";
import styles from "./Alerts.module.css";
import { isTime, wholeNumber } from "./schedule";

const DAYS = [
  { id: "monday", title: t("Monday") },
  { id: "tuesday", title: t("Tuesday") },
  { id: "wednesday", title: t("Wednesday") },
  { id: "thursday", title: t("Thursday") },
  { id: "friday", title: t("Friday") },
  { id: "saturday", title: t("Saturday") },
  { id: "sunday", title: t("Sunday") },
];
const SUPPRESSED = [
  { id: "performance", title: t("Load: CPU, memory, disk, network") },
  { id: "storage", title: t("Storage: use, disk health, pools") },
  { id: "offline", title: t("Not reachable, powered off") },
];
const CHANNELS = [
  { id: "all", title: t("all destinations") },
  { id: "email", title: t("e-mail") },
  { id: "webhook", title: t("webhooks") },
];

export default function SchedulePage(): JSX.Element {
  const [stored, { refetch }] = createResource(alertConfig);
  const [draft, setDraft] = createSignal<AlertConfig>();
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const config = (): AlertConfig | undefined => draft() ?? settled(stored);
  const schedule = (): Schedule | undefined => config()?.schedule;
  const change = (parts: Partial<Schedule>): void => {
    const now = config();
    if (now !== undefined) setDraft({ ...now, schedule: { ...now.schedule, ...parts } });
  };
  const quiet = (parts: Partial<Schedule["quietHours"]>): void => {
    const now = schedule();
    if (now !== undefined) change({ quietHours: { ...now.quietHours, ...parts } });
  };
  const attempt = async (work: () => Promise<unknown>, said: string): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await work();
      setDraft(undefined);
      await refetch();
      toast(said);
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  const timeError = (text: string): string | undefined =>
    isTime(text) ? undefined : t("A time looks like 22:00");
  const hasErrors = (): boolean => {
    const hours = schedule()?.quietHours;
    return hours?.enabled === true && (!isTime(hours.start) || !isTime(hours.end));
  };
  const NumberField = (field: {
    label: string;
    hint: string;
    value: number;
    onChange: (value: number) => void;
  }): JSX.Element => (
    <Field
      label={field.label}
      type="number"
      hint={field.hint}
      value={String(field.value)}
      onInput={(text) => {
        const value = wholeNumber(text);
        if (value !== undefined) field.onChange(value);
      }}
    />
  );

  return (
    <>
      <h1 class="sr">{t("Schedule")}</h1>
      <Show when={stored.error}>
        <Note health="crit">
          {t("The schedule could not be loaded: {reason}", { reason: (stored.error as Error).message })}
        </Note>
      </Show>
      <Show when={stored.error === undefined}>
        <Show when={schedule()} fallback={<Waiting what={t("the schedule")} />}>
          {(now) => (
            <form
              class={settings.form}
              aria-label={t("Schedule")}
              novalidate
              onSubmit={(event) => {
                event.preventDefault();
                const wanted = draft();
                if (wanted !== undefined && !hasErrors())
                  void attempt(() => saveAlertConfig(wanted), t("The schedule holds now"));
              }}
            >
              <Show when={config()?.activationState !== undefined && config()?.activationState !== "active"}>
                <Note health="warn">
                  {t("Notifications are not activated yet: alerts are raised and shown, and nobody is told.")}{" "}
                  <Button
                    isSmall
                    isDisabled={isBusy()}
                    onClick={() => void attempt(activateAlerts, t("Notifications are active"))}
                  >
                    {t("Activate")}
                  </Button>
                </Note>
              </Show>
              <h2>{t("Notifications")}</h2>
              <div class={styles.grid}>
                <NumberField
                  label={t("Wait before telling again, minutes")}
                  hint={t("An alert that stays is told again after this time.")}
                  value={now().cooldown}
                  onChange={(cooldown) => change({ cooldown })}
                />
                <NumberField
                  label={t("At most per alert and hour")}
                  hint={t("0 is without a limit.")}
                  value={now().maxAlertsHour}
                  onChange={(maxAlertsHour) => change({ maxAlertsHour })}
                />
                <NumberField
                  label={t("Gather alerts for, seconds")}
                  hint={t("What is raised within this time goes out in one message.")}
                  value={now().grouping.window}
                  onChange={(window) => change({ grouping: { ...now().grouping, window } })}
                />
              </div>
              <Check
                label={t("Tell when an alert is over")}
                isOn={now().notifyOnResolve}
                onChange={(notifyOnResolve) => change({ notifyOnResolve })}
              />
              <h2>{t("Quiet hours")}</h2>
              <Check
                label={t("Send nothing at certain times")}
                isOn={now().quietHours.enabled}
                onChange={(enabled) => quiet({ enabled })}
              />
              <Show when={now().quietHours.enabled}>
                <div class={styles.grid}>
                  <Field
                    label={t("From")}
                    type="time"
                    value={now().quietHours.start}
                    error={timeError(now().quietHours.start)}
                    onInput={(start) => quiet({ start })}
                  />
                  <Field
                    label={t("Until")}
                    type="time"
                    value={now().quietHours.end}
                    error={timeError(now().quietHours.end)}
                    onInput={(end) => quiet({ end })}
                  />
                  <Field
                    label={t("Time zone")}
                    value={now().quietHours.timezone}
                    placeholder="Europe/Berlin"
                    onInput={(timezone) => quiet({ timezone })}
                  />
                </div>
                <fieldset class={styles.days}>
                  <legend class={settings.legend}>{t("On")}</legend>
                  <For each={DAYS}>
                    {(each) => (
                      <Check
                        label={each.title}
                        isOn={now().quietHours.days?.[each.id] === true}
                        onChange={(isOn) => quiet({ days: { ...now().quietHours.days, [each.id]: isOn } })}
                      />
                    )}
                  </For>
                </fieldset>
                <fieldset class={styles.days}>
                  <legend class={settings.legend}>
                    {t("Critical alerts are sent all the same, but for these")}
                  </legend>
                  <For each={SUPPRESSED}>
                    {(each) => (
                      <Check
                        label={each.title}
                        isOn={now().quietHours.suppress?.[each.id] === true}
                        onChange={(isOn) =>
                          quiet({ suppress: { ...now().quietHours.suppress, [each.id]: isOn } })
                        }
                      />
                    )}
                  </For>
                </fieldset>
              </Show>
              <h2>{t("Escalation")}</h2>
              <Check
                label={t("Tell again when nobody acknowledges")}
                isOn={now().escalation.enabled}
                onChange={(enabled) => change({ escalation: { ...now().escalation, enabled } })}
              />
              <Show when={now().escalation.enabled}>
                <div class={styles.levels}>
                  <For each={now().escalation.levels ?? []}>
                    {(level, index) => {
                      const put = (parts: Partial<typeof level> | undefined): void =>
                        change({
                          escalation: {
                            ...now().escalation,
                            levels: (now().escalation.levels ?? []).flatMap((each, at) =>
                              at !== index() ? [each] : parts === undefined ? [] : [{ ...each, ...parts }],
                            ),
                          },
                        });
                      return (
                        <div class={styles.level}>
                          <NumberField
                            label={t("After, minutes")}
                            hint=""
                            value={level.after}
                            onChange={(after) => put({ after })}
                          />
                          <Choice
                            label={t("To")}
                            options={CHANNELS}
                            value={level.notify}
                            onChange={(notify) => put({ notify })}
                          />
                          <IconButton
                            icon="close"
                            label={t("Remove the step")}
                            onClick={() => put(undefined)}
                          />
                        </div>
                      );
                    }}
                  </For>
                  <div>
                    <Button
                      isSmall
                      icon="plus"
                      onClick={() =>
                        change({
                          escalation: {
                            ...now().escalation,
                            levels: [
                              ...(now().escalation.levels ?? []),
                              {
                                after: ((now().escalation.levels ?? []).at(-1)?.after ?? 0) + 15,
                                notify: "all",
                              },
                            ],
                          },
                        })
                      }
                    >
                      {t("Add a step")}
                    </Button>
                  </div>
                </div>
              </Show>
              <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
              <div class={settings.actions}>
                <Button isDisabled={draft() === undefined} onClick={() => setDraft(undefined)}>
                  {t("Discard")}
                </Button>
                <Button
                  type="submit"
                  kind="primary"
                  isDisabled={isBusy() || draft() === undefined || hasErrors()}
                >
                  {t("Save")}
                </Button>
              </div>
            </form>
          )}
        </Show>
      </Show>
    </>
  );
}
