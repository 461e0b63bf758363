// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import { createToken, listTokens, login, revokeToken } from "./calls";
import { ApiError, csrfCookie, errorText, sessionEnded } from "./client";

function answer(...responses: Response[]): Request[] {
  const seen: Request[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    seen.push(request);
    const response = responses.shift();
    if (response === undefined) throw new TypeError("no more answers");
    return response;
  });
  return seen;
}

afterEach(() => {
  vi.unstubAllGlobals();
  // biome-ignore lint/suspicious/noDocumentCookie: the page reads this cookie, the test sets it.
  document.cookie = "pulse_csrf=; Max-Age=0";
});

describe("csrf", () => {
  it("is read from among other cookies and decoded", () => {
    expect(csrfCookie("a=b; pulse_csrf=x%3D%3D; c=d")).toBe("x==");
    expect(csrfCookie("not_pulse_csrf=1")).toBeUndefined();
  });

  it("goes with mutations only", async () => {
    // biome-ignore lint/suspicious/noDocumentCookie: the page reads this cookie, the test sets it.
    document.cookie = "pulse_csrf=token1";
    const seen = answer(new Response('{"tokens":[]}'), new Response("{}"));
    await listTokens();
    await createToken("x", undefined);
    expect(seen.map((request) => request.headers.get("X-CSRF-Token"))).toEqual([null, "token1"]);
  });

  it("is tried once more with the server's new token, with the same body", async () => {
    const refused = () => new Response("CSRF", { status: 403, headers: { "X-CSRF-Token": "fresh" } });
    const seen = answer(refused(), new Response('{"token":"t"}'));
    expect(await createToken("agent", ["docker:report"])).toEqual({ token: "t" });
    expect(seen[1]?.headers.get("X-CSRF-Token")).toBe("fresh");
    expect(await seen[1]?.json()).toEqual({ name: "agent", scopes: ["docker:report"] });
    answer(refused(), refused());
    await expect(createToken("agent", undefined)).rejects.toThrow("CSRF");
  });

  it("leaves a 403 of another kind alone", async () => {
    const seen = answer(new Response("no", { status: 403 }));
    await expect(revokeToken("a/b")).rejects.toMatchObject({ status: 403, message: "no" });
    expect(seen).toHaveLength(1);
    expect(seen[0]?.url).toMatch(/\/api\/security\/tokens\/a%2Fb$/);
  });
});

describe("errors", () => {
  it("are the server's words in either shape", () => {
    expect(errorText(400, "Host is required\n")).toBe("Host is required");
    expect(errorText(400, { message: "long text", error: "code" })).toBe("long text");
    expect(errorText(503, { error: "no store" })).toBe("no store");
    expect(errorText(502, "")).toBe("the server answered 502");
    expect(errorText(500, { error: 3 })).toBe("the server answered 500");
  });

  it("tell unreachable from refused", async () => {
    answer();
    const error = await listTokens().catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).isUnreachable).toBe(true);
  });

  it("end the session on 401, but not while logging in", async () => {
    const before = sessionEnded();
    answer(new Response("{}", { status: 401 }), new Response("{}", { status: 401 }));
    await login("a", "b", false).catch(() => undefined);
    expect(sessionEnded()).toBe(before);
    await listTokens().catch(() => undefined);
    expect(sessionEnded()).toBe(before + 1);
  });

  it("take an empty success as a success", async () => {
    answer(new Response(null, { status: 204 }));
    await expect(revokeToken("x")).resolves.toBeUndefined();
  });

  it("tell a proxy's page from an answer", async () => {
    answer(new Response("<html>Sign in to the hotel</html>"));
    await expect(listTokens()).rejects.toMatchObject({
      status: 0,
      message: "the answer is not the server's",
    });
  });
});
