// Ctrl-K: one box that finds everything.

import { useNavigate } from "@solidjs/router";
import { createMemo, createSignal, For, type JSX, onMount, Show } from "solid-js";
import { containers, dockerHosts, hosts, kubernetesClusters, nodes, storage, vms } from "../api/live";
import { t } from "../text";
import { Icon } from "../ui/Icon";
import { actions, settings } from "./actions";
import { type Command, commands, find } from "./commands";
import styles from "./Palette.module.css";
import { PAGES } from "./pages";

export default function Palette(props: {
  /** Called once, when the box is there; gives what was typed before. */
  onOpen: () => string;
  onClose: () => void;
  onKeys: () => void;
}): JSX.Element {
  const navigate = useNavigate();
  const [typed, setTyped] = createSignal(props.onOpen());
  const [at, setAt] = createSignal(0);
  let dialog: HTMLDialogElement | undefined;
  // Once, when it is opened: a list that moves under the pointer helps nobody.
  const all = commands({ nodes, vms, containers, dockerHosts, hosts, storage, kubernetesClusters }, PAGES, [
    ...actions(() => props.onKeys()),
    ...settings(),
  ]);
  const found = createMemo(() => find(all, typed()));
  onMount(() => dialog?.showModal());
  const go = (command: Command | undefined): void => {
    if (command === undefined) return;
    props.onClose();
    if (command.run === undefined) navigate(command.href);
    else command.run();
  };
  const onKey = (event: KeyboardEvent): void => {
    const last = found().length - 1;
    if (event.key === "ArrowDown") setAt(Math.min(last, at() + 1));
    else if (event.key === "ArrowUp") setAt(Math.max(0, at() - 1));
    else if (event.key === "Enter") go(found()[at()]);
    else return;
    event.preventDefault();
    document.getElementById(`found-${at()}`)?.scrollIntoView({ block: "nearest" });
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click beside the box closes it as Escape does.
    <dialog
      ref={dialog}
      class={styles.palette}
      aria-label={t("Search everything")}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog) props.onClose();
      }}
    >
      <div class={styles.box}>
        <Icon name="search" />
        <input
          type="text"
          role="combobox"
          aria-label={t("Search everything")}
          aria-expanded="true"
          aria-controls="found"
          aria-activedescendant={found().length === 0 ? undefined : `found-${at()}`}
          placeholder={t("Guests, containers, hosts, settings, actions…")}
          autocomplete="off"
          spellcheck={false}
          value={typed()}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={onKey}
        />
      </div>
      <div id="found" class={styles.list} role="listbox" aria-label={t("Found")}>
        <For each={found()}>
          {(command, index) => (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the box above has the keys; the options never have the focus.
            <div
              id={`found-${index()}`}
              class={styles.item}
              role="option"
              tabindex={-1}
              aria-selected={index() === at()}
              onClick={() => go(command)}
              onPointerMove={() => setAt(index())}
            >
              <span class="cut">{command.title}</span>
              <span class={styles.kind}>{command.kind}</span>
            </div>
          )}
        </For>
      </div>
      <Show when={found().length === 0}>
        <p class={styles.nothing}>{t("Nothing is called so")}</p>
      </Show>
    </dialog>
  );
}
