// Backup servers, a row per datastore.

import { createMemo, type JSX, Show } from "solid-js";
import type { Live } from "../../api/delta";
import { backupServers } from "../../api/live";
import type { BackupServer, Datastore } from "../../api/types";
import { bytes, duration, moment, number, parseTime, percent } from "../../state/format";
import type { View } from "../../state/view";
import { known } from "../../state/why";
import { t, tn } from "../../text";
import { Badge } from "../../ui/controls";
import { type Health, Mark } from "../../ui/Mark";
import { CPU_LIMITS, DISK_LIMITS, MEMORY_LIMITS, Meter } from "../../ui/Meter";
import { isPhone } from "../../ui/screen";
import { type Column, type Grouping, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { cellStyles, PhoneName, type Share, ShareMeter } from "../parts/cells";

interface Row {
  key: string;
  server: Live<BackupServer>;
  store: Datastore | undefined;
}

function serverHealth(server: BackupServer): Health {
  if (server.status !== "online") return "crit";
  return server.connectionHealth === undefined || server.connectionHealth === "healthy" ? "ok" : "warn";
}

/** A figure of the server, or that it is unknown: 0 would be a lie. */
function figure(
  server: BackupServer,
  field: "uptime" | "cpu" | "memory",
  text: (value: number) => string,
): string {
  const value = known(server, server[field], field);
  return value === undefined ? t("unknown") : text(value);
}

function storeHealth(row: Row): Health {
  if (row.store === undefined || row.server.status !== "online") return serverHealth(row.server);
  // Somebody wants it so: disks that are changed, and maintenance.
  if (row.store.status === "maintenance" || row.store.status === "unmounted") return "warn";
  return row.store.error || (row.store.status !== undefined && row.store.status !== "available")
    ? "crit"
    : "ok";
}

export function Servers(props: { view: View }): JSX.Element {
  const rows = createMemo(() => {
    const all = new Map<string, Row>();
    for (const server of backupServers().values()) {
      const stores = server.datastores ?? [];
      // A server without a datastore is a row of its own: it must not vanish.
      for (const store of stores.length === 0 ? [undefined] : stores) {
        const key = `${server.id}/${store?.name ?? ""}`;
        all.set(key, { key, server, store });
      }
    }
    return all;
  });
  const share = (row: Row): Share | undefined => {
    const total = row.store?.total ?? 0;
    if (row.store === undefined || total <= 0) return undefined;
    const used = row.store.used ?? 0;
    return { percent: row.store.usage ?? (used / total) * 100, used, total };
  };
  const why = (row: Row): string =>
    row.store === undefined
      ? t("the server reports no datastore")
      : (row.store.error ?? t("the datastore reports no size"));
  const mark = (row: Row): JSX.Element => (
    <Mark health={storeHealth(row)} label={row.store?.error ?? row.store?.status ?? row.server.status} />
  );
  const groups: Grouping<Row>[] = [
    {
      id: "server",
      title: t("By server"),
      of: (row) => ({ key: row.server.id, title: row.server.name }),
      head: ({ key }) => (
        <Show when={backupServers().get(key)}>
          {(server) => (
            <>
              <Mark health={serverHealth(server())} label={server().status} />
              <span>{server().name}</span>
              <Badge>{server().version}</Badge>
              <span class={cellStyles.groupCount}>
                <Show
                  when={server().status === "online"}
                  fallback={
                    <Show when={parseTime(server().lastSeen)}>
                      {(at) => t("last heard {moment}", { moment: moment(at()) })}
                    </Show>
                  }
                >
                  <Show when={!isPhone()}>
                    {t("up {time}", { time: figure(server(), "uptime", duration) })}
                    {" · "}
                  </Show>
                  {t("CPU {share}", { share: figure(server(), "cpu", percent) })}
                  {" · "}
                  {t("memory {share}", { share: figure(server(), "memory", percent) })}
                </Show>
              </span>
            </>
          )}
        </Show>
      ),
    },
  ];
  const columns: Column<Row>[] = [
    {
      id: "name",
      title: t("Datastore"),
      sort: "ascending",
      value: (row) => row.store?.name ?? row.server.name,
      isFixed: true,
      cell: (row) => mark(row()),
    },
    {
      id: "used",
      title: t("Used"),
      sort: "descending",
      value: (row) => share(row)?.percent,
      cell: (row) => <ShareMeter share={share(row())} limits={DISK_LIMITS} why={why(row())} />,
    },
    {
      id: "free",
      title: t("Free"),
      width: 100,
      isNumber: true,
      sort: "ascending",
      value: (row) => (share(row) === undefined ? undefined : row.store?.free),
      cell: (row) => (
        <Value
          value={share(row()) === undefined ? undefined : row().store?.free}
          text={bytes}
          why={why(row())}
        />
      ),
    },
    {
      id: "dedup",
      title: t("Deduplication"),
      width: 120,
      isNumber: true,
      sort: "descending",
      value: (row) => row.store?.deduplicationFactor,
      cell: (row) => (
        <Value
          value={row().store?.deduplicationFactor}
          text={(factor) => `${number(factor, 1)} ×`}
          why={t("known after a garbage collection")}
        />
      ),
    },
    {
      id: "spaces",
      title: t("Namespaces"),
      width: 110,
      isNumber: true,
      from: 900,
      value: (row) => row.store?.namespaces?.length,
      cell: (row) => (
        <Value
          value={row().store?.namespaces?.length}
          text={(count) => tn("{n}", "{n}", count)}
          why={t("the namespaces could not be read")}
        />
      ),
    },
    {
      id: "state",
      title: t("State"),
      width: 260,
      value: (row) => row.store?.status,
      cell: (row) => (
        <span title={row().store?.error}>
          {row().store?.error ?? row().store?.status ?? row().server.status}{" "}
          <Show when={row().store?.backend === "s3"}>
            <Badge title={t("in a bucket: used and free are those of the cache on the server's own disks")}>
              S3
            </Badge>
          </Show>
        </span>
      ),
    },
    {
      id: "cpu",
      title: t("CPU of the server"),
      isExtra: true,
      width: 130,
      value: (row) => row.server.cpu,
      cell: (row) => (
        <Meter
          value={known(row().server, row().server.cpu, "cpu")}
          limits={CPU_LIMITS}
          why={row().server.missing?.cpu}
        />
      ),
    },
    {
      id: "memory",
      title: t("Memory of the server"),
      isExtra: true,
      width: 130,
      value: (row) => row.server.memory,
      cell: (row) => (
        <Meter
          value={known(row().server, row().server.memory, "memory")}
          limits={MEMORY_LIMITS}
          why={row().server.missing?.memory}
        />
      ),
    },
  ];
  const phone: Column<Row>[] = [
    { id: "name", title: t("Datastore"), width: 170, cell: (row) => mark(row()) },
    {
      id: "used",
      title: t("Used"),
      cell: (row) => <ShareMeter share={share(row())} limits={DISK_LIMITS} why={why(row())} />,
    },
  ];
  return (
    <Table<Row>
      id="backup-servers"
      label={t("Backup servers")}
      isBare
      view={props.view}
      sortName="serversort"
      rows={rows()}
      key={(row) => row.key}
      columns={columns}
      phone={phone}
      name={(row) => <PhoneName name={row.store?.name ?? row.server.name} below={row.server.name} />}
      groups={groups}
      sort={{ column: "name", descending: false }}
      tone={(row) => (row.server.status === "online" ? undefined : "dim")}
    />
  );
}
