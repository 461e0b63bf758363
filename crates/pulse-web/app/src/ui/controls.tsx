// Small controls without any domain word in them.

import { children, createSignal, createUniqueId, For, type JSX, onMount, Show } from "solid-js";
import { reasonOf } from "../state/failure";
import { t } from "../text";
import styles from "./controls.module.css";
import { surelyFits } from "./fit";
import { Icon, type IconName } from "./Icon";
import type { Health } from "./Mark";

export function Button(props: {
  children: JSX.Element;
  onClick?: () => void;
  kind?: "primary" | "danger" | undefined;
  type?: "button" | "submit";
  isSmall?: boolean;
  isDisabled?: boolean;
  icon?: IconName;
  label?: string;
}): JSX.Element {
  return (
    <button
      type={props.type ?? "button"}
      class={styles.button}
      classList={{
        [styles.primary ?? ""]: props.kind === "primary",
        [styles.danger ?? ""]: props.kind === "danger",
        [styles.small ?? ""]: props.isSmall === true,
      }}
      disabled={props.isDisabled}
      aria-label={props.label}
      onClick={() => props.onClick?.()}
    >
      <Show when={props.icon}>{(name) => <Icon name={name()} size={14} />}</Show>
      {props.children}
    </button>
  );
}

/** A button that is only an icon; `label` is its name and its title. */
export function IconButton(props: {
  icon: IconName;
  label: string;
  onClick: () => void;
  /** Of a button that opens something. */
  isExpanded?: boolean | undefined;
  /** Of a button that switches something. */
  isPressed?: boolean | undefined;
}): JSX.Element {
  return (
    <button
      type="button"
      class={`${styles.button} ${styles.icon}`}
      aria-label={props.label}
      title={props.label}
      aria-expanded={props.isExpanded}
      aria-pressed={props.isPressed}
      onClick={() => props.onClick()}
    >
      <Icon name={props.icon} />
    </button>
  );
}

export function Panel(props: { children: JSX.Element; label?: string }): JSX.Element {
  return (
    <section class={styles.panel} aria-label={props.label}>
      {props.children}
    </section>
  );
}

/** As the styles have them, in pixels: what a badge has for its letters, and their size. */
const BADGE_ROOM = 18 * 11 - 12;
const BADGE_SIZE = 11;

export function Badge(props: {
  children: JSX.Element;
  health?: Health | undefined;
  title?: string | undefined;
}): JSX.Element {
  const content = children(() => props.children);
  const isLong = (): boolean => {
    const text = content();
    return typeof text !== "string" || !surelyFits(text, BADGE_ROOM, BADGE_SIZE);
  };
  return (
    <span
      class={styles.badge}
      data-health={props.health}
      title={props.title}
      data-cut={isLong() ? "" : undefined}
    >
      {content()}
    </span>
  );
}

/** One of a few; all in sight. */
export function Segmented<Id extends string>(props: {
  label: string;
  options: readonly { id: Id; title: string }[];
  value: Id;
  onChange: (id: Id) => void;
}): JSX.Element {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset brings a layout of its own that flex cannot undo everywhere.
    <div class={styles.segmented} role="group" aria-label={props.label}>
      <For each={props.options}>
        {(option) => (
          <button
            type="button"
            aria-pressed={props.value === option.id}
            onClick={() => props.onChange(option.id)}
          >
            {option.title}
          </button>
        )}
      </For>
    </div>
  );
}

/** A labelled input with its hint and, next to it, what is wrong with it. */
export function Field(props: {
  label: string;
  value: string;
  onInput: (value: string) => void;
  type?: "text" | "password" | "url" | "number" | "time" | "date" | "email";
  name?: string;
  autocomplete?: string;
  placeholder?: string;
  hint?: JSX.Element;
  error?: string | undefined;
  isRequired?: boolean;
  hasFocus?: boolean;
  /** Several lines. */
  isLong?: boolean;
  isDisabled?: boolean;
}): JSX.Element {
  const id = createUniqueId();
  let input: HTMLInputElement | undefined;
  onMount(() => {
    if (props.hasFocus === true) input?.focus();
  });
  return (
    <div class={styles.field}>
      <label for={id}>{props.label}</label>
      <Show when={props.isLong === true}>
        <textarea
          id={id}
          rows={4}
          value={props.value}
          disabled={props.isDisabled}
          aria-describedby={`${id}-hint ${id}-error`}
          onInput={(event) => props.onInput(event.currentTarget.value)}
        />
      </Show>
      <Show when={props.isLong !== true}>
        <input
          ref={input}
          id={id}
          type={props.type ?? "text"}
          disabled={props.isDisabled}
          name={props.name}
          value={props.value}
          autocomplete={props.autocomplete ?? "off"}
          placeholder={props.placeholder}
          spellcheck={false}
          autocapitalize="off"
          required={props.isRequired}
          aria-invalid={props.error !== undefined}
          aria-describedby={`${id}-hint ${id}-error`}
          onInput={(event) => props.onInput(event.currentTarget.value)}
        />
      </Show>
      <span id={`${id}-hint`} class={styles.hint} hidden={props.hint === undefined}>
        {props.hint}
      </span>
      <span id={`${id}-error`} class={styles.error} hidden={props.error === undefined}>
        {props.error}
      </span>
    </div>
  );
}

