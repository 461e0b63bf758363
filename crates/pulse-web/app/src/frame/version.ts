// What the server is: another version than the one that this page came from, or one that shows an invented installation.

import { createEffect, createSignal, onCleanup } from "solid-js";
import { serverVersion } from "../api/calls";
import { connection } from "../api/live";

/** Mock mode is switched while the connection stands. */
const ASK_EVERY_MS = 30_000;

const [isOutdated, setOutdated] = createSignal(false);
const [isInvented, setInvented] = createSignal(false);

export { isInvented, isOutdated };

/** Asks each time the connection comes back, since a server is updated by a restart, and now and then. */
export function watchVersion(): void {
  let first: string | undefined;
  const ask = (): void => {
    serverVersion().then(
      ({ version, deploymentType }) => {
        first ??= version;
        if (version !== first) setOutdated(true);
        setInvented(deploymentType === "mock");
      },
      () => undefined,
    );
  };
  createEffect(() => {
    const { kind } = connection();
    if (kind === "live" || kind === "polling") ask();
  });
  const timer = setInterval(() => {
    if (document.visibilityState === "visible") ask();
  }, ASK_EVERY_MS);
  onCleanup(() => clearInterval(timer));
}
