// Which agent follows which profile, and how far it got there.

import { createSignal, For, type JSX, Show } from "solid-js";
import { hosts } from "../../../api/live";
import {
  type Assignment,
  assignProfile,
  type Deployment,
  type Profile,
  unassignProfile,
} from "../../../api/profiles";
import { reasonOf } from "../../../state/failure";
import { moment } from "../../../state/format";
import { t } from "../../../text";
import { Choice, Note } from "../../../ui/controls";
import { Mark } from "../../../ui/Mark";
import { toast } from "../../../ui/toast";
import { arrival } from "../profileHistory";
import styles from "../Settings.module.css";

export function Assignments(props: {
  profiles: readonly Profile[];
  assigned: readonly Assignment[];
  deployments: readonly Deployment[];
  onDone: () => unknown;
}): JSX.Element {
  const [error, setError] = createSignal<string>();
  const change = async (agent: string, profile: string): Promise<void> => {
    setError(undefined);
    try {
      await (profile === "" ? unassignProfile(agent) : assignProfile(agent, profile));
      toast(t("The agent takes it over within five minutes."));
      await props.onDone();
    } catch (cause) {
      setError(reasonOf(cause));
    }
  };
  return (
    <section class={styles.form} aria-label={t("Who follows which profile")}>
      <h2>{t("Who follows which profile")}</h2>
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.columns}>
        <For each={[...hosts().values()].map((host) => host.id)}>
          {(id) => (
            <div>
              <Choice
                label={hosts().get(id)?.displayName || hosts().get(id)?.hostname || id}
                options={[
                  { id: "", title: t("none") },
                  ...props.profiles.map((profile) => ({ id: profile.id, title: profile.name })),
                ]}
                value={props.assigned.find((each) => each.agent_id === id)?.profile_id ?? ""}
                onChange={(profile) => void change(id, profile)}
              />
              <Show when={arrival(props.assigned, props.deployments, id)}>
                {(how) => (
                  <p class={`${styles.state} ${styles.small}`}>
                    <Mark health={how().health} label="" />
                    <span title={how().at === undefined ? undefined : moment(how().at ?? 0)}>
                      {how().text}
                    </span>
                  </p>
                )}
              </Show>
            </div>
          )}
        </For>
      </div>
    </section>
  );
}
