// The system settings as the form shows them: groups, kinds, and what each does. Pure.

import type { SystemSettings } from "../../api/calls";
import { t } from "../../text";

type Discovery = SystemSettings["discoveryConfig"];
type DiscoveryKey = `discovery.${keyof Discovery & string}`;
/** A key of the settings, or one of how the network is searched. */
export type Key = Exclude<keyof SystemSettings, "envOverrides" | "discoveryConfig"> | DiscoveryKey;

interface Common {
  key: Key;
  label: string;
  hint?: string;
}
export type SystemField =
  | (Common & { kind: "number"; least: number; most: number })
  | (Common & { kind: "text"; placeholder?: string })
  | (Common & { kind: "list"; placeholder?: string })
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
      seconds("sshPort", t("Port of SSH for temperatures"), t("0 is 22"), 0, 65_535),
      seconds(
        "dnsCacheTimeout",
        t("A name that was looked up counts for, seconds"),
        t("0 to 86400"),
        0,
        86_400,
      ),
      {
        kind: "switch",
        key: "adaptivePollingEnabled",
        label: t("Ask busy sources more often than quiet ones"),
      },
      seconds("adaptivePollingBaseInterval", t("Begin with, seconds"), t("0 for the default"), 0, 86_400),
      seconds("adaptivePollingMinInterval", t("At most every, seconds"), t("0 for the default"), 0, 86_400),
      seconds("adaptivePollingMaxInterval", t("At least every, seconds"), t("0 for the default"), 0, 86_400),
    ],
  },
  {
    title: t("History"),
    fields: [
      seconds("metricsRetentionRawHours", t("Keep every sample, hours"), t("0 for the default"), 0, 168),
      seconds("metricsRetentionMinuteHours", t("Keep minutes, hours"), t("0 for the default"), 0, 2_160),
      seconds("metricsRetentionHourlyDays", t("Keep hours, days"), t("0 for the default"), 0, 730),
      seconds("metricsRetentionDailyDays", t("Keep days, days"), t("0 for the default"), 0, 3_650),
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
      {
        kind: "choice",
        key: "logLevel",
        label: t("What is written to the log"),
        options: [
          { id: "", title: t("as the environment says") },
          { id: "error", title: t("errors") },
          { id: "warn", title: t("warnings as well") },
          { id: "info", title: t("what happens as well") },
          { id: "debug", title: t("everything") },
        ],
      },
      {
        kind: "choice",
        key: "theme",
        label: t("Theme of other clients"),
        hint: t("This page keeps its own under Appearance."),
        options: [
          { id: "", title: t("As the system") },
          { id: "light", title: t("Light") },
          { id: "dark", title: t("Dark") },
        ],
      },
      { kind: "switch", key: "fullWidthMode", label: t("Other clients take the whole width") },
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
      {
        kind: "choice",
        key: "discovery.environment_override",
        label: t("Where this server runs"),
        options: [
          { id: "auto", title: t("found out by itself") },
          { id: "native", title: t("on a machine") },
          { id: "docker_host", title: t("in Docker, network of the host") },
          { id: "docker_bridge", title: t("in Docker, network of its own") },
          { id: "lxc_privileged", title: t("in a privileged LXC container") },
          { id: "lxc_unprivileged", title: t("in an LXC container") },
        ],
      },
      {
        kind: "list",
        key: "discovery.subnet_allowlist",
        label: t("Only these networks"),
        placeholder: "192.168.1.0/24, 10.0.0.0/24",
        hint: t("Comma between them. Empty: what the server is in."),
      },
      {
        kind: "list",
        key: "discovery.subnet_blocklist",
        label: t("Never these networks"),
        placeholder: "169.254.0.0/16",
        hint: t("Comma between them."),
      },
      seconds("discovery.max_hosts_per_scan", t("Addresses of one search"), t("1 to 65536"), 1, 65_536),
      seconds("discovery.max_concurrent", t("Addresses asked at once"), t("1 to 1000"), 1, 1_000),
      seconds("discovery.dial_timeout_ms", t("Wait for a connection, ms"), t("1 to 60000"), 1, 60_000),
      seconds("discovery.http_timeout_ms", t("Wait for an answer, ms"), t("1 to 60000"), 1, 60_000),
      { kind: "switch", key: "discovery.enable_reverse_dns", label: t("Look up the names of what is found") },
      { kind: "switch", key: "discovery.scan_gateways", label: t("Ask gateways first") },
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
      {
        kind: "switch",
        key: "autoUpdateEnabled",
        label: t("Install updates by itself"),
        hint: t(
          "Kept for clients of the API. This server does not replace itself: install the new package or image.",
        ),
      },
      seconds("autoUpdateCheckInterval", t("Look every, hours"), t("0 to 168"), 0, 168),
      {
        kind: "text",
        key: "autoUpdateTime",
        label: t("Install at"),
        placeholder: "03:00",
        hint: t("Empty: at any time."),
      },
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

type Setting = string | number | boolean;

/** The member of how the network is searched that a key names. */
function discoveryMember(key: Key): keyof Discovery | undefined {
  return key.startsWith("discovery.") ? (key.slice("discovery.".length) as keyof Discovery) : undefined;
}

/** What a key is set to; a list as one line. */
export function settingOf(stored: SystemSettings | undefined, key: Key): Setting | undefined {
  if (stored === undefined) return undefined;
  const member = discoveryMember(key);
  const value = member === undefined ? stored[key as keyof SystemSettings] : stored.discoveryConfig?.[member];
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "object" ? undefined : (value ?? undefined);
}

/** Under what name the server says that its environment holds a key. */
export function lockName(key: Key): string {
  const member = discoveryMember(key);
  if (member === undefined) return key;
  return `discovery_${member}`.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

const LISTS: ReadonlySet<Key> = new Set(
  GROUPS.flatMap((group) => group.fields)
    .filter((field) => field.kind === "list")
    .map((field) => field.key),
);

const split = (line: string): string[] =>
  line
    .split(/[\s,]+/)
    .map((each) => each.trim())
    .filter((each) => each !== "");

export type Changes = Record<string, unknown>;

/** Only what differs is sent: another person may be changing something else. */
export function changes(stored: SystemSettings, draft: Draft): Changes {
  const out: Changes = {};
  const discovery: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(draft) as [Key, Setting][]) {
    // What the server leaves out is empty, none, or off.
    const empty = typeof value === "string" ? "" : typeof value === "number" ? 0 : false;
    if (value === (settingOf(stored, key) ?? empty)) continue;
    const sent = LISTS.has(key) ? split(String(value)) : value;
    const member = discoveryMember(key);
    if (member === undefined) out[key] = sent;
    else discovery[member] = sent;
  }
  return Object.keys(discovery).length === 0 ? out : { ...out, discoveryConfig: discovery };
}
