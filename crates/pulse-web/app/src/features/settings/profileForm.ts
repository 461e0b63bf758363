// Between the fields of a profile, which are texts, and its values. Pure.

import type { ProfileKey } from "../../api/profiles";

/** Only what is set: an empty field leaves the value to the agent. */
export function profileConfig(
  keys: readonly Pick<ProfileKey, "Key" | "Type">[],
  texts: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const kinds = new Map(keys.map((key) => [key.Key, key.Type]));
  const config: Record<string, unknown> = {};
  for (const [key, text] of Object.entries(texts)) {
    const value = text.trim();
    if (value === "") continue;
    config[key] = kinds.get(key) === "bool" ? value === "true" : value;
  }
  return config;
}

export function profileTexts(
  config: Readonly<Record<string, unknown>> | null | undefined,
): Record<string, string> {
  return Object.fromEntries(Object.entries(config ?? {}).map(([key, value]) => [key, String(value)]));
}
