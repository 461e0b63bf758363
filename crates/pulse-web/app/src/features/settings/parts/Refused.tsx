// In the place of a page that shows nothing, and why.

import { createMemo, type JSX, Match, Switch } from "solid-js";
import { t } from "../../../text";
import { Button, Empty, Note } from "../../../ui/controls";
import { Licence } from "../../parts/Licence";
import { refusalOf } from "../refusal";

/** `failed` is what could not be done; `children` say what works without the licence. */
export function Refused(props: {
  error: unknown;
  failed: string;
  onRetry: () => void;
  children?: JSX.Element;
}): JSX.Element {
  const refusal = createMemo(() => refusalOf(props.error));
  const licence = () => {
    const now = refusal();
    return now.kind === "licence" ? now.gap : undefined;
  };
  const why = (): string => {
    const now = refusal();
    return now.kind === "licence" ? "" : now.why;
  };
  return (
    <Switch
      fallback={
        <Note health="crit">
          <span class="row">
            {props.failed}: {why()}
            <Button isSmall onClick={() => props.onRetry()}>
              {t("Try again")}
            </Button>
          </span>
        </Note>
      }
    >
      <Match when={licence()}>{(gap) => <Licence gap={gap()}>{props.children}</Licence>}</Match>
      <Match when={refusal().kind === "forbidden"}>
        <Empty title={t("You may not see this")}>
          <p>{why()}</p>
          <p class="soft">{t("Whoever administers this server can change that.")}</p>
        </Empty>
      </Match>
    </Switch>
  );
}
