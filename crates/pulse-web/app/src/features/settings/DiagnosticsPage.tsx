// Diagnostics: does every source answer, how the history grows, which version runs.

import { createMemo, createResource, type JSX, onCleanup, Show } from "solid-js";
import { type InstanceHealth, schedulerHealth, storeStats, version } from "../../api/calls";
import { age, bytes, duration, number, parseTime } from "../../state/format";
import { settled } from "../../state/settled";
import { useView } from "../../state/view";
import { t, tn } from "../../text";
import { Button, Empty, Fact, Facts, Note } from "../../ui/controls";
import { copyText } from "../../ui/copy";
import { type Health, Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { toast } from "../../ui/toast";
import { Value } from "../../ui/Value";
import { Waiting } from "../../ui/Waiting";
import { PhoneName } from "../parts/cells";
import styles from "./Settings.module.css";

const REFRESH_MS = 10_000;

function healthOf(row: InstanceHealth): Health {
  if (row.breaker.state === "open" || row.deadLetter.present) return "crit";
  return row.pollStatus.consecutiveFailures > 0 || row.breaker.state !== "closed" ? "warn" : "ok";
}

export default function DiagnosticsPage(): JSX.Element {
  const view = useView("diagnostics", []);
  const [health, { refetch }] = createResource(schedulerHealth);
  const [store, { refetch: refetchStore }] = createResource(storeStats);
  const [server] = createResource(version);
  const timer = setInterval(() => {
    if (document.visibilityState === "visible") void Promise.all([refetch(), refetchStore()]);
  }, REFRESH_MS);
  onCleanup(() => clearInterval(timer));
  const rows = createMemo(
    () => new Map((settled(health)?.instances ?? []).map((row) => [row.key, row] as const)),
  );
  const stats = () => settled(store);
  const now = () => settled(server);
  const since = (row: InstanceHealth): number | undefined => {
    const at = parseTime(row.pollStatus.lastSuccess);
    return at === undefined ? undefined : Math.max(0, (Date.now() - at) / 1000);
  };
  const why = (row: InstanceHealth): string =>
    row.pollStatus.lastError?.message ?? row.deadLetter.reason ?? "";
  const mark = (row: InstanceHealth): JSX.Element => (
    <Mark health={healthOf(row)} label={row.breaker.state} />
  );
  const columns: Column<InstanceHealth>[] = [
    {
      id: "name",
      title: t("Source"),
      sort: "ascending",
      value: (row) => row.displayName,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    {
      id: "type",
      title: t("Type"),
      width: 70,
      sort: "ascending",
      value: (row) => row.type,
      cell: (row) => <span class="soft">{row().type}</span>,
    },
    {
      id: "success",
      title: t("Answered"),
      width: 110,
      isNumber: true,
      sort: "descending",
      value: since,
      cell: (row) => (
        <Value
          value={since(row())}
          text={(seconds) => t("{age} ago", { age: age(seconds) })}
          why={t("it never has")}
        />
      ),
    },
    {
      id: "took",
      title: t("Took"),
      width: 90,
      isNumber: true,
      sort: "descending",
      value: (row) => row.lastDurationMs ?? undefined,
      cell: (row) => (
        <Value
          value={row().lastDurationMs ?? undefined}
          text={(ms) => `${number(ms)}\u00a0ms`}
          why={t("it never has")}
        />
      ),
    },
    {
      id: "every",
      title: t("Asked every"),
      width: 100,
      isNumber: true,
      sort: "descending",
      value: (row) => row.intervalSeconds,
      cell: (row) => duration(row().intervalSeconds),
    },
    {
      id: "fails",
      title: t("Fails"),
      width: 70,
      isNumber: true,
      sort: "descending",
      value: (row) => row.pollStatus.consecutiveFailures,
      cell: (row) => number(row().pollStatus.consecutiveFailures),
    },
    {
      id: "why",
      title: t("Last error"),
      sort: "ascending",
      value: why,
      cell: (row) => (
        <span class="soft" title={why(row())}>
          {why(row())}
        </span>
      ),
    },
  ];
  const phone: Column<InstanceHealth>[] = [
    { id: "name", title: t("Source"), cell: (row) => mark(row()) },
    {
      id: "success",
      title: t("Answered"),
      width: 110,
      isNumber: true,
      cell: (row) => <Value value={since(row())} text={age} why={t("it never has")} />,
    },
  ];
  const copy = async (): Promise<void> => {
    const report = JSON.stringify(
      { version: now(), sources: settled(health), store: stats(), browser: navigator.userAgent },
      null,
      2,
    );
    toast((await copyText(report)) ? t("The report was copied") : t("The browser forbids the clipboard"));
  };
  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("Diagnostics")}</h1>
          <p>
            {t(
              "What the server knows of itself. The report holds names and addresses of your machines, and no secrets.",
            )}
          </p>
        </div>
        <Button icon="copy" onClick={() => void copy()}>
          {t("Copy the report")}
        </Button>
      </header>
      <section class={styles.form} aria-label={t("Server")}>
        <h2>{t("Server")}</h2>
        <Facts>
          <Fact name={t("Version")}>
            <Value value={now()?.version} text={(text) => text} why={t("the server did not say")} />
            <Show when={now()?.updateAvailable}> {t("A newer version is there.")}</Show>
          </Fact>
          <Fact name={t("Installed as")}>{now()?.deploymentType}</Fact>
          <Show when={stats()}>
            {(each) => (
              <>
                <Fact name={t("History on disk")}>
                  {bytes(each().dbSize)}
                  <span class="soft">
                    {" "}
                    {tn("{n} series", "{n} series", each().series)}
                    <Show when={each().bytesPerSample}>
                      {(size) => <>, {t("{n} bytes a sample", { n: number(size(), 2) })}</>}
                    </Show>
                  </span>
                </Fact>
                <Show when={each().error}>{(text) => <Fact name={t("Error")}>{text()}</Fact>}</Show>
              </>
            )}
          </Show>
        </Facts>
      </section>
      <Show when={health.error}>
        <Note health="crit">
          {t("The state of the sources could not be loaded: {reason}", {
            reason: (health.error as Error).message,
          })}
        </Note>
      </Show>
      <Show when={health.error === undefined}>
        <Show when={settled(health)} fallback={<Waiting what={t("the sources")} />}>
          <Table<InstanceHealth>
            id="sources"
            label={t("Sources")}
            view={view}
            rows={rows()}
            key={(row) => row.key}
            columns={columns}
            phone={phone}
            name={(row) => <PhoneName name={row.displayName} below={why(row)} />}
            first={(row) => ({ crit: 0, warn: 1, ok: 2, idle: 2 })[healthOf(row)]}
            sort={{ column: "name", descending: false }}
            empty={
              <Empty title={t("Nothing is polled")}>
                <p>{t("Proxmox nodes are added under Proxmox nodes; agents report by themselves.")}</p>
              </Empty>
            }
          />
        </Show>
      </Show>
    </>
  );
}
