// What is raised now: the worst first; acknowledged ones stay, and are quiet.

import { A } from "@solidjs/router";
import { createMemo, createResource, For, type JSX, onCleanup, Show } from "solid-js";
import {
  acknowledge,
  acknowledgeAll,
  alertDetails,
  snoozeAll,
  unacknowledge,
  unsnooze,
} from "../../api/alerts";
import { activeAlerts, hasData, serverNow } from "../../api/live";
import { reasonOf } from "../../state/failure";
import { age, moment } from "../../state/format";
import { oneOf } from "../../state/options";
import { settled } from "../../state/settled";
import { useView } from "../../state/view";
import { t } from "../../text";
import { Badge, Button, Empty, IconButton, Segmented } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { isPhone } from "../../ui/screen";
import { type Column, Table } from "../../ui/table/Table";
import { toast } from "../../ui/toast";
import { Waiting } from "../../ui/Waiting";
import { PhoneName } from "../parts/cells";
import { hrefOf } from "./href";
import { ALERT_FIELDS, type LiveAlert, levelHealth, levelName, raisedAt, snoozes } from "./model";

const STATES = [
  { id: "all", title: t("All") },
  { id: "open", title: t("Open") },
  { id: "done", title: t("Acknowledged") },
] as const;

const SNOOZES = [
  { minutes: 60, title: t("Snooze 1 h") },
  { minutes: 8 * 60, title: t("8 h") },
  { minutes: 24 * 60, title: t("24 h") },
] as const;

const DETAILS_MS = 15_000;

