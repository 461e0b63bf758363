// The areas of the page, and everything that has an address of its own.

import { t } from "../text";
import type { IconName } from "../ui/Icon";

export interface Area {
  href: string;
  title: string;
  icon: IconName;
  /** What can be typed into the search box there; without it there is none. */
  example?: string;
}

/** The tabs on the left of the top line. */
export const AREAS: readonly Area[] = [
  { href: "/proxmox", title: "Proxmox", icon: "proxmox", example: "cpu>80 node:pve1 tag:prod" },
  { href: "/docker", title: "Docker", icon: "docker", example: "image:nginx state:running" },
  { href: "/kubernetes", title: "Kubernetes", icon: "kubernetes", example: "ns:default restarts>3" },
  { href: "/hosts", title: t("Hosts"), icon: "hosts", example: "disk>80 os:debian" },
];

/** Those on the right. */
export const TOOLS: readonly Area[] = [
  { href: "/alerts", title: t("Alerts"), icon: "alerts", example: "level:critical type:cpu" },
  { href: "/settings", title: t("Settings"), icon: "settings" },
];

/** Pages of areas with a search box that have nothing it could filter. */
export const WITHOUT_TABLE: ReadonlySet<string> = new Set([
  "/alerts/schedule",
  "/alerts/destinations",
  "/proxmox/ceph",
  "/proxmox/mail",
]);

export const SETTINGS: readonly { href: string; title: string }[] = [
  { href: "/settings/nodes", title: t("Proxmox nodes") },
  { href: "/settings/agents", title: t("Agents") },
  { href: "/settings/profiles", title: t("Agent profiles") },
  { href: "/settings/commands", title: t("Commands") },
  { href: "/settings/updates", title: t("Updates") },
  { href: "/settings/tokens", title: t("API tokens") },
  { href: "/settings/system", title: t("System") },
  { href: "/settings/security", title: t("Security") },
  { href: "/settings/appearance", title: t("Appearance") },
  { href: "/settings/transfer", title: t("Export and import") },
  { href: "/settings/licence", title: t("Licence") },
  { href: "/settings/diagnostics", title: t("Diagnostics") },
];

export const ALERT_PAGES: readonly { href: string; title: string }[] = [
  { href: "/alerts", title: t("Active") },
  { href: "/alerts/history", title: t("History") },
  { href: "/alerts/thresholds", title: t("Thresholds") },
  { href: "/alerts/schedule", title: t("Schedule") },
  { href: "/alerts/destinations", title: t("Destinations") },
];

/** For the search over everything. */
export const PAGES: readonly { href: string; title: string }[] = [
  ...AREAS,
  { href: "/proxmox/storage", title: t("Storage") },
  { href: "/proxmox/disks", title: t("Physical disks") },
  { href: "/proxmox/ceph", title: "Ceph" },
  { href: "/proxmox/replication", title: t("Replication") },
  { href: "/proxmox/backups", title: t("Backups") },
  { href: "/proxmox/mail", title: t("Mail gateway") },
  ...TOOLS,
  ...ALERT_PAGES.slice(1).map(({ href, title }) => ({ href, title: `${t("Alerts")}: ${title}` })),
  ...SETTINGS.map(({ href, title }) => ({ href, title: `${t("Settings")}: ${title}` })),
];
