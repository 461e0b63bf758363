// Mail gateways: what came and went today, the queues, the quarantine.

import { For, type JSX, Show } from "solid-js";
import type { Live } from "../../api/delta";
import { mailGateways, serverNow } from "../../api/live";
import type { MailGateway, MailNode } from "../../api/types";
import { address } from "../../base";
import { age, bytes, duration, moment, number, parseTime } from "../../state/format";
import { sortRows } from "../../state/order";
import { useView, type View } from "../../state/view";
import { t } from "../../text";
import { Badge, Empty } from "../../ui/controls";
import { type Health, Mark } from "../../ui/Mark";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { AlertList } from "../alerts/AlertList";
import { PhoneName } from "../parts/cells";
import styles from "./Cards.module.css";

/** A queue that is longer or older than this deserves a look. */
const LONG_QUEUE = 500;
const OLD_SECONDS = 1_800;

export default function MailPage(): JSX.Element {
  const view = useView("mail", []);
  return (
    <>
      <h1 class="sr">{t("Mail gateway")}</h1>
      <Show when={mailGateways().size === 0}>
        <Empty title={t("No mail gateway yet")}>
          <p>{t("Add a Proxmox Mail Gateway as a node, and its queues and counts appear here.")}</p>
          <p>
            <a href={address("/settings/nodes?do=add")}>{t("Add a node")}</a>
          </p>
        </Empty>
      </Show>
      <For each={sortRows([...mailGateways().keys()], (id) => id, false)}>
        {(id) => (
          <Show when={mailGateways().get(id)}>
            {(gateway) => <Gateway gateway={gateway()} view={view} />}
          </Show>
        )}
      </For>
    </>
  );
}

function health(row: { status?: string; connectionHealth?: string }): Health {
  if (row.status !== "online") return "crit";
  return row.connectionHealth === undefined || row.connectionHealth === "healthy" ? "ok" : "warn";
}

