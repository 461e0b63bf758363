// Profiles: sets of values that several agents follow.

import { createMemo, createResource, createSignal, For, type JSX, Show } from "solid-js";
import { ApiError } from "../../api/client";
import { licenceGap } from "../../api/licence";
import {
  deleteProfile,
  listAssignments,
  listDeployments,
  listProfiles,
  type Profile,
  profileKeys,
} from "../../api/profiles";
import { reasonOf } from "../../state/failure";
import { moment } from "../../state/format";
import { settled } from "../../state/settled";
import { t, tn } from "../../text";
import { Button, Confirm, Empty, Note } from "../../ui/controls";
import { Waiting } from "../../ui/Waiting";
import { Licence } from "../parts/Licence";
import { ActionList } from "./ActionList";
import { Assignments } from "./profiles/Assignments";
import { ProfileForm } from "./profiles/ProfileForm";
import { ProfileHistory } from "./profiles/ProfileHistory";
import { ProfileLog } from "./profiles/ProfileLog";
import styles from "./Settings.module.css";

export default function ProfilesPage(): JSX.Element {
  const [profiles, { refetch }] = createResource(async () => {
    const [list, keys, assigned, deployments] = await Promise.all([
      listProfiles(),
      profileKeys(),
      listAssignments(),
      listDeployments(),
    ]);
    return { list, keys, assigned, deployments };
  });
  const [editing, setEditing] = createSignal<Profile | "new">();
  const [deleting, setDeleting] = createSignal<Profile>();
  const [opened, setOpened] = createSignal<string>();
  const all = () => settled(profiles);
  const gap = createMemo(() => {
    const error: unknown = profiles.error;
    return error instanceof ApiError ? licenceGap(error.status, error.body) : undefined;
  });
  /** Differs after every change. */
  const stamp = createMemo(() =>
    JSON.stringify([
      (all()?.list ?? []).map((profile) => [profile.id, profile.version]),
      (all()?.assigned ?? []).map((each) => [each.agent_id, each.profile_id]),
    ]),
  );
  const followers = (id: string): number =>
    (all()?.assigned ?? []).filter((each) => each.profile_id === id).length;
  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("Agent profiles")}</h1>
          <p>
            {t("Values that several agents follow. A change reaches running agents within five minutes.")}
          </p>
        </div>
        <Show when={all() !== undefined && editing() === undefined}>
          <Button kind="primary" icon="plus" onClick={() => setEditing("new")}>
            {t("New profile")}
          </Button>
        </Show>
      </header>
      <Show when={gap()}>
        {(missing) => (
          <Licence gap={missing()}>
            <p>
              {t(
                "Agents go on with the settings of their own machines: the options of the install command, and the environment of their service.",
              )}
            </p>
          </Licence>
        )}
      </Show>
      <Show when={profiles.error !== undefined && gap() === undefined}>
        <Note health="crit">
          {t("The profiles could not be loaded: {reason}", { reason: reasonOf(profiles.error) })}
        </Note>
      </Show>
      <Show when={editing()} keyed>
        {(what) => (
          <ProfileForm
            profile={what === "new" ? undefined : what}
            keys={all()?.keys ?? []}
            onCancel={() => setEditing(undefined)}
            onDone={async () => {
              setEditing(undefined);
              await refetch();
            }}
          />
        )}
      </Show>
      <Show when={profiles.error === undefined}>
        <Show when={all()} fallback={<Waiting what={t("profiles")} />}>
          {(now) => (
            <>
              <Show
                when={now().list.length > 0}
                fallback={
                  <Empty title={t("No profiles")}>
                    <p>{t("Every agent follows the settings of its own machine.")}</p>
                  </Empty>
                }
              >
                <ActionList label={t("Agent profiles")} columns={[t("Name"), t("Version"), t("Agents")]}>
                  <For each={now().list}>
                    {(profile) => (
                      <tr>
                        <td>
                          <strong>{profile.name}</strong>
                          <div class={styles.small}>{profile.description}</div>
                        </td>
                        <td>
                          {profile.version}
                          <div class={styles.small}>{moment(Date.parse(profile.updated_at))}</div>
                        </td>
                        <td>{followers(profile.id)}</td>
                        <td>
                          <div class={styles.actions}>
                            <Button
                              isSmall
                              label={t("Versions of {name}", { name: profile.name })}
                              onClick={() => setOpened(opened() === profile.id ? undefined : profile.id)}
                            >
                              {t("Versions")}
                            </Button>
                            <Button
                              isSmall
                              label={t("Change {name}", { name: profile.name })}
                              onClick={() => setEditing(profile)}
                            >
                              {t("Change")}
                            </Button>
                            <Button
                              isSmall
                              kind="danger"
                              label={t("Delete {name}", { name: profile.name })}
                              onClick={() => setDeleting(profile)}
                            >
                              {t("Delete")}
                            </Button>
                          </div>
                        </td>
                      </tr>
                    )}
                  </For>
                </ActionList>
                <Show when={now().list.find((profile) => profile.id === opened())}>
                  {(profile) => (
                    <ProfileHistory
                      profile={profile()}
                      onClose={() => setOpened(undefined)}
                      onDone={refetch}
                    />
                  )}
                </Show>
                <Assignments
                  profiles={now().list}
                  assigned={now().assigned}
                  deployments={now().deployments}
                  onDone={refetch}
                />
              </Show>
              <ProfileLog stamp={stamp()} />
            </>
          )}
        </Show>
      </Show>
      <Show when={deleting()}>
        {(profile) => (
          <Confirm
            title={t("Delete {name}?", { name: profile().name })}
            action={t("Delete profile")}
            onCancel={() => setDeleting(undefined)}
            onConfirm={async () => {
              await deleteProfile(profile().id);
              setDeleting(undefined);
              await refetch();
            }}
          >
            <p>
              {tn(
                "{n} agent that follows it goes back to its own settings.",
                "{n} agents that follow it go back to their own settings.",
                followers(profile().id),
              )}
            </p>
          </Confirm>
        )}
      </Show>
    </>
  );
}
