// The agents that report, what can be done with each, and those that were removed or hidden.

import { createMemo, createResource, createSignal, For, type JSX, Show } from "solid-js";
import {
  type AgentKind,
  agentDecisions,
  allowReenroll,
  checkImages,
  hideAgent,
  linkHost,
  removeAgent,
  renameAgent,
  setCommands,
  showAgent,
  unlinkHost,
} from "../../api/agents";
import { dockerHosts, hosts, kubernetesClusters, nodes } from "../../api/live";
import { HOME } from "../../base";
import { moment } from "../../state/format";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Badge, Button, Check, Choice, Confirm, Empty, Field, Note, Secret } from "../../ui/controls";
import { type Health, Mark } from "../../ui/Mark";
import { toast } from "../../ui/toast";
import { ActionList } from "./ActionList";
import { type ManagedAgent, managedAgents, uninstallCommand } from "./agentsModel";
import styles from "./Settings.module.css";

const KINDS: Readonly<Record<AgentKind, string>> = {
  host: t("Host"),
  docker: "Docker",
  kubernetes: "Kubernetes",
};

const kindName = (kind: string): string => KINDS[kind as AgentKind] ?? kind;

function healthOf(status: string): Health {
  if (status === "online") return "ok";
  return status === "degraded" ? "warn" : "crit";
}

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

export function AgentList(): JSX.Element {
  const agents = createMemo(() =>
    managedAgents(hosts().values(), dockerHosts().values(), kubernetesClusters().values()),
  );
  const [decisions, { refetch }] = createResource(agentDecisions);
  const [open, setOpen] = createSignal<string>();
  const chosen = createMemo(() => agents().find((agent) => agent.key === open()));
  const shownAgents = createMemo(() => agents().filter((agent) => !agent.isHidden));
  const refresh = async (): Promise<void> => {
    await refetch();
  };
  return (
    <>
      <section class={styles.area} aria-label={t("Agents that report")}>
        <h2>{t("Agents that report")}</h2>
        <Show
          when={shownAgents().length > 0}
          fallback={
            <Empty title={t("No agent reports yet")}>
              <p>{t("Run the command above on a machine: it appears here with its first report.")}</p>
            </Empty>
          }
        >
          <ActionList label={t("Agents that report")} columns={[t("Name"), t("Type"), t("Agent")]}>
            <For each={shownAgents().map((agent) => agent.key)}>
              {(key) => (
                <Show when={agents().find((agent) => agent.key === key)}>
                  {(agent) => (
                    <tr>
                      <td>
                        <span class="row">
                          <Mark health={healthOf(agent().status)} label={agent().status} />
                          <strong>{agent().name}</strong>
                          <Show when={agent().isGoing}>
                            <Badge health="warn">{t("is being removed")}</Badge>
                          </Show>
                        </span>
                      </td>
                      <td>{kindName(agent().kind)}</td>
                      <td>{agent().version ?? "—"}</td>
                      <td>
                        <div class={styles.actions}>
                          <Button
                            isSmall
                            label={t("Manage {name}, {type}", {
                              name: agent().name,
                              type: kindName(agent().kind),
                            })}
                            onClick={() => setOpen(open() === key ? undefined : key)}
                          >
                            {t("Manage")}
                          </Button>
                        </div>
                      </td>
                    </tr>
                  )}
                </Show>
              )}
            </For>
          </ActionList>
        </Show>
        {/* By the key: a report that comes meanwhile must not empty what is being typed. */}
        <Show when={chosen()?.key} keyed>
          {(key) => (
            <Show when={agents().find((agent) => agent.key === key)}>
              {(agent) => <Manage agent={agent()} onClose={() => setOpen(undefined)} onDone={refresh} />}
            </Show>
          )}
        </Show>
      </section>
      <Decided agents={agents()} decisions={settled(decisions)} error={decisions.error} onDone={refresh} />
    </>
  );
}

