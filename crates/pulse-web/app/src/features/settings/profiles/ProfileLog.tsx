// Who changed which profile, the newest first.

import { createResource, For, type JSX, Show } from "solid-js";
import { hosts } from "../../../api/live";
import { listChanges } from "../../../api/profiles";
import { reasonOf } from "../../../state/failure";
import { moment } from "../../../state/format";
import { settled } from "../../../state/settled";
import { t, tn } from "../../../text";
import { Note } from "../../../ui/controls";
import { changeText } from "../profileHistory";
import styles from "../Settings.module.css";

/** More help nobody; the API has them all. */
const MOST = 100;

/** `stamp` differs when something was changed, so that the log is read again. */
export function ProfileLog(props: { stamp: string }): JSX.Element {
  const [changes] = createResource(
    () => ({ stamp: props.stamp }),
    () => listChanges(),
  );
  const list = () => (settled(changes) ?? []).toReversed();
  const agentName = (id: string): string => hosts().get(id)?.displayName || hosts().get(id)?.hostname || id;
  return (
    <section class={styles.form} aria-label={t("Who changed what")}>
      <h2>{t("Who changed what")}</h2>
      <Show
        when={changes.error === undefined}
        fallback={<Note health="crit">{reasonOf(changes.error)}</Note>}
      >
        <Show when={list().length > 0} fallback={<p class="soft">{t("Nothing was changed yet.")}</p>}>
          <table class={styles.list} aria-label={t("Who changed what")}>
            <thead>
              <tr>
                <th scope="col">{t("When")}</th>
                <th scope="col">{t("Profile")}</th>
                <th scope="col">{t("What")}</th>
                <th scope="col">{t("By")}</th>
              </tr>
            </thead>
            <tbody>
              <For each={list().slice(0, MOST)}>
                {(change) => (
                  <tr>
                    <td>{moment(Date.parse(change.timestamp))}</td>
                    <td>{change.profile_name}</td>
                    <td>
                      {changeText(change)}
                      <Show when={change.agent_id}>
                        {(id) => <div class={styles.small}>{agentName(id())}</div>}
                      </Show>
                      <div class={styles.small}>{change.details}</div>
                    </td>
                    <td>{change.user}</td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
          <Show when={list().length > MOST}>
            <p class="soft">{tn("and {n} older one", "and {n} older ones", list().length - MOST)}</p>
          </Show>
        </Show>
      </Show>
    </section>
  );
}
