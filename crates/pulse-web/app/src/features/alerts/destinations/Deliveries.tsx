// What became of the notifications that were sent, and what waits for somebody.

import { createResource, For, type JSX, Show } from "solid-js";
import {
  type DeadLetter,
  deadLetters,
  deliveries,
  queueStats,
  removeDeadLetter,
  retryDeadLetter,
} from "../../../api/alertConfig";
import { reasonOf } from "../../../state/failure";
import { number, parseTime, shortMoment } from "../../../state/format";
import { settled } from "../../../state/settled";
import { t, tn } from "../../../text";
import { Badge, Button, Empty } from "../../../ui/controls";
import { Mark } from "../../../ui/Mark";
import { toast } from "../../../ui/toast";
import { ActionList } from "../../settings/ActionList";
import settings from "../../settings/Settings.module.css";
import { Failed } from "./attempt";

const STATES: Readonly<Record<string, string>> = {
  sent: t("sent"),
  pending: t("waiting"),
  sending: t("being sent"),
  dlq: t("given up"),
  failed: t("failed"),
  cancelled: t("cancelled"),
};

/** What could not be delivered stays until somebody tries again or removes it. */
export function Deliveries(): JSX.Element {
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
      toast(reasonOf(cause), "crit");
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
