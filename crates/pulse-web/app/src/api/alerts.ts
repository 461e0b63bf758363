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
