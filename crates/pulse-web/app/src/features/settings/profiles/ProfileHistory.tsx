// What one profile was, and the way back.

import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { listVersions, type Profile, type ProfileVersion, rollBack } from "../../../api/profiles";
import { reasonOf } from "../../../state/failure";
import { moment } from "../../../state/format";
import { settled } from "../../../state/settled";
import { t } from "../../../text";
import { Badge, Button, Confirm, Note } from "../../../ui/controls";
import { toast } from "../../../ui/toast";
import { Waiting } from "../../../ui/Waiting";
import { ActionList } from "../ActionList";
import { type Difference, differences } from "../profileHistory";
import styles from "../Settings.module.css";

export function ProfileHistory(props: {
  profile: Profile;
  onClose: () => void;
  onDone: () => unknown;
}): JSX.Element {
  const [versions] = createResource(
    () => ({ id: props.profile.id, version: props.profile.version }),
    ({ id }) => listVersions(id),
  );
  const [wanted, setWanted] = createSignal<ProfileVersion>();
  /** The newest first. */
  const list = (): ProfileVersion[] => (settled(versions) ?? []).toReversed();
  const isNow = (version: ProfileVersion): boolean => version.version === props.profile.version;
  return (
    <section class={styles.form} aria-label={t("Versions of {name}", { name: props.profile.name })}>
      <header class={styles.head}>
        <h2>{t("Versions of {name}", { name: props.profile.name })}</h2>
        <Button isSmall icon="close" onClick={props.onClose}>
          {t("Close")}
        </Button>
      </header>
      <Show
        when={versions.error === undefined}
        fallback={<Note health="crit">{reasonOf(versions.error)}</Note>}
      >
        <Show when={settled(versions)} fallback={<Waiting what={t("versions")} />}>
          <ActionList label={t("Versions")} columns={[t("Version"), t("Made"), t("Changes to it")]}>
            <For each={list()}>
              {(version, index) => (
                <tr>
                  <td>
                    <span class="row">
                      <strong>{version.version}</strong>
                      <Show when={isNow(version)}>
                        <Badge health="ok">{t("now")}</Badge>
                      </Show>
                    </span>
                  </td>
                  <td>
                    {moment(Date.parse(version.created_at))}
                    <div class={styles.small}>{version.created_by}</div>
                  </td>
                  <td>
                    {version.change_note}
                    <Changes list={differences(list()[index() + 1] ?? { config: null }, version)} />
                  </td>
                  <td>
                    <div class={styles.actions}>
                      <Show when={!isNow(version)}>
                        <Button
                          isSmall
                          label={t("Go back to version {n}", { n: version.version })}
                          onClick={() => setWanted(version)}
                        >
                          {t("Go back")}
                        </Button>
                      </Show>
                    </div>
                  </td>
                </tr>
              )}
            </For>
          </ActionList>
        </Show>
      </Show>
      <Show when={wanted()}>
        {(version) => (
          <Confirm
            title={t("Make {name} what it was in version {n}?", {
              name: props.profile.name,
              n: version().version,
            })}
            action={t("Go back")}
            onCancel={() => setWanted(undefined)}
            onConfirm={async () => {
              await rollBack(props.profile.id, version().version);
              setWanted(undefined);
              toast(t("The profile is what it was. Its agents take it over within five minutes."));
              await props.onDone();
            }}
          >
            <p>{t("It becomes a new version: nothing that was is lost.")}</p>
            <Changes list={differences(props.profile, version())} />
          </Confirm>
        )}
      </Show>
    </section>
  );
}

function Changes(props: { list: readonly Difference[] }): JSX.Element {
  return (
    <Show when={props.list.length > 0} fallback={<span class="soft">{t("no value differs")}</span>}>
      <ul class={styles.changes}>
        <For each={props.list}>
          {(each) => (
            <li>
              <code>{each.key}</code>: {each.before ?? "—"} → {each.after ?? "—"}
            </li>
          )}
        </For>
      </ul>
    </Show>
  );
}
