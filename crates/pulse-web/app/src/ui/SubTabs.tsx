// The second line of tabs. What there is nothing of has no tab.

import { A } from "@solidjs/router";
import { For, type JSX, Show } from "solid-js";
import styles from "./SubTabs.module.css";

/** Where not all tabs fit, the current one is in sight. */
function showCurrent(nav: HTMLElement): void {
  queueMicrotask(() => {
    const current = nav.querySelector<HTMLElement>("[aria-current=page]");
    if (current !== null) nav.scrollLeft = current.offsetLeft - nav.clientWidth / 2 + current.offsetWidth / 2;
  });
}

export function SubTabs(props: {
  label: string;
  tabs: readonly { href: string; title: string; count?: number | undefined }[];
  extra?: JSX.Element;
}): JSX.Element {
  return (
    <Show when={props.tabs.length > 1 || props.extra !== undefined}>
      <div class={styles.line} data-no-print="">
        <nav class={styles.tabs} aria-label={props.label} ref={showCurrent}>
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
