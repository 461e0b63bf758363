// The form of a token: its name, what it may do, and until when. New ones and known ones alike.

import { createSignal, For, type JSX, Show } from "solid-js";
import type { TokenRecord } from "../../api/calls";
import { reasonOf } from "../../state/failure";
import { t } from "../../text";
import { Button, Check, Field, Note, Segmented } from "../../ui/controls";
import styles from "./Settings.module.css";
import {
  AGENT_SCOPES,
  dayOf,
  endOf,
  type Preset,
  presetOf,
  READ_SCOPES,
  SCOPES,
  type TokenWish,
} from "./tokenRights";

const PRESETS = [
  { id: "agent", title: t("For an agent") },
  { id: "read", title: t("Read only") },
  { id: "full", title: t("Full access") },
  { id: "own", title: t("Choose") },
] as const;

export function TokenForm(props: {
  title: string;
  action: string;
  known?: TokenRecord;
  onCancel: () => void;
  onDone: (wish: TokenWish) => Promise<void>;
}): JSX.Element {
  const { known } = props;
  const scopesOfKnown = (): readonly string[] =>
    known === undefined ? AGENT_SCOPES : known.scopes.filter((scope) => scope !== "*");
  const [name, setName] = createSignal(known?.name ?? "");
  const [preset, setPreset] = createSignal<Preset>(presetOf(known));
  const [chosen, setChosen] = createSignal<ReadonlySet<string>>(new Set(scopesOfKnown()));
  const [day, setDay] = createSignal(dayOf(known?.expiresAt));
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);

  const choose = (next: Preset): void => {
    setPreset(next);
    setError(undefined);
    if (next === "agent") setChosen(new Set(AGENT_SCOPES));
    if (next === "read") setChosen(new Set(READ_SCOPES));
  };
  const toggle = (scope: string, isOn: boolean): void => {
    setPreset("own");
    setError(undefined);
    setChosen((old) => {
      const next = new Set(old);
      if (isOn) next.add(scope);
      else next.delete(scope);
      return next;
    });
  };
  const finish = async (): Promise<void> => {
    if (preset() !== "full" && chosen().size === 0) {
      setError(t("Choose at least one right"));
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      await props.onDone({
        name: name().trim() || t("API token"),
        scopes: preset() === "full" ? null : [...chosen()],
        expiresAt: endOf(day(), known?.expiresAt),
      });
    } catch (cause) {
      setError(reasonOf(cause));
      setBusy(false);
    }
  };

  return (
    <form
      class={styles.form}
      aria-label={known === undefined ? t("New token") : props.title}
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        void finish();
      }}
    >
      <h2>{props.title}</h2>
      <div class={styles.columns}>
        <Field
          label={t("Name")}
          hasFocus
          value={name()}
          placeholder={t("API token")}
          hint={t("What uses it, such as the machine's name.")}
          onInput={setName}
        />
        <Field
          label={t("Last day")}
          type="date"
          value={day()}
          hint={t("Empty: it counts until it is revoked.")}
          onInput={setDay}
        />
      </div>
      <Segmented label={t("Rights")} options={PRESETS} value={preset()} onChange={choose} />
      <Show
        when={preset() !== "full"}
        fallback={
          <p class="soft">{t("The token may do everything that you may, including making other tokens.")}</p>
        }
      >
        <fieldset class={styles.scopes}>
          <legend class="sr">{t("Rights")}</legend>
          <For each={SCOPES}>
            {(scope) => (
              <Check
                isOn={chosen().has(scope.id)}
                onChange={(isOn) => toggle(scope.id, isOn)}
                label={
                  <>
                    <span class={styles.scopeName}>{scope.id}</span>
                    <small>{scope.text}</small>
                  </>
                }
              />
            )}
          </For>
        </fieldset>
      </Show>
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.actions}>
        <Button onClick={() => props.onCancel()}>{t("Cancel")}</Button>
        <Button type="submit" kind="primary" isDisabled={isBusy()}>
          {props.action}
        </Button>
      </div>
    </form>
  );
}