function Manage(props: {
  agent: ManagedAgent;
  onClose: () => void;
  onDone: () => Promise<void>;
}): JSX.Element {
  const [name, setName] = createSignal(props.agent.givenName);
  const [node, setNode] = createSignal(props.agent.nodeId ?? "");
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const [isRemoving, setRemoving] = createSignal(false);
  const [isForced, setForced] = createSignal(false);
  /** What has names to give and can be hidden. */
  const named = createMemo(() => {
    const { kind } = props.agent;
    return kind === "host" ? undefined : kind;
  });
  const act = async (what: () => Promise<unknown>, said: string): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await what();
      toast(said);
      await props.onDone();
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  return (
    <section class={styles.form} aria-label={t("Manage {name}", { name: props.agent.name })}>
      <h2>{props.agent.name}</h2>
      <Show when={named()}>
        {(kind) => (
          <form
            class={styles.inline}
            onSubmit={(event) => {
              event.preventDefault();
              void act(() => renameAgent(kind(), props.agent.id, name().trim()), t("The name is kept."));
            }}
          >
            <Field
              label={t("Display name")}
              hasFocus
              value={name()}
              hint={t("Empty: as the machine calls itself.")}
              onInput={setName}
            />
            <Button type="submit" isDisabled={isBusy()}>
              {t("Rename")}
            </Button>
          </form>
        )}
      </Show>
      <Show when={props.agent.kind === "host"}>
        <form
          class={styles.inline}
          onSubmit={(event) => {
            event.preventDefault();
            void act(
              () => (node() === "" ? unlinkHost(props.agent.id) : linkHost(props.agent.id, node())),
              node() === "" ? t("The host is no node now.") : t("Host and node are one machine now."),
            );
          }}
        >
          <Choice
            label={t("Proxmox node that is the same machine")}
            options={[
              { id: "", title: t("none") },
              ...[...nodes().values()].map((each) => ({
                id: each.id,
                title: each.instance === each.name ? each.name : `${each.name} (${each.instance})`,
              })),
            ]}
            value={node()}
            hint={t("Its temperatures and disks are then shown with the node. What you choose stays.")}
            onChange={setNode}
          />
          <Button type="submit" isDisabled={isBusy()}>
            {node() === "" ? t("Unlink") : t("Link")}
          </Button>
        </form>
        <Check
          label={t("The agent may run commands, where its machine's owner allows it")}
          isOn={props.agent.commandsEnabled === true}
          isDisabled={isBusy()}
          onChange={(isOn) =>
            void act(
              () => setCommands(props.agent.id, isOn),
              t("The agent takes it over with its next report."),
            )
          }
        />
      </Show>
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.actions}>
        <Button onClick={props.onClose}>{t("Close")}</Button>
        <Show when={props.agent.kind === "docker"}>
          <Button
            isDisabled={isBusy()}
            onClick={() =>
              void act(() => checkImages(props.agent.id), t("The agent looks for newer images."))
            }
          >
            {t("Check for updates")}
          </Button>
        </Show>
        <Show when={named()}>
          {(kind) => (
            <Button
              isDisabled={isBusy()}
              onClick={() =>
                void act(
                  () => hideAgent(kind(), props.agent.id),
                  t("{name} is hidden. It goes on reporting.", { name: props.agent.name }),
                ).then(() => error() === undefined && props.onClose())
              }
            >
              {t("Hide")}
            </Button>
          )}
        </Show>
        <Button kind="danger" onClick={() => setRemoving(true)}>
          {t("Remove…")}
        </Button>
      </div>
      <Show when={isRemoving()}>
        <Confirm
          title={t("Remove {name}?", { name: props.agent.name })}
          action={t("Remove")}
          onCancel={() => setRemoving(false)}
          onConfirm={async () => {
            await removeAgent(props.agent.kind, props.agent.id, isForced());
            setRemoving(false);
            props.onClose();
            await props.onDone();
          }}
        >
          <p>
            {props.agent.kind === "docker"
              ? t("Its agent is asked to stop, then it goes from all pages. Its history stays.")
              : t("It goes from all pages and may not report for a day. Its history stays.")}
          </p>
          <p>{t("This takes the agent off the machine itself:")}</p>
          <Secret label={t("Uninstall command")} value={uninstallCommand(props.agent, HOME)} />
          <Show when={props.agent.kind === "docker"}>
            <Check
              label={t("Remove it at once, without asking its agent")}
              isOn={isForced()}
              onChange={setForced}
            />
          </Show>
        </Confirm>
      </Show>
    </section>
  );
}

