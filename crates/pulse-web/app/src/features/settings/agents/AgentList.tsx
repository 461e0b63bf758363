// The agents that report, with what can be done with each.

import { createMemo, createResource, createSignal, For, type JSX, Show } from "solid-js";
import { agentDecisions } from "../../../api/agents";
import { dockerHosts, hosts, kubernetesClusters } from "../../../api/live";
import { settled } from "../../../state/settled";
import { t } from "../../../text";
import { Badge, Button, Empty } from "../../../ui/controls";
import { type Health, Mark } from "../../../ui/Mark";
import { ActionList } from "../ActionList";
import { managedAgents } from "../agentsModel";
import styles from "../Settings.module.css";
import { Decided } from "./Decided";
import { ManageAgent } from "./ManageAgent";
import { kindName } from "./words";

function healthOf(status: string): Health {
  if (status === "online") return "ok";
  return status === "degraded" ? "warn" : "crit";
}

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
              {(agent) => <ManageAgent agent={agent()} onClose={() => setOpen(undefined)} onDone={refresh} />}
            </Show>
          )}
        </Show>
      </section>
      <Decided agents={agents()} decisions={settled(decisions)} error={decisions.error} onDone={refresh} />
    </>
  );
}
