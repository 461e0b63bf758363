// What people wrote about resources.

import { request } from "./request";

export type MetadataKind = "guests" | "docker" | "docker/hosts" | "hosts";

export interface Metadata {
  id?: string;
  customUrl?: string;
  description?: string;
  tags?: readonly string[] | null;
  notes?: readonly string[] | null;
}

const path = (kind: MetadataKind, id: string): string => `/api/${kind}/metadata/${encodeURIComponent(id)}`;

export const metadata = (kind: MetadataKind, id: string): Promise<Metadata> =>
  request<Metadata>("GET", path(kind, id));

/** Of all resources of a kind, by their ids. */
export const allMetadata = (kind: MetadataKind): Promise<Record<string, Metadata> | null> =>
  request<Record<string, Metadata> | null>("GET", `/api/${kind}/metadata`);

/** The whole record is replaced. */
export const saveMetadata = (kind: MetadataKind, id: string, record: Metadata): Promise<Metadata> =>
  request<Metadata>("PUT", path(kind, id), record);
