// Where the page lives: at the root of its host, or under a path that a reverse proxy gave it. The server writes that path
// into the first document; see `index_under` of the crate.

/** The path before every address of the page and of the API, such as `/pulse`; empty at the root. */
export const BASE: string =
  globalThis.document?.querySelector<HTMLMetaElement>('meta[name="pulse-base"]')?.content ?? "";

/** The address of the server, as a person would type it. */
export const HOME: string = `${globalThis.location?.origin ?? ""}${BASE}`;

/** An address of the page, for links that the router does not make. */
export const address = (path: string): string => `${BASE}${path}`;

/** The path of an address without what is before the page's own part. */
export const own = (pathname: string): string =>
  pathname.startsWith(`${BASE}/`) ? pathname.slice(BASE.length) : pathname;
