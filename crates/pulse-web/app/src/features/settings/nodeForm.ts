// The form that adds or changes a node: what it holds, what is wrong with it, what is sent. Pure.

import type { ConfiguredNode, NodeRequest } from "../../api/calls";
import { t } from "../../text";

export type Kind = "pve" | "pbs" | "pmg";

export interface NodeForm {
  kind: Kind;
  name: string;
  host: string;
  signIn: "token" | "password";
  tokenName: string;
  tokenValue: string;
  user: string;
  password: string;
  fingerprint: string;
  /** Certificates of the authorities that must have signed it, in PEM form. */
  caCertificate: string;
  verifySsl: boolean;
  /** Where people open it in a browser, if not at its address. */
  guestUrl: string;
  /** What is read of it; only the parts of its kind count. */
  parts: Readonly<Record<Part, boolean>>;
  /** Backup Server: datastores that are left out, with commas between; `*` stands for anything. */
  excluded: string;
}

/** What can be read of each kind, and what it is called. All of it is, unless somebody says otherwise. */
export const PARTS = {
  pve: [
    { id: "monitorVMs", title: t("Virtual machines") },
    { id: "monitorContainers", title: t("Containers") },
    { id: "monitorStorage", title: t("Storage") },
    { id: "monitorBackups", title: t("Backups and snapshots") },
    { id: "monitorPhysicalDisks", title: t("Physical disks") },
  ],
  pbs: [
    { id: "monitorDatastores", title: t("Datastores") },
    { id: "monitorSyncJobs", title: t("Sync jobs") },
    { id: "monitorVerifyJobs", title: t("Verify jobs") },
    { id: "monitorPruneJobs", title: t("Prune jobs") },
    { id: "monitorGarbageJobs", title: t("Garbage collection") },
  ],
  pmg: [
    { id: "monitorMailStats", title: t("Mail statistics") },
    { id: "monitorQueues", title: t("Mail queues") },
    { id: "monitorQuarantine", title: t("Quarantine") },
    { id: "monitorDomainStats", title: t("Statistics per domain") },
  ],
} as const satisfies Readonly<Record<Kind, readonly { id: keyof NodeRequest; title: string }[]>>;

export type Part = (typeof PARTS)[Kind][number]["id"];

function everyPart(isOn: (part: Part) => boolean): Record<Part, boolean> {
  const all = Object.values(PARTS).flatMap((parts) => parts.map((part) => part.id));
  return Object.fromEntries(all.map((part) => [part, isOn(part)])) as Record<Part, boolean>;
}

export const KINDS = [
  { id: "pve", title: "Proxmox VE" },
  { id: "pbs", title: "Backup Server" },
  { id: "pmg", title: "Mail Gateway" },
] as const satisfies readonly { id: Kind; title: string }[];

export const PORTS: Readonly<Record<Kind, number>> = { pve: 8006, pbs: 8007, pmg: 8006 };

/** What tells the fingerprint on the host itself. */
export const CERTIFICATE_COMMANDS: Readonly<Record<Kind, string>> = {
  pve: "pvenode cert info",
  pbs: "proxmox-backup-manager cert info",
  pmg: "openssl x509 -in /etc/pmg/pmg-api.pem -noout -fingerprint -sha256",
};

export const EMPTY_FORM: NodeForm = {
  kind: "pve",
  name: "",
  host: "",
  signIn: "token",
  tokenName: "",
  tokenValue: "",
  user: "",
  password: "",
  fingerprint: "",
  caCertificate: "",
  verifySsl: true,
  guestUrl: "",
  parts: everyPart(() => true),
  excluded: "",
};

/** The form of a node that is there. Its secrets never come back: empty means unchanged. */
export function formOf(node: ConfiguredNode): NodeForm {
  const kind = KINDS.find((each) => each.id === node.type)?.id ?? "pve";
  return {
    ...EMPTY_FORM,
    kind,
    name: node.name,
    host: node.host,
    signIn: node.hasToken ? "token" : "password",
    tokenName: node.tokenName ?? "",
    user: node.user ?? "",
    fingerprint: node.fingerprint ?? "",
    caCertificate: node.caCertificate ?? "",
    verifySsl: node.verifySSL === true,
    guestUrl: node.guestURL ?? "",
    // The list leaves out what is off; of disks it says nothing where nobody decided, and then they are read.
    parts: everyPart((part) =>
      part === "monitorPhysicalDisks" ? node[part] !== false : node[part] === true,
    ),
    excluded: (node.excludeDatastores ?? []).join(", "),
  };
}

export type FormErrors = Partial<Record<keyof NodeForm, string>>;

