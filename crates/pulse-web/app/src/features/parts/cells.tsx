// Cells that many tables show.

import { type JSX, Show } from "solid-js";
import { bytesOf } from "../../state/format";
import { type Limits, Meter, type MeterMarks } from "../../ui/Meter";
import { isPhone } from "../../ui/screen";
import styles from "./cells.module.css";

/** Used bytes of total, with the percentage. */
export interface Share {
  percent: number;
  used: number;
  total: number;
}

export function ShareMeter(props: {
  share: Share | undefined;
  limits: Limits;
  why: string | undefined;
  /** Without the absolute figures. */
  isShort?: boolean;
  title?: string | undefined;
  /** In the place of the absolute figures. */
  detail?: string | undefined;
  marks?: MeterMarks | undefined;
  /** Pixels for all of it, where they are known. */
  room?: number;
}): JSX.Element {
  return (
    <Meter
      value={props.share?.percent}
      limits={props.limits}
      detail={
        props.isShort === true || isPhone() || props.share === undefined
          ? undefined
          : (props.detail ?? bytesOf(props.share.used, props.share.total))
      }
      title={props.title}
      marks={props.marks}
      why={props.why}
      room={props.room}
    />
  );
}

/** What a phone shows in place of a name: the name, and a line below it. */
export function PhoneName(props: { name: JSX.Element; below: JSX.Element }): JSX.Element {
  return (
    <Show when={isPhone()} fallback={props.name}>
      <span class={styles.phoneName}>
        <span class="cut">{props.name}</span>
        <span class="soft cut">{props.below}</span>
      </span>
    </Show>
  );
}

/** Two cells of a wide table above one another. */
export function Two(props: { children: JSX.Element }): JSX.Element {
  return <span class={styles.two}>{props.children}</span>;
}

/** A row's own details, where a click on the row does something else. */
export { styles as cellStyles };
