// When alerts of a resource were raised, as marks in its charts.

import { type Accessor, createMemo } from "solid-js";
import { activeAlerts } from "../../api/live";
import { parseTime } from "../../state/format";
import type { ChartMark } from "../../ui/Chart";

export function alertMarks(resourceId: () => string): Accessor<readonly ChartMark[]> {
  return createMemo(() =>
    [...activeAlerts().values()]
      .filter((alert) => alert.resourceId === resourceId())
      .flatMap((alert): ChartMark[] => {
        const at = parseTime(alert.startTime);
        return at === undefined
          ? []
          : [{ at, health: alert.level === "critical" ? "crit" : "warn", text: alert.message }];
      }),
  );
}
