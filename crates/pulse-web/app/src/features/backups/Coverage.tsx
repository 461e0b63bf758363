// Which guests are protected, by the server's own attribution, and the backups that are nobody's or may be several guests'.

import { A } from "@solidjs/router";
import { createMemo, createResource, For, type JSX, onCleanup, Show } from "solid-js";
import { type BackupCoverage, backupCoverage } from "../../api/backups";
import { reasonOf } from "../../state/failure";
import { moment, number } from "../../state/format";
import { settled } from "../../state/settled";
import { t, tn } from "../../text";
import { Badge, Button, Empty, Note, Panel } from "../../ui/controls";
import { type Health, Mark } from "../../ui/Mark";
import { Waiting } from "../../ui/Waiting";
import settings from "../settings/Settings.module.css";
import styles from "./Coverage.module.css";
import { type Unclear, unclearBackups, unclearGuests } from "./coverageModel";

const REFRESH_MS = 60_000;

export interface CoverageData {
  latest: () => BackupCoverage | undefined;
  error: () => string | undefined;
}

/** Asked for once a minute while the page is looked at; the last answer stays where the next fails. */
export function useCoverage(): CoverageData {
  const [data, { refetch }] = createResource(backupCoverage);
  const timer = setInterval(() => {
    if (document.visibilityState === "visible") void refetch();
  }, REFRESH_MS);
  onCleanup(() => clearInterval(timer));
  const latest = createMemo<BackupCoverage | undefined>((last) => settled(data) ?? last);
  const error = (): string | undefined => {
    const cause: unknown = data.error;
    if (cause === undefined) return undefined;
    return reasonOf(cause);
  };
  return { latest, error };
}

/** More names would be a list; that is below. */
const MOST_NAMED = 6;

/** The counts in one line, and who has no backup by name. */
export function CoverageLine(props: { data: CoverageData; onUnprotected: () => void }): JSX.Element {
  const unprotected = createMemo(() =>
    (props.data.latest()?.guests ?? []).filter((guest) => guest.state === "unprotected"),
  );
  return (
    <Show when={props.data.latest()}>
      {(now) => {
        const count = (health: Health, text: string, number: number): JSX.Element => (
          <Show when={number > 0}>
            <span class="row">
              <Mark health={health} label="" /> {text}
            </span>
          </Show>
        );
        return (
          <section class={styles.line} aria-label={t("Protection of guests")}>
            <strong>
              {t("{n} of {all} guests have a backup", {
                n: number(now().summary.protected),
                all: number(now().summary.guests),
              })}
            </strong>
            <Show when={now().summary.unprotected > 0}>
              <span class="row">
                <Mark health="crit" label="" />
                {tn("{n} has none:", "{n} have none:", now().summary.unprotected)}
                <For each={unprotected().slice(0, MOST_NAMED)}>
                  {(guest) => (
                    <A
                      class={styles.guest}
                      href={`/proxmox?open=${encodeURIComponent(guest.id)}`}
                      title={`${guest.name} (${guest.vmid}), ${guest.instance}`}
                    >
                      {guest.name}
                    </A>
                  )}
                </For>
                <Button isSmall onClick={props.onUnprotected}>
                  {unprotected().length > MOST_NAMED
                    ? tn("and {n} more", "and {n} more", unprotected().length - MOST_NAMED)
                    : t("List")}
                </Button>
              </span>
            </Show>
            {count(
              "warn",
              tn(
                "{n} has backups that may be another guest's",
                "{n} have backups that may be another guest's",
                now().summary.ambiguous,
              ),
              now().summary.ambiguous,
            )}
            {count(
              "idle",
              t("{n} could not be looked at", { n: now().summary.unknown }),
              now().summary.unknown,
            )}
          </section>
        );
      }}
    </Show>
  );
}

/** Guests and groups of backups of which it is not plain whose they are. */
export function UnclearTable(props: { data: CoverageData; tools: JSX.Element }): JSX.Element {
  const rows = createMemo<Unclear[]>(() => {
    const now = props.data.latest();
    return now === undefined ? [] : [...unclearGuests(now.guests), ...unclearBackups(now.unattributed)];
  });
  const title = (row: Unclear): string =>
    row.state === "orphan"
      ? t("nobody's")
      : row.state === "unknown"
        ? t("could not be seen")
        : t("ambiguous");
  return (
    <Panel label={t("Unclear backups")}>
      <div class={styles.tools}>{props.tools}</div>
      <Show when={props.data.error()}>
        {(reason) => (
          <Note health="crit">
            {t("Whose backups are whose could not be loaded: {reason}", { reason: reason() })}
          </Note>
        )}
      </Show>
      <Show
        when={props.data.latest() !== undefined || props.data.error() !== undefined}
        fallback={<Waiting what={t("backups")} />}
      >
        <Show
          when={rows().length > 0}
          fallback={
            <Show when={props.data.error() === undefined}>
              <Empty title={t("Every backup has its guest")}>
                <p>{t("No backup may be another guest's, and none is of a guest that is gone.")}</p>
              </Empty>
            </Show>
          }
        >
          <table class={settings.list} aria-label={t("Unclear backups")}>
            <thead>
              <tr>
                <th scope="col">{t("What")}</th>
                <th scope="col">{t("State")}</th>
                <th scope="col">{t("Why")}</th>
                <th scope="col">{t("Newest backup")}</th>
              </tr>
            </thead>
            <tbody>
              <For each={rows()}>
                {(row) => (
                  <tr>
                    <td>
                      <strong>{row.name}</strong>
                      <div class={settings.small}>{row.where}</div>
                    </td>
                    <td>
                      <Badge health={row.state === "ambiguous" ? "warn" : undefined}>{title(row)}</Badge>
                    </td>
                    <td>
                      {row.reason}
                      <Show when={row.candidates.length > 0}>
                        <div class={settings.small}>
                          {t("may be of {guests}", { guests: row.candidates.join(", ") })}
                        </div>
                      </Show>
                    </td>
                    <td>
                      {row.at === undefined ? "—" : moment(row.at)}
                      <div class={settings.small}>{tn("{n} backup", "{n} backups", row.count)}</div>
                    </td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </Show>
      </Show>
    </Panel>
  );
}
