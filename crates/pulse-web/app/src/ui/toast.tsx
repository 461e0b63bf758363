// A short word about what just happened; it goes by itself and never takes the focus.

import { createSignal, For, type JSX } from "solid-js";
import type { Health } from "./Mark";
import styles from "./toast.module.css";

interface Said {
  id: number;
  text: string;
  health: Health;
}

const SHOWN_MS = 5_000;
const MOST = 4;
const [said, setSaid] = createSignal<readonly Said[]>([]);
let last = 0;

export function toast(text: string, health: Health = "ok"): void {
  last += 1;
  const id = last;
  setSaid((all) => [...all.slice(1 - MOST), { id, text, health }]);
  setTimeout(() => setSaid((all) => all.filter((each) => each.id !== id)), SHOWN_MS);
}

export function Toasts(): JSX.Element {
  return (
    <div class={styles.toasts} role="status" aria-live="polite" data-no-print="">
      <For each={said()}>
        {(each) => (
          <div class={styles.toast} data-health={each.health}>
            {each.text}
          </div>
        )}
      </For>
    </div>
  );
}
