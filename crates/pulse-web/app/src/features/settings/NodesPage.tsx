// Which Proxmox nodes are monitored: list, add with a test, remove.

import {
  createEffect,
  createMemo,
  createResource,
  createSignal,
  Index,
  type JSX,
  onCleanup,
  Show,
} from "solid-js";
import { type ConfiguredNode, listNodes, removeNode, testNode } from "../../api/calls";
import { Badge, Button, Confirm, Empty, Note } from "../../ui/controls";
import { type Health, Mark } from "../../ui/Mark";
import { Waiting } from "../../ui/Waiting";
import { AddNode } from "./AddNode";
import styles from "./Settings.module.css";

const KINDS: Readonly<Record<string, string>> = {
  pve: "Proxmox VE",
  pbs: "Proxmox Backup Server",
  pmg: "Proxmox Mail Gateway",
};

/** Between two looks at a node of which nothing has been heard yet. */
const LOOK_AGAIN_MS = 1_500;

const HEALTH: Readonly<Record<string, Health>> = { connected: "ok", waiting: "idle" };

/** A node that was just added has not failed: it was not asked yet. */
function statusOf(node: ConfiguredNode): string {
  return node.status !== "connected" && !node.lastError ? "waiting" : node.status;
}

interface TestOutcome {
  isGood: boolean;
  text: string;
}

export default function NodesPage(): JSX.Element {
  const [nodes, { refetch }] = createResource(listNodes);
  const [isAdding, setAdding] = createSignal(false);
  const [added, setAdded] = createSignal<string>();
  const [removing, setRemoving] = createSignal<ConfiguredNode>();
  const [tests, setTests] = createSignal<Readonly<Record<string, TestOutcome | "running">>>({});
  const list = (): ConfiguredNode[] => (nodes.error === undefined ? (nodes.latest ?? []) : []);
  const isWaiting = createMemo(() =>
    list().some((node) => node.type === "pve" && statusOf(node) === "waiting"),
  );
  createEffect(() => {
    if (!isWaiting()) return;
    const timer = setInterval(() => void refetch(), LOOK_AGAIN_MS);
    onCleanup(() => clearInterval(timer));
  });

  const test = async (node: ConfiguredNode): Promise<void> => {
    setTests((all) => ({ ...all, [node.id]: "running" }));
    let outcome: TestOutcome;
    try {
      const result = await testNode(node.id);
      const time = result.latency === undefined ? "" : ` (${result.latency} ms)`;
      outcome = { isGood: true, text: `${result.message ?? "Connected"}${time}` };
    } catch (cause) {
      outcome = { isGood: false, text: cause instanceof Error ? cause.message : String(cause) };
    }
    setTests((all) => ({ ...all, [node.id]: outcome }));
  };
  const remove = async (node: ConfiguredNode): Promise<void> => {
    await removeNode(node.id);
    setRemoving(undefined);
    setAdded(undefined);
    // Ids are positions: after a removal they mean other nodes.
    setTests({});
    await refetch();
  };
  const outcomeOf = (node: ConfiguredNode): TestOutcome | undefined => {
    const outcome = tests()[node.id];
    return outcome === "running" ? undefined : outcome;
  };

  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>Proxmox nodes</h1>
          <p>One node of a cluster is enough: the others are found through it.</p>
        </div>
        <Show when={!isAdding()}>
          <Button
            kind="primary"
            icon="plus"
            onClick={() => {
              setAdding(true);
              setAdded(undefined);
            }}
          >
            Add node
          </Button>
        </Show>
      </header>

      <Show when={isAdding()}>
        <AddNode
          onCancel={() => setAdding(false)}
          onAdded={async (text) => {
            setAdding(false);
            setAdded(text);
            await refetch();
          }}
        />
      </Show>
      <Show when={added()}>{(text) => <Note health="ok">{text()}</Note>}</Show>
      <Show when={nodes.error}>
        <Note health="crit">The nodes could not be loaded: {(nodes.error as Error).message}</Note>
      </Show>
      <Show when={nodes.error === undefined}>
        <Show when={nodes.latest !== undefined} fallback={<Waiting what="configured nodes" />}>
          <Show
            when={list().length > 0}
            fallback={
              <Show when={!isAdding()}>
                <Empty title="No node is monitored yet">
                  <p>
                    Pulse reads Proxmox over its own HTTPS interface with an API token that can only look
                    (role PVEAuditor). Nothing is installed on the node.
                  </p>
                </Empty>
              </Show>
            }
          >
            <table class={styles.list} aria-label="Configured nodes">
              <thead>
                <tr>
                  <th scope="col">Name</th>
                  <th scope="col">Address</th>
                  <th scope="col">Signs in with</th>
                  <th scope="col">
                    <span class="sr">Actions</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                <Index each={list()}>
                  {(node) => (
                    <tr>
                      <td>
                        <span class="row">
                          <Mark health={HEALTH[statusOf(node())] ?? "crit"} label={statusOf(node())} />
                          <strong>{node().name}</strong>
                          <Show when={node().isCluster}>
                            <Badge title="Cluster">{node().clusterName}</Badge>
                          </Show>
                        </span>
                        <Show when={node().lastError}>{(text) => <Note health="crit">{text()}</Note>}</Show>
                        <div class={styles.small}>
                          {KINDS[node().type] ?? node().type}, {statusOf(node())}
                        </div>
                      </td>
                      <td>
                        {node().host}
                        <div class={styles.small}>
                          {node().fingerprint
                            ? "certificate pinned"
                            : node().verifySSL
                              ? "certificate verified"
                              : "certificate not verified"}
                        </div>
                      </td>
                      <td>
                        {node().hasToken ? `token ${node().tokenName ?? ""}` : (node().user ?? "password")}
                      </td>
                      <td>
                        <div class={styles.actions}>
                          <Button
                            isSmall
                            isDisabled={tests()[node().id] === "running"}
                            label={`Test ${node().name}`}
                            onClick={() => void test(node())}
                          >
                            {tests()[node().id] === "running" ? "Testing…" : "Test"}
                          </Button>
                          <Button
                            isSmall
                            kind="danger"
                            label={`Remove ${node().name}`}
                            onClick={() => setRemoving(node())}
                          >
                            Remove
                          </Button>
                        </div>
                        <Show when={outcomeOf(node())}>
                          {(outcome) => (
                            <Note health={outcome().isGood ? "ok" : "crit"}>{outcome().text}</Note>
                          )}
                        </Show>
                      </td>
                    </tr>
                  )}
                </Index>
              </tbody>
            </table>
          </Show>
        </Show>
      </Show>
      <Show when={removing()}>
        {(node) => (
          <Confirm
            title={`Remove ${node().name}?`}
            action="Remove node"
            onCancel={() => setRemoving(undefined)}
            onConfirm={() => remove(node())}
          >
            <p>
              Pulse stops monitoring {node().host}
              {node().isCluster ? ` and the whole cluster ${node().clusterName ?? ""}` : ""} and forgets its
              credentials. On Proxmox itself nothing changes.
            </p>
          </Confirm>
        )}
      </Show>
    </>
  );
}
