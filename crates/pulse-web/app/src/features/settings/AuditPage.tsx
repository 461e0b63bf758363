// The audit log: who came in, who could not, and who changed what others may do.

import { createMemo, createResource, createSignal, For, type JSX, Show } from "solid-js";
import { auditEvents, verifyEvent } from "../../api/audit";
import { reasonOf } from "../../state/failure";
import { moment, parseTime, shortMoment } from "../../state/format";
import { oneOf } from "../../state/options";
import { settled } from "../../state/settled";
import { useView } from "../../state/view";
import { t } from "../../text";
import { Badge, Button, Choice, Empty, Field } from "../../ui/controls";
import { type Health, Mark } from "../../ui/Mark";
import { Waiting } from "../../ui/Waiting";
import { Hooks } from "./audit/Hooks";
import {
  type AuditFilter,
  EVENTS,
  eventName,
  PAGE_SIZE,
  pageOf,
  RESULTS,
  shownRange,
  wishOf,
} from "./auditLog";
import { LongText } from "./parts/LongText";
import { Refused } from "./parts/Refused";
import styles from "./Settings.module.css";

interface Checked {
  health: Health;
  text: string;
}

export default function AuditPage(): JSX.Element {
  const view = useView("audit", []);
  const filter = createMemo<AuditFilter>(() => ({
    event: view.get("event") ?? "",
    user: view.get("user") ?? "",
    result: oneOf(view.get("result"), RESULTS, "all"),
    from: view.get("from") ?? "",
    until: view.get("until") ?? "",
    page: pageOf(view.get("page")),
  }));
  const [user, setUser] = createSignal(filter().user);
  const [data, { refetch }] = createResource(filter, (now) => auditEvents(wishOf(now)));
  const [checked, setChecked] = createSignal<Readonly<Record<string, Checked>>>({});
  const all = () => settled(data);
  const range = createMemo(() => shownRange(filter().page, all()?.events.length ?? 0, all()?.total ?? 0));
  const isFiltered = createMemo(() => Object.keys(wishOf({ ...filter(), page: 0 })).length > 2);
  const narrow = (parts: Record<string, string>): void => {
    const set = Object.entries(parts).map(([key, text]) => [key, text === "" ? undefined : text] as const);
    view.set({ ...Object.fromEntries(set), page: undefined });
  };
  const turn = (by: number): void => {
    const page = filter().page + by;
    view.set({ page: page > 0 ? String(page) : undefined });
  };
  const check = async (id: string): Promise<void> => {
    let said: Checked;
    try {
      said = (await verifyEvent(id))
        ? { health: "ok", text: t("as it was written") }
        : { health: "crit", text: t("changed since, or not by this server") };
    } catch (cause) {
      said = { health: "warn", text: reasonOf(cause) };
    }
    setChecked((before) => ({ ...before, [id]: said }));
  };
  /** Everything else could only be answered by the same refusal. */
  const isRefused = createMemo(() => data.error !== undefined);
  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("Audit log")}</h1>
          <p>
            {t(
              "Who came in, who could not, and who changed what others may do. Events are signed and kept for 90 days.",
            )}
          </p>
        </div>
        <Show when={!isRefused()}>
          <Button isDisabled={data.loading} onClick={() => void refetch()}>
            {t("Read again")}
          </Button>
        </Show>
      </header>
      <Show when={data.error}>
        {(error) => (
          <Refused
            error={error()}
            failed={t("The audit log could not be read")}
            onRetry={() => void refetch()}
          >
            <p>
              {t("Events are written down all the same, and are there to be read once the licence has it.")}
            </p>
          </Refused>
        )}
      </Show>
      <Show when={!isRefused()}>
        <search class={styles.filters} aria-label={t("Filter")}>
          <Choice
            label={t("Event")}
            options={EVENTS}
            value={filter().event}
            onChange={(event) => narrow({ event })}
          />
          <Choice
            label={t("Result")}
            options={RESULTS}
            value={filter().result}
            onChange={(result) => narrow({ result: result === "all" ? "" : result })}
          />
          <form
            class={styles.filters}
            aria-label={t("Of one user")}
            onSubmit={(event) => {
              event.preventDefault();
              narrow({ user: user().trim() });
            }}
          >
            <Field label={t("User, as written")} value={user()} onInput={setUser} />
            <Button type="submit">{t("Find")}</Button>
          </form>
          <Field label={t("From")} type="date" value={filter().from} onInput={(from) => narrow({ from })} />
          <Field
            label={t("Until")}
            type="date"
            value={filter().until}
            onInput={(until) => narrow({ until })}
          />
          <Show when={isFiltered()}>
            <Button
              onClick={() => {
                setUser("");
                narrow({ event: "", result: "", user: "", from: "", until: "" });
              }}
            >
              {t("Show all")}
            </Button>
          </Show>
        </search>
        <Show when={all()} fallback={<Waiting what={t("the audit log")} />}>
          {(now) => (
            <Show
              when={now().events.length > 0}
              fallback={
                <Empty title={t("No events")}>
                  <p>
                    {isFiltered() || filter().page > 0
                      ? t("No event matches the filter.")
                      : t("Nothing was written down yet.")}
                  </p>
                </Empty>
              }
            >
              <table class={styles.list} aria-label={t("Audit log")}>
                <thead>
                  <tr>
                    <th scope="col">{t("When")}</th>
                    <th scope="col">{t("Event")}</th>
                    <th scope="col">{t("User")}</th>
                    <th scope="col">{t("From where")}</th>
                    <th scope="col">{t("Signature")}</th>
                  </tr>
                </thead>
                <tbody>
                  <For each={now().events}>
                    {(event) => (
                      <tr>
                        <td class={styles.nowrap}>
                          <Show when={parseTime(event.timestamp)} fallback={event.timestamp}>
                            {(at) => <span title={moment(at())}>{shortMoment(at())}</span>}
                          </Show>
                        </td>
                        <td>
                          <span class="row">
                            <Badge health={event.success ? "ok" : "crit"}>
                              {event.success ? t("done") : t("not done")}
                            </Badge>
                            <span title={event.event}>{eventName(event.event)}</span>
                          </span>
                          <Show when={event.details}>
                            {(details) => (
                              <div class={styles.small}>
                                <LongText text={details()} />
                              </div>
                            )}
                          </Show>
                        </td>
                        <td>
                          <span class={styles.onPhone}>{t("User")}: </span>
                          <LongText text={event.user || "—"} />
                        </td>
                        <td>
                          <span class="mono">{event.ip}</span>
                          <div class={styles.small}>
                            <LongText text={event.path ?? ""} isCode />
                          </div>
                        </td>
                        <td>
                          <Show
                            when={checked()[event.id]}
                            fallback={
                              <Button
                                isSmall
                                label={t("Check the signature of {event}, {when}", {
                                  event: eventName(event.event),
                                  when: moment(parseTime(event.timestamp) ?? 0),
                                })}
                                onClick={() => void check(event.id)}
                              >
                                {t("Check")}
                              </Button>
                            }
                          >
                            {(said) => (
                              <span class={styles.state} role="status">
                                <Mark health={said().health} label="" />
                                <span>{said().text}</span>
                              </span>
                            )}
                          </Show>
                        </td>
                      </tr>
                    )}
                  </For>
                </tbody>
              </table>
            </Show>
          )}
        </Show>
        <Show when={range().total > PAGE_SIZE || filter().page > 0}>
          <nav class={styles.inline} aria-label={t("Pages of the audit log")}>
            <Button isDisabled={filter().page === 0} onClick={() => turn(-1)}>
              {t("Newer")}
            </Button>
            <Button isDisabled={range().last >= range().total} onClick={() => turn(1)}>
              {t("Older")}
            </Button>
            <span class="soft" role="status">
              {t("{first} to {last} of {total}", range())}
            </span>
          </nav>
        </Show>
        <Hooks />
      </Show>
    </>
  );
}
