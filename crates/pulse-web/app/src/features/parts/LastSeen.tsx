// When a source was last heard, by the server's clock.

import { type JSX, Show } from "solid-js";
import { lastUpdate, serverNow } from "../../api/live";
import { age, moment } from "../../state/format";
import { t } from "../../text";

export function LastSeen(props: {
  row: { lastSeen?: number; clockAt: number; status: string };
}): JSX.Element {
  const at = (): number => {
    const seen = props.row.lastSeen ?? 0;
    // Not sent again while it only advances; of what is offline it stands still.
    return props.row.status === "offline" ? seen : seen + Math.max(0, lastUpdate() - props.row.clockAt);
  };
  return (
    <span title={props.row.lastSeen ? moment(at()) : undefined}>
      {props.row.lastSeen
        ? t("heard {age} ago", { age: age((serverNow() - at()) / 1000) })
        : t("not heard yet")}
    </span>
  );
}

/** Said while the figures are of this very second. */
export function EverySecond(props: { at: number | undefined }): JSX.Element {
  return (
    <Show when={props.at !== undefined}>
      <span class="soft"> {t("figures of every second")}</span>
    </Show>
  );
}
