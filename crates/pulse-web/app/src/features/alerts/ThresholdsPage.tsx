// From where on an alert is raised: a spreadsheet of all resources. An empty cell shows what it inherits.

import { createMemo, createResource, createSignal, For, type JSX, Show } from "solid-js";
import { type AlertConfig, alertConfig, type Metric, saveAlertConfig } from "../../api/alertConfig";
import { backupServers, containers, dockerHosts, hosts, nodes, storage, vms } from "../../api/live";
import { reasonOf } from "../../state/failure";
import { oneOf } from "../../state/options";
import { settled } from "../../state/settled";
import { useView } from "../../state/view";
import { t } from "../../text";
import { Button, Empty, Note, Segmented } from "../../ui/controls";
import { type Column, Table } from "../../ui/table/Table";
import { toast } from "../../ui/toast";
import { Waiting } from "../../ui/Waiting";
import { containerRows, hostName as dockerHostName } from "../docker/model";
import { PhoneName } from "../parts/cells";
import { storageRows } from "../proxmox/storageModel";
import styles from "./Alerts.module.css";
import { dockerAlertId } from "./model";
import {
  defaultOf,
  isSwitched,
  type Kind,
  METRICS,
  overrideOf,
  parseTrigger,
  type Switch,
  withDefault,
  withOverride,
  withSwitch,
} from "./thresholds";
import { TITLES } from "./titles";

const KINDS = [
  { id: "guest", title: t("Guests") },
  { id: "node", title: t("Nodes") },
  { id: "host", title: t("Hosts") },
  { id: "docker", title: t("Containers") },
  { id: "storage", title: t("Storage") },
  { id: "pbs", title: t("Backup servers") },
] as const satisfies readonly { id: Kind; title: string }[];

interface Row {
  id: string;
  name: string;
  where: string;
}

