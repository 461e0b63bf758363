// What is raised for one resource, at the top of its drawer.

import { createMemo, For, type JSX } from "solid-js";
import { activeAlerts, serverNow } from "../../api/live";
import { age, moment, parseTime } from "../../state/format";
import { t } from "../../text";
import { Note } from "../../ui/controls";
import { isAbout } from "./model";

export function AlertList(props: { resourceId: string }): JSX.Element {
  const alerts = createMemo(() =>
    [...activeAlerts().values()].filter((alert) => isAbout(alert, props.resourceId)),
  );
  return (
    <For each={alerts()}>
      {(alert) => (
        <Note health={alert.level === "critical" ? "crit" : "warn"}>
          {alert.message}
          {" · "}
          <span class="soft" title={moment(parseTime(alert.startTime) ?? 0)}>
            {t("for {age}", { age: age((serverNow() - (parseTime(alert.startTime) ?? serverNow())) / 1000) })}
            {alert.acknowledged ? `, ${t("acknowledged")}` : ""}
          </span>
        </Note>
      )}
    </For>
  );
}
