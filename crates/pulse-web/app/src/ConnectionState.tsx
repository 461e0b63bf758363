// Says whether what the page shows is the present. Never by colour alone.

import { createMemo, type JSX, Show } from "solid-js";
import { connection, hasData, lastUpdate, serverNow, slowUpdate } from "./api/live";
import styles from "./ConnectionState.module.css";
import { age, moment } from "./state/format";
import { t } from "./text";
import { type Health, Mark } from "./ui/Mark";

/** Data older than this is not called live. */
const STALE_AFTER_S = 60;

interface Said {
  health: Health;
  text: string;
  explanation: string;
}

export function ConnectionState(): JSX.Element {
  const seconds = (): number => Math.max(0, (serverNow() - lastUpdate()) / 1000);
  const said = createMemo(
    (): Said => {
      const how = connection();
      const old = seconds();
      if (how.kind === "connecting" && !hasData()) {
        return {
          health: "idle",
          text: t("Connecting"),
          explanation: t("The page is connecting to the server."),
        };
      }
      if (how.kind === "offline" || how.kind === "connecting") {
        return {
          health: "crit",
          text: hasData() ? t("Offline, data {age} old", { age: age(old) }) : t("Offline"),
          explanation: t(
            "The server cannot be reached. The page shows the last known state and reconnects by itself.",
          ),
        };
      }
      if (old > STALE_AFTER_S) {
        return {
          health: "warn",
          text: t("Stale, {age} old", { age: age(old) }),
          explanation: t("The server is reached, but has had no new data for a while."),
        };
      }
      return how.kind === "polling"
        ? {
            health: "warn",
            text: t("Polling"),
            explanation: t(
              "Something between this browser and the server blocks WebSockets. The page asks every 10 seconds instead.",
            ),
          }
        : { health: "ok", text: t("Live"), explanation: t("Changes arrive as they happen.") };
    },
    undefined,
    { equals: (a, b) => a.text === b.text && a.health === b.health },
  );
  const title = (): string =>
    hasData()
      ? `${said().explanation} ${t("Newest data: {moment}.", { moment: moment(slowUpdate()) })}`
      : said().explanation;
  return (
    <div
      class={styles.state}
      data-health={said().health}
      title={title()}
      role="status"
      aria-label={t("Connection")}
    >
      <Mark health={said().health} label="" />
      <span>{said().text}</span>
      <Show when={said().health !== "ok"}>
        <span class="sr">{said().explanation}</span>
      </Show>
    </div>
  );
}
