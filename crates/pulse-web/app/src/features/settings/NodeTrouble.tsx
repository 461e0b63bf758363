// What the last poll of a node complained of, and what can be done about it right here.

import { createSignal, Index, type JSX, Show } from "solid-js";
import { type ConfiguredNode, changeNode, shownCertificate } from "../../api/calls";
import { reasonOf } from "../../state/failure";
import { t } from "../../text";
import { Button, Confirm, Note } from "../../ui/controls";
import { CERTIFICATE_COMMANDS, formOf, otherIssues, toRequest } from "./nodeForm";
import styles from "./Settings.module.css";

/** Whether there is anything to say about a node. */
export function hasTrouble(node: ConfiguredNode): boolean {
  return Boolean(node.lastError) || (node.hidden?.length ?? 0) > 0;
}

/** `onChanged` is called with what was done, in words. */
export function NodeTrouble(props: {
  node: ConfiguredNode;
  onChanged: (text: string) => Promise<void>;
}): JSX.Element {
  const [shown, setShown] = createSignal<string>();
  const [isLooking, setLooking] = createSignal(false);
  const [error, setError] = createSignal<string>();
  const isOther = (): boolean =>
    Boolean(props.node.fingerprint) &&
    (props.node.issues ?? []).some((issue) => issue.class === "certificate" && issue.node === undefined);

  const look = async (): Promise<void> => {
    setLooking(true);
    setError(undefined);
    try {
      setShown((await shownCertificate(props.node.type, props.node.host)).fingerprint);
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setLooking(false);
  };
  const accept = async (fingerprint: string): Promise<void> => {
    await changeNode(props.node, toRequest({ ...formOf(props.node), fingerprint }, props.node));
    setShown(undefined);
    await props.onChanged(t("{name} is trusted with its new certificate.", { name: props.node.name }));
  };

  return (
    <div class={styles.notes}>
      <Show when={props.node.lastError}>
        {(text) => (
          <Note health="crit">
            {text()}
            <Show when={isOther()}>
              <div class={styles.actions}>
                <Button
                  isSmall
                  isDisabled={isLooking()}
                  label={t("Look at the new certificate of {name}", { name: props.node.name })}
                  onClick={() => void look()}
                >
                  {isLooking() ? t("Looking…") : t("Look at the new certificate")}
                </Button>
              </div>
            </Show>
          </Note>
        )}
      </Show>
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <Index each={otherIssues(props.node)}>{(text) => <Note health="warn">{text()}</Note>}</Index>
      <Index each={props.node.hidden ?? []}>{(text) => <Note health="warn">{text()}</Note>}</Index>
      <Show when={shown()}>
        {(fingerprint) => (
          <Confirm
            title={t("Trust the new certificate of {name}?", { name: props.node.name })}
            action={t("Trust it")}
            onCancel={() => setShown(undefined)}
            onConfirm={() => accept(fingerprint())}
          >
            <p>
              {t(
                "Only if it was renewed on the host: run {command} there and compare. If they differ, somebody stands between this server and {host}.",
                {
                  command: CERTIFICATE_COMMANDS[formOf(props.node).kind],
                  host: props.node.host,
                },
              )}
            </p>
            <p>
              {t("Trusted until now")}
              <br />
              <code class="mono">{props.node.fingerprint}</code>
            </p>
            <p>
              {t("Shown now")}
              <br />
              <code class="mono">{fingerprint()}</code>
            </p>
          </Confirm>
        )}
      </Show>
    </div>
  );
}
