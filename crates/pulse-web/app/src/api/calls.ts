// The requests that the page makes, one function each. Paths, bodies and answers are those of the
// OpenAPI document: what the server does not have does not compile here.

import { api, done } from "./client";
import type { components } from "./schema.gen";
import type { WireState } from "./types";

type Schemas = components["schemas"];
type FirstRun = Schemas["FirstRun"];

/** The fields of the first run are there only until it is done. */
export type SecurityStatus = Omit<Schemas["SecurityStatus"], keyof FirstRun> & Partial<FirstRun>;

export const securityStatus = (): Promise<SecurityStatus> => done(api.GET("/api/security/status"));

export const login = (username: string, password: string, rememberMe: boolean): Promise<unknown> =>
  done(api.POST("/api/login", { body: { username, password, rememberMe } }), { isLogin: true });

export const logout = (): Promise<unknown> => done(api.POST("/api/logout"));

export const validateBootstrapToken = (token: string): Promise<unknown> =>
  done(api.POST("/api/security/validate-bootstrap-token", { body: { token } }), { isLogin: true });

/** A new login by a recovery token; API tokens stay as they are. */
export const recoverLogin = (recovery: {
  username: string;
  password: string;
  recoveryToken: string;
}): Promise<unknown> =>
  done(
    api.POST("/api/security/quick-setup", {
      body: { username: recovery.username, password: recovery.password, force: true },
      params: { header: { "X-Recovery-Token": recovery.recoveryToken } },
    }),
    { isLogin: true },
  );

/** The first user and the first API token. */
export const quickSetup = (setup: {
  username: string;
  password: string;
  apiToken: string;
  setupToken: string;
}): Promise<unknown> =>
  done(
    api.POST("/api/security/quick-setup", {
      body: setup,
      params: { header: { "X-Setup-Token": setup.setupToken } },
    }),
    { isLogin: true },
  );

/** The whole state, where the live channel is blocked. */
export const state = async (signal: AbortSignal): Promise<WireState> =>
  (await done(api.GET("/api/state", { signal }))) as WireState;

/** A stored API token; its value is shown once, when it is made. */
export type TokenRecord = Schemas["ApiToken"];
type CreatedToken = Schemas["CreatedApiToken"];

export const listTokens = async (): Promise<TokenRecord[]> =>
  (await done(api.GET("/api/security/tokens"))).tokens;

/** Without scopes the token may do everything, without an end it counts until it is revoked. */
export const createToken = (
  name: string,
  scopes: string[] | undefined,
  expiresAt?: string,
): Promise<CreatedToken> =>
  done(
    api.POST("/api/security/tokens", {
      body: {
        name,
        ...(scopes === undefined ? {} : { scopes }),
        ...(expiresAt === undefined ? {} : { expiresAt }),
      },
    }),
  );

/** Its value stays; what is named counts at once. */
export const changeToken = (id: string, change: Schemas["ApiTokenChange"]): Promise<unknown> =>
  done(api.PATCH("/api/security/tokens/{id}", { params: { path: { id } }, body: change }));

export const revokeToken = (id: string): Promise<unknown> =>
  done(api.DELETE("/api/security/tokens/{id}", { params: { path: { id } } }));

/** A configured node as the server lists it; secrets never come back. */
export type ConfiguredNode = Schemas["ConfiguredNode"];
/** What is sent to add or test a node. */
export type NodeRequest = Schemas["NodeRequest"];

export const listNodes = (): Promise<ConfiguredNode[]> => done(api.GET("/api/config/nodes"));

export const addNode = (node: NodeRequest): Promise<unknown> =>
  done(api.POST("/api/config/nodes", { body: node }));

/** The name goes with the id: an id is a place, and somebody else may have removed a node before it. */
export const changeNode = ({ id, name }: ConfiguredNode, node: NodeRequest): Promise<unknown> =>
  done(api.PUT("/api/config/nodes/{id}", { params: { path: { id }, query: { name } }, body: node }));

export const removeNode = ({ id, name }: ConfiguredNode): Promise<unknown> =>
  done(api.DELETE("/api/config/nodes/{id}", { params: { path: { id }, query: { name } } }));