interface Past {
  kind: string;
  id: string;
  name: string;
  note: string;
  isHidden: boolean;
}

function Decided(props: {
  agents: readonly ManagedAgent[];
  decisions: Awaited<ReturnType<typeof agentDecisions>> | undefined;
  error: unknown;
  onDone: () => Promise<void>;
}): JSX.Element {
  const [error, setError] = createSignal<string>();
  const list = createMemo<Past[]>(() => {
    const hidden: Past[] = props.agents
      .filter((agent) => agent.isHidden)
      .map((agent) => ({
        kind: agent.kind,
        id: agent.id,
        name: agent.name,
        note: t("hidden; it goes on reporting"),
        isHidden: true,
      }));
    const removed: Past[] = (props.decisions?.removed ?? []).map((each) => ({
      kind: each.kind,
      id: each.id,
      name: each.displayName || each.id,
      note: t("removed {when}; may report again {until}", {
        when: moment(Date.parse(each.removedAt)),
        until: moment(Date.parse(each.blockedUntil)),
      }),
      isHidden: false,
    }));
    return [...hidden, ...removed];
  });
  const back = async (past: Past): Promise<void> => {
    setError(undefined);
    try {
      if (!past.isHidden) await allowReenroll(past.kind as AgentKind, past.id);
      else if (past.kind !== "host") await showAgent(past.kind as "docker" | "kubernetes", past.id);
      toast(
        past.isHidden
          ? t("{name} is shown again.", { name: past.name })
          : t("{name} may report again.", { name: past.name }),
      );
      await props.onDone();
    } catch (cause) {
      setError(reasonOf(cause));
    }
  };
  return (
    <section class={styles.area} aria-label={t("Removed and hidden")}>
      <h2>{t("Removed and hidden")}</h2>
      <Show when={props.error !== undefined}>
        <Note health="crit">
          {t("What was decided could not be loaded: {reason}", { reason: reasonOf(props.error) })}
        </Note>
      </Show>
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <Show when={list().length > 0} fallback={<p class="soft">{t("Nothing is removed or hidden.")}</p>}>
        <ActionList label={t("Removed and hidden")} columns={[t("Name"), t("Type"), t("State")]}>
          <For each={list()}>
            {(past) => (
              <tr>
                <td>
                  <strong>{past.name}</strong>
                </td>
                <td>{kindName(past.kind)}</td>
                <td>{past.note}</td>
                <td>
                  <div class={styles.actions}>
                    <Button
                      isSmall
                      label={
                        past.isHidden
                          ? t("Show {name}", { name: past.name })
                          : t("Let {name} report again", { name: past.name })
                      }
                      onClick={() => void back(past)}
                    >
                      {past.isHidden ? t("Show") : t("Let it report again")}
                    </Button>
                  </div>
                </td>
              </tr>
            )}
          </For>
        </ActionList>
      </Show>
      <Show when={(props.decisions?.linkEvents.length ?? 0) > 0}>
        <details>
          <summary>{t("Who linked and unlinked what")}</summary>
          <ul>
            <For each={props.decisions?.linkEvents}>
              {(event) => (
                <li>
                  {moment(Date.parse(event.at))}: {event.by}{" "}
                  {event.action === "linked" ? t("linked") : t("unlinked")} {event.hostId} – {event.nodeId}
                </li>
              )}
            </For>
          </ul>
        </details>
      </Show>
    </section>
  );
}
