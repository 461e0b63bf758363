// A role: its name, what it builds on, and what it allows and denies.

import { createMemo, createSignal, For, type JSX, Show } from "solid-js";
import { keepRole, type Permission, type Role } from "../../../api/roles";
import { reasonOf } from "../../../state/failure";
import { t } from "../../../text";
import { Button, Choice, Field, Note } from "../../../ui/controls";
import {
  ACTIONS,
  actionName,
  cell,
  type Effect,
  gridOf,
  idFrom,
  idProblem,
  nextEffect,
  permissionsOf,
  permissionText,
  possibleParents,
  RESOURCES,
  resourceName,
} from "../roleForm";
import styles from "../Settings.module.css";

const MARKS: Readonly<Record<Effect, string>> = { allow: "✓", deny: "✕" };
const said = (effect: Effect | undefined): string => {
  if (effect === undefined) return t("says nothing");
  return effect === "allow" ? t("allowed") : t("denied");
};

/** `role` is the one to change; `like` one whose permissions a new one begins with. */
export function RoleForm(props: {
  role: Role | undefined;
  like: Role | undefined;
  roles: readonly Role[];
  onCancel: () => void;
  onDone: () => Promise<void>;
}): JSX.Element {
  const from = props.role ?? props.like;
  const [name, setName] = createSignal(props.role?.name ?? "");
  const [ownId, setOwnId] = createSignal<string>();
  const [description, setDescription] = createSignal(props.role?.description ?? "");
  const [parent, setParent] = createSignal(from?.parentId ?? "");
  const start = gridOf(from?.permissions ?? []);
  const [grid, setGrid] = createSignal(start.grid);
  const [others, setOthers] = createSignal<readonly Permission[]>(start.others);
  const [wrongId, setWrongId] = createSignal<string>();
  const [wrongName, setWrongName] = createSignal<string>();
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const id = createMemo(() => props.role?.id ?? ownId() ?? idFrom(name()));
  // What was wrong is not any more once somebody types.
  const typeName = (text: string): void => {
    setName(text);
    setWrongName(undefined);
    setWrongId(undefined);
  };
  const typeId = (text: string): void => {
    setOwnId(text);
    setWrongId(undefined);
  };
  const press = (key: string): void => {
    setGrid(({ [key]: effect, ...rest }) => {
      const next = nextEffect(effect);
      return next === undefined ? rest : { ...rest, [key]: next };
    });
  };
  const save = async (): Promise<void> => {
    setError(undefined);
    setWrongName(name().trim() === "" ? t("The role needs a name") : undefined);
    setWrongId(props.role === undefined ? idProblem(id(), props.roles) : undefined);
    if (wrongName() !== undefined || wrongId() !== undefined) return;
    setBusy(true);
    try {
      await keepRole({
        id: id(),
        name: name().trim(),
        description: description().trim(),
        parentId: parent(),
        permissions: [...permissionsOf(grid()), ...others()],
      });
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
      aria-label={props.role === undefined ? t("New role") : t("Change the role")}
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <h2 class={styles.clip}>
        <bdi>{props.role?.name ?? t("New role")}</bdi>
      </h2>
      <div class={styles.columns}>
        <Field label={t("Name")} hasFocus value={name()} error={wrongName()} onInput={typeName} />
        <Field
          label={t("Id")}
          value={id()}
          isDisabled={props.role !== undefined}
          error={wrongId()}
          hint={t("How mappings of the provider's groups name it. It cannot be changed later.")}
          onInput={typeId}
        />
        <Field label={t("What it is for")} value={description()} onInput={setDescription} />
        <Choice
          label={t("Builds on")}
          options={[
            { id: "", title: t("nothing") },
            ...possibleParents(id(), props.roles).map((role) => ({ id: role.id, title: role.name })),
          ]}
          value={parent()}
          hint={t("It then has the permissions of that role, too.")}
          onChange={setParent}
        />
      </div>
      <table class={styles.grid} aria-label={t("Permissions")}>
        <thead>
          <tr>
            <th scope="col">{t("Of what")}</th>
            <For each={ACTIONS}>{(action) => <th scope="col">{actionName(action)}</th>}</For>
          </tr>
        </thead>
        <tbody>
          <For each={RESOURCES}>
            {(resource) => (
              <tr>
                <th scope="row">{resourceName(resource)}</th>
                <For each={ACTIONS}>
                  {(action) => {
                    const key = cell(action, resource);
                    return (
                      <td>
                        <button
                          type="button"
                          data-effect={grid()[key]}
                          aria-label={`${actionName(action)}, ${resourceName(resource)}: ${said(grid()[key])}`}
                          title={said(grid()[key])}
                          onClick={() => press(key)}
                        >
                          {grid()[key] === undefined ? "–" : MARKS[grid()[key] as Effect]}
                        </button>
                      </td>
                    );
                  }}
                </For>
              </tr>
            )}
          </For>
        </tbody>
      </table>
      <p class="soft">
        {t(
          "A click goes from – (says nothing) to ✓ (allowed) to ✕ (denied). What is denied wins over what any role allows. Whoever is to see anything at all needs Read of nodes and hosts; only Everything of all of it administers this server.",
        )}
      </p>
      <Show when={others().length > 0}>
        <Note health="warn">
          <p>{t("This role also says what this server cannot enforce; it does not keep such a role:")}</p>
          <ul>
            <For each={others()}>{(each) => <li>{permissionText(each)}</li>}</For>
          </ul>
          <Button isSmall onClick={() => setOthers([])}>
            {t("Leave that out")}
          </Button>
        </Note>
      </Show>
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.actions}>
        <Button onClick={() => props.onCancel()}>{t("Cancel")}</Button>
        <Button type="submit" kind="primary" isDisabled={isBusy()}>
          {t("Save role")}
        </Button>
      </div>
    </form>
  );
}
