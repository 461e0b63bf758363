// What the forms of all destinations share: an attempt that says how it ended, and what could not be loaded.

import { createSignal, type JSX, Show } from "solid-js";
import { reasonOf } from "../../../state/failure";
import { t } from "../../../text";
import { Button, Note } from "../../../ui/controls";
import settings from "../../settings/Settings.module.css";

export interface Outcome {
  isGood: boolean;
  text: string;
}

/** Work that is busy while it runs, and says how it ended. */
export function useAttempt(): {
  outcome: () => Outcome | undefined;
  isBusy: () => boolean;
  attempt: (work: () => Promise<unknown>, said: string) => Promise<boolean>;
  /** What was said belongs to something else now. */
  forget: () => void;
} {
  const [outcome, setOutcome] = createSignal<Outcome>();
  const [isBusy, setBusy] = createSignal(false);
  return {
    outcome,
    isBusy,
    forget: () => setOutcome(undefined),
    attempt: async (work, said) => {
      setBusy(true);
      setOutcome(undefined);
      let isGood = true;
      try {
        await work();
        setOutcome({ isGood, text: said });
      } catch (cause) {
        isGood = false;
        setOutcome({ isGood, text: reasonOf(cause) });
      }
      setBusy(false);
      return isGood;
    },
  };
}

/** How the last attempt ended, where there was one. */
export function Said(props: { outcome: Outcome | undefined }): JSX.Element {
  return (
    <Show when={props.outcome}>
      {(said) => <Note health={said().isGood ? "ok" : "crit"}>{said().text}</Note>}
    </Show>
  );
}

/** The end of a form: how the last attempt went, a test of what stands there, and saving it. */
export function TestAndSave(props: {
  attempts: ReturnType<typeof useAttempt>;
  isChanged: boolean;
  test: () => Promise<unknown>;
  save: () => Promise<unknown>;
  onSaved: () => void;
}): JSX.Element {
  const isBusy = (): boolean => props.attempts.isBusy();
  return (
    <>
      <Said outcome={props.attempts.outcome()} />
      <div class={settings.actions}>
        <Button
          isDisabled={isBusy()}
          onClick={() => void props.attempts.attempt(props.test, t("The test message was sent"))}
        >
          {t("Send a test")}
        </Button>
        <Button
          kind="primary"
          isDisabled={isBusy() || !props.isChanged}
          onClick={async () => {
            if (await props.attempts.attempt(props.save, t("Saved"))) props.onSaved();
          }}
        >
          {t("Save")}
        </Button>
      </div>
    </>
  );
}

export function Failed(props: { what: string; error: unknown }): JSX.Element {
  return (
    <Note health="crit">
      {t("{what} could not be loaded: {reason}", {
        what: props.what,
        reason: reasonOf(props.error),
      })}
    </Note>
  );
}

/** One entry a line or between commas; empty ones do not count. */
export const lines = (text: string): string[] =>
  text
    .split(/[\n,]/)
    .map((line) => line.trim())
    .filter(Boolean);