/** What can be told without asking the server; empty where the form may be sent. */
export function formErrors(form: NodeForm, isKnown = false): FormErrors {
  const errors: FormErrors = {};
  if (form.host.trim() === "") errors.host = t("An address is needed, such as pve1.lan or 192.0.2.4:8006");
  if (form.signIn === "token") {
    if (form.tokenName.trim() === "") errors.tokenName = t("The token's id is needed");
    else if (!/^[^@!\s]+@[^@!\s]+![^@!\s]+$/.test(form.tokenName.trim())) {
      errors.tokenName = t("A token's id looks like pulse@pve!monitor");
    }
    if (form.tokenValue.trim() === "" && !isKnown) errors.tokenValue = t("The token's secret is needed");
  } else {
    if (form.user.trim() === "") errors.user = t("A user is needed, such as pulse@pve");
    if (form.password === "" && !isKnown) errors.password = t("The user's password is needed");
  }
  const fingerprint = form.fingerprint.replaceAll(/[\s:]/g, "");
  if (fingerprint !== "" && !/^[0-9a-fA-F]{64}$/.test(fingerprint)) {
    errors.fingerprint = t("A SHA-256 fingerprint has 64 hexadecimal digits");
  }
  if (form.guestUrl.trim() !== "" && !/^https?:\/\/[^\s/]/i.test(form.guestUrl.trim())) {
    errors.guestUrl = t("A link begins with https:// or http://");
  }
  const authority = form.caCertificate.trim();
  if (/PRIVATE KEY-----/.test(authority)) {
    errors.caCertificate = t(
      "That is a private key: paste only the certificate, and keep the key where it is",
    );
  } else if (authority !== "" && !/-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/.test(authority)) {
    errors.caCertificate = t("A certificate in PEM form begins with -----BEGIN CERTIFICATE-----");
  }
  return errors;
}

/** The host part of an address, for a node without a name of its own. */
export function hostPart(address: string): string {
  const text = address.trim().replace(/^https?:\/\//i, "");
  const host = text.startsWith("[") ? text.slice(1).split("]")[0] : text.split(/[/:?#]/)[0];
  return host ?? "";
}

/** What is sent; `known` is the node as it is kept, where one is changed. */
export function toRequest(form: NodeForm, known?: ConfiguredNode): NodeRequest {
  const fingerprint = form.fingerprint.trim();
  const tokenValue = form.tokenValue.trim();
  const caCertificate = form.caCertificate.trim();
  const guestURL = form.guestUrl.trim();
  const excluded = form.excluded.split(",").map((each) => each.trim());
  return {
    type: form.kind,
    name: form.name.trim() || hostPart(form.host),
    host: form.host.trim(),
    // A pinned certificate is trusted for itself: nothing else is asked of it.
    verifySSL: (form.verifySsl || caCertificate !== "") && fingerprint === "",
    // Link and fingerprint: what is not sent is cleared.
    ...(guestURL === "" ? {} : { guestURL }),
    ...Object.fromEntries(PARTS[form.kind].map((part) => [part.id, form.parts[part.id]])),
    ...(form.kind === "pbs" ? { excludeDatastores: excluded.filter((each) => each !== "") } : {}),
    // An empty one takes the kept one away.
    ...(caCertificate === "" && !known?.caCertificate ? {} : { caCertificate }),
    ...(fingerprint === "" ? {} : { fingerprint }),
    ...(form.signIn === "token"
      ? { tokenName: form.tokenName.trim(), ...(tokenValue === "" ? {} : { tokenValue }) }
      : { user: form.user.trim(), ...(form.password === "" ? {} : { password: form.password }) }),
  };
}

/** What to paste on the node so that there is a token that can look and do nothing else. */
export function tokenCommands(kind: Kind): string | undefined {
  switch (kind) {
    case "pve":
      return [
        "pveum user add pulse@pve",
        "pveum acl modify / --users pulse@pve --roles PVEAuditor",
        "pveum user token add pulse@pve monitor --privsep 0",
      ].join("\n");
    case "pbs":
      return [
        "proxmox-backup-manager user create pulse@pbs",
        "proxmox-backup-manager acl update / Audit --auth-id pulse@pbs",
        "proxmox-backup-manager user generate-token pulse@pbs monitor",
        "proxmox-backup-manager acl update / Audit --auth-id 'pulse@pbs!monitor'",
      ].join("\n");
    case "pmg":
      // A mail gateway knows no API tokens.
      return undefined;
  }
}

/** So many of what a poll complained of are shown besides the first. */
const MOST_ISSUES = 5;

/** What else the last poll complained of, each node of a cluster by itself; the rest is counted. */
export function otherIssues(node: ConfiguredNode): string[] {
  const others = (node.issues ?? []).map((issue) => issue.message).slice(1);
  if (others.length <= MOST_ISSUES) return others;
  const left = t("{count} more are not shown", { count: String(others.length - MOST_ISSUES) });
  return [...others.slice(0, MOST_ISSUES), left];
}
