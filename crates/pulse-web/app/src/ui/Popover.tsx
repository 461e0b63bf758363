// A small panel that opens below its button.

import { createSignal, createUniqueId, type JSX, onCleanup, Show } from "solid-js";
import { IconButton } from "./controls";
import type { IconName } from "./Icon";
import styles from "./Popover.module.css";

export function Popover(props: { icon: IconName; label: string; children: JSX.Element }): JSX.Element {
  const [isOpen, setOpen] = createSignal(false);
  const id = createUniqueId();
  let box: HTMLDivElement | undefined;
  const outside = (event: PointerEvent): void => {
    if (box !== undefined && !box.contains(event.target as Node)) setOpen(false);
  };
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || !isOpen()) return;
    event.preventDefault();
    setOpen(false);
    box?.querySelector("button")?.focus();
  };
  document.addEventListener("pointerdown", outside);
  onCleanup(() => document.removeEventListener("pointerdown", outside));
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes what any control inside opened.
    <div ref={box} class={styles.box} onKeyDown={onKey} data-no-print="">
      <IconButton
        icon={props.icon}
        label={props.label}
        isExpanded={isOpen()}
        onClick={() => setOpen(!isOpen())}
      />
      <Show when={isOpen()}>
        <div id={id} class={styles.panel} role="dialog" aria-label={props.label}>
          {props.children}
        </div>
      </Show>
    </div>
  );
}
