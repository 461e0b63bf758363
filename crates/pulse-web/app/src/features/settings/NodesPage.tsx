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
import { onAsked } from "../../state/asked";
import { reasonOf } from "../../state/failure";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Badge, Button, Confirm, Empty, Note } from "../../ui/controls";
import { type Health, Mark } from "../../ui/Mark";
import { Waiting } from "../../ui/Waiting";
import { ActionList } from "./ActionList";
import { AddNode } from "./AddNode";
import { ClusterMembers } from "./ClusterMembers";
import { hasTrouble, NodeTrouble } from "./NodeTrouble";
import styles from "./Settings.module.css";

const KINDS: Readonly<Record<string, string>> = {
  pve: "Proxmox VE",
  pbs: "Proxmox Backup Server",
  pmg: "Proxmox Mail Gateway",
};

/** Between two looks at the list while a node was not heard yet, while one complains, and else. */
const LOOK_AGAIN_MS = 1_500;
const TROUBLE_MS = 4_000;
const CALM_MS = 20_000;

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
  onAsked("add", () => setAdding(true));
  const [added, setAdded] = createSignal<string>();
  const [editing, setEditing] = createSignal<ConfiguredNode>();
  const [removing, setRemoving] = createSignal<ConfiguredNode>();
  const [tests, setTests] = createSignal<Readonly<Record<string, TestOutcome | "running">>>({});
  const list = (): ConfiguredNode[] => settled(nodes) ?? [];
  // A change holds with the next poll, and what is wrong is mended elsewhere: nobody has to load the page again to see it.
  const pause = createMemo(() => {
    if (list().some((node) => statusOf(node) === "waiting")) return LOOK_AGAIN_MS;
    return list().some(hasTrouble) ? TROUBLE_MS : CALM_MS;
  });
  createEffect(() => {
    const timer = setInterval(() => void refetch(), pause());
    onCleanup(() => clearInterval(timer));
  });

  const test = async (node: ConfiguredNode): Promise<void> => {
    setTests((all) => ({ ...all, [node.id]: "running" }));
    let outcome: TestOutcome;
    try {
      const result = await testNode(node.id);
      const time = result.latency === undefined ? "" : ` (${result.latency} ms)`;
      outcome = { isGood: true, text: `${result.message ?? t("Connected")}${time}` };
    } catch (cause) {
      outcome = { isGood: false, text: reasonOf(cause) };
    }
    setTests((all) => ({ ...all, [node.id]: outcome }));
  };
  const remove = async (node: ConfiguredNode): Promise<void> => {
    await removeNode(node);
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
          <h1>{t("Proxmox nodes")}</h1>
          <p>{t("One node of a cluster is enough: the others are found through it.")}</p>
        </div>
        <Show when={!isAdding()}>
          <Button
            kind="primary"
            icon="plus"
            onClick={() => {
              setAdding(true);
              setEditing(undefined);
              setAdded(undefined);
            }}
          >
            {t("Add node")}
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
      <Show when={editing()} keyed>
        {(node) => (
          <AddNode
            node={node}
            onCancel={() => setEditing(undefined)}
            onAdded={async (text) => {
              setEditing(undefined);
              setAdded(text);
              await refetch();
            }}
          />
        )}
      </Show>
      <Show when={added()}>{(text) => <Note health="ok">{text()}</Note>}</Show>
      <Show when={nodes.error}>
        <Note health="crit">
          {t("The nodes could not be loaded: {reason}", { reason: (nodes.error as Error).message })}
        </Note>
      </Show>
      <Show when={nodes.error === undefined}>
        <Show when={settled(nodes) !== undefined} fallback={<Waiting what={t("configured nodes")} />}>
          <Show
            when={list().length > 0}
            fallback={
              <Show when={!isAdding()}>
                <Empty title={t("No node is monitored yet")}>
                  <p>
                    {t(
                      "Pulse reads Proxmox over its own HTTPS interface with an API token that can only look (role PVEAuditor). Nothing is installed on the node.",
                    )}
                  </p>
                </Empty>
              </Show>
            }
          >
            <ActionList label={t("Configured nodes")} columns={[t("Name"), t("Address"), t("Signs in with")]}>
              <Index each={list()}>
                {(node) => (
                  <>
                    <tr data-node={node().name} class={hasTrouble(node()) ? styles.above : undefined}>
                      <td>
                        <span class="row">
                          <Mark health={HEALTH[statusOf(node())] ?? "crit"} label={statusOf(node())} />
                          <strong>{node().name}</strong>
                          <Show when={node().isCluster}>
                            <Badge title={t("Cluster")}>{node().clusterName}</Badge>
                          </Show>
                        </span>
                        <div class={styles.small}>
                          {KINDS[node().type] ?? node().type}, {statusOf(node())}
                        </div>
                        <Show when={node().isCluster}>
                          <ClusterMembers
                            node={node()}
                            onChanged={async () => {
                              await refetch();
                            }}
                          />
                        </Show>
                      </td>
                      <td>
                        {node().host}
                        <div class={styles.small}>
                          {node().fingerprint
                            ? t("certificate pinned")
                            : node().caCertificate
                              ? t("certificate verified by an authority of its own")
                              : node().verifySSL
                                ? t("certificate verified")
                                : t("certificate not verified")}
                        </div>
                        <Index each={node().certificateAuthorities ?? []}>
                          {(authority) => (
                            <div class={styles.small}>
                              {t("{subject}, until {date}", {
                                subject: authority().subject,
                                date: authority().notAfter.slice(0, 10),
                              })}
                            </div>
                          )}
                        </Index>
                      </td>
                      <td>
                        {node().hasToken
                          ? t("token {name}", { name: node().tokenName ?? "" })
                          : (node().user ?? t("password"))}
                      </td>
                      <td>
                        <div class={styles.actions}>
                          <Button
                            isSmall
                            isDisabled={tests()[node().id] === "running"}
                            label={t("Test {name}", { name: node().name })}
                            onClick={() => void test(node())}
                          >
                            {tests()[node().id] === "running" ? t("Testing…") : t("Test")}
                          </Button>
                          <Button
                            isSmall
                            label={t("Change {name}", { name: node().name })}
                            onClick={() => {
                              setAdding(false);
                              setAdded(undefined);
                              setEditing(node());
                            }}
                          >
                            {t("Change")}
                          </Button>
                          <Button
                            isSmall
                            kind="danger"
                            label={t("Remove {name}", { name: node().name })}
                            onClick={() => setRemoving(node())}
                          >
                            {t("Remove")}
                          </Button>
                        </div>
                        <Show when={outcomeOf(node())}>
                          {(outcome) => (
                            <Note health={outcome().isGood ? "ok" : "crit"}>{outcome().text}</Note>
                          )}
                        </Show>
                      </td>
                    </tr>
                    <Show when={hasTrouble(node())}>
                      <tr data-node={node().name}>
                        <td colSpan={4}>
                          <NodeTrouble
                            node={node()}
                            onChanged={async (text) => {
                              setAdded(text);
                              await refetch();
                            }}
                          />
                        </td>
                      </tr>
                    </Show>
                  </>
                )}
              </Index>
            </ActionList>
          </Show>
        </Show>
      </Show>
      <Show when={removing()}>
        {(node) => (
          <Confirm
            title={t("Remove {name}?", { name: node().name })}
            action={t("Remove node")}
            onCancel={() => setRemoving(undefined)}
            onConfirm={() => remove(node())}
          >
            <p>
              {node().isCluster
                ? t(
                    "Pulse stops monitoring {host} and the whole cluster {cluster} and forgets its credentials. On Proxmox itself nothing changes.",
                    { host: node().host, cluster: node().clusterName ?? "" },
                  )
                : t(
                    "Pulse stops monitoring {host} and forgets its credentials. On Proxmox itself nothing changes.",
                    { host: node().host },
                  )}
            </p>
          </Confirm>
        )}
      </Show>
    </>
  );
}
