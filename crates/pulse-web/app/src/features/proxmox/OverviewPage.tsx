// Nodes above, guests below, details on the right.

import { createMemo, type JSX, lazy, Show, Suspense } from "solid-js";
import { backupServers, containers, mailGateways, nodes, vms } from "../../api/live";
import { JoinedRows } from "../../api/rows";
import { address } from "../../base";
import { useView } from "../../state/view";
import { t } from "../../text";
import { Empty } from "../../ui/controls";
import { GuestTable } from "./GuestTable";
import type { LiveGuest } from "./model";
import { NodeTable } from "./NodeTable";

const GuestDrawer = lazy(() => import("./GuestDrawer"));
const NodeDrawer = lazy(() => import("./NodeDrawer"));

export default function OverviewPage(): JSX.Element {
  const view = useView("proxmox", ["sort", "group", "look", "nodesort"]);
  const guests = createMemo<ReadonlyMap<string, LiveGuest>>(() => new JoinedRows(vms(), containers()));
  const open = (): string => view.get("open") ?? "";
  const close = (): void => view.set({ open: undefined });
  return (
    <>
      <h1 class="sr">Proxmox</h1>
      <Show when={nodes().size + backupServers().size + mailGateways().size > 0}>
        <NodeTable view={view} guests={guests()} />
      </Show>
      <Show
        when={nodes().size > 0}
        fallback={
          <Empty title={t("No Proxmox VE node yet")}>
            <p>{t("The servers that are monitored are on the other tabs.")}</p>
            <p>
              <a href={address("/settings/nodes?do=add")}>{t("Add a node")}</a>
            </p>
          </Empty>
        }
      >
        <GuestTable view={view} guests={guests()} />
      </Show>
      <Suspense>
        <Show when={guests().get(open())}>
          {(guest) => <GuestDrawer guest={guest()} view={view} onClose={close} />}
        </Show>
        <Show when={nodes().get(open())}>
          {(node) => <NodeDrawer node={node()} view={view} onClose={close} />}
        </Show>
      </Suspense>
    </>
  );
}
