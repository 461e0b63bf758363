// Whose backup is whose, as the server attributes it (docs/backups.md).

import { api, done } from "./client";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type BackupCoverage = Schemas["BackupCoverage"];
export type GuestCoverage = Schemas["GuestBackupCoverage"];
export type UnattributedBackups = Schemas["UnattributedBackups"];

export const backupCoverage = (): Promise<BackupCoverage> => done(api.GET("/api/backups/coverage"));

/** Of one guest alone, with what of its number is nobody's. */
export const guestCoverage = (guest: string): Promise<BackupCoverage> =>
  done(api.GET("/api/backups/coverage", { params: { query: { guest } } }));
