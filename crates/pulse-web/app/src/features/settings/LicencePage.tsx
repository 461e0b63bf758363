// What the licence includes, until when, and how another one is put in.

import { createResource, createSignal, For, type JSX, Show } from "solid-js";
import { activateLicence, clearLicence, licenceFeatures, licenceGap, licenceStatus } from "../../api/licence";
import { reasonOf } from "../../state/failure";
import { moment, parseTime } from "../../state/format";
import { settled } from "../../state/settled";
import { t, tn } from "../../text";
import { Button, Confirm, Fact, Facts, Field, Note } from "../../ui/controls";
import { type Health, Mark } from "../../ui/Mark";
import { toast } from "../../ui/toast";
import { Waiting } from "../../ui/Waiting";
import styles from "./Settings.module.css";

const STANDINGS: Readonly<Record<string, { health: Health; text: string }>> = {
  none: { health: "idle", text: t("no licence: everything that needs none works") },
  active: { health: "ok", text: t("active") },
  grace_period: { health: "warn", text: t("ended, and goes on for a while") },
  expired: { health: "crit", text: t("ended") },
};

/** What no licence gives here: there is no assistant in this server. */
const isOffered = (feature: string): boolean => !/^(ai_|kubernetes_ai$)/.test(feature);

/** As the pages that need it call a feature. */
const featureName = (feature: string): string => licenceGap(402, { feature })?.title ?? feature;

export default function LicencePage(): JSX.Element {
  const [status, { refetch }] = createResource(async () => {
    const [what, includes] = await Promise.all([licenceStatus(), licenceFeatures()]);
    return { what, includes };
  });
  const [key, setKey] = createSignal("");
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const [isClearing, setClearing] = createSignal(false);
  const now = () => settled(status);
  const standing = () => {
    const name = now()?.includes.license_status ?? "none";
    return STANDINGS[name] ?? { health: "idle" as const, text: name };
  };
  const ends = (text: string | null | undefined): string | undefined => {
    const at = parseTime(text ?? undefined);
    return at === undefined ? undefined : moment(at);
  };
  const activate = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    try {
      await activateLicence(key().trim());
      setKey("");
      toast(t("The licence counts now"));
      await refetch();
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("Licence")}</h1>
          <p>{t("Monitoring, alerts and notifications need none. A licence adds what is listed here.")}</p>
        </div>
      </header>
      <Show when={status.error}>
        <Note health="crit">
          {t("The licence could not be loaded: {reason}", { reason: reasonOf(status.error) })}
        </Note>
      </Show>
      <Show when={status.error === undefined}>
        <Show when={now()} fallback={<Waiting what={t("the licence")} />}>
          {(each) => (
            <section class={styles.form} aria-label={t("State of the licence")}>
              <h2>{t("State of the licence")}</h2>
              <Facts>
                <Fact name={t("State")}>
                  <span class={styles.state}>
                    <Mark health={standing().health} label="" />
                    <span>{standing().text}</span>
                  </span>
                </Fact>
                <Show when={each().includes.license_status !== "none"}>
                  <Fact name={t("Kind")}>{each().what.tier}</Fact>
                  <Fact name={t("Whose")}>{each().what.email}</Fact>
                  <Fact name={t("Until")}>
                    <Show when={ends(each().what.expires_at)} fallback={t("without an end")}>
                      {(at) => (
                        <>
                          {at()}{" "}
                          <span class="soft">
                            {tn("({n} day left)", "({n} days left)", Math.max(0, each().what.days_remaining))}
                          </span>
                        </>
                      )}
                    </Show>
                  </Fact>
                  <Show when={ends(each().what.grace_period_end)}>
                    {(at) => <Fact name={t("Goes on until")}>{at()}</Fact>}
                  </Show>
                </Show>
              </Facts>
              <table class={styles.list} aria-label={t("What the licence includes")}>
                <thead>
                  <tr>
                    <th scope="col">{t("Feature")}</th>
                    <th scope="col">{t("State")}</th>
                  </tr>
                </thead>
                <tbody>
                  <For
                    each={Object.entries(each().includes.features).filter(([feature]) => isOffered(feature))}
                  >
                    {([feature, isThere]) => (
                      <tr>
                        <td>{featureName(feature)}</td>
                        <td>
                          <span class={styles.state}>
                            <Mark health={isThere ? "ok" : "idle"} label="" />
                            <span>{isThere ? t("included") : t("not in the licence")}</span>
                          </span>
                        </td>
                      </tr>
                    )}
                  </For>
                </tbody>
              </table>
              <Show when={each().includes.license_status !== "none"}>
                <div class={styles.actions}>
                  <Button kind="danger" onClick={() => setClearing(true)}>
                    {t("Remove the licence…")}
                  </Button>
                </div>
              </Show>
            </section>
          )}
        </Show>
        <form
          class={styles.form}
          aria-label={t("Put in a licence")}
          novalidate
          onSubmit={(event) => {
            event.preventDefault();
            void activate();
          }}
        >
          <h2>{t("Put in a licence")}</h2>
          <Field
            label={t("Licence key")}
            isLong
            value={key()}
            hint={t("It is checked here; nobody is asked. It is stored encrypted and never shown again.")}
            onInput={setKey}
          />
          <Show when={error()}>{(text) => <Note health="crit">{text()}</Note>}</Show>
          <div class={styles.actions}>
            <Button type="submit" kind="primary" isDisabled={isBusy() || key().trim() === ""}>
              {t("Activate")}
            </Button>
          </div>
        </form>
      </Show>
      <Show when={isClearing()}>
        <Confirm
          title={t("Remove the licence?")}
          action={t("Remove the licence")}
          onCancel={() => setClearing(false)}
          onConfirm={async () => {
            await clearLicence();
            setClearing(false);
            await refetch();
          }}
        >
          <p>{t("What needs it stops at once. Nothing that was stored is deleted.")}</p>
        </Confirm>
      </Show>
    </>
  );
}
