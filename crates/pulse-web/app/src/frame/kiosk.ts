// A view without controls, for a screen on the wall: `?kiosk=1` in the address. With a token in the part
// of the address after `#` (which no server and no log ever sees) nobody needs to log in.

import { createSignal } from "solid-js";

const KEY = "pulse.kiosk";

interface Kept {
  isOn: boolean;
  token: string | undefined;
}

/** Reads the address once, and takes the token out of it at once. */
function read(): Kept {
  if (typeof location === "undefined") return { isOn: false, token: undefined };
  const asked = new URLSearchParams(location.search).get("kiosk");
  const token = /^#token=([A-Za-z0-9._~-]{16,200})$/.exec(location.hash)?.[1];
  let kept: Kept = { isOn: false, token: undefined };
  try {
    kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null") ?? kept;
  } catch {
    // What cannot be read is as if nothing had been kept.
  }
  const now: Kept = {
    isOn: asked === null ? kept.isOn : asked !== "0",
    token: token ?? kept.token,
  };
  if (token !== undefined) history.replaceState(history.state, "", location.pathname + location.search);
  try {
    // For this tab only: a reload must not ask for a login, another tab must.
    sessionStorage.setItem(KEY, JSON.stringify(now));
  } catch {
    // Without storage a reload needs the whole link again.
  }
  return now;
}

const start = read();
const [isKiosk] = createSignal(start.isOn);

export { isKiosk };

export function kioskToken(): string | undefined {
  return start.isOn ? start.token : undefined;
}
