// Where the live channel is, and whether it is worth trying before the page has started.

import { HOME } from "../base";
import { kioskToken } from "../frame/kiosk";

export function liveUrl(): string {
  const url = new URL(`${HOME}/ws?stream=delta`);
  const token = kioskToken();
  if (token !== undefined) url.searchParams.set("token", token);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** Whether this browser was logged in when it was here last. The session's own cookie is not for scripts to read. */
export function mayBeLoggedIn(): boolean {
  return kioskToken() !== undefined || /(^|; )pulse_csrf=/.test(document.cookie);
}