function isSameMap(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

export default function ActivePage(): JSX.Element {
  const view = useView("alerts", ["sort", "group"]);
  const state = (): (typeof STATES)[number]["id"] => oneOf(view.get("state"), STATES, "all");
  // The state does not tell who snoozed what.
  const [details, { refetch }] = createResource(alertDetails);
  const timer = setInterval(() => void refetch(), DETAILS_MS);
  onCleanup(() => clearInterval(timer));
  const lastDetails = createMemo<Awaited<ReturnType<typeof alertDetails>>>(
    (last) => settled(details) ?? last,
    [],
  );
  const quiet = createMemo(() => snoozes(lastDetails(), serverNow()), undefined, { equals: isSameMap });
  const attempt = async (work: Promise<unknown>): Promise<void> => {
    try {
      await work;
      void refetch();
    } catch (cause) {
      toast(reasonOf(cause), "crit");
    }
  };
  const toggle = (alert: LiveAlert): Promise<void> =>
    attempt(alert.acknowledged ? unacknowledge(alert.id) : acknowledge(alert.id));
  const mark = (alert: LiveAlert): JSX.Element => (
    <Mark health={levelHealth(alert.level)} label={levelName(alert.level)} />
  );
  const since = (alert: LiveAlert): JSX.Element => (
    <Show when={raisedAt(alert)}>
      {(at) => <span title={moment(at())}>{age((serverNow() - at()) / 1000)}</span>}
    </Show>
  );
  const button = (alert: LiveAlert): JSX.Element => (
    <Button
      isSmall
      label={
        alert.acknowledged
          ? t("Reopen the alert of {name}", { name: alert.resourceName })
          : t("Acknowledge the alert of {name}", { name: alert.resourceName })
      }
      onClick={() => void toggle(alert)}
    >
      {alert.acknowledged ? t("Reopen") : t("Acknowledge")}
    </Button>
  );
  /** The same where there is no room for words. */
  const tick = (alert: LiveAlert): JSX.Element => (
    <IconButton
      icon="check"
      isPressed={alert.acknowledged}
      label={
        alert.acknowledged
          ? t("Reopen the alert of {name}", { name: alert.resourceName })
          : t("Acknowledge the alert of {name}", { name: alert.resourceName })
      }
      onClick={() => void toggle(alert)}
    />
  );
  const left = (alert: LiveAlert): string | undefined => {
    const until = quiet().get(alert.id);
    return until === undefined ? undefined : age((until - serverNow()) / 1000);
  };
  const snoozed = (alert: LiveAlert): JSX.Element => (
    <Show when={left(alert)}>
      {(time) => (
        <>
          <Badge>{t("snoozed {left}", { left: time() })}</Badge>{" "}
        </>
      )}
    </Show>
  );
  const nap = (alert: LiveAlert): JSX.Element => (
    <IconButton
      icon={left(alert) === undefined ? "moon" : "bell"}
      label={
        left(alert) === undefined
          ? t("Snooze 1 h: the alert of {name}", { name: alert.resourceName })
          : t("Wake ({left}): the alert of {name}", {
              left: left(alert) ?? "",
              name: alert.resourceName,
            })
      }
      onClick={() => void attempt(left(alert) === undefined ? snoozeAll([alert.id], 60) : unsnooze(alert.id))}
    />
  );
  const columns: Column<LiveAlert>[] = [
    {
      id: "resource",
      title: t("Resource"),
      width: 230,
      sort: "ascending",
      value: (alert) => alert.resourceName,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    {
      id: "level",
      title: t("Level"),
      width: 90,
      sort: "ascending",
      value: (alert) => (alert.level === "critical" ? 0 : 1),
      csv: (alert) => alert.level,
      cell: (row) => <Badge health={levelHealth(row().level)}>{levelName(row().level)}</Badge>,
    },
    {
      id: "message",
      title: t("Message"),
      sort: "ascending",
      value: (alert) => alert.message,
      cell: (row) => (
        <span title={row().message}>
          {snoozed(row())}
          {row().message}
        </span>
      ),
    },
    {
      id: "type",
      title: t("Type"),
      width: 110,
      from: 900,
      sort: "ascending",
      value: (alert) => alert.type,
      cell: (row) => <span class="soft">{row().type}</span>,
    },
    {
      id: "node",
      title: t("Node"),
      width: 110,
      from: 1000,
      sort: "ascending",
      value: (alert) => alert.node,
      cell: (row) => <span class="soft">{row().node}</span>,
    },
    {
      id: "since",
      title: t("For"),
      width: 70,
      isNumber: true,
      sort: "descending",
      value: raisedAt,
      csv: (alert) => alert.startTime,
      cell: (row) => since(row()),
    },
    {
      id: "by",
      title: t("Acknowledged by"),
      width: 130,
      from: 1100,
      value: (alert) => alert.ackUser,
      cell: (row) => <span class="soft">{row().acknowledged ? (row().ackUser ?? t("yes")) : ""}</span>,
    },
    {
      id: "show",
      title: "",
      width: 70,
      from: 760,
      isFixed: true,
      cell: (row) => <A href={hrefOf(row())}>{t("Show")}</A>,
    },
    {
      id: "snooze",
      title: "",
      width: 118,
      from: 860,
      isFixed: true,
      cell: (row) => (
        <Show
          when={quiet().get(row().id)}
          fallback={
            <Button
              isSmall
              label={t("Snooze 1 h: the alert of {name}", { name: row().resourceName })}
              onClick={() => void attempt(snoozeAll([row().id], 60))}
            >
              {t("Snooze 1 h")}
            </Button>
          }
        >
          {(until) => (
            <Button
              isSmall
              label={t("Wake ({left}): the alert of {name}", {
                left: age((until() - serverNow()) / 1000),
                name: row().resourceName,
              })}
              onClick={() => void attempt(unsnooze(row().id))}
            >
              {t("Wake ({left})", { left: age((until() - serverNow()) / 1000) })}
            </Button>
          )}
        </Show>
      ),
    },
    { id: "act", title: "", width: 132, isFixed: true, cell: (row) => button(row()) },
  ];
  const phone: Column<LiveAlert>[] = [
    { id: "resource", title: t("Resource"), cell: (row) => mark(row()) },
    {
      id: "act",
      title: "",
      width: 92,
      isNumber: true,
      cell: (row) => (
        <>
          {nap(row())}
          {tick(row())}
        </>
      ),
    },
  ];
  return (
    <>
      <h1 class="sr">{t("Active alerts")}</h1>
      <Show when={hasData()} fallback={<Waiting what={t("alerts")} />}>
        <Table<LiveAlert>
          id="alerts"
          label={t("Active alerts")}
          view={view}
          rows={activeAlerts()}
          key={(alert) => alert.id}
          columns={columns}
          phone={phone}
          name={(alert) => (
            <PhoneName
              name={
                <>
                  {alert.resourceName || alert.resourceId}
                  <Show when={isPhone()}>
                    {" "}
                    <span class="soft">{since(alert)}</span>
                  </Show>
                </>
              }
              below={
                <>
                  {snoozed(alert)}
                  {alert.message}
                </>
              }
            />
          )}
          fields={ALERT_FIELDS}
          where={(alert) => state() === "all" || (state() === "done") === alert.acknowledged}
          groups={[
            {
              id: "node",
              title: t("By node"),
              of: (alert) => ({ key: alert.node ?? "", title: alert.node ?? "" }),
            },
            { id: "type", title: t("By type"), of: (alert) => ({ key: alert.type, title: alert.type }) },
          ]}
          isFlatAtFirst
          first={(alert) => (alert.acknowledged ? 2 : 0) + (alert.level === "critical" ? 0 : 1)}
          sort={{ column: "since", descending: true }}
          tone={(alert) => (alert.acknowledged ? "dim" : undefined)}
          onClear={() => view.set({ state: undefined })}
          acts={(keys, finish) => (
            <>
              <Button
                isSmall
                isDisabled={keys.length === 0}
                onClick={() => void attempt(acknowledgeAll(keys)).then(finish)}
              >
                {t("Acknowledge selected")}
              </Button>
              <For each={SNOOZES}>
                {(snooze) => (
                  <Button
                    isSmall
                    isDisabled={keys.length === 0}
                    onClick={() => void attempt(snoozeAll(keys, snooze.minutes)).then(finish)}
                  >
                    {snooze.title}
                  </Button>
                )}
              </For>
            </>
          )}
          tools={
            <Segmented
              label={t("State")}
              options={STATES}
              value={state()}
              onChange={(id) => view.set({ state: id === "all" ? undefined : id })}
            />
          }
          empty={
            <Empty title={t("Nothing is wrong")}>
              <p>{t("No alert is raised.")}</p>
            </Empty>
          }
        />
      </Show>
    </>
  );
}
