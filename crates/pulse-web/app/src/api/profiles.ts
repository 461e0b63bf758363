// Profiles of agents.

import { api, done } from "./client";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type Profile = Schemas["Profile"];
export type ProfileKey = Schemas["ProfileKey"];
export type ProfileVersion = Schemas["VersionOfProfile"];
export type ProfileChange = Schemas["ChangeOfProfile"];
export type Assignment = Schemas["Assignment"];
export type Deployment = Schemas["Deployment"];
type Change = Pick<Schemas["ProfileRequest"], "name" | "description" | "config">;

export const listProfiles = (): Promise<Profile[]> => done(api.GET("/api/admin/profiles/"));

export const profileKeys = (): Promise<ProfileKey[]> => done(api.GET("/api/admin/profiles/schema"));

export const validateProfile = (config: Record<string, unknown>): Promise<Schemas["ProfileValidation"]> =>
  done(api.POST("/api/admin/profiles/validate", { body: config }));

export const createProfile = (body: Change): Promise<Profile> =>
  done(api.POST("/api/admin/profiles/", { body }));

export const updateProfile = (id: string, body: Change): Promise<Profile> =>
  done(api.PUT("/api/admin/profiles/{id}", { params: { path: { id } }, body }));

export const deleteProfile = (id: string): Promise<unknown> =>
  done(api.DELETE("/api/admin/profiles/{id}", { params: { path: { id } } }));

export const listAssignments = (): Promise<Assignment[]> => done(api.GET("/api/admin/profiles/assignments"));

export const assignProfile = (agent_id: string, profile_id: string): Promise<unknown> =>
  done(api.POST("/api/admin/profiles/assignments", { body: { agent_id, profile_id } }));

export const unassignProfile = (agentId: string): Promise<unknown> =>
  done(api.DELETE("/api/admin/profiles/assignments/{agentId}", { params: { path: { agentId } } }));

/** The oldest first. */
export const listVersions = (id: string): Promise<ProfileVersion[]> =>
  done(api.GET("/api/admin/profiles/{id}/versions", { params: { path: { id } } }));

export const rollBack = (id: string, version: number): Promise<Profile> =>
  done(
    api.POST("/api/admin/profiles/{id}/rollback/{version}", {
      params: { path: { id, version: String(version) } },
    }),
  );

/** The oldest first. */
export const listChanges = (): Promise<ProfileChange[]> => done(api.GET("/api/admin/profiles/changelog"));

export const listDeployments = (): Promise<Deployment[]> => done(api.GET("/api/admin/profiles/deployments"));
