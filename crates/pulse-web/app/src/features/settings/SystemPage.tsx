// System settings. What the environment decides is shown and cannot be changed here.

import { useSearchParams } from "@solidjs/router";
import { createEffect, createResource, createSignal, For, type JSX, Show } from "solid-js";
import { saveSystemSettings, systemSettings } from "../../api/calls";
import { reasonOf } from "../../state/failure";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Button, Check, Choice, Field, Note } from "../../ui/controls";
import { toast } from "../../ui/toast";
import { Waiting } from "../../ui/Waiting";
import styles from "./Settings.module.css";
import {
  type Changes,
  changes,
  type Draft,
  GROUPS,
  type Key,
  lockName,
  numberError,
  type SystemField,
  settingOf as storedSetting,
} from "./systemFields";

export default function SystemPage(): JSX.Element {
  const [stored, { refetch }] = createResource(systemSettings);
  const [draft, setDraft] = createSignal<Draft>({});
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const now = () => settled(stored);
  const settingOf = (key: Key): string | number | boolean | undefined =>
    draft()[key] ?? storedSetting(now(), key);
  const put = (key: Key, value: string | number | boolean): void => {
    setDraft((old) => ({ ...old, [key]: value }));
    setError(undefined);
  };
  const isLocked = (key: Key): boolean => now()?.envOverrides?.[lockName(key)] === true;
  const pending = (): Changes => {
    const settings = now();
    return settings === undefined ? {} : changes(settings, draft());
  };
  const hasErrors = (): boolean =>
    GROUPS.some((group) =>
      group.fields.some(
        (field) => field.key in draft() && numberError(field, settingOf(field.key)) !== undefined,
      ),
    );
  const save = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await saveSystemSettings(pending() as Parameters<typeof saveSystemSettings>[0]);
      await refetch();
      setDraft({});
      toast(t("The settings hold now"));
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  /** The search over everything leads to one field. */
  const [params] = useSearchParams<{ field?: string }>();
  const showWhereAsked = (key: Key, box: HTMLElement): void => {
    createEffect(() => {
      if (params.field !== key) return;
      queueMicrotask(() => {
        box.scrollIntoView({ block: "center" });
        box.querySelector<HTMLElement>("input, select, textarea")?.focus({ preventScroll: true });
      });
    });
  };
  const locked = (key: Key, hint: string | undefined): string | undefined =>
    isLocked(key) ? t("Set by the environment of the server; it cannot be changed here.") : hint;

  const One = (one: { field: SystemField }): JSX.Element => {
    const { field } = one;
    if (field.kind === "switch") {
      return (
        <Check
          label={
            <>
              {field.label}
              <Show when={locked(field.key, field.hint)}>
                {(hint) => <span class={styles.small}> {hint()}</span>}
              </Show>
            </>
          }
          isOn={settingOf(field.key) === true}
          isDisabled={isLocked(field.key)}
          onChange={(isOn) => put(field.key, isOn)}
        />
      );
    }
    if (field.kind === "choice") {
      return (
        <Choice
          label={field.label}
          options={field.options}
          value={String(settingOf(field.key) ?? field.options[0]?.id)}
          isDisabled={isLocked(field.key)}
          hint={locked(field.key, field.hint)}
          onChange={(id) => put(field.key, id)}
        />
      );
    }
    if (field.kind === "number") {
      return (
        <Field
          label={field.label}
          type="number"
          value={String(settingOf(field.key) ?? "")}
          isDisabled={isLocked(field.key)}
          hint={locked(field.key, field.hint)}
          error={field.key in draft() ? numberError(field, settingOf(field.key)) : undefined}
          onInput={(text) => put(field.key, text.trim() === "" ? Number.NaN : Number(text))}
        />
      );
    }
    return (
      <Field
        label={field.label}
        value={String(settingOf(field.key) ?? "")}
        {...(field.placeholder === undefined ? {} : { placeholder: field.placeholder })}
        isDisabled={isLocked(field.key)}
        hint={locked(field.key, field.hint)}
        onInput={(text) => put(field.key, text)}
      />
    );
  };

  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("System")}</h1>
          <p>{t("Everything holds at once; nothing needs a restart.")}</p>
        </div>
      </header>
      <Show when={stored.error}>
        <Note health="crit">
          {t("The settings could not be loaded: {reason}", { reason: (stored.error as Error).message })}
        </Note>
      </Show>
      <Show when={stored.error === undefined}>
        <Show when={now()} fallback={<Waiting what={t("the settings")} />}>
          <form
            class={styles.form}
            aria-label={t("System settings")}
            novalidate
            onSubmit={(event) => {
              event.preventDefault();
              if (!hasErrors()) void save();
            }}
          >
            <For each={GROUPS}>
              {(group) => (
                <fieldset class={styles.group}>
                  <legend>{group.title}</legend>
                  <div class={styles.columns}>
                    <For each={group.fields}>
                      {(field) => (
                        <div ref={(box) => showWhereAsked(field.key, box)}>
                          <One field={field} />
                        </div>
                      )}
                    </For>
                  </div>
                </fieldset>
              )}
            </For>
            <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
            <div class={styles.actions}>
              <Button isDisabled={Object.keys(pending()).length === 0} onClick={() => setDraft({})}>
                {t("Discard")}
              </Button>
              <Button
                type="submit"
                kind="primary"
                isDisabled={isBusy() || hasErrors() || Object.keys(pending()).length === 0}
              >
                {t("Save")}
              </Button>
            </div>
          </form>
        </Show>
      </Show>
    </>
  );
}
