// A table above another one: many rows must not push what is below out of sight, so it then scrolls by itself.

import { createSignal, type JSX } from "solid-js";
import { ScrollerContext } from "../screen";
import styles from "./Bounded.module.css";

export function Bounded(props: { children: JSX.Element; isSmall?: boolean }): JSX.Element {
  const [box, setBox] = createSignal<HTMLElement>();
  return (
    <div class={styles.box} data-small={props.isSmall === true ? "" : undefined} ref={setBox}>
      <ScrollerContext.Provider value={box}>{props.children}</ScrollerContext.Provider>
    </div>
  );
}