export default function ThresholdsPage(): JSX.Element {
  const view = useView("thresholds", ["kind"]);
  const [stored, { refetch }] = createResource(alertConfig);
  const [draft, setDraft] = createSignal<AlertConfig>();
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const config = (): AlertConfig | undefined => draft() ?? settled(stored);
  const kind = createMemo(() => oneOf(view.get("kind"), KINDS, "guest"));
  const rows = createMemo(() => {
    const all = new Map<string, Row>();
    const add = (id: string, name: string, where: string): void => {
      all.set(id, { id, name, where });
    };
    switch (kind()) {
      case "guest":
        for (const list of [vms(), containers()])
          for (const guest of list.values()) add(guest.id, guest.name, `${guest.node} ${guest.vmid}`);
        break;
      case "node":
        for (const node of nodes().values()) add(node.id, node.displayName ?? node.name, node.instance);
        break;
      case "host":
        for (const host of hosts().values())
          add(host.id, host.displayName || host.hostname, host.osName ?? "");
        break;
      case "docker":
        for (const { key, container, host } of containerRows(dockerHosts().values()).values())
          add(dockerAlertId(key), container.name, dockerHostName(host));
        break;
      case "storage":
        for (const store of storageRows(storage()).values()) add(store.id, store.name, store.node);
        break;
      case "pbs":
        for (const server of backupServers().values()) add(server.id, server.name, server.host ?? "");
        break;
    }
    return all;
  });
  const save = async (): Promise<void> => {
    const wanted = draft();
    if (wanted === undefined) return;
    setBusy(true);
    setError(undefined);
    try {
      await saveAlertConfig(wanted);
      setDraft(undefined);
      await refetch();
      toast(t("The thresholds hold now"));
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  const change = (of: (config: AlertConfig) => AlertConfig): void => {
    const now = config();
    if (now !== undefined) setDraft(of(now));
  };

  const Cell = (cell: { row: Row; metric: Metric }): JSX.Element => {
    const inherited = (): string => {
      const now = config();
      const value = now === undefined ? undefined : defaultOf(now, kind(), cell.metric);
      return value === undefined || value === 0 ? t("off") : String(value);
    };
    const own = (): string => {
      const now = config();
      const value = now === undefined ? undefined : overrideOf(now, cell.row.id, cell.metric);
      return value === undefined ? "" : String(value);
    };
    return (
      <input
        class={styles.cell}
        inputmode="decimal"
        aria-label={`${cell.row.name}: ${TITLES[cell.metric]}`}
        placeholder={inherited()}
        value={own()}
        onChange={(event) => {
          const value = parseTrigger(event.currentTarget.value);
          if (value === null) {
            event.currentTarget.value = own();
            toast(t("A threshold is a number; 0 switches it off"), "warn");
            return;
          }
          change((now) => withOverride(now, cell.row.id, cell.metric, value));
        }}
      />
    );
  };
  const Tick = (tick: { row: Row; name: Switch; label: string }): JSX.Element => (
    <input
      type="checkbox"
      aria-label={`${tick.row.name}: ${tick.label}`}
      checked={!isSwitched(config() as AlertConfig, tick.row.id, tick.name)}
      onChange={(event) =>
        change((now) => withSwitch(now, tick.row.id, tick.name, !event.currentTarget.checked))
      }
    />
  );
  const columns = createMemo<Column<Row>[]>(() => [
    {
      id: "name",
      title: t("Name"),
      sort: "ascending",
      value: (row) => row.name,
      isFixed: true,
      cell: () => "",
    },
    {
      id: "where",
      title: t("Where"),
      width: 150,
      from: 900,
      sort: "ascending",
      value: (row) => row.where,
      cell: (row) => <span class="soft">{row().where}</span>,
    },
    ...METRICS[kind()].map(
      (metric): Column<Row> => ({
        id: metric,
        title: TITLES[metric],
        width: 96,
        isNumber: true,
        sort: "descending",
        value: (row) =>
          config() === undefined ? undefined : overrideOf(config() as AlertConfig, row.id, metric),
        cell: (row) => <Cell row={row()} metric={metric} />,
      }),
    ),
    {
      id: "offline",
      title: t("Offline"),
      hint: t("Raise an alert when it is not reachable or not running"),
      width: 76,
      cell: (row) => <Tick row={row()} name="disableConnectivity" label={t("Offline")} />,
    },
    {
      id: "all",
      title: t("Alerts"),
      hint: t("Raise alerts for it at all"),
      width: 70,
      cell: (row) => <Tick row={row()} name="disabled" label={t("Alerts")} />,
    },
  ]);
  const phone = createMemo<Column<Row>[]>(() => [
    { id: "name", title: t("Name"), cell: () => "" },
    ...METRICS[kind()].slice(0, 3).map(
      (metric): Column<Row> => ({
        id: metric,
        title: TITLES[metric],
        width: 62,
        cell: (row) => <Cell row={row()} metric={metric} />,
      }),
    ),
  ]);

  return (
    <>
      <h1 class="sr">{t("Thresholds")}</h1>
      <Show when={stored.error}>
        <Note health="crit">
          {t("The thresholds could not be loaded: {reason}", { reason: (stored.error as Error).message })}
        </Note>
      </Show>
      <Show when={stored.error === undefined}>
        <Show when={config()} fallback={<Waiting what={t("thresholds")} />}>
          <Show when={config()?.activationState !== undefined && config()?.activationState !== "active"}>
            <Note health="warn">
              {t(
                "Alerts are raised and shown, but no notification is sent before they are activated (Schedule).",
              )}
            </Note>
          </Show>
          <section class={styles.defaults} aria-label={t("Defaults")}>
            <h2>{t("For all of {kind}", { kind: KINDS.find((each) => each.id === kind())?.title ?? "" })}</h2>
            <For each={METRICS[kind()]}>
              {(metric) => (
                <label class={styles.default}>
                  <span>{TITLES[metric]}</span>
                  <input
                    class={styles.cell}
                    inputmode="decimal"
                    placeholder={t("off")}
                    value={defaultOf(config() as AlertConfig, kind(), metric) || ""}
                    onChange={(event) => {
                      const value = parseTrigger(event.currentTarget.value);
                      if (value === null) toast(t("A threshold is a number; 0 switches it off"), "warn");
                      else change((now) => withDefault(now, kind(), metric, value));
                    }}
                  />
                </label>
              )}
            </For>
          </section>
          <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
          <Table<Row>
            id={`thresholds-${kind()}`}
            label={t("Thresholds")}
            view={view}
            rows={rows()}
            key={(row) => row.id}
            columns={columns()}
            phone={phone()}
            name={(row) => <PhoneName name={row.name} below={row.where} />}
            fields={{
              text: (row) => `${row.name} ${row.where}`.toLowerCase(),
              fields: {
                name: (row) => row.name,
                has: (row) => (config()?.overrides?.[row.id] === undefined ? "nothing" : "override"),
              },
            }}
            sort={{ column: "name", descending: false }}
            tools={
              <>
                <Segmented
                  label={t("Kind")}
                  options={KINDS}
                  value={kind()}
                  onChange={(id) => view.set({ kind: id })}
                />
                <Show when={draft()}>
                  <Button isSmall onClick={() => setDraft(undefined)}>
                    {t("Discard")}
                  </Button>
                  <Button isSmall kind="primary" isDisabled={isBusy()} onClick={() => void save()}>
                    {t("Save changes")}
                  </Button>
                </Show>
              </>
            }
            empty={
              <Empty title={t("Nothing of this kind")}>
                <p>{t("No such resource is monitored.")}</p>
              </Empty>
            }
          />
        </Show>
      </Show>
    </>
  );
}
