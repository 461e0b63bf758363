// Profiles of agents.

import { api, done } from "./client";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type Profile = Schemas["Profile"];
export type ProfileKey = Schemas["ProfileKey"];
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

export const listAssignments = (): Promise<Schemas["Assignment"][]> =>
  done(api.GET("/api/admin/profiles/assignments"));

export const assignProfile = (agent_id: string, profile_id: string): Promise<unknown> =>
  done(api.POST("/api/admin/profiles/assignments", { body: { agent_id, profile_id } }));

export const unassignProfile = (agentId: string): Promise<unknown> =>
  done(api.DELETE("/api/admin/profiles/assignments/{agentId}", { params: { path: { agentId } } }));
