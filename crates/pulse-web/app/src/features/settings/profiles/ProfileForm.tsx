// A profile's name and values.

import { createSignal, For, type JSX, Show } from "solid-js";
import {
  createProfile,
  type Profile,
  type ProfileKey,
  updateProfile,
  validateProfile,
} from "../../../api/profiles";
import { reasonOf } from "../../../state/failure";
import { t } from "../../../text";
import { Button, Choice, Field, Note } from "../../../ui/controls";
import { profileConfig, profileTexts } from "../profileForm";
import styles from "../Settings.module.css";

export function ProfileForm(props: {
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
