// The configuration of alerts, their history, and where they are sent: shapes of the contract that the
// page reads. What it does not know of a configuration it keeps and sends back.

import { request } from "./request";
import type { components } from "./schema.gen";

export interface Threshold {
  trigger: number;
  clear: number;
}

export type Metric =
  | "cpu"
  | "memory"
  | "disk"
  | "diskRead"
  | "diskWrite"
  | "networkIn"
  | "networkOut"
  | "usage"
  | "temperature"
  | "diskTemperature";

export type ThresholdBlock = { [Name in Metric]?: Threshold | null } & {
  disabled?: boolean;
  disableConnectivity?: boolean;
  poweredOffSeverity?: string;
  [other: string]: unknown;
};

export interface QuietHours {
  enabled: boolean;
  start: string;
  end: string;
  timezone: string;
  days: Readonly<Record<string, boolean>> | null;
  suppress?: Readonly<Record<string, boolean>> | null;
}

export interface Schedule {
  quietHours: QuietHours;
  cooldown: number;
  maxAlertsHour: number;
  notifyOnResolve: boolean;
  escalation: { enabled: boolean; levels: readonly { after: number; notify: string }[] | null };
  grouping: { enabled: boolean; window: number; byNode?: boolean; byGuest?: boolean };
  [other: string]: unknown;
}

export interface AlertConfig {
  enabled: boolean;
  activationState?: string;
  guestDefaults: ThresholdBlock;
  nodeDefaults: ThresholdBlock;
  hostDefaults: ThresholdBlock;
  pbsDefaults?: ThresholdBlock;
  dockerDefaults?: ThresholdBlock;
  storageDefault: Threshold;
  overrides: Readonly<Record<string, ThresholdBlock>> | null;
  schedule: Schedule;
  hysteresisMargin?: number;
  timeThreshold?: number;
  [other: string]: unknown;
}

export const alertConfig = (): Promise<AlertConfig> => request("GET", "/api/alerts/config");

/** The whole configuration is replaced. */
export const saveAlertConfig = (config: AlertConfig): Promise<unknown> =>
  request("PUT", "/api/alerts/config", config);

export const activateAlerts = (): Promise<unknown> => request("POST", "/api/alerts/activate");

export interface PastAlert {
  id: string;
  type: string;
  level: string;
  resourceId: string;
  resourceName: string;
  node?: string;
  message: string;
  value?: number;
  threshold?: number;
  startTime: string;
  lastSeen?: string;
  acknowledged?: boolean;
  ackUser?: string;
}

export const alertHistory = (
  since: number,
  limit: number,
  signal?: AbortSignal,
): Promise<PastAlert[] | null> =>
  request(
    "GET",
    `/api/alerts/history?limit=${limit}&startTime=${encodeURIComponent(new Date(since).toISOString())}`,
    undefined,
    signal,
  );

/** What was raised for one resource. */
export const resourceHistory = async (resourceId: string): Promise<PastAlert[]> =>
  (await request<PastAlert[] | null>(
    "GET",
    `/api/alerts/history?limit=500&resourceId=${encodeURIComponent(resourceId)}`,
  )) ?? [];

export const clearAlertHistory = (): Promise<unknown> => request("DELETE", "/api/alerts/history");

export interface Email {
  enabled: boolean;
  provider: string;
  server: string;
  port: number;
  username: string;
  password: string;
  from: string;
  to: readonly string[] | null;
  tls: boolean;
  startTLS: boolean;
  [other: string]: unknown;
}

export interface Webhook {
  id?: string;
  name: string;
  url: string;
  method: string;
  headers?: Readonly<Record<string, string>>;
  enabled: boolean;
  service: string;
  template?: string;
  [other: string]: unknown;
}

export interface Apprise {
  enabled: boolean;
  mode: string;
  targets: readonly string[] | null;
  serverUrl?: string;
  configKey?: string;
  [other: string]: unknown;
}

const NOTIFICATIONS = "/api/notifications";

export const email = (): Promise<Email> => request("GET", `${NOTIFICATIONS}/email`);
export const saveEmail = (config: Email): Promise<unknown> =>
  request("PUT", `${NOTIFICATIONS}/email`, config);

export interface EmailProvider {
  name: string;
  smtpHost: string;
  smtpPort: number;
  tls: boolean;
  startTLS: boolean;
  instructions?: string;
}
export const emailProviders = (): Promise<EmailProvider[]> =>
  request("GET", `${NOTIFICATIONS}/email-providers`);

export const webhooks = async (): Promise<Webhook[]> =>
  (await request<Webhook[] | null>("GET", `${NOTIFICATIONS}/webhooks`)) ?? [];
export const saveWebhook = (hook: Webhook): Promise<unknown> =>
  hook.id === undefined
    ? request("POST", `${NOTIFICATIONS}/webhooks`, hook)
    : request("PUT", `${NOTIFICATIONS}/webhooks/${encodeURIComponent(hook.id)}`, hook);
export const removeWebhook = (id: string): Promise<unknown> =>
  request("DELETE", `${NOTIFICATIONS}/webhooks/${encodeURIComponent(id)}`);
export const testWebhook = (hook: Webhook): Promise<unknown> =>
  request("POST", `${NOTIFICATIONS}/webhooks/test`, hook);

export const apprise = (): Promise<Apprise> => request("GET", `${NOTIFICATIONS}/apprise`);
export const saveApprise = (config: Apprise): Promise<unknown> =>
  request("PUT", `${NOTIFICATIONS}/apprise`, config);

export const testNotification = (
  method: "email" | "webhook" | "apprise",
  config?: unknown,
): Promise<unknown> =>
  request("POST", `${NOTIFICATIONS}/test`, config === undefined ? { method } : { method, config });

/** How many notifications are in which state. */
export const queueStats = (): Promise<Readonly<Record<string, number>>> =>
  request("GET", `${NOTIFICATIONS}/queue/stats`);

export interface DeadLetter {
  id: string;
  type: string;
  status?: string;
  attempts?: number;
  lastError?: string;
  createdAt?: string;
  completedAt?: string;
  alerts?: readonly { resourceName?: string; message?: string }[] | null;
}
export const deadLetters = async (): Promise<DeadLetter[]> =>
  (await request<DeadLetter[] | null>("GET", `${NOTIFICATIONS}/dlq?limit=200`)) ?? [];
export const retryDeadLetter = (id: string): Promise<unknown> =>
  request("POST", `${NOTIFICATIONS}/dlq/retry`, { id });
export const removeDeadLetter = (id: string): Promise<unknown> =>
  request("POST", `${NOTIFICATIONS}/dlq/delete`, { id });

/** One attempt to deliver something, of the last seven days. */
export type Delivery = components["schemas"]["NotificationDelivery"];
export const deliveries = (): Promise<Delivery[]> => request("GET", `${NOTIFICATIONS}/deliveries?limit=200`);
