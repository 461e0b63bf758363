// Beside the name of whatever has an open alert: where something is wrong shows in every table.

import { createMemo, createRoot, type JSX, Show } from "solid-js";
import { activeAlerts } from "../../api/live";
import { tn } from "../../text";
import { Icon } from "../../ui/Icon";
import styles from "./Alerts.module.css";
import { type Raised, raisedBy } from "./model";

/** One map for all rows of all tables, made anew only when an alert changes. */
const raised = createRoot(() => createMemo(() => raisedBy(activeAlerts().values())));

export function AlertMark(props: { resourceId: string }): JSX.Element {
  const found = createMemo(() => raised().get(props.resourceId), undefined, {
    equals: (a, b) => a?.count === b?.count && a?.isCritical === b?.isCritical && a?.message === b?.message,
  });
  const said = (now: Raised): string =>
    tn("alert: {message}", "{n} alerts, the worst: {message}", now.count, { message: now.message });
  return (
    <Show when={found()}>
      {(now) => (
        <span class={styles.raised} data-health={now().isCritical ? "crit" : "warn"} title={said(now())}>
          <Icon name="bell" size={12} />
          <span class="sr">{said(now())}</span>
        </span>
      )}
    </Show>
  );
}
