// Something that the licence leaves out: not an error, but a state of its own.

import { type JSX, Show } from "solid-js";
import type { LicenceGap } from "../../api/licence";
import { t } from "../../text";
import { Empty } from "../../ui/controls";

/** In the place of a page or a panel. `children` say what works all the same. */
export function Licence(props: { gap: LicenceGap; children?: JSX.Element }): JSX.Element {
  return (
    <Empty title={t("{feature}: not in the licence", { feature: props.gap.title })}>
      <p>{t("This server runs without the licence that has it. Nothing is broken.")}</p>
      <Show when={props.children}>{props.children}</Show>
    </Empty>
  );
}
