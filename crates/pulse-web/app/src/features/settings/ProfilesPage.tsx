// Profiles: sets of values that several agents follow.

import { createMemo, createResource, createSignal, For, type JSX, Show } from "solid-js";
import { ApiError } from "../../api/client";
import { licenceGap } from "../../api/licence";
import { hosts } from "../../api/live";
import {
  assignProfile,
  createProfile,
  deleteProfile,
  listAssignments,
  listProfiles,
  type Profile,
  type ProfileKey,
  profileKeys,
  unassignProfile,
  updateProfile,
  validateProfile,
} from "../../api/profiles";
import { moment } from "../../state/format";
import { settled } from "../../state/settled";
import { t, tn } from "../../text";
import { Button, Choice, Confirm, Empty, Field, Note } from "../../ui/controls";
import { toast } from "../../ui/toast";
import { Waiting } from "../../ui/Waiting";
import { Licence } from "../parts/Licence";
import { ActionList } from "./ActionList";
import { profileConfig, profileTexts } from "./profileForm";
import styles from "./Settings.module.css";

const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

export default function ProfilesPage(): JSX.Element {
  const [profiles, { refetch }] = createResource(async () => {
    const [list, keys, assigned] = await Promise.all([listProfiles(), profileKeys(), listAssignments()]);
    return { list, keys, assigned };
  });
  const [editing, setEditing] = createSignal<Profile | "new">();
  const [deleting, setDeleting] = createSignal<Profile>();
  const all = () => settled(profiles);
  const gap = createMemo(() => {
    const error: unknown = profiles.error;
    return error instanceof ApiError ? licenceGap(error.status, error.body) : undefined;
  });
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
          <Edit
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
                <Assignments profiles={now().list} assigned={now().assigned} onDone={refetch} />
              </Show>
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

function Edit(props: {
  profile: Profile | undefined;
  keys: readonly ProfileKey[];
  onCancel: () => void;
  onDone: () => Promise<void>;
}): JSX.Element {
  const [name, setName] = createSignal(props.profile?.name ?? "");
  const [description, setDescription] = createSignal(props.profile?.description ?? "");
  const [texts, setTexts] = createSignal(profileTexts(props.profile?.config));
  const [wrong, setWrong] = createSignal<Readonly<Record<string, string>>>({});
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const save = async (): Promise<void> => {
    setWrong({});
    setError(undefined);
    if (name().trim() === "") {
      setError(t("The profile needs a name"));
      return;
    }
    setBusy(true);
    try {
      const config = profileConfig(props.keys, texts());
      const checked = await validateProfile(config);
      if (checked.Valid) {
        const body = { name: name().trim(), description: description().trim(), config };
        if (props.profile === undefined) await createProfile(body);
        else await updateProfile(props.profile.id, body);
        await props.onDone();
        return;
      }
      setWrong(Object.fromEntries((checked.Errors ?? []).map((each) => [each.Key, each.Message])));
      setError(t("Agents could not follow these values"));
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  const set = (key: string, text: string): void => {
    setTexts((old) => ({ ...old, [key]: text }));
  };
  return (
    <form
      class={styles.form}
      aria-label={props.profile === undefined ? t("New profile") : t("Change the profile")}
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <h2>{props.profile?.name ?? t("New profile")}</h2>
      <Field label={t("Name")} hasFocus value={name()} onInput={setName} />
      <Field label={t("What it is for")} value={description()} onInput={setDescription} />
      <p class="soft">{t("What is left empty each agent decides by itself.")}</p>
      <div class={styles.columns}>
        <For each={props.keys}>
          {(key) => {
            const options = (): readonly string[] =>
              key.Type === "bool" ? ["true", "false"] : (key.Enum ?? []);
            return (
              <Show
                when={options().length > 0}
                fallback={
                  <Field
                    label={key.Key}
                    value={texts()[key.Key] ?? ""}
                    hint={key.Description}
                    error={wrong()[key.Key]}
                    onInput={(text) => set(key.Key, text)}
                  />
                }
              >
                <Choice
                  label={key.Key}
                  options={[
                    { id: "", title: t("as the agent decides") },
                    ...options().map((id) => ({
                      id,
                      title: id === "true" ? t("on") : id === "false" ? t("off") : id,
                    })),
                  ]}
                  value={texts()[key.Key] ?? ""}
                  hint={wrong()[key.Key] ?? key.Description}
                  onChange={(text) => set(key.Key, text)}
                />
              </Show>
            );
          }}
        </For>
      </div>
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.actions}>
        <Button onClick={props.onCancel}>{t("Cancel")}</Button>
        <Button type="submit" kind="primary" isDisabled={isBusy()}>
          {t("Save profile")}
        </Button>
      </div>
    </form>
  );
}

function Assignments(props: {
  profiles: readonly Profile[];
  assigned: Awaited<ReturnType<typeof listAssignments>>;
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
            <Choice
              label={hosts().get(id)?.displayName || hosts().get(id)?.hostname || id}
              options={[
                { id: "", title: t("none") },
                ...props.profiles.map((profile) => ({ id: profile.id, title: profile.name })),
              ]}
              value={props.assigned.find((each) => each.agent_id === id)?.profile_id ?? ""}
              onChange={(profile) => void change(id, profile)}
            />
          )}
        </For>
      </div>
    </section>
  );
}
