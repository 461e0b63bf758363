// What a token may do and until when, as the form has it. Pure.

import type { TokenRecord } from "../../api/calls";
import { t } from "../../text";

export const SCOPES = [
  { id: "monitoring:read", text: t("read state, charts and history") },
  { id: "monitoring:write", text: t("acknowledge alerts and change monitoring") },
  { id: "docker:report", text: t("send reports of a Docker or Podman host") },
  { id: "docker:manage", text: t("remove and command Docker hosts") },
  { id: "kubernetes:report", text: t("send reports of a cluster") },
  { id: "kubernetes:manage", text: t("remove and rename clusters") },
  { id: "host-agent:report", text: t("send reports of a machine") },
  { id: "host-agent:config:read", text: t("an agent reads its own settings") },
  { id: "host-agent:manage", text: t("remove and configure agents") },
  { id: "settings:read", text: t("read the settings") },
  { id: "settings:write", text: t("change the settings, nodes and tokens") },
] as const;

export const AGENT_SCOPES: readonly string[] = [
  "host-agent:report",
  "host-agent:config:read",
  "docker:report",
  "kubernetes:report",
];
export const READ_SCOPES: readonly string[] = ["monitoring:read"];

export type Preset = "agent" | "read" | "full" | "own";

/** What a token is to be. */
export interface TokenWish {
  name: string;
  /** None: everything. */
  scopes: string[] | null;
  /** None: until it is revoked. */
  expiresAt: string | null;
}

const isSame = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((scope) => other.includes(scope));

/** Which of the presets a token is; a new one is for an agent. */
export function presetOf(known: TokenRecord | undefined): Preset {
  if (known === undefined || isSame(known.scopes, AGENT_SCOPES)) return "agent";
  if (known.scopes.includes("*")) return "full";
  return isSame(known.scopes, READ_SCOPES) ? "read" : "own";
}

/** The day in the reader's own time zone, as a date field has it. */
export function dayOf(moment: string | null | undefined): string {
  if (moment === null || moment === undefined) return "";
  const at = new Date(moment);
  if (Number.isNaN(at.getTime())) return "";
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** The end of that day; an end that was not touched stays to the second. */
export function endOf(day: string, known: string | null | undefined): string | null {
  if (day === "") return null;
  if (known && day === dayOf(known)) return known;
  const at = new Date(`${day}T23:59:59`);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}
