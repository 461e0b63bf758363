// A request by its path, for routes whose path or body the document leaves open. Everything else goes
// through `api`, whose paths and bodies are checked by the compiler.

import { HOME } from "../base";
import { done, send } from "./client";

export async function request<T>(
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const call = async (): Promise<{ data?: T; error?: unknown; response: Response }> => {
    const response = await send(
      new Request(`${HOME}${path}`, {
        method,
        credentials: "same-origin",
        headers: {
          Accept: "application/json",
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      }),
    );
    const text = await response.text();
    if (!response.ok) return { error: parsed(text) ?? text, response };
    // Some answers of the contract are JSON under another name, some are empty.
    return text === "" ? { response } : { data: JSON.parse(text) as T, response };
  };
  return done(call());
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
