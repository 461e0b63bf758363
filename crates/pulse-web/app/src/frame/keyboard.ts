// Keys that hold everywhere.

/** Whether a key would go into a field. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null
  );
}

const GO: Readonly<Record<string, string>> = {
  p: "/proxmox",
  d: "/docker",
  k: "/kubernetes",
  h: "/hosts",
  a: "/alerts",
  s: "/settings",
};
/** How long `g` waits for the letter after it. */
const WAIT_MS = 1_200;

/** Listens until the returned function is called. */
export function listen(does: {
  palette: () => void;
  keys: () => void;
  go: (href: string) => void;
}): () => void {
  let wentAt = Number.NEGATIVE_INFINITY;
  const onKey = (event: KeyboardEvent): void => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      does.palette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]") !== null) return;
    if (event.key === "?") {
      event.preventDefault();
      does.keys();
      return;
    }
    const href = GO[event.key];
    if (href !== undefined && event.timeStamp - wentAt < WAIT_MS) {
      event.preventDefault();
      does.go(href);
    }
    wentAt = event.key === "g" ? event.timeStamp : Number.NEGATIVE_INFINITY;
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}
