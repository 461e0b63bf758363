// Proxmox: nodes above, guests below, details on the right.

import { createMemo, type JSX, lazy, Show } from "solid-js";
import { containers, hasData, nodes, vms } from "../../api/live";
import { useView } from "../../state/view";
import { Empty } from "../../ui/controls";
import { Waiting } from "../../ui/Waiting";
import { GuestTable } from "./GuestTable";
import type { LiveGuest } from "./model";
import { NodeTable } from "./NodeTable";

const GuestDrawer = lazy(() => import("./GuestDrawer"));
const NodeDrawer = lazy(() => import("./NodeDrawer"));

export default function ProxmoxPage(): JSX.Element {
  const view = useView("proxmox", ["sort", "group"]);
  const guests = createMemo<ReadonlyMap<string, LiveGuest>>(() => new Map([...vms(), ...containers()]));
  const open = (): string => view.get("open") ?? "";
  const close = (): void => view.set({ open: undefined });

  return (
    <div class="page">
      <h1 class="sr">Proxmox</h1>
      <Show when={hasData()} fallback={<Waiting what="nodes and guests" />}>
        <Show
          when={nodes().size > 0}
          fallback={
            <Empty title="No Proxmox node yet">
              <p>
                Add one node of a cluster and all its nodes, VMs, containers and storage appear here by
                themselves.
              </p>
              <p>
                <a href="/settings/nodes">Add your first node</a>
              </p>
            </Empty>
          }
        >
          <NodeTable view={view} guests={guests()} />
          <GuestTable view={view} guests={guests()} />
        </Show>
        <Show when={guests().get(open())}>
          {(guest) => <GuestDrawer guest={guest()} view={view} onClose={close} />}
        </Show>
        <Show when={nodes().get(open())}>
          {(node) => <NodeDrawer node={node()} view={view} onClose={close} />}
        </Show>
      </Show>
    </div>
  );
}
