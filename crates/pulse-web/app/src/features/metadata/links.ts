// The links that people gave to guests, hosts and containers, for the tables: asked for once, and when one changes.

import { createSignal } from "solid-js";
import { ApiError } from "../../api/client";
import { allMetadata, type Metadata, type MetadataKind } from "../../api/metadata";
import { linkError } from "./model";

type Links = ReadonlyMap<string, string>;

const NONE: Links = new Map();
const [links, setLinks] = createSignal<Partial<Record<MetadataKind, Links>>>({});
/** When to ask for a kind again; never, where that is not a number. */
const askAt = new Map<MetadataKind, number>();
/** How long what failed is left alone: every row of a table would ask. */
const RETRY_MS = 30_000;
/** Told when something that failed may be asked again. */
const [tries, setTries] = createSignal(0);

/** Only what leads somewhere harmless: whoever wrote it may not be who clicks on it. */
export function linksOf(records: Readonly<Record<string, Metadata>>): Map<string, string> {
  const found = new Map<string, string>();
  for (const [id, { customUrl }] of Object.entries(records)) {
    const url = customUrl?.trim() ?? "";
    if (url !== "" && linkError(url) === undefined) found.set(id, url);
  }
  return found;
}

function ask(kind: MetadataKind): void {
  askAt.set(kind, Number.NaN);
  allMetadata(kind).then(
    (records) => setLinks((old) => ({ ...old, [kind]: linksOf(records ?? {}) })),
    (cause: unknown) => {
      // Who may not read them sees the tables without; that stays so until the page is loaded again.
      if (cause instanceof ApiError && cause.status === 403) return;
      askAt.set(kind, Date.now() + RETRY_MS);
      setTimeout(() => setTries((old) => old + 1), RETRY_MS);
    },
  );
}

/** Where the resource's link leads; asks for all of a kind the first time, and again some time after it failed. */
export function linkOf(kind: MetadataKind, id: string): string | undefined {
  const known = links()[kind];
  if (known === undefined) {
    tries();
    // A row that asks is drawn again when the answer or the next try is there.
    if (Date.now() >= (askAt.get(kind) ?? 0)) ask(kind);
  }
  return (known ?? NONE).get(id);
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
