import { expect, it } from "vitest";
import type { SecurityStatus, SystemSettings, TokenRecord } from "../../api/calls";
import { posture } from "./posture";

const STATUS = {
  hasAuthentication: true,
  publicAccess: false,
  credentialsEncrypted: true,
  clientIP: "10.0.0.7",
} as SecurityStatus;
const SETTINGS = { allowedOrigins: "", allowEmbedding: false } as unknown as SystemSettings;
const NOW = Date.parse("2026-06-01T00:00:00Z");
const token = (change: Partial<TokenRecord>): TokenRecord =>
  ({ scopes: ["monitoring:read"], createdAt: "2026-05-01T00:00:00Z", ...change }) as TokenRecord;

const worries = (
  status: Partial<SecurityStatus>,
  settings: Partial<SystemSettings> = {},
  tokens: TokenRecord[] = [],
  isEncrypted = true,
): string[] =>
  posture({ ...STATUS, ...status }, { ...SETTINGS, ...settings }, tokens, NOW, isEncrypted)
    .filter((finding) => finding.health !== "ok")
    .map((finding) => finding.name);

it("has nothing to say against a good server", () => {
  expect(worries({}, {}, [token({ scopes: ["*"] }), token({})])).toEqual([]);
});

it("names what is open", () => {
  expect(worries({ hasAuthentication: false })).toEqual(["Login"]);
  expect(worries({}, {}, [], false)).toEqual(["Connection of this page"]);
  expect(worries({ publicAccess: true }, {}, [], false)).toEqual([
    "Connection of this page",
    "Where you are",
  ]);
  expect(worries({ publicAccess: true })).toEqual([]);
  expect(worries({}, { allowedOrigins: "*" })).toEqual(["Other pages that may use the API"]);
  expect(worries({}, { allowEmbedding: true })).toEqual(["Other pages that may show this one"]);
  expect(worries({}, { allowEmbedding: true, allowedEmbedOrigins: "https://home.lan" })).toEqual([]);
});

it("counts tokens that may too much or that nobody uses, and not those that have ended", () => {
  const full = token({ scopes: ["*"] });
  expect(worries({}, {}, [full, full])).toEqual(["API tokens"]);
  expect(worries({}, {}, [full, { ...full, expiresAt: "2026-05-02T00:00:00Z" }])).toEqual([]);
  expect(worries({}, {}, [token({ lastUsedAt: "2026-01-01T00:00:00Z" })])).toEqual(["Unused tokens"]);
  expect(worries({}, {}, [token({ createdAt: "2026-01-01T00:00:00Z" })])).toEqual(["Unused tokens"]);
});

it("says what it may see where the reader may not see all", () => {
  expect(posture(STATUS, undefined, undefined, NOW, true)).toHaveLength(4);
});
