// What was raised before: a strip that shows when, and a table.

import { A } from "@solidjs/router";
import { createMemo, createResource, createSignal, For, type JSX, Show } from "solid-js";
import { alertHistory, clearAlertHistory, type PastAlert } from "../../api/alertConfig";
import { serverNow } from "../../api/live";
import { day, duration, moment, parseTime, shortMoment } from "../../state/format";
import { oneOf } from "../../state/options";
import { settled } from "../../state/settled";
import { useView } from "../../state/view";
import { t, tn } from "../../text";
import { Badge, Button, Confirm, Empty, Note, Segmented } from "../../ui/controls";
import { Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { Waiting } from "../../ui/Waiting";
import { PhoneName } from "../parts/cells";
import styles from "./Alerts.module.css";
import { hrefOf } from "./href";
import { heat, levelHealth, levelName } from "./model";

const SPANS = [
  { id: "24h", title: "24 h", hours: 24 },
  { id: "7d", title: "7 d", hours: 168 },
  { id: "30d", title: "30 d", hours: 720 },
  { id: "90d", title: "90 d", hours: 2_160 },
] as const;
const LEVELS = [
  { id: "all", title: t("Any level") },
  { id: "critical", title: t("Critical") },
  { id: "warning", title: t("Warnings") },
] as const;
const SLOTS = 60;
const MOST = 10_000;
const HOUR = 3_600_000;

type Row = PastAlert & { key: string; at: number };

export default function HistoryPage(): JSX.Element {
  const view = useView("history", ["span", "sort"]);
  const span = createMemo(() => SPANS.find((each) => each.id === view.get("span")) ?? SPANS[1]);
  const level = createMemo(() => oneOf(view.get("level"), LEVELS, "all"));
  const [isClearing, setClearing] = createSignal(false);
  const [data, { refetch }] = createResource(span, async ({ hours }) => {
    const until = serverNow() || Date.now();
    return {
      until,
      since: until - hours * HOUR,
      list: (await alertHistory(until - hours * HOUR, MOST)) ?? [],
    };
  });
  const answer = () => settled(data);
  const rows = createMemo(() => {
    const all = new Map<string, Row>();
    for (const alert of answer()?.list ?? []) {
      const at = parseTime(alert.startTime);
      if (at === undefined) continue;
      const key = `${alert.id} ${at}`;
      all.set(key, { ...alert, key, at });
    }
    return all;
  });
  const slots = createMemo(() => {
    const now = answer();
    return now === undefined ? [] : heat(rows().values(), now.since, now.until, SLOTS);
  });
  const slot = createMemo(() => {
    const at = Number(view.get("slot"));
    return view.get("slot") === undefined ? undefined : slots()[at];
  });
  const mark = (row: Row): JSX.Element => (
    <Mark health={levelHealth(row.level)} label={levelName(row.level)} />
  );
  const lasted = (row: Row): number | undefined => {
    const end = parseTime(row.lastSeen);
    return end === undefined || end <= row.at ? undefined : (end - row.at) / 1000;
  };
  const columns: Column<Row>[] = [
    {
      id: "resource",
      title: t("Resource"),
      width: 230,
      sort: "ascending",
      value: (row) => row.resourceName,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    {
      id: "level",
      title: t("Level"),
      width: 90,
      sort: "ascending",
      value: (row) => (row.level === "critical" ? 0 : 1),
      csv: (row) => row.level,
      cell: (row) => <Badge health={levelHealth(row().level)}>{levelName(row().level)}</Badge>,
    },
    {
      id: "message",
      title: t("Message"),
      sort: "ascending",
      value: (row) => row.message,
      cell: (row) => <span title={row().message}>{row().message}</span>,
    },
    {
      id: "type",
      title: t("Type"),
      width: 120,
      from: 900,
      sort: "ascending",
      value: (row) => row.type,
      cell: (row) => <span class="soft">{row().type}</span>,
    },
    {
      id: "node",
      title: t("Node"),
      width: 110,
      from: 1000,
      sort: "ascending",
      value: (row) => row.node,
      cell: (row) => <span class="soft">{row().node}</span>,
    },
    {
      id: "at",
      title: t("Raised"),
      width: 140,
      isNumber: true,
      sort: "descending",
      value: (row) => row.at,
      csv: (row) => row.startTime,
      cell: (row) => <span title={moment(row().at)}>{shortMoment(row().at)}</span>,
    },
    {
      id: "lasted",
      title: t("Lasted"),
      width: 92,
      from: 1100,
      isNumber: true,
      sort: "descending",
      value: lasted,
      cell: (row) => <Value value={lasted(row())} text={duration} why={t("its end was not recorded")} />,
    },
    {
      id: "show",
      title: "",
      width: 70,
      from: 760,
      isFixed: true,
      cell: (row) => <A href={hrefOf(row())}>{t("Show")}</A>,
    },
  ];
  const phone: Column<Row>[] = [
    { id: "resource", title: t("Resource"), cell: (row) => mark(row()) },
    { id: "at", title: t("Raised"), width: 142, isNumber: true, cell: (row) => shortMoment(row().at) },
  ];
  return (
    <>
      <h1 class="sr">{t("History of alerts")}</h1>
      <Show when={data.error}>
        <Note health="crit">
          {t("The history could not be loaded: {reason}", { reason: (data.error as Error).message })}
        </Note>
      </Show>
      <Show when={data.error === undefined}>
        <Show when={answer()} fallback={<Waiting what={t("the history")} />}>
          <section class={styles.strip} aria-label={t("Alerts over time")}>
            <For each={slots()}>
              {(each, index) => {
                const said = (): string =>
                  `${span().hours > 48 ? day(each.from) : shortMoment(each.from)}: ${tn("{n} alert", "{n} alerts", each.count)}`;
                return (
                  <button
                    type="button"
                    class={styles.slot}
                    data-level={each.level}
                    aria-label={said()}
                    // What leads to nothing is no stop of the Tab key.
                    tabindex={each.count === 0 && slot() !== each ? -1 : undefined}
                    aria-pressed={slot() === each}
                    title={said()}
                    onClick={() => view.set({ slot: slot() === each ? undefined : String(index()) })}
                  />
                );
              }}
            </For>
          </section>
          <Table<Row>
            id="alert-history"
            label={t("History of alerts")}
            view={view}
            rows={rows()}
            key={(row) => row.key}
            columns={columns}
            phone={phone}
            name={(row) => <PhoneName name={row.resourceName || row.resourceId} below={row.message} />}
            fields={{
              text: (row) => `${row.resourceName} ${row.message} ${row.node ?? ""} ${row.type}`.toLowerCase(),
              fields: {
                level: (row) => row.level,
                type: (row) => row.type,
                node: (row) => row.node,
                name: (row) => row.resourceName,
              },
            }}
            where={(row) => {
              const only = slot();
              return (
                (level() === "all" || row.level === level()) &&
                (only === undefined || (row.at >= only.from && row.at < only.to))
              );
            }}
            onClear={() => view.set({ level: undefined, slot: undefined })}
            groups={[
              {
                id: "resource",
                title: t("By resource"),
                of: (row) => ({ key: row.resourceId, title: row.resourceName }),
              },
            ]}
            isFlatAtFirst
            sort={{ column: "at", descending: true }}
            tools={
              <>
                <Segmented
                  label={t("Range")}
                  options={SPANS}
                  value={span().id}
                  onChange={(id) => view.set({ span: id, slot: undefined })}
                />
                <Segmented
                  label={t("Level")}
                  options={LEVELS}
                  value={level()}
                  onChange={(id) => view.set({ level: id === "all" ? undefined : id })}
                />
                <Button isSmall isDisabled={rows().size === 0} onClick={() => setClearing(true)}>
                  {t("Delete history")}
                </Button>
              </>
            }
            empty={
              <Empty title={t("No alert in this range")}>
                <p>{t("Nothing was raised.")}</p>
              </Empty>
            }
          />
        </Show>
      </Show>
      <Show when={isClearing()}>
        <Confirm
          title={t("Delete the history of alerts?")}
          action={t("Delete history")}
          onCancel={() => setClearing(false)}
          onConfirm={async () => {
            await clearAlertHistory();
            setClearing(false);
            await refetch();
          }}
        >
          <p>
            {t(
              "All past alerts are forgotten, whatever range is shown. Active alerts stay. This cannot be undone.",
            )}
          </p>
        </Confirm>
      </Show>
    </>
  );
}
