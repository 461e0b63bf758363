// Beside the name of what somebody gave a link: leads there.

import { createMemo, type JSX, Show } from "solid-js";
import type { MetadataKind } from "../../api/metadata";
import { t } from "../../text";
import { Icon } from "../../ui/Icon";
import { linkOf } from "./links";
import styles from "./Notes.module.css";

export function LinkMark(props: { kind: MetadataKind; id: string; name: string }): JSX.Element {
  const url = createMemo(() => linkOf(props.kind, props.id));
  return (
    <Show when={url()}>
      {(to) => (
        <a
          href={to()}
          target="_blank"
          rel="noreferrer noopener"
          class={styles.mark}
          title={to()}
          aria-label={t("Link of {name}", { name: props.name })}
        >
          <Icon name="link" size={12} />
        </a>
      )}
    </Show>
  );
}
