// Where events of the audit log are sent besides.

import { createEffect, createResource, createSignal, type JSX, on, Show } from "solid-js";
import { auditHooks, saveAuditHooks } from "../../../api/audit";
import { reasonOf } from "../../../state/failure";
import { settled } from "../../../state/settled";
import { t } from "../../../text";
import { Button, Field, Note } from "../../../ui/controls";
import { toast } from "../../../ui/toast";
import { linesOf } from "../auditLog";
import { refusalOf } from "../refusal";
import styles from "../Settings.module.css";

export function Hooks(): JSX.Element {
  const [urls, { refetch }] = createResource(auditHooks);
  const [text, setText] = createSignal("");
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  createEffect(
    on(
      () => settled(urls),
      (now) => now !== undefined && setText(now.join("\n")),
    ),
  );
  const isChanged = (): boolean => linesOf(text()).join("\n") !== (settled(urls) ?? []).join("\n");
  /** Who reads the log need not decide where it goes: for them this part is not there. */
  const isForbidden = (): boolean => urls.error !== undefined && refusalOf(urls.error).kind !== "failed";
  const save = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await saveAuditHooks(linesOf(text()));
      toast(t("Events are sent there from now on."));
      await refetch();
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  return (
    <Show when={!isForbidden()}>
      <form
        class={styles.form}
        aria-label={t("Send events elsewhere")}
        novalidate
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <h2>{t("Send events elsewhere")}</h2>
        <Show when={urls.error}>
          {(cause) => (
            <Note health="crit">
              {t("The addresses could not be read: {reason}", { reason: reasonOf(cause()) })}
            </Note>
          )}
        </Show>
        <Field
          label={t("Addresses, one a line")}
          isLong
          value={text()}
          isDisabled={settled(urls) === undefined}
          hint={t(
            "Each event goes there as JSON when it is written. What does not arrive after three more attempts stays here only. Private networks must be allowed for webhooks under System.",
          )}
          onInput={setText}
        />
        <Show when={error()}>{(why) => <Note health="crit">{why()}</Note>}</Show>
        <div class={styles.actions}>
          <Button type="submit" kind="primary" isDisabled={isBusy() || !isChanged()}>
            {t("Save addresses")}
          </Button>
        </div>
      </form>
    </Show>
  );
}
