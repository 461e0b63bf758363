// Storages of all clusters, with what a ZFS pool says of its disks.

import { createMemo, createResource, For, type JSX, Show } from "solid-js";
import { storageDetail } from "../../api/calls";
import { storage } from "../../api/live";
import { bytes, number } from "../../state/format";
import { oneOf } from "../../state/options";
import { settled } from "../../state/settled";
import { useView, type View } from "../../state/view";
import { t } from "../../text";
import { Badge, Empty, Fact, Facts, Segmented } from "../../ui/controls";
import { Drawer, DrawerSection } from "../../ui/Drawer";
import { Mark } from "../../ui/Mark";
import { DISK_LIMITS } from "../../ui/Meter";
import { type Column, Table } from "../../ui/table/Table";
import { Value } from "../../ui/Value";
import { AlertList } from "../alerts/AlertList";
import { AlertMark } from "../alerts/AlertMark";
import { HistoryCharts } from "../charts/HistoryCharts";
import { PhoneName, ShareMeter } from "../parts/cells";
import { ShareFact } from "../parts/Facts";
import lists from "../parts/lists.module.css";
import {
  type LiveStorage,
  STORAGE_FIELDS,
  storageHealth,
  storageNodes,
  storageRows,
  storageShare,
  storageWhy,
} from "./storageModel";

const KINDS = [
  { id: "all", title: t("All") },
  { id: "shared", title: t("Shared") },
  { id: "local", title: t("Local") },
] as const;

export default function StoragePage(): JSX.Element {
  const view = useView("storage", ["sort", "group"]);
  const rows = createMemo(() => storageRows(storage()));
  const kind = createMemo(() => oneOf(view.get("kind"), KINDS, "all"));
  const open = (): string => view.get("open") ?? "";
  const columns: Column<LiveStorage>[] = [
    {
      id: "name",
      title: t("Name"),
      sort: "ascending",
      value: (row) => row.name,
      isFixed: true,
      cell: (row) => (
        <>
          <Mark health={storageHealth(row())} label={row().status ?? ""} />
          <AlertMark resourceId={row().id} />
        </>
      ),
    },
    {
      id: "type",
      title: t("Type"),
      width: 110,
      sort: "ascending",
      value: (row) => row.type,
      cell: (row) => (
        <span class="row">
          {row().type}
          <Show when={row().shared}>
            <Badge>{t("shared")}</Badge>
          </Show>
        </span>
      ),
    },
    {
      id: "node",
      title: t("Nodes"),
      width: 150,
      sort: "ascending",
      value: storageNodes,
      cell: (row) => <span title={storageNodes(row())}>{storageNodes(row())}</span>,
    },
    {
      id: "used",
      title: t("Used"),
      sort: "descending",
      value: (row) => storageShare(row)?.percent,
      cell: (row) => <ShareMeter share={storageShare(row())} limits={DISK_LIMITS} why={storageWhy(row())} />,
    },
    {
      id: "free",
      title: t("Free"),
      width: 90,
      isNumber: true,
      sort: "ascending",
      value: (row) => (storageShare(row) === undefined ? undefined : row.free),
      cell: (row) => (
        <Value
          value={storageShare(row()) === undefined ? undefined : row().free}
          text={bytes}
          why={storageWhy(row())}
        />
      ),
    },
    {
      id: "content",
      title: t("Content"),
      from: 900,
      value: (row) => row.content,
      cell: (row) => <span class="soft">{row().content?.replaceAll(",", ", ")}</span>,
    },
    {
      id: "status",
      title: t("State"),
      width: 100,
      from: 760,
      sort: "ascending",
      value: (row) => row.status,
      cell: (row) => <span class="soft">{row().status}</span>,
    },
  ];
  const phone: Column<LiveStorage>[] = [
    {
      id: "name",
      title: t("Name"),
      width: 176,
      cell: (row) => <Mark health={storageHealth(row())} label={row().status ?? ""} />,
    },
    {
      id: "used",
      title: t("Used"),
      cell: (row) => <ShareMeter share={storageShare(row())} limits={DISK_LIMITS} why={storageWhy(row())} />,
    },
  ];
  return (
    <>
      <h1 class="sr">{t("Storage")}</h1>
      <Table<LiveStorage>
        id="storage"
        label={t("Storage")}
        view={view}
        rows={rows()}
        key={(row) => row.id}
        columns={columns}
        phone={phone}
        name={(row) => <PhoneName name={row.name} below={`${row.type ?? ""} · ${storageNodes(row)}`} />}
        fields={STORAGE_FIELDS}
        where={(row) => kind() === "all" || (kind() === "shared") === (row.shared === true)}
        groups={[
          {
            id: "node",
            title: t("By node"),
            of: (row) =>
              row.shared === true
                ? { key: `shared:${row.instance}`, title: t("shared in {name}", { name: row.instance }) }
                : { key: `${row.instance}/${row.node}`, title: row.node },
          },
          { id: "type", title: t("By type"), of: (row) => ({ key: row.type ?? "", title: row.type ?? "" }) },
        ]}
        sort={{ column: "name", descending: false }}
        open={view.get("open")}
        onOpen={(key) => (open() === "" ? view.go({ open: key }) : view.set({ open: key }))}
        tone={(row) => (row.status === "available" ? undefined : "dim")}
        onClear={() => view.set({ kind: undefined })}
        tools={
          <Segmented
            label={t("Kind")}
            options={KINDS}
            value={kind()}
            onChange={(id) => view.set({ kind: id === "all" ? undefined : id })}
          />
        }
        empty={
          <Empty title={t("No storage")}>
            <p>{t("The nodes report no storage.")}</p>
          </Empty>
        }
      />
      <Show when={storage().get(open())}>
        {(row) => <StorageDrawer row={row()} view={view} onClose={() => view.set({ open: undefined })} />}
      </Show>
    </>
  );
}