export const testConnection = (node: NodeRequest): Promise<Schemas["NodeConnection"]> =>
  done(api.POST("/api/config/nodes/test-connection", { body: node }));

export const testNode = (id: string): Promise<Schemas["NodeTest"]> =>
  done(api.POST("/api/config/nodes/{id}/test", { params: { path: { id } } }));

/** The certificate that an address shows now; nothing is sent to it. */
export const shownCertificate = (type: string, host: string): Promise<Schemas["ShownCertificate"]> =>
  done(api.POST("/api/config/nodes/certificate", { body: { type, host } }));

export const refreshCluster = (id: string): Promise<Schemas["ClusterRefreshed"]> =>
  done(api.POST("/api/config/nodes/{id}/refresh-cluster", { params: { path: { id } } }));

/** The version of the server that answers now. */
export const serverVersion = (): Promise<Schemas["Version"]> => done(api.GET("/api/version"));

export type Charts = Schemas["Charts"];

/** The small lines of all guests. */
export const charts = (range: string, signal: AbortSignal): Promise<Charts> =>
  done(api.GET("/api/charts", { params: { query: { range } }, signal }));

export type History = Schemas["History"];

/** All series of one resource over a range such as `6h`. */
export const history = (
  resourceType: string,
  resourceId: string,
  range: string,
  maxPoints: number,
  signal: AbortSignal,
): Promise<History> =>
  done(
    api.GET("/api/metrics-store/history", {
      params: { query: { resourceType, resourceId, range, maxPoints: String(maxPoints) } },
      signal,
    }),
  );

/** One storage with what the state leaves out: its path, its ZFS pool. */
export const storageDetail = (id: string): Promise<Schemas["StorageAnswer"]> =>
  done(api.GET("/api/storage/{id}", { params: { path: { id } } }));

export type SystemSettings = Schemas["SystemSettings"];

export const systemSettings = (): Promise<SystemSettings> => done(api.GET("/api/system/settings"));

/** Only what is named is changed. */
export const saveSystemSettings = (change: Schemas["SystemSettingsChange"]): Promise<unknown> =>
  done(api.POST("/api/system/settings/update", { body: change }));

export const changePassword = (currentPassword: string, newPassword: string): Promise<unknown> =>
  done(api.POST("/api/security/change-password", { body: { currentPassword, newPassword } }), {
    isLogin: true,
  });

export type InstanceHealth = Schemas["InstanceHealth"];

/** How polling goes, by source. */
export const schedulerHealth = (): Promise<Schemas["HealthAnswer"]> =>
  done(api.GET("/api/monitoring/scheduler/health"));

export const storeStats = (): Promise<Schemas["StoreStatsShape"]> =>
  done(api.GET("/api/metrics-store/stats"));

export const version = (): Promise<Schemas["Version"]> => done(api.GET("/api/version"));

export type LoginSession = Schemas["LoginSession"];

export const loginSessions = async (): Promise<LoginSession[]> =>
  (await done(api.GET("/api/security/sessions"))).sessions;

export const endSession = (id: string): Promise<unknown> =>
  done(api.DELETE("/api/security/sessions/{id}", { params: { path: { id } } }));

export type OidcPreflight = Schemas["OidcPreflight"];

export const oidcSettings = (): Promise<Schemas["OidcSettings"]> => done(api.GET("/api/security/oidc"));

/** All is replaced; a secret that is not named stays. */
export const saveOidc = (change: Schemas["OidcSettingsChange"]): Promise<unknown> =>
  done(api.PUT("/api/security/oidc", { body: change }));

export const testOidc = (change: Schemas["OidcSettingsChange"]): Promise<OidcPreflight> =>
  done(api.POST("/api/security/oidc/test", { body: change }));

/** The address of the provider's login page; from there the way leads back to `returnTo`. */
export const oidcLogin = async (returnTo: string): Promise<string> =>
  (await done(api.POST("/api/oidc/login", { body: { returnTo } }), { isLogin: true })).authorizationUrl;
