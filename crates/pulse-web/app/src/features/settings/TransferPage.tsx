// The configuration as one encrypted file: to keep, or to bring to another server.

import { createSignal, type JSX, Show } from "solid-js";
import { exportConfiguration, importConfiguration } from "../../api/transfer";
import { reasonOf } from "../../state/failure";
import { t } from "../../text";
import { Button, Confirm, Field, Note } from "../../ui/controls";
import styles from "./Settings.module.css";

const LEAST_CHARACTERS = 12;
/** The server takes no more. */
const MOST_BYTES = 1024 * 1024;

export default function TransferPage(): JSX.Element {
  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("Export and import")}</h1>
          <p>
            {t(
              "Nodes with their credentials, alerts, notifications, settings and tokens in one encrypted file. History and the password of the login are not in it.",
            )}
          </p>
        </div>
      </header>
      <Export />
      <Import />
    </>
  );
}

function Export(): JSX.Element {
  const [passphrase, setPassphrase] = createSignal("");
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const save = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      const data = await exportConfiguration(passphrase());
      const address = URL.createObjectURL(new Blob([data], { type: "text/plain" }));
      const link = document.createElement("a");
      link.href = address;
      link.download = `pulse-config-${new Date().toISOString().slice(0, 10)}.txt`;
      link.click();
      URL.revokeObjectURL(address);
      setPassphrase("");
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  return (
    <form
      class={styles.form}
      aria-label={t("Export")}
      novalidate
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <h2>{t("Export")}</h2>
      <Field
        label={t("Passphrase for the file")}
        type="password"
        autocomplete="new-password"
        value={passphrase()}
        hint={t("At least 12 characters. Without it nobody can read the file, you neither.")}
        onInput={setPassphrase}
      />
      <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
      <div class={styles.actions}>
        <Button type="submit" kind="primary" isDisabled={isBusy() || passphrase().length < LEAST_CHARACTERS}>
          {t("Save the file")}
        </Button>
      </div>
    </form>
  );
}

function Import(): JSX.Element {
  const [passphrase, setPassphrase] = createSignal("");
  const [file, setFile] = createSignal<File>();
  const [isAsking, setAsking] = createSignal(false);
  const [outcome, setOutcome] = createSignal<{ isGood: boolean; text: string }>();
  const isTooLong = (): boolean => (file()?.size ?? 0) > MOST_BYTES;
  const load = async (): Promise<void> => {
    const data = (await file()?.text())?.trim() ?? "";
    await importConfiguration(data, passphrase());
    setAsking(false);
    setPassphrase("");
    setOutcome({ isGood: true, text: t("The configuration was imported and holds now.") });
  };
  return (
    <section class={styles.form} aria-label={t("Import")}>
      <h2>{t("Import")}</h2>
      <div class={styles.columns}>
        <label class={styles.file}>
          <span class={styles.legend}>{t("File")}</span>
          <input
            type="file"
            accept=".txt,.json,text/plain"
            onChange={(event) => {
              setFile(event.currentTarget.files?.[0]);
              setOutcome(undefined);
            }}
          />
        </label>
        <Field
          label={t("Its passphrase")}
          type="password"
          autocomplete="off"
          value={passphrase()}
          onInput={setPassphrase}
        />
      </div>
      <Show when={isTooLong()}>
        <Note health="crit">{t("The file is too long to be a configuration.")}</Note>
      </Show>
      <Show when={outcome()}>
        {(said) => <Note health={said().isGood ? "ok" : "crit"}>{said().text}</Note>}
      </Show>
      <div class={styles.actions}>
        <Button
          isDisabled={file() === undefined || isTooLong() || passphrase() === ""}
          onClick={() => setAsking(true)}
        >
          {t("Import…")}
        </Button>
      </div>
      <Show when={isAsking()}>
        <Confirm
          title={t("Replace the configuration?")}
          action={t("Import")}
          onCancel={() => setAsking(false)}
          onConfirm={load}
        >
          <p>
            {t(
              "Nodes, alerts, notifications, settings and API tokens of this server are replaced by those of the file. A token that is not in the file stops working. If the file cannot be read, nothing changes.",
            )}
          </p>
        </Confirm>
      </Show>
    </section>
  );
}
