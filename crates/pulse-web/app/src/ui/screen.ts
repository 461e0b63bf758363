// The width class of the window, and where the page scrolls.

import { createContext, createSignal } from "solid-js";

const query = typeof matchMedia === "function" ? matchMedia("(max-width: 680px)") : undefined;
const [isPhone, setPhone] = createSignal(query?.matches ?? false);
query?.addEventListener("change", (event) => setPhone(event.matches));

export { isPhone };

/** The element that scrolls; tables need it to know which rows are in sight. */
export const ScrollerContext = createContext<() => HTMLElement | undefined>(() => undefined);
