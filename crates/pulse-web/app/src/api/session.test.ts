import { describe, expect, it } from "vitest";
import { sessionOf } from "./session";

const STATUS = { hasAuthentication: true, requiresAuth: true, authUsername: "" };

describe("sessionOf", () => {
  it("wants the setup while a bootstrap token waits or nobody is set up", () => {
    expect(sessionOf({ ...STATUS, bootstrapTokenPath: "/data/.bootstrap_token" }, false).kind).toBe("setup");
    expect(sessionOf({ ...STATUS, hasAuthentication: false }, false).kind).toBe("setup");
  });

  it("is in by any of the ways to be in", () => {
    expect(sessionOf({ ...STATUS, authUsername: "admin" }, false)).toEqual({ kind: "in", user: "admin" });
    expect(sessionOf({ ...STATUS, proxyAuthUsername: "p" }, false)).toEqual({ kind: "in", user: "p" });
  });

  it("says whether a session was lost", () => {
    expect(sessionOf(STATUS, true)).toEqual({ kind: "login", hasExpired: true });
    expect(sessionOf(STATUS, false)).toEqual({ kind: "login", hasExpired: false });
  });
});
