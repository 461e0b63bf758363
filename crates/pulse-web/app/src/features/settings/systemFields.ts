// The system settings as the form shows them: groups, kinds, and what each does. Pure.

import type { SystemSettings } from "../../api/calls";
import { t } from "../../text";

export type Key = Exclude<keyof SystemSettings, "envOverrides" | "discoveryConfig">;

interface Common {
  key: Key;
  label: string;
  hint?: string;
}
export type SystemField =
  | (Common & { kind: "number"; least: number; most: number })
  | (Common & { kind: "text"; placeholder?: string })
  | (Common & { kind: "switch" })
  | (Common & { kind: "choice"; options: readonly { id: string; title: string }[] });

export interface FieldGroup {
  title: string;
  fields: readonly SystemField[];
}

const seconds = (key: Key, label: string, hint: string, least: number, most: number): SystemField => ({
  kind: "number",
  key,
  label,
  hint,
  least,
  most,
});

export const GROUPS: readonly FieldGroup[] = [
  {
    title: t("Polling"),
    fields: [
      seconds("pvePollingInterval", t("Proxmox VE, seconds"), t("10 to 3600"), 10, 3_600),
      seconds("pbsPollingInterval", t("Backup servers, seconds"), t("10 to 3600"), 10, 3_600),
      seconds("pmgPollingInterval", t("Mail gateways, seconds"), t("10 to 3600"), 10, 3_600),
      { kind: "switch", key: "backupPollingEnabled", label: t("Read backups and snapshots") },
      seconds(
        "backupPollingInterval",
        t("Backups, seconds"),
        t("0 lets the server decide, else 10 to 604800"),
        0,
        604_800,
      ),
      seconds("connectionTimeout", t("Give up a connection after, seconds"), t("0 to 300"), 0, 300),
      { kind: "switch", key: "temperatureMonitoringEnabled", label: t("Read temperatures") },
    ],
  },
  {
    title: t("This server"),
    fields: [
      {
        kind: "text",
        key: "publicURL",
        label: t("Public address"),
        placeholder: "https://pulse.example.net",
        hint: t("For links in notifications."),
      },
      {
        kind: "text",
        key: "webhookAllowedPrivateCIDRs",
        label: t("Private networks that notifications may reach"),
        placeholder: "192.168.0.0/16, 10.0.0.5",
        hint: t(
          "Everything else in private networks is refused, so that nobody uses this server to reach into them.",
        ),
      },
      {
        kind: "text",
        key: "allowedOrigins",
        label: t("Allowed origins"),
        placeholder: "https://dash.example.net",
        hint: t("Other pages that may use the API from a browser."),
      },
      { kind: "switch", key: "allowEmbedding", label: t("Other pages may show this one in a frame") },
      {
        kind: "text",
        key: "allowedEmbedOrigins",
        label: t("Which pages may"),
        placeholder: "https://home.example.net",
        hint: t("Comma between them."),
      },
      { kind: "switch", key: "hideLocalLogin", label: t("Hide the login by user and password") },
    ],
  },
  {
    title: t("Discovery"),
    fields: [
      { kind: "switch", key: "discoveryEnabled", label: t("Look for Proxmox servers in the network") },
      {
        kind: "text",
        key: "discoverySubnet",
        label: t("Network"),
        placeholder: "auto",
        hint: t("auto, or such as 192.0.2.0/24"),
      },
    ],
  },
  {
    title: t("Updates"),
    fields: [
      {
        kind: "choice",
        key: "updateChannel",
        label: t("Channel"),
        options: [
          { id: "stable", title: t("stable") },
          { id: "rc", title: t("release candidates") },
        ],
      },
      { kind: "switch", key: "autoUpdateEnabled", label: t("Install updates by itself") },
      seconds("autoUpdateCheckInterval", t("Look every, hours"), t("0 to 168"), 0, 168),
      {
        kind: "switch",
        key: "disableDockerUpdateActions",
        label: t("Do not offer to update containers"),
      },
    ],
  },
];

export type Draft = Partial<Record<Key, string | number | boolean>>;

/** What is wrong with a number that was typed. */
export function numberError(field: SystemField, value: unknown): string | undefined {
  if (field.kind !== "number") return undefined;
  const isWhole = typeof value === "number" && Number.isInteger(value);
  return isWhole && value >= field.least && value <= field.most
    ? undefined
    : t("A whole number from {least} to {most}", { least: field.least, most: field.most });
}

/** Only what differs is sent: another person may be changing something else. */
export function changes(stored: SystemSettings, draft: Draft): Draft {
  const out: Draft = {};
  for (const [key, value] of Object.entries(draft) as [Key, string | number | boolean][]) {
    if (value !== (stored[key] ?? (typeof value === "string" ? "" : undefined))) out[key] = value;
  }
  return out;
}
