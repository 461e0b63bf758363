// A new password, typed twice: its state, its two fields, and what is wrong with it.

import { createSignal, type JSX } from "solid-js";
import { t } from "../../text";
import { Field } from "../../ui/controls";
import { passwordError } from "./setup";

export interface NewPassword {
  value: () => string;
  /** Whether it can be taken; where not, the fields say why. */
  check: () => boolean;
  clear: () => void;
  fields: (labels: { first: string; again: string; hasFocus?: boolean }) => JSX.Element;
}

export function createNewPassword(): NewPassword {
  const [value, setValue] = createSignal("");
  const [again, setAgain] = createSignal("");
  const [problem, setProblem] = createSignal<string>();
  const [againProblem, setAgainProblem] = createSignal<string>();
  return {
    value,
    check: () => {
      setProblem(passwordError(value()));
      setAgainProblem(value() === again() ? undefined : t("The two passwords differ"));
      return problem() === undefined && againProblem() === undefined;
    },
    clear: () => {
      setValue("");
      setAgain("");
    },
    fields: (labels) => (
      <>
        <Field
          label={labels.first}
          name="new-password"
          type="password"
          autocomplete="new-password"
          hasFocus={labels.hasFocus === true}
          isRequired
          hint={t("At least 12 characters.")}
          value={value()}
          error={problem()}
          onInput={(text) => {
            setValue(text);
            setProblem(undefined);
          }}
        />
        <Field
          label={labels.again}
          name="new-password-again"
          type="password"
          autocomplete="new-password"
          isRequired
          value={again()}
          error={againProblem()}
          onInput={(text) => {
            setAgain(text);
            setAgainProblem(undefined);
          }}
        />
      </>
    ),
  };
}
