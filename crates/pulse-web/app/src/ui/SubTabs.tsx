// The second line of tabs. What there is nothing of has no tab.

import { A, useLocation } from "@solidjs/router";
import { createEffect, createMemo, For, type JSX, on, Show } from "solid-js";
import styles from "./SubTabs.module.css";

/** Where not all links of a line fit, the current one is in sight: also when another becomes it, or more links come. */
export function currentInSight(nav: () => HTMLElement | undefined, count: () => number): void {
  const location = useLocation();
  const links = createMemo(count);
  createEffect(
    on([() => location.pathname, links], () => {
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

interface SubTab {
  href: string;
  title: string;
  count?: number | undefined;
}

function isSame(a: readonly SubTab[], b: readonly SubTab[]): boolean {
  return (
    a.length === b.length &&
    a.every((tab, index) => {
      const other = b[index];
      return tab.href === other?.href && tab.title === other.title && tab.count === other.count;
    })
  );
}

export function SubTabs(props: { label: string; tabs: readonly SubTab[]; extra?: JSX.Element }): JSX.Element {
  let nav: HTMLElement | undefined;
  // The list is asked for with every update, and hardly ever another.
  const tabs = createMemo(() => props.tabs, undefined, { equals: isSame });
  currentInSight(
    () => nav,
    () => tabs().length,
  );
  return (
    <Show when={tabs().length > 1 || props.extra !== undefined}>
      <div class={styles.line} data-no-print="">
        <nav class={styles.tabs} aria-label={props.label} ref={nav}>
          <For each={tabs()}>
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
