// `?`: which keys do what.

import { createUniqueId, For, type JSX, onMount } from "solid-js";
import { t } from "../text";
import { Button } from "../ui/controls";
import controls from "../ui/controls.module.css";
import styles from "./Keys.module.css";

const KEYS: readonly { keys: readonly string[]; text: string }[] = [
  { keys: ["/"], text: t("filter what the page shows") },
  { keys: ["Ctrl", "K"], text: t("search everything") },
  { keys: ["?"], text: t("this list") },
  { keys: ["↑", "↓"], text: t("move in a table; also Page up, Page down, Home, End") },
  { keys: ["Enter"], text: t("open the row") },
  { keys: ["Space"], text: t("select the row; with Shift up to here") },
  { keys: ["←", "→"], text: t("fold and unfold a group") },
  { keys: ["Shift", t("click")], text: t("sort by one more column") },
  { keys: ["Esc"], text: t("close what is open, empty the search") },
  { keys: ["g", "p"], text: t("go to Proxmox; d Docker, k Kubernetes, h Hosts, a Alerts, s Settings") },
];

export default function Keys(props: { onClose: () => void }): JSX.Element {
  const heading = createUniqueId();
  let dialog: HTMLDialogElement | undefined;
  onMount(() => dialog?.showModal());
  return (
    <dialog
      ref={dialog}
      class={controls.dialog}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
    >
      <h2 id={heading}>{t("Keys")}</h2>
      <dl class={styles.keys}>
        <For each={KEYS}>
          {(entry) => (
            <>
              <dt>
                <For each={entry.keys}>{(key) => <kbd>{key}</kbd>}</For>
              </dt>
              <dd>{entry.text}</dd>
            </>
          )}
        </For>
      </dl>
      <div class={controls.actions}>
        <Button onClick={() => props.onClose()}>{t("Close")}</Button>
      </div>
    </dialog>
  );
}