function StorageDrawer(props: { row: LiveStorage; view: View; onClose: () => void }): JSX.Element {
  const [detail] = createResource(() => props.row.id, storageDetail);
  const pool = () => settled(detail)?.data.zfsPool;
  const errors = (each: { readErrors: number; writeErrors: number; checksumErrors: number }): string =>
    [each.readErrors, each.writeErrors, each.checksumErrors].map((count) => number(count)).join(" / ");
  return (
    <Drawer
      onClose={props.onClose}
      title={
        <>
          <Mark health={storageHealth(props.row)} label={props.row.status ?? ""} />
          {props.row.name}
        </>
      }
      subtitle={`${props.row.type ?? ""} · ${storageNodes(props.row)} · ${props.row.instance}`}
    >
      <AlertList resourceId={props.row.id} />
      <Facts>
        <Fact name={t("State")}>{props.row.status}</Fact>
        <ShareFact name={t("Used")} share={storageShare(props.row)} why={storageWhy(props.row)} />
        <Fact name={t("Content")}>{props.row.content?.replaceAll(",", ", ")}</Fact>
        <Show when={settled(detail)?.data.path}>
          {(path) => (
            <Fact name={t("Path")}>
              <span class="mono">{path()}</span>
            </Fact>
          )}
        </Show>
      </Facts>
      <HistoryCharts
        resourceType="storage"
        resourceId={props.row.id}
        range={props.view.get("range")}
        onRange={(range) => props.view.set({ range })}
        now={() => ({ usage: storageShare(props.row)?.percent })}
        only={["usage"]}
      />
      <Show when={pool()}>
        {(zfs) => (
          <DrawerSection title={t("ZFS pool {name}", { name: zfs().name })}>
            <Facts>
              <Fact name={t("State")}>
                <span class="row">
                  <Mark health={zfs().state === "ONLINE" ? "ok" : "crit"} label="" />
                  {zfs().state}
                </span>
              </Fact>
              <Fact name={t("Scrub")}>{zfs().scan}</Fact>
              <Fact name={t("Errors")}>
                {errors(zfs())} <span class="soft">{t("(read / write / checksum)")}</span>
              </Fact>
            </Facts>
            <table class={lists.list} aria-label={t("Devices of the pool")}>
              <thead>
                <tr>
                  <th scope="col">{t("Device")}</th>
                  <th scope="col">{t("State")}</th>
                  <th scope="col" class="number">
                    {t("Errors")}
                  </th>
                </tr>
              </thead>
              <tbody>
                <For each={zfs().devices}>
                  {(device) => (
                    <tr>
                      <td>
                        {device.name}
                        <div class={lists.small}>{device.type}</div>
                      </td>
                      <td>
                        <span class="row">
                          <Mark health={device.state === "ONLINE" ? "ok" : "crit"} label="" />
                          {device.state}
                        </span>
                      </td>
                      <td class="number">{errors(device)}</td>
                    </tr>
                  )}
                </For>
              </tbody>
            </table>
          </DrawerSection>
        )}
      </Show>
    </Drawer>
  );
}
