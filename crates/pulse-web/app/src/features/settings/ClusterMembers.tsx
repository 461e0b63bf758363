// The members of a cluster under its entry, and a way to look for them anew.

import { createSignal, Index, type JSX, Show } from "solid-js";
import { type ConfiguredNode, refreshCluster } from "../../api/calls";
import { reasonOf } from "../../state/failure";
import { t } from "../../text";
import { Button, Note } from "../../ui/controls";
import { type Health, Mark } from "../../ui/Mark";
import styles from "./Settings.module.css";

type Member = NonNullable<ConfiguredNode["clusterEndpoints"]>[number];

function healthOf(member: Member): { health: Health; label: string } {
  if (!member.Online) return { health: "crit", label: t("offline") };
  if (member.PulseReachable === false) return { health: "warn", label: t("not reached") };
  return { health: "ok", label: t("online") };
}

export function ClusterMembers(props: { node: ConfiguredNode; onChanged: () => Promise<void> }): JSX.Element {
  const [isBusy, setBusy] = createSignal(false);
  const [outcome, setOutcome] = createSignal<{ isGood: boolean; text: string }>();
  const refresh = async (): Promise<void> => {
    setBusy(true);
    setOutcome(undefined);
    try {
      const found = await refreshCluster(props.node.id);
      await props.onChanged();
      setOutcome({
        isGood: true,
        text:
          found.nodesAdded === 0
            ? t("{count} members, none of them new.", { count: String(found.newNodeCount) })
            : t("{count} members, {added} of them new.", {
                count: String(found.newNodeCount),
                added: String(found.nodesAdded),
              }),
      });
    } catch (cause) {
      setOutcome({ isGood: false, text: reasonOf(cause) });
    }
    setBusy(false);
  };
  return (
    <details>
      <summary>{t("{count} members", { count: String(props.node.clusterEndpoints?.length ?? 0) })}</summary>
      <ul class={styles.plain} aria-label={t("Members of {name}", { name: props.node.clusterName ?? "" })}>
        <Index each={props.node.clusterEndpoints ?? []}>
          {(member) => (
            <li>
              <span class="row">
                <Mark {...healthOf(member())} />
                {member().NodeName}
                <span class={styles.small}>{member().Host || member().IP}</span>
              </span>
              <Show when={member().PulseError}>{(text) => <div class={styles.small}>{text()}</div>}</Show>
            </li>
          )}
        </Index>
      </ul>
      <Button
        isSmall
        isDisabled={isBusy()}
        label={t("Look again for members of {name}", { name: props.node.name })}
        onClick={() => void refresh()}
      >
        {isBusy() ? t("Looking…") : t("Look again")}
      </Button>
      <Show when={outcome()}>
        {(result) => <Note health={result().isGood ? "ok" : "crit"}>{result().text}</Note>}
      </Show>
    </details>
  );
}
