// The links that people gave to guests, hosts and containers, for the tables: asked for once, and when one changes.

import { createSignal } from "solid-js";
import { allMetadata, type Metadata, type MetadataKind } from "../../api/metadata";
import { linkError } from "./model";

type Links = ReadonlyMap<string, string>;

const NONE: Links = new Map();
const [links, setLinks] = createSignal<Partial<Record<MetadataKind, Links>>>({});
const asked = new Set<MetadataKind>();

/** Only what leads somewhere harmless: whoever wrote it may not be who clicks on it. */
export function linksOf(records: Readonly<Record<string, Metadata>>): Map<string, string> {
  const found = new Map<string, string>();
  for (const [id, { customUrl }] of Object.entries(records)) {
    const url = customUrl?.trim() ?? "";
    if (url !== "" && linkError(url) === undefined) found.set(id, url);
  }
  return found;
}

/** Where the resource's link leads; asks for all of a kind the first time. */
export function linkOf(kind: MetadataKind, id: string): string | undefined {
  if (!asked.has(kind)) {
    asked.add(kind);
    allMetadata(kind).then(
      (records) => setLinks((old) => ({ ...old, [kind]: linksOf(records ?? {}) })),
      // Who may not read them sees the tables without.
      () => undefined,
    );
  }
  return (links()[kind] ?? NONE).get(id);
}

/** A record was saved. */
export function noteSaved(kind: MetadataKind, id: string, record: Metadata): void {
  setLinks((old) => {
    const next = new Map(old[kind] ?? NONE);
    next.delete(id);
    for (const [key, url] of linksOf({ [id]: record })) next.set(key, url);
    return { ...old, [kind]: next };
  });
}
