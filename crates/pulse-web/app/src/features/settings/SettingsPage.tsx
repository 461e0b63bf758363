// Settings: a list of areas on the left, one area on the right.

import { A } from "@solidjs/router";
import { For, type JSX } from "solid-js";
import { SETTINGS } from "../../frame/pages";
import { t } from "../../text";
import { currentInSight } from "../../ui/SubTabs";
import styles from "./Settings.module.css";

export default function SettingsPage(props: { children?: JSX.Element }): JSX.Element {
  let areas: HTMLElement | undefined;
  currentInSight(
    () => areas,
    () => SETTINGS.length,
  );
  return (
    <div class="page">
      <div class={styles.split}>
        <nav ref={areas} class={styles.areas} aria-label={t("Settings")}>
          <For each={SETTINGS}>{(area) => <A href={area.href}>{area.title}</A>}</For>
        </nav>
        <div class={styles.area}>{props.children}</div>
      </div>
    </div>
  );
}
