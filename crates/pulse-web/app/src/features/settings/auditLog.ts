// Events of the audit log: how each is called, and what the filter asks the server for. Pure.

import type { AuditWish } from "../../api/audit";
import { t } from "../../text";

const NAMES: Readonly<Record<string, string>> = {
  login: t("Login"),
  logout: t("Logout"),
  csrf_failure: t("Forged request refused"),
  password_change: t("Change of the password"),
  lockout_reset: t("Lock of a login ended"),
  oidc_login: t("Login by the provider"),
  oidc_role_assignment: t("Roles by groups of the provider"),
  token_created: t("Token made"),
  token_updated: t("Token changed"),
  token_deleted: t("Token revoked"),
  role_created: t("Role made"),
  role_create_failed: t("Role not made"),
  role_updated: t("Role changed"),
  role_update_failed: t("Role not changed"),
  role_deleted: t("Role deleted"),
  role_delete_failed: t("Role not deleted"),
  user_roles_updated: t("Roles of a user changed"),
  user_roles_update_failed: t("Roles of a user not changed"),
  config_exported: t("Configuration exported"),
  config_imported: t("Configuration imported"),
  audit_webhooks_updated: t("Webhooks of the audit log changed"),
};

/** An event that only a newer server knows is said as it is. */
export const eventName = (event: string): string =>
  Object.hasOwn(NAMES, event) ? (NAMES[event] ?? event) : event;

export const EVENTS: readonly { id: string; title: string }[] = [
  { id: "", title: t("Any event") },
  ...Object.entries(NAMES).map(([id, title]) => ({ id, title })),
];

export const RESULTS = [
  { id: "all", title: t("Any result") },
  { id: "true", title: t("Done") },
  { id: "false", title: t("Not done") },
] as const;
export type Result = (typeof RESULTS)[number]["id"];

export const PAGE_SIZE = 50;

export interface AuditFilter {
  event: string;
  user: string;
  result: Result;
  /** Days of the reader, both of them whole: `2026-11-20`. */
  from: string;
  until: string;
  page: number;
}

/** The moment at which a day of the reader begins, or ends; nothing for what is no day. */
export function edgeOf(day: string, isEnd: boolean): string | undefined {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
  if (parts === null) return undefined;
  const [year, month, date] = parts.slice(1).map(Number) as [number, number, number];
  const at = new Date(year, month - 1, date + (isEnd ? 1 : 0), 0, 0, 0, isEnd ? -1 : 0);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

export function wishOf(filter: AuditFilter): AuditWish {
  const wish: AuditWish = { limit: PAGE_SIZE, offset: filter.page * PAGE_SIZE };
  if (filter.event !== "") wish.event = filter.event;
  if (filter.user.trim() !== "") wish.user = filter.user.trim();
  if (filter.result !== "all") wish.success = filter.result;
  const [startTime, endTime] = [edgeOf(filter.from, false), edgeOf(filter.until, true)];
  if (startTime !== undefined) wish.startTime = startTime;
  if (endTime !== undefined) wish.endTime = endTime;
  return wish;
}

/** A page number of the address: whole, from 0, and not beyond any sense. */
export function pageOf(text: string | undefined): number {
  const page = Number(text ?? 0);
  return Number.isInteger(page) && page > 0 && page <= 100_000 ? page : 0;
}

/** Which of how many are shown, from 1. */
export function shownRange(
  page: number,
  rows: number,
  total: number,
): { first: number; last: number; total: number } {
  return { first: rows === 0 ? 0 : page * PAGE_SIZE + 1, last: page * PAGE_SIZE + rows, total };
}

/** Lines that say anything, each once. */
export const linesOf = (text: string): string[] => [
  ...new Set(
    text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter(Boolean),
  ),
];
