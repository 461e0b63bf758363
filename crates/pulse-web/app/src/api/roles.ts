// Roles, and who has which.

import { api, done } from "./client";
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

/** What a request may leave out, an answer always has. */
type Answered<Shape, Names extends keyof Shape> = Shape & Required<Pick<Shape, Names>>;

export type Role = Answered<
  Schemas["RoleRecord"],
  "name" | "description" | "permissions" | "isBuiltIn" | "createdAt" | "updatedAt"
>;
export type Permission = Schemas["PermissionRecord"];
export type UserRoles = Answered<Schemas["UserRoles"], "roleIds" | "updatedAt">;

export const listRoles = async (): Promise<Role[]> => (await done(api.GET("/api/admin/roles"))) as Role[];

/** Keeps it under its id, whether there is one or not. */
export const keepRole = (role: Schemas["RoleRecord"]): Promise<unknown> =>
  done(api.PUT("/api/admin/roles/{id}", { params: { path: { id: role.id } }, body: role }));

export const deleteRole = (id: string): Promise<unknown> =>
  done(api.DELETE("/api/admin/roles/{id}", { params: { path: { id } } }));

/** Those about whom somebody decided. */
export const listUsers = async (): Promise<UserRoles[]> =>
  (await done(api.GET("/api/admin/users"))) as UserRoles[];

export const userPermissions = async (username: string): Promise<Permission[]> =>
  (await done(api.GET("/api/admin/users/{username}/permissions", { params: { path: { username } } }))) ?? [];

/** All roles that they are to have. */
export const giveRoles = (username: string, roleIds: string[]): Promise<unknown> =>
  done(api.PUT("/api/admin/users/{username}/roles", { params: { path: { username } }, body: { roleIds } }));

/** They are again as their login makes them. */
export const forgetUser = (username: string): Promise<unknown> =>
  done(api.DELETE("/api/admin/users/{username}", { params: { path: { username } } }));