function Gateway(props: { gateway: Live<MailGateway>; view: View }): JSX.Element {
  const gateway = (): Live<MailGateway> => props.gateway;
  const why = (): string => gateway().missing?.mailStats ?? t("the gateway has not reported its statistics");
  const Figure = (each: {
    name: string;
    value: number | undefined;
    below?: string | undefined;
  }): JSX.Element => (
    <div class={styles.figure}>
      <dt>{each.name}</dt>
      <dd>
        <Value value={each.value} text={(value) => number(value)} why={why()} />
        <Show when={each.below}>{(text) => <small>{text()}</small>}</Show>
      </dd>
    </div>
  );
  const nodes = () => new Map((gateway().nodes ?? []).map((node) => [node.name, node]));
  const queueHealth = (node: MailNode): Health => {
    if (node.status !== "online") return "crit";
    const queue = node.queueStatus;
    return (queue?.total ?? 0) > LONG_QUEUE || (queue?.oldestAge ?? 0) > OLD_SECONDS ? "warn" : "ok";
  };
  const queue = (
    id: "active" | "deferred" | "hold" | "incoming" | "total",
    title: string,
    from?: number,
  ): Column<MailNode> => ({
    id,
    title,
    width: 90,
    ...(from === undefined ? {} : { from }),
    isNumber: true,
    sort: "descending",
    value: (node) => node.queueStatus?.[id],
    cell: (node) => (
      <Value
        value={node().queueStatus?.[id]}
        text={(value) => number(value)}
        why={t("the node reports no queue")}
      />
    ),
  });
  const columns: Column<MailNode>[] = [
    {
      id: "name",
      title: t("Node"),
      sort: "ascending",
      value: (node) => node.name,
      isFixed: true,
      cell: (node) => <Mark health={queueHealth(node())} label={node().status ?? ""} />,
    },
    { id: "role", title: t("Role"), width: 100, cell: (node) => <span class="soft">{node().role}</span> },
    queue("total", t("Queue")),
    queue("active", t("Active"), 900),
    queue("deferred", t("Deferred"), 700),
    queue("hold", t("On hold"), 900),
    queue("incoming", t("Incoming"), 900),
    {
      id: "oldest",
      title: t("Oldest"),
      width: 90,
      isNumber: true,
      sort: "descending",
      value: (node) => node.queueStatus?.oldestAge,
      cell: (node) => (
        <Value value={node().queueStatus?.oldestAge} text={age} why={t("the node reports no queue")} />
      ),
    },
    {
      id: "uptime",
      title: t("Uptime"),
      width: 100,
      from: 800,
      isNumber: true,
      sort: "descending",
      value: (node) => node.uptime,
      cell: (node) => <Value value={node().uptime || undefined} text={duration} />,
    },
    {
      id: "load",
      title: t("Load"),
      width: 130,
      from: 1000,
      isNumber: true,
      cell: (node) => <span class="soft">{node().loadAvg}</span>,
    },
  ];
  const phone: Column<MailNode>[] = [
    {
      id: "name",
      title: t("Node"),
      cell: (node) => <Mark health={queueHealth(node())} label={node().status ?? ""} />,
    },
    queue("total", t("Queue")),
  ];
  const stats = () => gateway().mailStats;
  const inOut = (into: number | undefined, out: number | undefined): string | undefined =>
    into === undefined || out === undefined
      ? undefined
      : t("{in} in, {out} out", { in: number(into), out: number(out) });
  const sum = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? undefined : a + b;
  return (
    <section class={styles.card} aria-label={gateway().name}>
      <header class={styles.head}>
        <h2>
          <Mark health={health(gateway())} label={gateway().status} /> {gateway().name}
        </h2>
        <Badge>{gateway().version}</Badge>
        <Show when={gateway().guestURL || gateway().host}>
          {(url) => (
            <a href={url()} target="_blank" rel="noreferrer">
              {url()}
            </a>
          )}
        </Show>
        <span class="grow" />
        <Show when={parseTime(gateway().lastUpdated)}>
          {(at) => (
            <span class="soft" title={moment(at())}>
              {t("read {age} ago", { age: age((serverNow() - at()) / 1000) })}
            </span>
          )}
        </Show>
      </header>
      <AlertList resourceId={gateway().id} />
      <dl class={styles.figures} aria-label={t("Mail of the last day")}>
        <Figure
          name={t("Mail")}
          value={stats()?.countTotal}
          below={inOut(stats()?.countIn, stats()?.countOut)}
        />
        <Figure
          name={t("Spam")}
          value={sum(stats()?.spamIn, stats()?.spamOut)}
          below={inOut(stats()?.spamIn, stats()?.spamOut)}
        />
        <Figure
          name={t("Viruses")}
          value={sum(stats()?.virusIn, stats()?.virusOut)}
          below={inOut(stats()?.virusIn, stats()?.virusOut)}
        />
        <Figure
          name={t("Bounces")}
          value={sum(stats()?.bouncesIn, stats()?.bouncesOut)}
          below={inOut(stats()?.bouncesIn, stats()?.bouncesOut)}
        />
        <Figure name={t("Greylisted")} value={stats()?.greylistCount} />
        <Figure name={t("Refused by block lists")} value={stats()?.rblRejects} />
        <Figure name={t("Refused before greeting")} value={stats()?.pregreetRejects} />
        <Figure name={t("In quarantine")} value={gateway().quarantine?.spam} below={t("spam")} />
        <Figure name={t("In quarantine")} value={gateway().quarantine?.virus} below={t("viruses")} />
        <div class={styles.figure}>
          <dt>{t("Traffic")}</dt>
          <dd>
            <Value value={sum(stats()?.bytesIn, stats()?.bytesOut)} text={bytes} why={why()} />
          </dd>
        </div>
      </dl>
      <Show when={nodes().size > 0}>
        <Table<MailNode>
          id="mail-nodes"
          isBare
          label={t("Nodes of {name}", { name: gateway().name })}
          view={props.view}
          rows={nodes()}
          key={(node) => node.name}
          columns={columns}
          phone={phone}
          name={(node) => <PhoneName name={node.name} below={node.role ?? node.status ?? ""} />}
          sort={{ column: "name", descending: false }}
          tone={(node) => (node.status === "online" ? undefined : "dim")}
        />
      </Show>
    </section>
  );
}
