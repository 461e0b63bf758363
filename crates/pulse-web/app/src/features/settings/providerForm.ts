// The provider of logins as its form has it: lists as lines of words, roles as lines. Pure.

import type { oidcSettings, saveOidc } from "../../api/calls";

type Stored = Awaited<ReturnType<typeof oidcSettings>>;
type Change = Parameters<typeof saveOidc>[0];

export const EMPTY = {
  enabled: false,
  issuerUrl: "",
  clientId: "",
  clientSecret: "",
  redirectUrl: "",
  logoutUrl: "",
  scopes: "",
  usernameClaim: "",
  emailClaim: "",
  groupsClaim: "",
  allowedGroups: "",
  allowedDomains: "",
  allowedEmails: "",
  groupRoleMappings: "",
  caBundle: "",
};
export type ProviderForm = typeof EMPTY;

const words = (text: string): string[] =>
  text
    .split(/[\s,]+/)
    .map((each) => each.trim())
    .filter((each) => each !== "");

/** Names of groups may have spaces in them, and commas where they are names of a directory: each is a line. */
const lines = (text: string): string[] =>
  text
    .split("\n")
    .map((each) => each.trim())
    .filter((each) => each !== "");

export function formOf(stored: Stored): ProviderForm {
  return {
    enabled: stored.enabled,
    issuerUrl: stored.issuerUrl,
    clientId: stored.clientId,
    clientSecret: "",
    redirectUrl: stored.redirectUrl,
    logoutUrl: stored.logoutUrl,
    scopes: stored.scopes.join(" "),
    usernameClaim: stored.usernameClaim,
    emailClaim: stored.emailClaim,
    groupsClaim: stored.groupsClaim,
    allowedGroups: stored.allowedGroups.join("\n"),
    allowedDomains: stored.allowedDomains.join(", "),
    allowedEmails: stored.allowedEmails.join(", "),
    groupRoleMappings: Object.entries(stored.groupRoleMappings)
      .map(([group, role]) => `${group}=${role}`)
      .join("\n"),
    caBundle: stored.caBundle,
  };
}

/** The last equals sign counts: names of groups may have some. */
function mappings(text: string): Record<string, string> {
  const out: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const at = line.lastIndexOf("=");
    if (at > 0) out[line.slice(0, at).trim()] = line.slice(at + 1).trim();
    else if (line.trim() !== "") out[line.trim()] = "";
  }
  return out;
}

/** All is replaced; a secret that was not typed stays. */
export function changeOf(form: ProviderForm): Change {
  const { clientSecret, scopes, allowedGroups, allowedDomains, allowedEmails, groupRoleMappings, ...rest } =
    form;
  return {
    ...rest,
    scopes: words(scopes),
    allowedGroups: lines(allowedGroups),
    allowedDomains: words(allowedDomains),
    allowedEmails: words(allowedEmails),
    groupRoleMappings: mappings(groupRoleMappings),
    ...(clientSecret === "" ? {} : { clientSecret }),
  };
}
