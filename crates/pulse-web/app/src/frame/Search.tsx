// The one search box; it filters what the page shows, and completes fields and their values.

import { useSearchParams } from "@solidjs/router";
import { createMemo, createSignal, For, type JSX, onCleanup, Show } from "solid-js";
import { complete, type Suggestion } from "../state/complete";
import { completable } from "../state/searchable";
import { t } from "../text";
import { Icon } from "../ui/Icon";
import { isTyping } from "./keyboard";
import styles from "./Search.module.css";

export function Search(props: { example: string }): JSX.Element {
  const [params, setParams] = useSearchParams<{ q: string }>();
  const [caret, setCaret] = createSignal(0);
  const [hasFocus, setFocus] = createSignal(false);
  const [isHidden, setHidden] = createSignal(false);
  const [at, setAt] = createSignal(-1);
  let input: HTMLInputElement | undefined;
  const query = (): string => params.q ?? "";
  const offered = createMemo<Suggestion[]>(() =>
    hasFocus() && !isHidden() ? complete(query(), caret(), completable()) : [],
  );
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    event.preventDefault();
    input?.focus();
    input?.select();
  };
  document.addEventListener("keydown", onKey);
  onCleanup(() => document.removeEventListener("keydown", onKey));
  const change = (text: string): void => {
    setParams({ q: text === "" ? undefined : text }, { replace: true, scroll: false });
    setAt(-1);
    setHidden(false);
  };
  const take = (suggestion: Suggestion | undefined): void => {
    if (suggestion === undefined || input === undefined) return;
    change(suggestion.text);
    input.value = suggestion.text;
    input.focus();
    const end = suggestion.text.length;
    input.setSelectionRange(end, end);
    setCaret(end);
  };
  const onInputKey = (event: KeyboardEvent & { currentTarget: HTMLInputElement }): void => {
    const count = offered().length;
    if (event.key === "ArrowDown" && count > 0) setAt((at() + 1) % count);
    else if (event.key === "ArrowUp" && count > 0) setAt((at() - 1 + count) % count);
    else if ((event.key === "Tab" || event.key === "Enter") && at() >= 0 && count > 0) take(offered()[at()]);
    else if (event.key === "Escape") {
      // One Escape closes the offers, the next empties the box, the last one leaves it.
      if (count > 0) setHidden(true);
      else if (query() === "") event.currentTarget.blur();
      else change("");
    } else return;
    event.preventDefault();
  };
  return (
    <search class={styles.search} data-no-print="">
      <Icon name="search" size={14} />
      <input
        ref={input}
        type="search"
        role="combobox"
        aria-label={t("Search")}
        aria-keyshortcuts="/"
        aria-expanded={offered().length > 0}
        aria-controls="offered"
        aria-autocomplete="list"
        aria-activedescendant={at() >= 0 ? `offered-${at()}` : undefined}
        placeholder={t("Filter, or {example}", { example: props.example })}
        autocomplete="off"
        spellcheck={false}
        value={query()}
        onInput={(event) => {
          setCaret(event.currentTarget.selectionStart ?? event.currentTarget.value.length);
          change(event.currentTarget.value);
        }}
        onFocus={() => setFocus(true)}
        onBlur={() => setFocus(false)}
        onKeyDown={onInputKey}
      />
      <kbd aria-hidden="true">/</kbd>
      <div
        id="offered"
        class={styles.offered}
        role="listbox"
        aria-label={t("Completions")}
        hidden={offered().length === 0}
      >
        <Show when={offered().length > 0}>
          <For each={offered()}>
            {(suggestion, index) => (
              <div
                id={`offered-${index()}`}
                class={styles.offer}
                role="option"
                tabindex={-1}
                aria-selected={index() === at()}
                // Before the box loses the focus.
                onPointerDown={(event) => {
                  event.preventDefault();
                  take(suggestion);
                }}
              >
                {suggestion.label}
              </div>
            )}
          </For>
        </Show>
      </div>
    </search>
  );
}
