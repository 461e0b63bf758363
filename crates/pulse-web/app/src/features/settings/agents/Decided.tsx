// The agents that somebody removed or hid, and how they come back.

import { createMemo, createSignal, For, type JSX, Show } from "solid-js";
import { type AgentKind, type agentDecisions, allowReenroll, showAgent } from "../../../api/agents";
import { reasonOf } from "../../../state/failure";
import { moment } from "../../../state/format";
import { t } from "../../../text";
import { Button, Note } from "../../../ui/controls";
import { toast } from "../../../ui/toast";
import { ActionList } from "../ActionList";
import type { ManagedAgent } from "../agentsModel";
import styles from "../Settings.module.css";
import { kindName } from "./words";

interface Past {
  kind: string;
  id: string;
  name: string;
  note: string;
  isHidden: boolean;
}

export function Decided(props: {
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
                      {past.isHidden ? t("Show") : t("Report again")}
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
