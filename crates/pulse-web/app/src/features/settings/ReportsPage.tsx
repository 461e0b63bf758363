// Reports: a resource's history as a document to keep or to send.

import { createMemo, createResource, createSignal, type JSX, Show } from "solid-js";
import { licenceFeatures, licenceGap } from "../../api/licence";
import {
  backupServers,
  containers,
  dockerHosts,
  hosts,
  kubernetesClusters,
  mailGateways,
  nodes,
  serverNow,
  storage,
  vms,
} from "../../api/live";
import { makeReport } from "../../api/reports";
import { settled } from "../../state/settled";
import { t, tn } from "../../text";
import { Button, Choice, Empty, Field, Note, Segmented } from "../../ui/controls";
import { Waiting } from "../../ui/Waiting";
import { Licence } from "../parts/Licence";
import { Refused } from "./parts/Refused";
import { refusalOf } from "./refusal";
import { findSubjects, momentsOf, RANGES, type Range, type Subject, shortName, subjects } from "./reportForm";
import styles from "./Settings.module.css";

const FORMATS = [
  { id: "pdf", title: t("PDF, to read") },
  { id: "csv", title: t("CSV, for a spreadsheet") },
] as const;

const METRICS = [
  { id: "", title: t("all") },
  { id: "cpu", title: t("CPU") },
  { id: "memory", title: t("Memory") },
  { id: "disk", title: t("Disk") },
  { id: "diskread", title: t("Disk read") },
  { id: "diskwrite", title: t("Disk write") },
  { id: "netin", title: t("Network in") },
  { id: "netout", title: t("Network out") },
  { id: "temperature", title: t("Temperature") },
] as const;

/** A refusal in one sentence; the page is there, only this report is not. */
function reasonText(error: unknown): string {
  const refusal = refusalOf(error);
  if (refusal.kind === "licence") return t("{feature}: not in the licence", { feature: refusal.gap.title });
  return refusal.why;
}

export default function ReportsPage(): JSX.Element {
  const [features, { refetch }] = createResource(licenceFeatures);
  const gap = createMemo(() =>
    settled(features)?.features.advanced_reporting === false
      ? licenceGap(402, { feature: "advanced_reporting" })
      : undefined,
  );
  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("Reports")}</h1>
          <p>
            {t("The history of one resource as a document: a summary, a chart of each metric, and the data.")}
          </p>
        </div>
      </header>
      <Show when={features.error}>
        {(error) => (
          <Refused
            error={error()}
            failed={t("It could not be found out what the licence has")}
            onRetry={() => void refetch()}
          />
        )}
      </Show>
      <Show when={features.error === undefined}>
        <Show when={settled(features)} fallback={<Waiting what={t("the licence")} />}>
          <Show when={gap()} fallback={<ReportForm />}>
            {(missing) => (
              <Licence gap={missing()}>
                <p>
                  {t("Every drawer has the same history as charts, and every table can be copied as CSV.")}
                </p>
              </Licence>
            )}
          </Show>
        </Show>
      </Show>
    </>
  );
}

function ReportForm(): JSX.Element {
  const all = createMemo<Subject[]>(() =>
    subjects({
      nodes: nodes().values(),
      guests: [...vms().values(), ...containers().values()],
      storage: storage().values(),
      hosts: hosts().values(),
      dockerHosts: dockerHosts().values(),
      backupServers: backupServers().values(),
      mailGateways: mailGateways().values(),
      clusters: kubernetesClusters().values(),
    }),
  );
  const [text, setText] = createSignal("");
  const [chosen, setChosen] = createSignal<string>();
  const found = createMemo(() => findSubjects(all(), text()));
  /** What was chosen, as long as it is offered; else the first that is. */
  const subject = createMemo(
    () => found().offered.find((each) => each.key === chosen()) ?? found().offered[0],
  );
  const [format, setFormat] = createSignal<"pdf" | "csv">("pdf");
  const [range, setRange] = createSignal<Range>("7d");
  const [from, setFrom] = createSignal("");
  const [until, setUntil] = createSignal("");
  const [metric, setMetric] = createSignal("");
  const [title, setTitle] = createSignal("");
  const [problem, setProblem] = createSignal<string>();
  const [made, setMade] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const make = async (): Promise<void> => {
    const about = subject();
    if (about === undefined) return;
    setProblem(undefined);
    setMade(undefined);
    const moments = momentsOf(range(), from(), until(), serverNow() || Date.now());
    if ("problem" in moments) {
      setProblem(moments.problem);
      return;
    }
    setBusy(true);
    try {
      const file = await makeReport({
        format: format(),
        resourceType: about.resourceType,
        resourceId: about.resourceId,
        ...moments,
        ...(metric() === "" ? {} : { metricType: metric() }),
        title: title().trim() || shortName(about.name),
      });
      const address = URL.createObjectURL(file.data);
      const link = document.createElement("a");
      link.href = address;
      link.download = file.name;
      link.click();
      URL.revokeObjectURL(address);
      setMade(file.name);
    } catch (cause) {
      setProblem(reasonText(cause));
    }
    setBusy(false);
  };
  return (
    <Show
      when={all().length > 0}
      fallback={
        <Empty title={t("Nothing is watched yet")}>
          <p>{t("Once something is, a report can be made of its history.")}</p>
        </Empty>
      }
    >
      <form
        class={styles.form}
        aria-label={t("New report")}
        novalidate
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <div class={styles.columns}>
          <Field
            label={t("Find a resource")}
            value={text()}
            hint={tn("{n} resource matches", "{n} resources match", found().total)}
            onInput={setText}
          />
          <Choice
            label={t("Resource")}
            options={found().offered.map((each) => ({
              id: each.key,
              title: `${shortName(each.name)} – ${shortName(each.note)}`,
            }))}
            value={subject()?.key ?? ""}
            isDisabled={found().offered.length === 0}
            hint={
              found().total > found().offered.length
                ? t("These are the first {n}; type more of the name for others.", {
                    n: found().offered.length,
                  })
                : undefined
            }
            onChange={setChosen}
          />
        </div>
        <div class={styles.inline}>
          <Segmented<Range> label={t("Range")} options={RANGES} value={range()} onChange={setRange} />
          <Segmented<"pdf" | "csv">
            label={t("Format")}
            options={FORMATS}
            value={format()}
            onChange={setFormat}
          />
        </div>
        <Show when={range() === "own"}>
          <div class={styles.columns}>
            <Field label={t("From")} type="date" value={from()} onInput={setFrom} />
            <Field label={t("Until, with that day")} type="date" value={until()} onInput={setUntil} />
          </div>
        </Show>
        <div class={styles.columns}>
          <Choice label={t("Metric")} options={METRICS} value={metric()} onChange={setMetric} />
          <Field
            label={t("Title")}
            value={title()}
            placeholder={subject() === undefined ? "" : shortName(subject()?.name ?? "")}
            hint={t(
              "Empty: the name of the resource. A PDF has Latin letters only; others become question marks.",
            )}
            onInput={setTitle}
          />
        </div>
        <Show when={problem()}>{(said) => <Note health="crit">{said()}</Note>}</Show>
        <Show when={made()}>
          {(name) => <Note health="ok">{t("{name} was saved by the browser.", { name: name() })}</Note>}
        </Show>
        <div class={styles.actions}>
          <Button type="submit" kind="primary" isDisabled={isBusy() || subject() === undefined}>
            {isBusy() ? t("It is being made…") : t("Make the report")}
          </Button>
        </div>
      </form>
    </Show>
  );
}
