// What is typed between Ctrl-K and the moment its box is there: the box is loaded when it is first opened, and nobody
// waits for it before typing.

/** Collects characters while `isWaiting`, and keeps them from being taken for keys of the page. */
export function collectEarly(isWaiting: () => boolean): { take: () => string; stop: () => void } {
  let typed = "";
  const onKey = (event: KeyboardEvent): void => {
    if (!isWaiting() || event.key.length !== 1 || event.ctrlKey || event.metaKey || event.altKey) return;
    typed += event.key;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  window.addEventListener("keydown", onKey, { capture: true });
  return {
    take: () => {
      const taken = typed;
      typed = "";
      return taken;
    },
    stop: () => window.removeEventListener("keydown", onKey, { capture: true }),
  };
}
