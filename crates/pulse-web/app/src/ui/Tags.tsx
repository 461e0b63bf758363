// Labels that people gave something: a dot in a colour of the label's own, and its text.

import { For, type JSX, Show } from "solid-js";
import { t } from "../text";
import { surelyFits } from "./fit";
import styles from "./Tags.module.css";

const HUES = 12;

/** Always the same of the few hues for the same text. */
function hueOf(text: string): number {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return sum % HUES;
}

/** A tag's dot with the gaps before and after. */
const DOT_WIDTH = 8 + 4 + 8;
const LETTER_SIZE = 12;

/** Whether all of them surely fit into so many pixels. */
export function tagsFit(tags: readonly string[], room: number): boolean {
  return surelyFits(tags.join(""), room - tags.length * DOT_WIDTH, LETTER_SIZE);
}

export function Tags(props: { tags: readonly string[]; onPick?: (tag: string) => void }): JSX.Element {
  return (
    <span class={styles.tags}>
      <For each={props.tags}>
        {(tag) => (
          <Show
            when={props.onPick}
            fallback={
              <span class={styles.tag}>
                <span class={styles.dot} data-hue={hueOf(tag)} aria-hidden="true" />
                {tag}
              </span>
            }
          >
            {(pick) => (
              <button
                type="button"
                class={styles.tag}
                tabindex={-1}
                title={t("Show only {tag}", { tag })}
                onClick={() => pick()(tag)}
              >
                <span class={styles.dot} data-hue={hueOf(tag)} aria-hidden="true" />
                {tag}
              </button>
            )}
          </Show>
        )}
      </For>
    </span>
  );
}
