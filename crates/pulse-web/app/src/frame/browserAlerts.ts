// Alerts as notifications of the browser, where the reader wants them.

import { createEffect, createSignal, on } from "solid-js";
import { activeAlerts, hasData } from "../api/live";
import { t } from "../text";

const KEY = "pulse.notify";

/** Why the browser shows none, where it cannot. */
export function whyNoNotifications(): string | undefined {
  if (typeof Notification === "undefined" || !window.isSecureContext) {
    return t("The browser allows notifications only over HTTPS or on localhost.");
  }
  return Notification.permission === "denied"
    ? t("Notifications of this site are blocked in the browser's settings.")
    : undefined;
}

function stored(): boolean {
  try {
    return localStorage.getItem(KEY) === "on";
  } catch {
    return false;
  }
}

const [wantsNotifications, setWants] = createSignal(stored());

export { wantsNotifications };

export async function chooseNotifications(isWanted: boolean): Promise<void> {
  if (isWanted && (await Notification.requestPermission()) !== "granted") return;
  setWants(isWanted);
  try {
    if (isWanted) localStorage.setItem(KEY, "on");
    else localStorage.removeItem(KEY);
  } catch {
    // The choice then holds until the page is closed.
  }
}

/** Shows what is raised from now on; what was there when the page was opened is no news. */
export function watchAlerts(): void {
  let seen: ReadonlySet<string> | undefined;
  createEffect(
    on([activeAlerts, hasData], ([alerts, isThere]) => {
      if (!isThere) return;
      const before = seen;
      seen = new Set(alerts.keys());
      if (before === undefined || !wantsNotifications() || whyNoNotifications() !== undefined) return;
      for (const alert of alerts.values()) {
        if (before.has(alert.id) || alert.acknowledged) continue;
        new Notification(alert.resourceName || t("Alert"), {
          body: alert.message,
          tag: alert.id,
          icon: "/icon-192.png",
        });
      }
    }),
  );
}
