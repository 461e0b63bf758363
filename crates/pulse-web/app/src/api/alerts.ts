// Requests about alerts.

import { request } from "./request";

/** One alert: acknowledged, or open again. */
export const acknowledge = (id: string): Promise<unknown> =>
  request("POST", `/api/alerts/${encodeURIComponent(id)}/acknowledge`);

export const unacknowledge = (id: string): Promise<unknown> =>
  request("POST", `/api/alerts/${encodeURIComponent(id)}/unacknowledge`);

export const acknowledgeAll = (alertIds: readonly string[]): Promise<unknown> =>
  request("POST", "/api/alerts/bulk/acknowledge", { alertIds });

export const clearAll = (alertIds: readonly string[]): Promise<unknown> =>
  request("POST", "/api/alerts/bulk/clear", { alertIds });

/** Not heard of until then; they stay raised. */
export const snoozeAll = (alertIds: readonly string[], minutes: number): Promise<unknown> =>
  request("POST", "/api/alerts/bulk/snooze", { alertIds, minutes });

export const unsnooze = (id: string): Promise<unknown> =>
  request("POST", `/api/alerts/${encodeURIComponent(id)}/unsnooze`);

/** What the state leaves out of raised alerts, such as how long they are snoozed. */
export const alertDetails = (): Promise<{ id: string; metadata?: Readonly<Record<string, unknown>> }[]> =>
  request("GET", "/api/alerts/active");
