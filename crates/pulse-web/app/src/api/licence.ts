// What the licence leaves out: the server says it with 402, and names the feature.

import { t } from "../text";
import { api, done } from "./client";
import type { components } from "./schema.gen";

/** A feature that the licence leaves out. */
export interface LicenceGap {
  feature: string;
  title: string;
  /** The most that works without it, such as `7d`. */
  most: string | undefined;
}

const TITLES: Readonly<Record<string, () => string>> = {
  long_term_metrics: () => t("History of more than 7 days"),
  agent_profiles: () => t("Profiles for agents"),
  audit_logging: () => t("The audit log"),
  advanced_reporting: () => t("Reports"),
  advanced_sso: () => t("Login by SAML and several providers"),
  rbac: () => t("Roles"),
  sso: () => t("Login by a provider"),
  update_alerts: () => t("Alerts of newer images"),
};

export function licenceGap(status: number, body: unknown): LicenceGap | undefined {
  if (status !== 402) return undefined;
  const { feature, max_free } = (typeof body === "object" && body !== null ? body : {}) as Record<
    string,
    unknown
  >;
  const name = typeof feature === "string" ? feature : "";
  return {
    feature: name,
    // Own keys only: the name comes from outside.
    title: (Object.hasOwn(TITLES, name) ? TITLES[name]?.() : undefined) ?? (name || t("This")),
    most: typeof max_free === "string" ? max_free : undefined,
  };
}

/** In one sentence, for places that show any failure. */
export function licenceText(gap: LicenceGap): string {
  return t("{feature}: not part of this server's licence. Everything else works as before.", {
    feature: gap.title,
  });
}

export type LicenceStatus = components["schemas"]["LicenseStatus"];
export type LicenceFeatures = components["schemas"]["LicenseFeatures"];

export const licenceStatus = (): Promise<LicenceStatus> => done(api.GET("/api/license/status"));

export const licenceFeatures = (): Promise<LicenceFeatures> => done(api.GET("/api/license/features"));

export const activateLicence = (license_key: string): Promise<unknown> =>
  done(api.POST("/api/license/activate", { body: { license_key } }));

export const clearLicence = (): Promise<unknown> => done(api.POST("/api/license/clear"));
