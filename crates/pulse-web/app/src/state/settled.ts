// What a resource holds, without waiting for it: reading one that is still on its way would put the
// whole page behind its placeholder, table and all.

import type { Resource } from "solid-js";

/** The newest answer, also while the next one is on its way; `undefined` before the first, and after an error. */
export function settled<T>(resource: Resource<T>): T | undefined {
  return resource.state === "ready" || resource.state === "refreshing" ? resource.latest : undefined;
}
