// Why a page of the settings shows nothing: the licence lacks it, the person may not see it, or it failed. Pure.

import { ApiError } from "../../api/client";
import { type LicenceGap, licenceGap } from "../../api/licence";
import { reasonOf } from "../../state/failure";
import { t } from "../../text";

export type Refusal =
  | { kind: "licence"; gap: LicenceGap }
  | { kind: "forbidden"; why: string }
  | { kind: "failed"; why: string };

export function refusalOf(error: unknown): Refusal {
  if (error instanceof ApiError) {
    const gap = licenceGap(error.status, error.body);
    if (gap !== undefined) return { kind: "licence", gap };
    if (error.status === 403) return { kind: "forbidden", why: forbiddenText(error) };
  }
  return { kind: "failed", why: reasonOf(error) };
}

function forbiddenText(error: ApiError): string {
  const body = (typeof error.body === "object" && error.body !== null ? error.body : {}) as Record<
    string,
    unknown
  >;
  const text = (key: string): string | undefined =>
    typeof body[key] === "string" ? (body[key] as string) : undefined;
  const scope = text("requiredScope");
  if (scope !== undefined) return t("The right {scope} is missing.", { scope });
  const [action, resource] = [text("action"), text("resource")];
  if (action !== undefined && resource !== undefined)
    return t("Your roles do not allow “{action}” on “{resource}”.", { action, resource });
  return t("Only administrators of this server may.");
}
