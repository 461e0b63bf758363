// A role as a grid of what is done to what, and back. Pure.

import type { Permission, Role } from "../../api/roles";
import { t } from "../../text";

export const ACTIONS = ["read", "write", "delete", "admin"] as const;
export type Action = (typeof ACTIONS)[number];
export const RESOURCES = [
  "*",
  "nodes",
  "vms",
  "containers",
  "alerts",
  "settings",
  "users",
  "audit_logs",
  "compliance",
] as const;
export type Resource = (typeof RESOURCES)[number];

/** What a cell of the grid says; absent: nothing. */
export type Effect = "allow" | "deny";
/** Cells by `action resource`. */
export type Grid = Readonly<Record<string, Effect>>;

const ACTION_NAMES: Readonly<Record<Action, string>> = {
  read: t("Read"),
  write: t("Change"),
  delete: t("Delete"),
  admin: t("Everything"),
};
const RESOURCE_NAMES: Readonly<Record<Resource, string>> = {
  "*": t("All of it"),
  nodes: t("Nodes and hosts"),
  vms: t("Virtual machines"),
  containers: t("Containers"),
  alerts: t("Alerts"),
  settings: t("Settings"),
  users: t("Users and tokens"),
  audit_logs: t("Audit log"),
  compliance: t("Compliance"),
};

/** Names come from outside: only own keys are looked up. */
export const actionName = (action: string): string =>
  Object.hasOwn(ACTION_NAMES, action) ? ACTION_NAMES[action as Action] : action;
export const resourceName = (resource: string): string =>
  Object.hasOwn(RESOURCE_NAMES, resource) ? RESOURCE_NAMES[resource as Resource] : resource;

export const cell = (action: string, resource: string): string => `${action} ${resource}`;

const isKnown = (permission: Permission): boolean =>
  (ACTIONS as readonly string[]).includes(permission.action) &&
  (RESOURCES as readonly string[]).includes(permission.resource) &&
  ["", "allow", "deny"].includes(permission.effect ?? "") &&
  Object.keys(permission.conditions ?? {}).length === 0;

/** The cells of a role. What stands in no cell, such as conditions of a file of Pulse v5, is in `others`. */
export function gridOf(permissions: readonly Permission[]): { grid: Grid; others: Permission[] } {
  const grid: Record<string, Effect> = {};
  const others: Permission[] = [];
  for (const permission of permissions) {
    if (!isKnown(permission)) {
      others.push(permission);
      continue;
    }
    const key = cell(permission.action, permission.resource);
    // Denied wins, as on the server.
    if (grid[key] !== "deny") grid[key] = permission.effect === "deny" ? "deny" : "allow";
  }
  return { grid, others };
}

export function permissionsOf(grid: Grid): Permission[] {
  return RESOURCES.flatMap((resource) =>
    ACTIONS.flatMap((action) => {
      const effect = grid[cell(action, resource)];
      return effect === undefined ? [] : [{ action, resource, effect }];
    }),
  );
}

/** A name of any length and direction, within a sentence. */
export const inSentence = (name: string): string =>
  `\u2068${name.length > 80 ? `${name.slice(0, 79)}…` : name}\u2069`;

/** A cell's next state, as a click goes through them. */
export function nextEffect(effect: Effect | undefined): Effect | undefined {
  if (effect === undefined) return "allow";
  return effect === "allow" ? "deny" : undefined;
}

/** One permission in words. */
export function permissionText(permission: Permission): string {
  const params = { action: actionName(permission.action), what: resourceName(permission.resource) };
  const hasConditions = Object.keys(permission.conditions ?? {}).length > 0;
  if ((permission.effect ?? "") === "deny") return t("not {action}: {what}", params);
  if (hasConditions) return t("{action}: {what} (on conditions, so never)", params);
  return t("{action}: {what}", params);
}

/** What is wrong with an id, before the server is asked. */
export function idProblem(id: string, known: readonly Role[]): string | undefined {
  if (!/^[a-zA-Z0-9_-]{1,64}$/.test(id)) return t("1 to 64 letters, digits, _ or -");
  if (known.some((role) => role.id === id)) return t("There is a role of this id already");
  return undefined;
}

export function userProblem(name: string): string | undefined {
  return /^[a-zA-Z0-9._@+-]{1,128}$/.test(name)
    ? undefined
    : t("1 to 128 letters, digits or . _ @ + -, as the provider or the proxy names them");
}

/** An id from a name, for a role that has none yet. */
export function idFrom(name: string): string {
  return name
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, "")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 64);
}

/** The roles that one may build on: not itself, nor what builds on it. */
export function possibleParents(id: string, roles: readonly Role[]): Role[] {
  if (id === "") return [...roles];
  const below = new Set([id]);
  // Each round finds the next level; a circle in a file ends it, as nothing new is found.
  for (let before = 0; before !== below.size; ) {
    before = below.size;
    for (const role of roles) if (below.has(role.parentId ?? "")) below.add(role.id);
  }
  return roles.filter((role) => !below.has(role.id));
}
