// The form that adds a node. Testing and adding show the server's exact words beside the form.

import { createSignal, type JSX, Show } from "solid-js";
import { addNode, testConnection } from "../../api/calls";
import { t } from "../../text";
import { Button, Check, Field, Note, Segmented } from "../../ui/controls";
import { EMPTY_FORM, type FormErrors, formErrors, type NodeForm, toRequest } from "./nodeForm";
import styles from "./Settings.module.css";

const SIGN_IN = [
  { id: "token", title: t("API token") },
  { id: "password", title: t("User and password") },
] as const;

export function AddNode(props: {
  onCancel: () => void;
  onAdded: (text: string) => Promise<void>;
}): JSX.Element {
  const [form, setForm] = createSignal<NodeForm>(EMPTY_FORM);
  const [errors, setErrors] = createSignal<FormErrors>({});
  const [busy, setBusy] = createSignal<"test" | "add">();
  const [outcome, setOutcome] = createSignal<{ isGood: boolean; text: string }>();

  const change = (parts: Partial<NodeForm>): void => {
    setForm((old) => ({ ...old, ...parts }));
    // What was said about a field no longer holds once it is changed.
    setErrors((old) => Object.fromEntries(Object.entries(old).filter(([field]) => !(field in parts))));
    setOutcome(undefined);
  };
  const isComplete = (): boolean => {
    const found = formErrors(form());
    setErrors(found);
    return Object.keys(found).length === 0;
  };
  const attempt = async (what: "test" | "add", work: () => Promise<void>): Promise<void> => {
    if (!isComplete()) return;
    setBusy(what);
    setOutcome(undefined);
    try {
      await work();
    } catch (cause) {
      setOutcome({ isGood: false, text: cause instanceof Error ? cause.message : String(cause) });
    }
    setBusy(undefined);
  };
  const test = (): Promise<void> =>
    attempt("test", async () => {
      const result = await testConnection(toRequest(form()));
      setOutcome({ isGood: true, text: result.message ?? t("Connected.") });
    });
  const add = (): Promise<void> =>
    attempt("add", async () => {
      const request = toRequest(form());
      await addNode(request);
      await props.onAdded(
        t("{name} was added. Its nodes and guests appear with the next poll.", { name: request.name ?? "" }),
      );
    });

  return (
    <form
      class={styles.form}
      aria-label={t("Add a node")}
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        void add();
      }}
    >
      <h2>{t("Add a Proxmox VE node")}</h2>
      <div class={styles.columns}>
        <Field
          label={t("Address")}
          hasFocus
          isRequired
          value={form().host}
          error={errors().host}
          placeholder="pve1.lan or 192.0.2.4:8006"
          hint={t("Port 8006 and https are taken where none is given.")}
          onInput={(host) => change({ host })}
        />
        <Field
          label={t("Name")}
          value={form().name}
          error={errors().name}
          placeholder={t("taken from the address")}
          hint={t("What this source is called in Pulse.")}
          onInput={(name) => change({ name })}
        />
      </div>
      <Segmented
        label={t("Sign in with")}
        options={SIGN_IN}
        value={form().signIn}
        onChange={(signIn) => change({ signIn })}
      />
      <Show
        when={form().signIn === "token"}
        fallback={
          <div class={styles.columns}>
            <Field
              label={t("User")}
              isRequired
              value={form().user}
              error={errors().user}
              placeholder="pulse@pve"
              onInput={(user) => change({ user })}
            />
            <Field
              label={t("Password")}
              type="password"
              isRequired
              autocomplete="new-password"
              value={form().password}
              error={errors().password}
              onInput={(password) => change({ password })}
            />
          </div>
        }
      >
        <div class={styles.columns}>
          <Field
            label={t("Token id")}
            isRequired
            value={form().tokenName}
            error={errors().tokenName}
            placeholder="pulse@pve!monitor"
            hint={t("In Proxmox: Datacenter, Permissions, API Tokens. The role PVEAuditor on / is enough.")}
            onInput={(tokenName) => change({ tokenName })}
          />
          <Field
            label={t("Token secret")}
            type="password"
            isRequired
            autocomplete="new-password"
            value={form().tokenValue}
            error={errors().tokenValue}
            hint={t("Stored encrypted; it is never shown again.")}
            onInput={(tokenValue) => change({ tokenValue })}
          />
        </div>
      </Show>
      <Field
        label={t("Certificate fingerprint")}
        value={form().fingerprint}
        error={errors().fingerprint}
        placeholder="SHA-256, such as 4F:1A:…"
        hint={t(
          "For Proxmox's own self-signed certificate: exactly this one is accepted and no other. On the node: pvenode cert info.",
        )}
        onInput={(fingerprint) => change({ fingerprint })}
      />
      <Check
        isOn={form().verifySsl && form().fingerprint.trim() === ""}
        isDisabled={form().fingerprint.trim() !== ""}
        onChange={(verifySsl) => change({ verifySsl })}
        label={
          <>
            {t("Verify the certificate")}
            <span class={styles.small}>
              {" "}
              {form().fingerprint.trim() === ""
                ? t(
                    "Switch this off only on a network you trust: anyone in between could then read the token.",
                  )
                : t("Not needed: the fingerprint says which certificate is the right one.")}
            </span>
          </>
        }
      />
      <Show when={outcome()}>
        {(result) => <Note health={result().isGood ? "ok" : "crit"}>{result().text}</Note>}
      </Show>
      <div class={styles.actions}>
        <Button onClick={props.onCancel}>{t("Cancel")}</Button>
        <Button isDisabled={busy() !== undefined} onClick={() => void test()}>
          {busy() === "test" ? t("Testing…") : t("Test connection")}
        </Button>
        <Button type="submit" kind="primary" isDisabled={busy() !== undefined}>
          {busy() === "add" ? t("Adding…") : t("Add node")}
        </Button>
      </div>
    </form>
  );
}
