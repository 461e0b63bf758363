// The head of one column: sorts by a click, takes another width by its edge.

import { type JSX, Show } from "solid-js";
import { nextSorts, type Sort } from "../../state/order";
import { t } from "../../text";
import { Icon } from "../Icon";
import styles from "./Table.module.css";
import type { Column } from "./types";

export function Head<Row>(props: {
  column: Column<Row>;
  sorts: readonly Sort[];
  onSort: ((sorts: readonly Sort[]) => void) | undefined;
  onWidth: (id: string, width: number) => void;
}): JSX.Element {
  let cell: HTMLTableCellElement | undefined;
  const at = (): number => props.sorts.findIndex((each) => each.column === props.column.id);
  const direction = (): "ascending" | "descending" | undefined => {
    const sort = props.sorts[at()];
    return sort === undefined ? undefined : sort.descending ? "descending" : "ascending";
  };
  const isSortable = (): boolean => props.column.sort !== undefined && props.onSort !== undefined;
  const drag = (event: PointerEvent): void => {
    if (cell === undefined || event.button !== 0) return;
    event.preventDefault();
    const handle = event.currentTarget as HTMLElement;
    handle.setPointerCapture(event.pointerId);
    const from = event.clientX;
    const width = cell.offsetWidth;
    const move = (moved: PointerEvent): void => props.onWidth(props.column.id, width + moved.clientX - from);
    handle.addEventListener("pointermove", move);
    handle.addEventListener("lostpointercapture", () => handle.removeEventListener("pointermove", move), {
      once: true,
    });
  };
  return (
    <th
      ref={cell}
      scope="col"
      class={props.column.isNumber === true ? styles.number : undefined}
      // Of several only the first: a screen reader knows one.
      aria-sort={at() === 0 ? direction() : undefined}
      title={props.column.hint}
    >
      <Show when={isSortable()} fallback={props.column.title}>
        <button
          type="button"
          class={styles.sort}
          data-sorted={direction() === undefined ? undefined : ""}
          title={props.column.hint ?? t("Sort; with Shift after the others")}
          onClick={(event) =>
            props.onSort?.(
              nextSorts(props.sorts, props.column.id, props.column.sort === "descending", event.shiftKey),
            )
          }
        >
          <span>{props.column.title}</span>
          <Show when={direction()}>
            {(way) => <Icon name={way() === "descending" ? "down" : "up"} size={12} />}
          </Show>
          <Show when={props.sorts.length > 1 && at() >= 0}>
            <sub>{at() + 1}</sub>
          </Show>
        </button>
      </Show>
      <span class={styles.grip} onPointerDown={drag} aria-hidden="true" />
    </th>
  );
}
