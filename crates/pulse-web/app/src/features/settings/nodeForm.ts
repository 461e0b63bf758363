// The form that adds a node: what it holds, what is wrong with it, what is sent. Pure.

import type { NodeRequest } from "../../api/calls";
import { t } from "../../text";

export interface NodeForm {
  name: string;
  host: string;
  signIn: "token" | "password";
  tokenName: string;
  tokenValue: string;
  user: string;
  password: string;
  fingerprint: string;
  verifySsl: boolean;
}

export const EMPTY_FORM: NodeForm = {
  name: "",
  host: "",
  signIn: "token",
  tokenName: "",
  tokenValue: "",
  user: "",
  password: "",
  fingerprint: "",
  verifySsl: true,
};

export type FormErrors = Partial<Record<keyof NodeForm, string>>;

/** What can be told without asking the server; empty where the form may be sent. */
export function formErrors(form: NodeForm): FormErrors {
  const errors: FormErrors = {};
  if (form.host.trim() === "") errors.host = t("An address is needed, such as pve1.lan or 192.0.2.4:8006");
  if (form.signIn === "token") {
    if (form.tokenName.trim() === "") errors.tokenName = t("The token's id is needed");
    else if (!/^[^@!\s]+@[^@!\s]+![^@!\s]+$/.test(form.tokenName.trim())) {
      errors.tokenName = t("A token's id looks like pulse@pve!monitor");
    }
    if (form.tokenValue.trim() === "") errors.tokenValue = t("The token's secret is needed");
  } else {
    if (form.user.trim() === "") errors.user = t("A user is needed, such as pulse@pve");
    if (form.password === "") errors.password = t("The user's password is needed");
  }
  const fingerprint = form.fingerprint.replaceAll(/[\s:]/g, "");
  if (fingerprint !== "" && !/^[0-9a-fA-F]{64}$/.test(fingerprint)) {
    errors.fingerprint = t("A SHA-256 fingerprint has 64 hexadecimal digits");
  }
  return errors;
}

/** The host part of an address, for a node without a name of its own. */
export function hostPart(address: string): string {
  const text = address.trim().replace(/^https?:\/\//i, "");
  const host = text.startsWith("[") ? text.slice(1).split("]")[0] : text.split(/[/:?#]/)[0];
  return host ?? "";
}

export function toRequest(form: NodeForm): NodeRequest {
  const fingerprint = form.fingerprint.trim();
  return {
    type: "pve",
    name: form.name.trim() || hostPart(form.host),
    host: form.host.trim(),
    // A pinned certificate is trusted for itself: nothing else is asked of it.
    verifySSL: form.verifySsl && fingerprint === "",
    ...(fingerprint === "" ? {} : { fingerprint }),
    ...(form.signIn === "token"
      ? { tokenName: form.tokenName.trim(), tokenValue: form.tokenValue.trim() }
      : { user: form.user.trim(), password: form.password }),
  };
}
