// Says above every Proxmox page that a source does not answer, and what that means for what is shown.

import { createMemo, type JSX, Show } from "solid-js";
import { backupServers, connectionHealth, mailGateways, nodes, slowNow } from "../../api/live";
import { address } from "../../base";
import { age, parseTime } from "../../state/format";
import { t, tn } from "../../text";
import { Note } from "../../ui/controls";
import { toldLast, troubleOf } from "./trouble";

/** More names than these are only counted. */
const MOST_NAMES = 5;

export function TroubleNote(): JSX.Element {
  const trouble = createMemo(() => troubleOf(connectionHealth()));
  const last = createMemo(() =>
    toldLast(trouble()?.failing ?? [], [
      ...[...nodes().values()].map((node) => ({ source: node.instance, at: node.lastSeen })),
      ...[...backupServers().values(), ...mailGateways().values()].map(({ name, lastSeen }) => ({
        source: name,
        at: parseTime(lastSeen),
      })),
    ]),
  );
  /** With how long ago it told what is shown of it. */
  const named = (source: string): string => {
    // By the minute: whoever hears this page is told each change.
    const minutes = Math.floor((slowNow() - (last().get(source) ?? Number.POSITIVE_INFINITY)) / 60_000);
    return minutes < 1 ? source : t("{name} (told {age} ago)", { name: source, age: age(minutes * 60) });
  };
  return (
    <Show when={trouble()}>
      {(now) => {
        const names = (): string => {
          const { failing } = now();
          const rest = failing.length - MOST_NAMES;
          const shown = failing.slice(0, MOST_NAMES).map(named).join(", ");
          return rest > 0 ? `${shown}, ${tn("{n} more", "{n} more", rest)}` : shown;
        };
        return (
          <Note health={now().isAll ? "crit" : "warn"}>
            <p>
              {now().isAll
                ? t("No Proxmox source answers: {names}. The server's own network may be the cause.", {
                    names: names(),
                  })
                : t("Not answering: {names}. Everything else is up to date.", { names: names() })}
            </p>
            <p>
              {t("What they told last stays below, faded.")}{" "}
              <a href={address("/settings/nodes")}>
                <u>{t("Why")}</u>
              </a>
            </p>
          </Note>
        );
      }}
    </Show>
  );
}
