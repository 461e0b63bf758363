// What can be done from everywhere, and each single setting, for the search over everything.

import { logout } from "../api/session";
import { GROUPS } from "../features/settings/systemFields";
import { type Choice, chooseTheme } from "../state/theme";
import { t } from "../text";
import { copyText } from "../ui/copy";
import { toast } from "../ui/toast";
import type { Command } from "./commands";

const go = (href: string, title: string, more = ""): Command => ({
  href,
  title,
  kind: t("Action"),
  text: `${title} ${more}`.toLowerCase(),
});
const act = (title: string, run: () => void, more = ""): Command => ({ ...go("", title, more), run });

const THEMES: readonly { id: Choice; title: string }[] = [
  { id: "auto", title: t("Theme: as the system") },
  { id: "light", title: t("Theme: light") },
  { id: "dark", title: t("Theme: dark") },
];

async function copyLink(): Promise<void> {
  const isCopied = await copyText(location.href);
  if (isCopied) toast(t("The link to this view was copied"));
  else toast(t("The browser forbids the clipboard"), "crit");
}

/** `showKeys` opens the list of keys. */
export function actions(showKeys: () => void): Command[] {
  return [
    go("/settings/nodes?do=add", t("Add a Proxmox node"), "pve pbs pmg cluster"),
    go("/settings/agents", t("Install an agent"), "docker kubernetes host"),
    go("/settings/tokens?do=new", t("New API token")),
    go("/settings/roles?do=user", t("Give roles to a user"), "rbac permission rights"),
    go("/settings/roles?do=role", t("New role"), "rbac permission rights"),
    go("/settings/audit?event=login&result=false", t("Logins that failed"), "audit security attack"),
    go("/alerts/destinations?do=webhook", t("Add a webhook"), "discord telegram slack teams ntfy gotify"),
    go("/settings/appearance", t("Make a link for a screen on the wall"), "kiosk"),
    go("/settings/security", t("Change the password")),
    go("/settings/reports", t("Make a report"), "pdf csv export"),
    go("/settings/transfer", t("Export the configuration"), "backup import"),
    ...THEMES.map(({ id, title }) => act(title, () => chooseTheme(id))),
    act(t("Copy a link to this view"), () => void copyLink()),
    // Once the box is gone: it would be on the paper.
    act(t("Print this page"), () => setTimeout(() => window.print())),
    act(t("Show the keys"), showKeys),
    act(t("Log out"), () => void logout()),
  ];
}

/** Each setting by its name, leading to its field. */
export function settings(): Command[] {
  return GROUPS.flatMap((group) =>
    group.fields.map((field) => ({
      href: `/settings/system?field=${field.key}`,
      title: field.label,
      kind: t("Setting: {group}", { group: group.title }),
      text: `${field.label} ${group.title} ${field.hint ?? ""}`.toLowerCase(),
    })),
  );
}
