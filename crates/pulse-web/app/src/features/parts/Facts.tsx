// Facts that many drawers show.

import { type JSX, Show } from "solid-js";
import { bytesOf, percent, rate } from "../../state/format";
import { t } from "../../text";
import { Fact } from "../../ui/controls";
import { Value } from "../../ui/Value";
import type { Share } from "./cells";

/** Used of total with the percentage, or why it is not known. */
export function ShareFact(props: {
  name: string;
  share: Share | undefined;
  why: string | undefined;
}): JSX.Element {
  return (
    <Fact name={props.name}>
      <Value
        value={props.share}
        text={(share) => `${bytesOf(share.used, share.total)} (${percent(share.percent)})`}
        why={props.why}
      />
      <Show when={props.share === undefined && props.why}>{(why) => <span class="soft"> {why()}</span>}</Show>
    </Fact>
  );
}

/** Two rates of one thing, such as in and out. */
export function RatesFact(props: {
  name: string;
  into: number | undefined;
  out: number | undefined;
  whyInto: string | undefined;
  whyOut: string | undefined;
  words: "network" | "disk";
}): JSX.Element {
  return (
    <Fact name={props.name}>
      <Value value={props.into} text={rate} why={props.whyInto} />{" "}
      {props.words === "network" ? t("in") : t("read")},{" "}
      <Value value={props.out} text={rate} why={props.whyOut} />{" "}
      {props.words === "network" ? t("out") : t("write")}
    </Fact>
  );
}
