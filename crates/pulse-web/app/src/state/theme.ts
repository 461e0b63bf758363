// Light or dark: what the system says, or what the person chose in this browser.

import { createMemo, createRoot, createSignal } from "solid-js";

export type Choice = "auto" | "light" | "dark";

const KEY = "pulse.theme";

function stored(): Choice {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "auto";
  } catch {
    return "auto";
  }
}

const query = typeof matchMedia === "function" ? matchMedia("(prefers-color-scheme: dark)") : undefined;
const [systemIsDark, setSystemIsDark] = createSignal(query?.matches ?? false);
query?.addEventListener("change", (event) => setSystemIsDark(event.matches));

const [choice, setChoice] = createSignal<Choice>(stored());

/** What is shown now. */
const theme = createRoot(() =>
  createMemo<"light" | "dark">(() => {
    const chosen = choice();
    if (chosen !== "auto") return chosen;
    return systemIsDark() ? "dark" : "light";
  }),
);

export { choice, theme };

export function chooseTheme(next: Choice): void {
  const root = document.documentElement;
  if (next === "auto") delete root.dataset.theme;
  else root.dataset.theme = next;
  try {
    if (next === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // The choice then holds until the page is closed.
  }
  setChoice(next);
}
