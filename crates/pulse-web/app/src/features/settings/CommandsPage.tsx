// Who had which command run on which machine, when, and what came of it.

import { createMemo, createResource, createSignal, For, type JSX, Show } from "solid-js";
import { agentCommands } from "../../api/commands";
import { duration, moment, parseTime, shortMoment } from "../../state/format";
import { oneOf } from "../../state/options";
import { settled } from "../../state/settled";
import { useView } from "../../state/view";
import { t, tn } from "../../text";
import { Badge, Button, Choice, Empty, Field } from "../../ui/controls";
import { Waiting } from "../../ui/Waiting";
import { OUTCOMES, outcomeOf, shownCommands, tookSeconds } from "./commandTrail";
import { Refused } from "./parts/Refused";
import styles from "./Settings.module.css";

/** What one answer brings at most; the server keeps more. */
const MOST = 1_000;
/** Rows that are drawn at once. */
const STEP = 100;

export default function CommandsPage(): JSX.Element {
  const view = useView("commands", []);
  const [trail, { refetch }] = createResource(() => agentCommands(MOST));
  const [limit, setLimit] = createSignal(STEP);
  const text = () => view.get("q") ?? "";
  const outcome = createMemo(() => oneOf(view.get("outcome"), OUTCOMES, "all"));
  const all = () => settled(trail);
  const shown = createMemo(() => shownCommands(all() ?? [], text(), outcome()));
  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("Commands")}</h1>
          <p>
            {t(
              "What people had agents run on their machines. Each command is written down before it is sent, also one that is refused.",
            )}
          </p>
        </div>
        <Show when={trail.error === undefined}>
          <Button isDisabled={trail.loading} onClick={() => void refetch()}>
            {t("Read again")}
          </Button>
        </Show>
      </header>
      <Show when={trail.error}>
        {(error) => (
          <Refused
            error={error()}
            failed={t("The commands could not be read")}
            onRetry={() => void refetch()}
          />
        )}
      </Show>
      <Show when={trail.error === undefined}>
        <Show when={all()} fallback={<Waiting what={t("commands")} />}>
          {(list) => (
            <Show
              when={list().length > 0}
              fallback={
                <Empty title={t("No command was run")}>
                  <p>
                    {t(
                      "Agents run commands only where whoever runs this server and the owner of the machine both switched that on.",
                    )}
                  </p>
                </Empty>
              }
            >
              <search class={styles.filters} aria-label={t("Filter")}>
                <Field
                  label={t("Containing")}
                  value={text()}
                  onInput={(q) => {
                    view.set({ q: q || undefined });
                    setLimit(STEP);
                  }}
                />
                <Choice
                  label={t("Outcome")}
                  options={OUTCOMES}
                  value={outcome()}
                  onChange={(id) => view.set({ outcome: id === "all" ? undefined : id })}
                />
                <p class={styles.count} role="status">
                  {tn("{n} command", "{n} commands", shown().length)}
                </p>
              </search>
              <Show
                when={shown().length > 0}
                fallback={<p class="soft">{t("No command matches the filter.")}</p>}
              >
                <table class={styles.list} aria-label={t("Commands")}>
                  <thead>
                    <tr>
                      <th scope="col">{t("When")}</th>
                      <th scope="col">{t("By")}</th>
                      <th scope="col">{t("Machine")}</th>
                      <th scope="col">{t("Command")}</th>
                      <th scope="col">{t("Outcome")}</th>
                    </tr>
                  </thead>
                  <tbody>
                    <For each={shown().slice(0, limit())}>
                      {(command) => {
                        const at = parseTime(command.at);
                        const said = outcomeOf(command);
                        const took = tookSeconds(command);
                        return (
                          <tr>
                            <td class={styles.nowrap}>
                              <Show when={at} fallback={command.at}>
                                {(ms) => <span title={moment(ms())}>{shortMoment(ms())}</span>}
                              </Show>
                            </td>
                            <td>
                              <span class={styles.onPhone}>{t("By")}: </span>
                              <bdi class={styles.clip}>{command.by}</bdi>
                            </td>
                            <td>
                              <bdi class={styles.clip} title={command.hostId}>
                                {command.hostname || command.hostId}
                              </bdi>
                              <Show when={command.target !== "host"}>
                                <div class={styles.small}>
                                  <bdi>{command.target}</bdi>
                                </div>
                              </Show>
                            </td>
                            <td>
                              <bdi class={`${styles.clip} mono`}>{command.command}</bdi>
                            </td>
                            <td>
                              <Badge health={said.health}>{said.text}</Badge>
                              <div class={styles.small}>
                                <Show when={typeof command.exitCode === "number"}>
                                  {t("exit status {code}", { code: command.exitCode ?? 0 })}{" "}
                                </Show>
                                <Show when={took}>{(s) => t("in {time}", { time: duration(s()) })}</Show>
                              </div>
                              <Show when={command.error}>
                                {(why) => (
                                  <div class={styles.small}>
                                    <bdi class={styles.clip}>{why()}</bdi>
                                  </div>
                                )}
                              </Show>
                            </td>
                          </tr>
                        );
                      }}
                    </For>
                  </tbody>
                </table>
              </Show>
              <Show when={shown().length > limit()}>
                <div>
                  <Button onClick={() => setLimit((now) => now + STEP)}>{t("Show more")}</Button>
                </div>
              </Show>
              <Show when={list().length >= MOST}>
                <p class="soft">{t("These are the newest {n}; the API has older ones.", { n: MOST })}</p>
              </Show>
            </Show>
          )}
        </Show>
      </Show>
    </>
  );
}
