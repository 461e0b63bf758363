// Every request of the page goes through here: CSRF, expired sessions, and errors as one type.

import createClient from "openapi-fetch";
import { createSignal } from "solid-js";
import { HOME } from "../base";
import { kioskToken } from "../frame/kiosk";
import { t } from "../text";
import { licenceGap, licenceText } from "./licence";
import type { paths } from "./schema.gen";

/** A request that did not succeed, with a text that a person can read. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  constructor(
    readonly status: number,
    message: string,
    /** The decoded body, where it was JSON. */
    readonly body?: unknown,
  ) {
    super(message);
  }

  /** The request never got an answer. */
  get isUnreachable(): boolean {
    return this.status === 0;
  }
}

/** Counts up each time the server says that nobody is logged in. */
export const [sessionEnded, setSessionEnded] = createSignal(0);

const MUTATING = new Set(["POST", "PUT", "PATCH", "DELETE"]);

/**
 * `fetch` with what the server wants. Mutations carry the CSRF token of the cookie; when the server
 * answers 403 with a new token (it restarted, say), the request is tried once more with that one.
 */
export async function send(request: Request): Promise<Response> {
  const token = kioskToken();
  // A screen on the wall has no session: its token stands for it.
  if (token !== undefined) request.headers.set("X-API-Token", token);
  const again = MUTATING.has(request.method) ? request.clone() : undefined;
  if (again !== undefined) setCsrf(request, csrfCookie());
  const response = await fetch(request);
  const fresh = response.headers.get("X-CSRF-Token");
  if (again === undefined || response.status !== 403 || fresh === null) return response;
  setCsrf(again, fresh);
  return fetch(again);
}

function setCsrf(request: Request, token: string | undefined): void {
  if (token !== undefined) request.headers.set("X-CSRF-Token", token);
}

/** The token in the cookie that scripts may read. */
export function csrfCookie(cookies = document.cookie): string | undefined {
  const pair = cookies.split("; ").find((part) => part.startsWith("pulse_csrf="));
  return pair === undefined ? undefined : decodeURIComponent(pair.slice("pulse_csrf=".length));
}

/** The API, typed by its document. `done` turns what it gives into a value or an `ApiError`. */
export const api = createClient<paths>({
  baseUrl: HOME,
  headers: { Accept: "application/json" },
  credentials: "same-origin",
  fetch: send,
});

/** What a call of `api` gives. */
interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * The answer's body; throws `ApiError` for everything that is not a success. With `isLogin` a 401 is
 * an answer about the request (a wrong password), not the end of the session.
 */
export async function done<T>(call: Promise<Answer<T>>, options: { isLogin?: boolean } = {}): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    // A success that does not parse, such as a proxy's own page, is no answer of the server either.
    throw new ApiError(
      0,
      cause instanceof SyntaxError ? t("the answer is not the server's") : t("the server cannot be reached"),
    );
  }
  const { response, error } = answer;
  if (response.ok) return answer.data as T;
  if (response.status === 401 && options.isLogin !== true) setSessionEnded((times) => times + 1);
  throw new ApiError(response.status, errorText(response.status, error), error);
}

/** The server's own words, from either of its two error shapes. */
export function errorText(status: number, body: unknown): string {
  const gap = licenceGap(status, body);
  if (gap !== undefined) return licenceText(gap);
  if (typeof body === "string" && body.trim() !== "") return body.trim();
  if (typeof body === "object" && body !== null) {
    for (const key of ["message", "error"]) {
      const text = (body as Record<string, unknown>)[key];
      if (typeof text === "string" && text !== "") return text;
    }
  }
  return t("the server answered {status}", { status });
}
