// Settings: a list of areas on the left, one area on the right.

import { A } from "@solidjs/router";
import { For, type JSX } from "solid-js";
import { SETTINGS } from "../../frame/pages";
import { t } from "../../text";
import styles from "./Settings.module.css";

export default function SettingsPage(props: { children?: JSX.Element }): JSX.Element {
  return (
    <div class="page">
      <div class={styles.split}>
        <nav class={styles.areas} aria-label={t("Settings")}>
          <For each={SETTINGS}>{(area) => <A href={area.href}>{area.title}</A>}</For>
        </nav>
        <div class={styles.area}>{props.children}</div>
      </div>
    </div>
  );
}
