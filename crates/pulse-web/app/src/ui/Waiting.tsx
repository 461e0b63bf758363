// What stands on a page until the first data comes: the shape of what will be there.

import { For, type JSX } from "solid-js";
import { t } from "../text";
import styles from "./Waiting.module.css";

export function Waiting(props: { what: string }): JSX.Element {
  return (
    <div class={styles.waiting} role="status">
      <span class="sr">{t("Waiting for {what}", { what: props.what })}</span>
      <For each={[0, 1, 2, 3, 4, 5, 6, 7]}>{() => <div class={styles.line} />}</For>
    </div>
  );
}
