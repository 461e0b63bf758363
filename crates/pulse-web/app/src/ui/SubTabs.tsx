// The second line of tabs. What there is nothing of has no tab.

import { A, useLocation } from "@solidjs/router";
import { createEffect, For, type JSX, on, Show } from "solid-js";
import styles from "./SubTabs.module.css";

/** Where not all links of a line fit, the current one is in sight: also when another becomes it, or more links come. */
export function currentInSight(nav: () => HTMLElement | undefined, count: () => number): void {
  const location = useLocation();
  createEffect(
    on([() => location.pathname, count], () => {
      requestAnimationFrame(() => {
        const line = nav();
        const current = line?.querySelector("[aria-current=page]");
        if (line === undefined || current == null) return;
        const box = current.getBoundingClientRect();
        const frame = line.getBoundingClientRect();
        line.scrollLeft += box.left + box.width / 2 - frame.left - frame.width / 2;
      });
    }),
  );
}

export function SubTabs(props: {
  label: string;
  tabs: readonly { href: string; title: string; count?: number | undefined }[];
  extra?: JSX.Element;
}): JSX.Element {
  let nav: HTMLElement | undefined;
  currentInSight(
    () => nav,
    () => props.tabs.length,
  );
  return (
    <Show when={props.tabs.length > 1 || props.extra !== undefined}>
      <div class={styles.line} data-no-print="">
        <nav class={styles.tabs} aria-label={props.label} ref={nav}>
          <For each={props.tabs}>
            {(tab) => (
              <A href={tab.href} class={styles.tab} end>
                {tab.title}
                <Show when={tab.count}>{(count) => <span class={styles.count}>{count()}</span>}</Show>
              </A>
            )}
          </For>
        </nav>
        {props.extra}
      </div>
    </Show>
  );
}
