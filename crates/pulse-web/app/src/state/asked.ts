// What somebody chose to do from another page: `?do=…` in the address, done once and taken away again.

import { useSearchParams } from "@solidjs/router";
import { createEffect, untrack } from "solid-js";

/** Calls `act` when the address asks for it, now or while the caller lives. */
export function onAsked(name: string, act: () => void): void {
  const [params, setParams] = useSearchParams<{ do?: string }>();
  createEffect(() => {
    if (params.do !== name) return;
    untrack(act);
    setParams({ do: undefined }, { replace: true, scroll: false });
  });
}
