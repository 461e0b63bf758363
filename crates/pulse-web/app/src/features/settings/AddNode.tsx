// The form that adds a node. Testing and adding show the server's exact words beside the form.

import { createSignal, For, Index, type JSX, Show } from "solid-js";
import { addNode, type ConfiguredNode, changeNode, shownCertificate, testConnection } from "../../api/calls";
import type { FoundServer } from "../../api/connect";
import { reasonOf } from "../../state/failure";
import { t } from "../../text";
import { Button, Check, Field, Note, Secret, Segmented } from "../../ui/controls";
import { Discovery, SelfConnect } from "./FindNode";
import {
  CERTIFICATE_COMMANDS,
  EMPTY_FORM,
  type FormErrors,
  formErrors,
  formOf,
  KINDS,
  type NodeForm,
  PARTS,
  PORTS,
  tokenCommands,
  toRequest,
} from "./nodeForm";
import styles from "./Settings.module.css";

const SIGN_IN = [
  { id: "token", title: t("API token") },
  { id: "password", title: t("User and password") },
] as const;

export function AddNode(props: {
  onCancel: () => void;
  onAdded: (text: string) => Promise<void>;
  /** Changes this one instead of adding one. */
  node?: ConfiguredNode;
}): JSX.Element {
  const known = props.node;
  const [form, setForm] = createSignal<NodeForm>(known === undefined ? EMPTY_FORM : formOf(known));
  const [errors, setErrors] = createSignal<FormErrors>({});
  const [busy, setBusy] = createSignal<"test" | "add" | "look">();
  const [outcome, setOutcome] = createSignal<{ isGood: boolean; text: string; warnings?: string[] }>();

  const change = (parts: Partial<NodeForm>): void => {
    setForm((old) => ({ ...old, ...parts }));
    // What was said about a field no longer holds once it is changed.
    setErrors((old) => Object.fromEntries(Object.entries(old).filter(([field]) => !(field in parts))));
    setOutcome(undefined);
  };
  const use = (server: FoundServer): void => {
    const kind = KINDS.find((each) => each.id === server.type)?.id ?? "pve";
    change({
      kind,
      host: `https://${server.ip.includes(":") ? `[${server.ip}]` : server.ip}:${server.port}`,
      name: server.hostname ?? "",
      fingerprint: server.fingerprint,
      ...(kind === "pmg" ? { signIn: "password" as const } : {}),
    });
  };
  const look = async (): Promise<void> => {
    const { host } = formErrors(form(), true);
    setErrors((old) => (host === undefined ? old : { ...old, host }));
    if (host !== undefined) return;
    setBusy("look");
    setOutcome(undefined);
    try {
      const shown = await shownCertificate(form().kind, form().host.trim());
      change({ fingerprint: shown.fingerprint });
      setOutcome({
        isGood: true,
        text: t(
          "{host} shows this certificate now. Compare the fingerprint with the one on the node itself ({command}) before you trust it.",
          { host: shown.host, command: CERTIFICATE_COMMANDS[form().kind] },
        ),
      });
    } catch (cause) {
      setOutcome({ isGood: false, text: reasonOf(cause) });
    }
    setBusy(undefined);
  };
  const isComplete = (): boolean => {
    const found = formErrors(form(), known !== undefined);
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
      setOutcome({ isGood: false, text: reasonOf(cause) });
    }
    setBusy(undefined);
  };
  const test = (): Promise<void> =>
    attempt("test", async () => {
      const result = await testConnection(toRequest(form()));
      setOutcome({
        isGood: true,
        text: result.message ?? t("Connected."),
        warnings: result.warnings ?? [],
      });
    });
  const add = (): Promise<void> =>
    attempt("add", async () => {
      const request = toRequest(form(), known);
      if (known !== undefined) {
        await changeNode(known, request);
        await props.onAdded(t("{name} was changed.", { name: request.name ?? "" }));
        return;
      }
      await addNode(request);
      await props.onAdded(
        t("{name} was added. Its nodes and guests appear with the next poll.", { name: request.name ?? "" }),
      );
    });

  return (
    <form
      class={styles.form}
      aria-label={known === undefined ? t("Add a node") : t("Change {name}", { name: known.name })}
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        void add();
      }}
    >
      <h2>{known === undefined ? t("Add a node") : t("Change {name}", { name: known.name })}</h2>
      <Show when={known === undefined}>
        <Segmented
          label={t("Kind")}
          options={KINDS}
          value={form().kind}
          onChange={(kind) => change({ kind, ...(kind === "pmg" ? { signIn: "password" as const } : {}) })}
        />
      </Show>
      <Show when={known === undefined}>
        <Discovery onUse={use} />
        <Show when={form().kind !== "pmg"}>
          <SelfConnect kind={form().kind} host={form().host} />
        </Show>
      </Show>
      <div class={styles.columns}>
        <Field
          label={t("Address")}
          hasFocus
          isRequired
          value={form().host}
          error={errors().host}
          placeholder="pve1.lan or 192.0.2.4:8006"
          hint={t("Port {port} and https are taken where none is given.", { port: PORTS[form().kind] })}
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
      <Show when={form().kind !== "pmg"}>
        <Segmented
          label={t("Sign in with")}
          options={SIGN_IN}
          value={form().signIn}
          onChange={(signIn) => change({ signIn })}
        />
      </Show>
      <Show when={known === undefined && form().signIn === "token" && tokenCommands(form().kind)}>
        {(commands) => (
          <details>
            <summary>{t("There is no token yet: commands to paste on the node")}</summary>
            <Secret label={t("Commands")} value={commands()} />
            <p class={styles.small}>
              {t(
                "They make a user that can look and do nothing else, and a token for it. The last one prints the secret.",
              )}
            </p>
          </details>
        )}
      </Show>
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
            placeholder={known === undefined ? "" : t("unchanged")}
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
          "For Proxmox's own self-signed certificate: exactly this one is accepted and no other. On the node: {command}.",
          { command: CERTIFICATE_COMMANDS[form().kind] },
        )}
        onInput={(fingerprint) => change({ fingerprint })}
      />
      <div>
        <Button isSmall isDisabled={busy() !== undefined} onClick={() => void look()}>
          {busy() === "look" ? t("Looking…") : t("Look at its certificate")}
        </Button>
      </div>
      <Field
        label={t("Certificate authority")}
        isLong
        value={form().caCertificate}
        error={errors().caCertificate}
        placeholder="-----BEGIN CERTIFICATE-----"
        hint={t(
          "Instead of the fingerprint, and it outlives a renewed certificate: the authority that signed it, and no other is then believed. Proxmox VE has its own in /etc/pve/pve-root-ca.pem.",
        )}
        onInput={(caCertificate) => change({ caCertificate })}
      />
      <Check
        isOn={form().fingerprint.trim() === "" && (form().verifySsl || form().caCertificate.trim() !== "")}
        isDisabled={form().fingerprint.trim() !== "" || form().caCertificate.trim() !== ""}
        onChange={(verifySsl) => change({ verifySsl })}
        label={
          <>
            {t("Verify the certificate")}
            <span class={styles.small}>
              {" "}
              {form().fingerprint.trim() !== ""
                ? t("Not needed: the fingerprint says which certificate is the right one.")
                : form().caCertificate.trim() !== ""
                  ? t("The authority above must have signed it for this address.")
                  : t(
                      "Switch this off only on a network you trust: anyone in between could then read the token.",
                    )}
            </span>
          </>
        }
      />
      <details open={known !== undefined && PARTS[form().kind].some((part) => !form().parts[part.id])}>
        <summary>{t("What is read, and where people open it")}</summary>
        <fieldset class={styles.scopes}>
          <legend class="sr">{t("What is read")}</legend>
          <For each={PARTS[form().kind]}>
            {(part) => (
              <Check
                label={part.title}
                isOn={form().parts[part.id]}
                onChange={(isOn) => change({ parts: { ...form().parts, [part.id]: isOn } })}
              />
            )}
          </For>
        </fieldset>
        <div class={styles.columns}>
          <Show when={form().kind === "pbs"}>
            <Field
              label={t("Datastores to leave out")}
              value={form().excluded}
              placeholder="usb-*, test"
              hint={t("Names with commas between them; * stands for anything.")}
              onInput={(excluded) => change({ excluded })}
            />
          </Show>
          <Field
            label={t("Link for people")}
            type="url"
            value={form().guestUrl}
            error={errors().guestUrl}
            placeholder="https://pve.example.org"
            hint={t("Where its name leads to, where that is not the address above.")}
            onInput={(guestUrl) => change({ guestUrl })}
          />
        </div>
      </details>
      <Show when={outcome()}>
        {(result) => (
          <>
            <Note health={result().isGood ? "ok" : "crit"}>{result().text}</Note>
            <Index each={result().warnings ?? []}>{(text) => <Note health="warn">{text()}</Note>}</Index>
          </>
        )}
      </Show>
      <div class={styles.actions}>
        <Button onClick={props.onCancel}>{t("Cancel")}</Button>
        <Show when={known === undefined || form().tokenValue !== "" || form().password !== ""}>
          <Button isDisabled={busy() !== undefined} onClick={() => void test()}>
            {busy() === "test" ? t("Testing…") : t("Test connection")}
          </Button>
        </Show>
        <Button type="submit" kind="primary" isDisabled={busy() !== undefined}>
          {known !== undefined ? t("Save") : busy() === "add" ? t("Adding…") : t("Add node")}
        </Button>
      </div>
    </form>
  );
}