export function Check(props: {
  label: JSX.Element;
  isOn: boolean;
  onChange: (isOn: boolean) => void;
  isDisabled?: boolean;
}): JSX.Element {
  return (
    <label class={styles.check}>
      <input
        type="checkbox"
        checked={props.isOn}
        disabled={props.isDisabled}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      <span>{props.label}</span>
    </label>
  );
}

/** One of several, of which there are too many to show all. */
export function Choice(props: {
  label: string;
  options: readonly { id: string; title: string }[];
  value: string;
  onChange: (id: string) => void;
  hint?: JSX.Element;
  isDisabled?: boolean | undefined;
}): JSX.Element {
  const id = createUniqueId();
  return (
    <div class={styles.field}>
      <label for={id}>{props.label}</label>
      <select
        id={id}
        disabled={props.isDisabled}
        aria-describedby={`${id}-hint`}
        onChange={(event) => props.onChange(event.currentTarget.value)}
      >
        <For each={props.options}>
          {(option) => (
            <option value={option.id} selected={option.id === props.value}>
              {option.title}
            </option>
          )}
        </For>
      </select>
      <span id={`${id}-hint`} class={styles.hint} hidden={props.hint === undefined}>
        {props.hint}
      </span>
    </div>
  );
}

/** A message about what was just done, or could not be done. */
export function Note(props: { health: Health; children: JSX.Element }): JSX.Element {
  return (
    <div class={styles.note} data-health={props.health} role={props.health === "crit" ? "alert" : "status"}>
      {props.children}
    </div>
  );
}

/** A value to copy that is shown once. Where the clipboard is forbidden, it is selected instead. */
export function Secret(props: { label: string; value: string }): JSX.Element {
  const [isCopied, setCopied] = createSignal(false);
  let code: HTMLElement | undefined;
  const copy = async (): Promise<void> => {
    try {
      // Absent on plain HTTP from another machine.
      await navigator.clipboard.writeText(props.value);
      setCopied(true);
    } catch {
      if (code !== undefined) getSelection()?.selectAllChildren(code);
    }
  };
  return (
    <div class={styles.secret}>
      <code ref={code} class="mono" title={props.label}>
        {props.value}
      </code>
      <Button
        onClick={() => void copy()}
        icon={isCopied() ? "check" : "copy"}
        label={t("Copy {what}", { what: props.label })}
      >
        {isCopied() ? t("Copied") : t("Copy")}
      </Button>
    </div>
  );
}

export function Empty(props: { title: string; children: JSX.Element }): JSX.Element {
  return (
    <div class={styles.empty}>
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

/** Names and values, in two columns. */
export function Facts(props: { children: JSX.Element }): JSX.Element {
  return <dl class={styles.facts}>{props.children}</dl>;
}

export function Fact(props: { name: string; children: JSX.Element }): JSX.Element {
  return (
    <>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </>
  );
}

/** Asks before something is done that cannot be undone. */
export function Confirm(props: {
  title: string;
  children: JSX.Element;
  action: string;
  onConfirm: () => Promise<void>;
  onCancel: () => void;
}): JSX.Element {
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  let dialog: HTMLDialogElement | undefined;
  const heading = createUniqueId();
  onMount(() => dialog?.showModal());
  const confirm = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await props.onConfirm();
    } catch (cause) {
      setError(reasonOf(cause));
      setBusy(false);
    }
  };
  return (
    <dialog
      ref={dialog}
      class={styles.dialog}
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault();
        props.onCancel();
      }}
    >
      <h2 id={heading}>{props.title}</h2>
      {props.children}
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.actions}>
        <Button onClick={() => props.onCancel()}>{t("Cancel")}</Button>
        <Button kind="danger" isDisabled={isBusy()} onClick={() => void confirm()}>
          {props.action}
        </Button>
      </div>
    </dialog>
  );
}
