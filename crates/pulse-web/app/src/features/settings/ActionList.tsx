// A short list of settings whose last column is what can be done with each: nodes, tokens, agents, destinations.

import { For, type JSX } from "solid-js";
import { t } from "../../text";
import styles from "./Settings.module.css";

/** `children` are the rows; `columns` the headings before that of the actions, which is only read out. */
export function ActionList(props: {
  label: string;
  columns: readonly string[];
  children: JSX.Element;
}): JSX.Element {
  return (
    <table class={styles.list} aria-label={props.label}>
      <thead>
        <tr>
          <For each={props.columns}>{(title) => <th scope="col">{title}</th>}</For>
          <th scope="col">
            <span class="sr">{t("Actions")}</span>
          </th>
        </tr>
      </thead>
      <tbody>{props.children}</tbody>
    </table>
  );
}
