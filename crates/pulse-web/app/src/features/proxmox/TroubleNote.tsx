// Says above every Proxmox page that a source does not answer, and what that means for what is shown.

import { createMemo, type JSX, Show } from "solid-js";
import { connectionHealth } from "../../api/live";
import { address } from "../../base";
import { t, tn } from "../../text";
import { Note } from "../../ui/controls";
import { troubleOf } from "./trouble";

/** More names than these are only counted. */
const MOST_NAMES = 5;

export function TroubleNote(): JSX.Element {
  const trouble = createMemo(() => troubleOf(connectionHealth()));
  return (
    <Show when={trouble()}>
      {(now) => {
        const names = (): string => {
          const { failing } = now();
          const rest = failing.length - MOST_NAMES;
          const shown = failing.slice(0, MOST_NAMES).join(", ");
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
              {t("What they told last stays below, with its age.")}{" "}
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
