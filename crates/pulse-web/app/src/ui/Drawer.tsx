// The panel on the right that tells all about one row. The table beside it stays usable; on a phone
// the panel is a page of its own.

import { createUniqueId, type JSX, onCleanup, onMount } from "solid-js";
import { t } from "../text";
import { IconButton } from "./controls";
import styles from "./Drawer.module.css";

export function Drawer(props: {
  title: JSX.Element;
  subtitle?: JSX.Element;
  onClose: () => void;
  children: JSX.Element;
}): JSX.Element {
  const heading = createUniqueId();
  let panel: HTMLElement | undefined;
  const before = document.activeElement;
  onMount(() => panel?.focus({ preventScroll: true }));
  onCleanup(() => {
    // Where the focus is inside, it goes back to the row that opened the panel.
    const focused = document.activeElement;
    const wasInside = focused === document.body || (panel?.contains(focused) ?? false);
    if (wasInside && before instanceof HTMLElement)
      queueMicrotask(() => before.focus({ preventScroll: true }));
  });
  const onKey = (event: KeyboardEvent): void => {
    if (
      event.key === "Escape" &&
      !event.defaultPrevented &&
      document.querySelector("dialog[open]") === null
    ) {
      props.onClose();
    }
  };
  document.addEventListener("keydown", onKey);
  onCleanup(() => document.removeEventListener("keydown", onKey));
  return (
    <aside ref={panel} class={styles.drawer} aria-labelledby={heading} tabindex={-1}>
      <header class={styles.head}>
        <div class="grow">
          <h2 id={heading} class={styles.title}>
            {props.title}
          </h2>
          <div class={styles.subtitle}>{props.subtitle}</div>
        </div>
        <IconButton icon="close" label={t("Close")} onClick={() => props.onClose()} />
      </header>
      <div class={styles.body}>{props.children}</div>
    </aside>
  );
}

export function DrawerSection(props: {
  title: string;
  extra?: JSX.Element;
  children: JSX.Element;
}): JSX.Element {
  return (
    <section class={styles.section}>
      <header class={styles.sectionHead}>
        <h3>{props.title}</h3>
        {props.extra}
      </header>
      {props.children}
    </section>
  );
}
