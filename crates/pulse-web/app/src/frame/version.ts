// Whether the server is another version than the one that this page came from.

import { createEffect, createSignal } from "solid-js";
import { serverVersion } from "../api/calls";
import { connection } from "../api/live";

const [isOutdated, setOutdated] = createSignal(false);

export { isOutdated };

/** Asks each time the connection comes back: a server is updated by a restart. */
export function watchVersion(): void {
  let first: string | undefined;
  createEffect(() => {
    const { kind } = connection();
    if (kind !== "live" && kind !== "polling") return;
    serverVersion().then(
      (version) => {
        first ??= version;
        if (version !== first) setOutdated(true);
      },
      () => undefined,
    );
  });
}
