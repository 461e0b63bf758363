// The audit log.

import { api, done } from "./client";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type AuditEvent = Schemas["AuditEventBody"];
export type AuditEvents = Schemas["AuditEvents"];

export interface AuditWish {
  event?: string;
  user?: string;
  success?: "true" | "false";
  startTime?: string;
  endTime?: string;
  limit: number;
  offset: number;
}

/** The newest first. */
export const auditEvents = (wish: AuditWish): Promise<AuditEvents> =>
  done(
    api.GET("/api/audit", {
      params: { query: { ...wish, limit: String(wish.limit), offset: String(wish.offset) } },
    }),
  );

/** Whether the event is as it was written. */
export const verifyEvent = async (id: string): Promise<boolean> =>
  (await done(api.GET("/api/audit/{id}/verify", { params: { path: { id } } }))).verified;

/** Where events are sent besides. */
export const auditHooks = async (): Promise<string[]> =>
  (await done(api.GET("/api/admin/webhooks/audit"))).urls ?? [];

export const saveAuditHooks = (urls: string[]): Promise<unknown> =>
  done(api.POST("/api/admin/webhooks/audit", { body: { urls } }));
