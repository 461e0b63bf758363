// From where on a resource raises alerts, in its drawer.

import { A } from "@solidjs/router";
import { createMemo, createResource, For, type JSX, Show } from "solid-js";
import { alertConfig } from "../../api/alertConfig";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Badge } from "../../ui/controls";
import { DrawerSection } from "../../ui/Drawer";
import { defaultOf, isSwitched, type Kind, METRICS, overrideOf } from "./thresholds";
import { TITLES } from "./titles";

export function Limits(props: { kind: Kind; id: string }): JSX.Element {
  const [config] = createResource(alertConfig);
  // A server without alerts, or a caller who may not read them, sees nothing of this.
  const now = () => settled(config);
  const list = createMemo(() => {
    const all = now();
    if (all === undefined) return [];
    return METRICS[props.kind].flatMap((metric) => {
      const own = overrideOf(all, props.id, metric);
      const value = own ?? defaultOf(all, props.kind, metric);
      return value === undefined || value === 0 ? [] : [{ metric, value, isOwn: own !== undefined }];
    });
  });
  const isOff = (): boolean => {
    const all = now();
    return all !== undefined && isSwitched(all, props.id, "disabled");
  };
  return (
    <Show when={now()}>
      <DrawerSection
        title={t("Alerts from")}
        extra={<A href={`/alerts/thresholds?kind=${props.kind}`}>{t("Change")}</A>}
      >
        <span class="row">
          <Show when={!isOff()} fallback={<span class="soft">{t("switched off for this one")}</span>}>
            <For each={list()} fallback={<span class="soft">{t("no threshold is set")}</span>}>
              {(each) => (
                <Badge title={each.isOwn ? t("its own") : t("as all of its kind")}>
                  {TITLES[each.metric]} {each.value}
                  {each.isOwn ? " *" : ""}
                </Badge>
              )}
            </For>
          </Show>
        </span>
      </DrawerSection>
    </Show>
  );
}
