// Whether this browser is logged in, and to what kind of server it talks.

import { createSignal } from "solid-js";
import { kioskToken } from "../frame/kiosk";
import { logout as callLogout, type SecurityStatus, securityStatus } from "./calls";

/** What the page may show. */
export type Session =
  | { kind: "asking" }
  | { kind: "unreachable" }
  | { kind: "setup"; tokenPath: string | undefined; inContainer: boolean }
  | { kind: "login"; hasExpired: boolean }
  | { kind: "in"; user: string };

const [session, setSession] = createSignal<Session>({ kind: "asking" });

export { session };

/** What of the server's answer decides. */
type Asked = Pick<SecurityStatus, "hasAuthentication" | "authUsername" | "bootstrapTokenPath"> &
  Partial<SecurityStatus>;

/** The server's answer as a session. */
export function sessionOf(status: Asked, wasIn: boolean): Session {
  // The first of them is the login's own user, whoever asks: who came by a provider or a proxy is somebody else.
  const user = status.oidcUsername || status.proxyAuthUsername || status.authUsername;
  if (user) return { kind: "in", user };
  if (status.bootstrapTokenPath !== undefined || !status.hasAuthentication) {
    return {
      kind: "setup",
      tokenPath: status.bootstrapTokenPath,
      inContainer: status.inContainer === true,
    };
  }
  return { kind: "login", hasExpired: wasIn };
}

/** Asks the server; throws where it cannot be reached. */
export async function isLoggedIn(): Promise<boolean> {
  const status = await securityStatus();
  return kioskToken() !== undefined || sessionOf(status, false).kind === "in";
}

/** Asks the server and shows what follows from the answer. */
export async function refreshSession(): Promise<void> {
  if (kioskToken() !== undefined) {
    setSession({ kind: "in", user: "" });
    return;
  }
  const before = session();
  const wasIn = before.kind === "in" || (before.kind === "login" && before.hasExpired);
  try {
    setSession(sessionOf(await securityStatus(), wasIn));
  } catch {
    // Someone who is in keeps the last known data; the live channel says that the server is away.
    if (!wasIn) setSession({ kind: "unreachable" });
  }
}

export async function logout(): Promise<void> {
  await callLogout();
  setSession({ kind: "login", hasExpired: false });
}
