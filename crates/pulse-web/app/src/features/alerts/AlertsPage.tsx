// Alerts: the second line of tabs, and the page below it.

import type { JSX } from "solid-js";
import { ALERT_PAGES } from "../../frame/pages";
import { t } from "../../text";
import { SubTabs } from "../../ui/SubTabs";

export default function AlertsPage(props: { children?: JSX.Element }): JSX.Element {
  return (
    <div class="page">
      <SubTabs label={t("Alerts")} tabs={ALERT_PAGES} />
      {props.children}
    </div>
  );
}
