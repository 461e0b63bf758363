// What is good and what is open about this server's security, in words with what to do. Pure.

import type { SecurityStatus, SystemSettings, TokenRecord } from "../../api/calls";
import { t, tn } from "../../text";
import type { Health } from "../../ui/Mark";

export interface Finding {
  name: string;
  health: Health;
  text: string;
}

/** A token that nobody has used for so long is probably nobody's any more. */
const UNUSED_MS = 90 * 24 * 3_600_000;

/** `settings` and `tokens` are absent where the reader may not see them. */
export function posture(
  status: SecurityStatus,
  settings: SystemSettings | undefined,
  tokens: readonly TokenRecord[] | undefined,
  now: number,
  isEncrypted: boolean,
): Finding[] {
  const found: Finding[] = [];
  const say = (name: string, isGood: boolean, good: string, bad: string): void => {
    found.push({ name, health: isGood ? "ok" : "warn", text: isGood ? good : bad });
  };
  say(t("Login"), status.hasAuthentication, t("is needed"), t("is not needed"));
  say(
    t("Connection of this page"),
    isEncrypted,
    t("encrypted"),
    t("not encrypted: put a proxy with TLS in front, or give the server a certificate"),
  );
  say(
    t("Where you are"),
    !status.publicAccess || isEncrypted,
    status.publicAccess
      ? t("{address}, on the internet, encrypted", { address: status.clientIP })
      : t("{address}, a private network", { address: status.clientIP }),
    t("{address}, on the internet without encryption: whoever is on the way reads along", {
      address: status.clientIP,
    }),
  );
  say(
    t("Stored credentials"),
    status.credentialsEncrypted,
    t("encrypted"),
    t("not encrypted on the disk of the server"),
  );
  if (tokens !== undefined) found.push(...ofTokens(tokens, now));
  if (settings !== undefined) found.push(...ofSettings(settings));
  return found;
}

function ofTokens(tokens: readonly TokenRecord[], now: number): Finding[] {
  const alive = tokens.filter((token) => !token.expiresAt || Date.parse(token.expiresAt) > now);
  const full = alive.filter((token) => token.scopes.includes("*")).length;
  const unused = alive.filter(
    (token) => now - Date.parse(token.lastUsedAt ?? token.createdAt) > UNUSED_MS,
  ).length;
  const found: Finding[] = [
    {
      name: t("API tokens"),
      health: full > 1 ? "warn" : "ok",
      text:
        full > 1
          ? t("{full} of {all} may do everything: give each only the rights it needs", {
              full,
              all: alive.length,
            })
          : tn("{n} token", "{n} tokens", alive.length),
    },
  ];
  if (unused > 0) {
    found.push({
      name: t("Unused tokens"),
      health: "warn",
      text: tn(
        "{n} was not used for 90 days: revoke it if nothing needs it",
        "{n} were not used for 90 days: revoke those that nothing needs",
        unused,
      ),
    });
  }
  return found;
}

function ofSettings(settings: SystemSettings): Finding[] {
  const found: Finding[] = [];
  const origins = (settings.allowedOrigins ?? "").trim();
  found.push({
    name: t("Other pages that may use the API"),
    health: origins === "*" ? "warn" : "ok",
    text:
      origins === "*" ? t("all: name those that need it under System") : origins === "" ? t("none") : origins,
  });
  const frames = (settings.allowedEmbedOrigins ?? "").trim();
  const isAnyFrame = settings.allowEmbedding && frames === "";
  found.push({
    name: t("Other pages that may show this one"),
    health: isAnyFrame ? "warn" : "ok",
    text: isAnyFrame
      ? t("all: name those that need it under System")
      : settings.allowEmbedding
        ? frames
        : t("none"),
  });
  return found;
}
