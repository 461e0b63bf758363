// Which columns are shown: a list of checkboxes behind a button.

import { For, type JSX, Show } from "solid-js";
import { type ColumnChoice, isShown, NO_CHOICE, withColumn } from "../../state/columns";
import { t } from "../../text";
import { Button, Check } from "../controls";
import { Popover } from "../Popover";
import styles from "./Table.module.css";
import type { Column } from "./types";

export function Chooser<Row>(props: {
  columns: readonly Column<Row>[];
  choice: ColumnChoice;
  width: number;
  onChange: (choice: ColumnChoice) => void;
}): JSX.Element {
  const isChanged = (): boolean =>
    props.choice.shown.length + props.choice.hidden.length + Object.keys(props.choice.widths).length > 0;
  return (
    <Popover icon="columns" label={t("Columns")}>
      <div class={styles.chooser}>
        <For each={props.columns.filter((column) => column.title !== "" && column.isFixed !== true)}>
          {(column) => (
            <Check
              label={column.hint === undefined ? column.title : `${column.title} (${column.hint})`}
              isOn={isShown(column, props.choice, props.width)}
              onChange={(isOn) => props.onChange(withColumn(props.choice, column.id, isOn))}
            />
          )}
        </For>
        <Show when={isChanged()}>
          <Button isSmall onClick={() => props.onChange(NO_CHOICE)}>
            {t("As at first")}
          </Button>
        </Show>
      </div>
    </Popover>
  );
}
