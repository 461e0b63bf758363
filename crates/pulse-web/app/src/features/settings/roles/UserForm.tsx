// The roles of one user, and what they may do by them.

import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { giveRoles, type Role, type UserRoles, userPermissions } from "../../../api/roles";
import { reasonOf } from "../../../state/failure";
import { settled } from "../../../state/settled";
import { t } from "../../../text";
import { Badge, Button, Check, Field, Note } from "../../../ui/controls";
import { permissionText, userProblem } from "../roleForm";
import styles from "../Settings.module.css";

export function UserForm(props: {
  user: UserRoles | undefined;
  roles: readonly Role[];
  onCancel: () => void;
  onDone: () => Promise<void>;
}): JSX.Element {
  const [name, setName] = createSignal(props.user?.username ?? "");
  const [chosen, setChosen] = createSignal<ReadonlySet<string>>(new Set(props.user?.roleIds ?? []));
  const [wrongName, setWrongName] = createSignal<string>();
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const [effective] = createResource(() => props.user?.username, userPermissions);
  const toggle = (id: string, isOn: boolean): void => {
    setChosen((before) => {
      const after = new Set(before);
      if (isOn) after.add(id);
      else after.delete(id);
      return after;
    });
  };
  const save = async (): Promise<void> => {
    setError(undefined);
    setWrongName(userProblem(name().trim()));
    if (wrongName() !== undefined) return;
    setBusy(true);
    try {
      await giveRoles(name().trim(), [...chosen()]);
      await props.onDone();
      return;
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  return (
    <form
      class={styles.form}
      aria-label={props.user === undefined ? t("Give roles to a user") : t("Change the roles of a user")}
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <h2>{props.user?.username ?? t("Give roles to a user")}</h2>
      <Show when={props.user === undefined}>
        <Field
          label={t("User name")}
          hasFocus
          value={name()}
          error={wrongName()}
          hint={t("As the provider or the reverse proxy names them.")}
          onInput={setName}
        />
      </Show>
      <fieldset class={styles.scopes}>
        <legend class={styles.legend}>{t("Roles")}</legend>
        <For each={props.roles}>
          {(role) => (
            <Check
              isOn={chosen().has(role.id)}
              onChange={(isOn) => toggle(role.id, isOn)}
              label={
                <>
                  <bdi class={styles.clip}>{role.name}</bdi>
                  <small class={styles.clip}>{role.description || role.id}</small>
                </>
              }
            />
          )}
        </For>
      </fieldset>
      <Show when={chosen().size === 0}>
        <Note health="warn">{t("Without any role they may do and see nothing.")}</Note>
      </Show>
      <Show when={settled(effective)}>
        {(list) => (
          <div>
            <div class={styles.legend}>{t("What they may do now")}</div>
            <span class="row">
              <For each={list()} fallback={<span class="soft">{t("nothing")}</span>}>
                {(each) => (
                  <Badge health={each.effect === "deny" ? "warn" : undefined}>{permissionText(each)}</Badge>
                )}
              </For>
            </span>
          </div>
        )}
      </Show>
      <Show when={effective.error}>
        {(cause) => (
          <Note health="crit">
            {t("What they may do could not be read: {reason}", { reason: reasonOf(cause()) })}
          </Note>
        )}
      </Show>
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.actions}>
        <Button onClick={() => props.onCancel()}>{t("Cancel")}</Button>
        <Button type="submit" kind="primary" isDisabled={isBusy()}>
          {t("Save roles")}
        </Button>
      </div>
    </form>
  );
}
