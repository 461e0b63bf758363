// Roles, and which users have which.

import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { deleteRole, forgetUser, listRoles, listUsers, type Role, type UserRoles } from "../../api/roles";
import { onAsked } from "../../state/asked";
import { moment, parseTime, shortMoment } from "../../state/format";
import { settled } from "../../state/settled";
import { t, tn } from "../../text";
import { Badge, Button, Confirm, Empty } from "../../ui/controls";
import { Waiting } from "../../ui/Waiting";
import { ActionList } from "./ActionList";
import { LongText } from "./parts/LongText";
import { Refused } from "./parts/Refused";
import { inSentence, permissionText } from "./roleForm";
import { RoleForm } from "./roles/RoleForm";
import { UserForm } from "./roles/UserForm";
import styles from "./Settings.module.css";

/** Permissions of a role that the list shows; the form has them all. */
const SHOWN = 6;

type Editing =
  | { what: "role"; role: Role | undefined; like?: Role }
  | { what: "user"; user: UserRoles | undefined };

export default function RolesPage(): JSX.Element {
  const [data, { refetch }] = createResource(async () => {
    const [roles, users] = await Promise.all([listRoles(), listUsers()]);
    return { roles, users };
  });
  const [editing, setEditing] = createSignal<Editing>();
  const [deleting, setDeleting] = createSignal<Role>();
  const [forgetting, setForgetting] = createSignal<UserRoles>();
  onAsked("role", () => setEditing({ what: "role", role: undefined }));
  onAsked("user", () => setEditing({ what: "user", user: undefined }));
  const all = () => settled(data);
  const have = (id: string): number =>
    (all()?.users ?? []).filter((user) => user.roleIds.includes(id)).length;
  const roleName = (id: string): string => all()?.roles.find((role) => role.id === id)?.name ?? id;
  const done = async (): Promise<void> => {
    setEditing(undefined);
    await refetch();
  };
  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("Users and roles")}</h1>
          <p>
            {t(
              "For people who come in by a provider or a reverse proxy. Whoever has the password of this server owns it, and tokens have their own rights.",
            )}
          </p>
        </div>
        <Show when={all() !== undefined && editing() === undefined}>
          <div class={styles.actions}>
            <Button kind="primary" icon="plus" onClick={() => setEditing({ what: "user", user: undefined })}>
              {t("Give roles to a user")}
            </Button>
            <Button icon="plus" onClick={() => setEditing({ what: "role", role: undefined })}>
              {t("New role")}
            </Button>
          </div>
        </Show>
      </header>
      <Show when={data.error}>
        {(error) => (
          <Refused
            error={error()}
            failed={t("Roles and users could not be read")}
            onRetry={() => void refetch()}
          >
            <p>
              {t(
                "Groups of a provider can be mapped to the built-in roles all the same, under Security. Roles that were given already go on to hold.",
              )}
            </p>
          </Refused>
        )}
      </Show>
      <Show when={data.error === undefined}>
        <Show when={all()} fallback={<Waiting what={t("roles")} />}>
          {(now) => (
            <>
              <Show when={editing()} keyed>
                {(what) =>
                  what.what === "role" ? (
                    <RoleForm
                      role={what.role}
                      like={what.like}
                      roles={now().roles}
                      onCancel={() => setEditing(undefined)}
                      onDone={done}
                    />
                  ) : (
                    <UserForm
                      user={what.user}
                      roles={now().roles}
                      onCancel={() => setEditing(undefined)}
                      onDone={done}
                    />
                  )
                }
              </Show>
              <section class={styles.area} aria-label={t("Users")}>
                <h2>{t("Users")}</h2>
                <Show
                  when={now().users.length > 0}
                  fallback={
                    <Empty title={t("Nobody was given roles")}>
                      <p>
                        {t(
                          "Everybody is as their login makes them: as the provider's groups are mapped, as the proxy says, else an administrator.",
                        )}
                      </p>
                    </Empty>
                  }
                >
                  <ActionList label={t("Users")} columns={[t("User"), t("Roles"), t("Changed")]}>
                    <For each={now().users}>
                      {(user) => (
                        <tr>
                          <td>
                            <strong>{user.username}</strong>
                          </td>
                          <td>
                            <span class="row">
                              <For
                                each={user.roleIds}
                                fallback={<Badge health="warn">{t("no role: may do nothing")}</Badge>}
                              >
                                {(id) => (
                                  <Badge>
                                    <bdi class={styles.short}>{roleName(id)}</bdi>
                                  </Badge>
                                )}
                              </For>
                            </span>
                          </td>
                          <td>
                            <Show when={parseTime(user.updatedAt)}>
                              {(at) => <span title={moment(at())}>{shortMoment(at())}</span>}
                            </Show>
                          </td>
                          <td>
                            <div class={styles.actions}>
                              <Button
                                isSmall
                                label={t("Change {name}", { name: user.username })}
                                onClick={() => setEditing({ what: "user", user })}
                              >
                                {t("Change")}
                              </Button>
                              <Button
                                isSmall
                                kind="danger"
                                label={t("Forget the roles of {name}", { name: user.username })}
                                onClick={() => setForgetting(user)}
                              >
                                {t("Forget")}
                              </Button>
                            </div>
                          </td>
                        </tr>
                      )}
                    </For>
                  </ActionList>
                </Show>
              </section>
              <section class={styles.area} aria-label={t("Roles")}>
                <h2>{t("Roles")}</h2>
                <ActionList label={t("Roles")} columns={[t("Name"), t("Permissions"), t("Users")]}>
                  <For each={now().roles}>
                    {(role) => (
                      <tr>
                        <td>
                          <span class="row">
                            <strong>
                              <LongText text={role.name} />
                            </strong>
                            <Show when={role.isBuiltIn}>
                              <Badge>{t("built in")}</Badge>
                            </Show>
                          </span>
                          <div class={`${styles.small} mono`}>{role.id}</div>
                          <div class={styles.small}>
                            <LongText text={role.description} />
                          </div>
                        </td>
                        <td>
                          <span class="row">
                            <Show when={role.parentId}>
                              {(id) => (
                                <Badge>
                                  <bdi class={styles.short}>{t("as {role}", { role: roleName(id()) })}</bdi>
                                </Badge>
                              )}
                            </Show>
                            <For each={role.permissions.slice(0, SHOWN)}>
                              {(each) => (
                                <Badge
                                  health={each.effect === "deny" ? "warn" : undefined}
                                  title={permissionText(each)}
                                >
                                  {permissionText(each)}
                                </Badge>
                              )}
                            </For>
                            <Show when={role.permissions.length > SHOWN}>
                              <span class="soft">
                                {tn("and {n} more", "and {n} more", role.permissions.length - SHOWN)}
                              </span>
                            </Show>
                          </span>
                        </td>
                        <td>
                          <span class={styles.onPhone}>{t("Users")}: </span>
                          {have(role.id)}
                        </td>
                        <td>
                          <div class={styles.actions}>
                            <Show
                              when={!role.isBuiltIn}
                              fallback={
                                <Button
                                  isSmall
                                  label={t("One like it: {name}", { name: inSentence(role.name) })}
                                  onClick={() => setEditing({ what: "role", role: undefined, like: role })}
                                >
                                  {t("One like it")}
                                </Button>
                              }
                            >
                              <Button
                                isSmall
                                label={t("Change {name}", { name: inSentence(role.name) })}
                                onClick={() => setEditing({ what: "role", role })}
                              >
                                {t("Change")}
                              </Button>
                              <Button
                                isSmall
                                kind="danger"
                                label={t("Delete {name}", { name: inSentence(role.name) })}
                                onClick={() => setDeleting(role)}
                              >
                                {t("Delete")}
                              </Button>
                            </Show>
                          </div>
                        </td>
                      </tr>
                    )}
                  </For>
                </ActionList>
              </section>
            </>
          )}
        </Show>
      </Show>
      <Show when={deleting()}>
        {(role) => (
          <Confirm
            title={t("Delete {name}?", { name: inSentence(role().name) })}
            action={t("Delete role")}
            onCancel={() => setDeleting(undefined)}
            onConfirm={async () => {
              await deleteRole(role().id);
              setDeleting(undefined);
              await refetch();
            }}
          >
            <p>
              {tn(
                "{n} user loses it at once. Whoever has no other role may then do nothing.",
                "{n} users lose it at once. Whoever has no other role may then do nothing.",
                have(role().id),
              )}
            </p>
          </Confirm>
        )}
      </Show>
      <Show when={forgetting()}>
        {(user) => (
          <Confirm
            title={t("Forget the roles of {name}?", { name: user().username })}
            action={t("Forget")}
            onCancel={() => setForgetting(undefined)}
            onConfirm={async () => {
              await forgetUser(user().username);
              setForgetting(undefined);
              await refetch();
            }}
          >
            <p>
              {t(
                "They are then as their login makes them. Where neither groups nor the proxy say less, that is an administrator. To let them do nothing, take all roles away instead.",
              )}
            </p>
          </Confirm>
        )}
      </Show>
    </>
  );
}
