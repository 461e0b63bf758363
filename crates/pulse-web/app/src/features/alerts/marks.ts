// When alerts of a resource were raised, as marks in its charts: those of now, and those of the history.

import { type Accessor, createMemo, createResource } from "solid-js";
import { resourceHistory } from "../../api/alertConfig";
import { activeAlerts } from "../../api/live";
import { parseTime } from "../../state/format";
import { settled } from "../../state/settled";
import type { ChartMark } from "../../ui/Chart";
import { isAbout } from "./model";

/** `id` is the resource as alerts call it. */
export function alertMarks(id: () => string): Accessor<readonly ChartMark[]> {
  // A server without alerts, or a caller who may not read them, has no marks.
  const [history] = createResource(id, (wanted) => resourceHistory(wanted).catch(() => []));
  return createMemo(() => {
    const marks = new Map<string, ChartMark>();
    const past = settled(history) ?? [];
    const now = [...activeAlerts().values()].filter((alert) => isAbout(alert, id()));
    for (const alert of [...past, ...now]) {
      const at = parseTime(alert.startTime);
      if (at === undefined) continue;
      marks.set(`${alert.id} ${at}`, {
        at,
        health: alert.level === "critical" ? "crit" : "warn",
        text: alert.message,
      });
    }
    return [...marks.values()];
  });
}
