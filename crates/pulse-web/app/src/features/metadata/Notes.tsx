// What people wrote about a resource: a link, and notes. Read by everyone, changed in place.

import { createMemo, createResource, createSignal, For, type JSX, Show } from "solid-js";
import { type MetadataKind, metadata, saveMetadata } from "../../api/metadata";
import { reasonOf } from "../../state/failure";
import { settled } from "../../state/settled";
import { t } from "../../text";
import { Button, Field, Note } from "../../ui/controls";
import { DrawerSection } from "../../ui/Drawer";
import { noteSaved } from "./links";
import { linkError, notesOf, textOf } from "./model";
import styles from "./Notes.module.css";

export function Notes(props: { kind: MetadataKind; id: string }): JSX.Element {
  // The drawer's row is a new one every second: only another resource is a reason to ask again.
  const kind = createMemo(() => props.kind);
  const id = createMemo(() => props.id);
  const [record, { mutate }] = createResource(
    () => ({ kind: kind(), id: id() }),
    ({ kind, id }) => metadata(kind, id),
  );
  const [isEditing, setEditing] = createSignal(false);
  const [link, setLink] = createSignal("");
  const [text, setText] = createSignal("");
  const [error, setError] = createSignal<string>();
  const [isBusy, setBusy] = createSignal(false);
  const known = () => settled(record);
  const begin = (): void => {
    setLink(known()?.customUrl ?? "");
    setText(textOf(known()));
    setError(undefined);
    setEditing(true);
  };
  const save = async (): Promise<void> => {
    if (linkError(link()) !== undefined) return;
    setBusy(true);
    setError(undefined);
    try {
      const saved = await saveMetadata(props.kind, props.id, {
        ...known(),
        customUrl: link().trim(),
        notes: notesOf(text()),
      });
      mutate(saved);
      noteSaved(props.kind, props.id, saved);
      setEditing(false);
    } catch (cause) {
      setError(reasonOf(cause));
    }
    setBusy(false);
  };
  const isEmpty = (): boolean => !known()?.customUrl && (known()?.notes?.length ?? 0) === 0;

  return (
    // A server without notes, or a caller who may not read them, sees nothing of this.
    <Show when={known()}>
      {(now) => (
        <DrawerSection
          title={t("Notes")}
          extra={
            <Show when={!isEditing()}>
              <Button isSmall icon="edit" onClick={begin}>
                {isEmpty() ? t("Add a note or link") : t("Edit")}
              </Button>
            </Show>
          }
        >
          <Show
            when={isEditing()}
            fallback={
              <>
                <Show when={now().customUrl}>
                  {(url) => (
                    <a href={url()} target="_blank" rel="noreferrer noopener" class={styles.link}>
                      {url()}
                    </a>
                  )}
                </Show>
                <For each={now().notes ?? []}>{(note) => <p class={styles.note}>{note}</p>}</For>
              </>
            }
          >
            <form
              class={styles.form}
              aria-label={t("Notes")}
              novalidate
              onSubmit={(event) => {
                event.preventDefault();
                void save();
              }}
            >
              <Field
                label={t("Link")}
                type="url"
                hasFocus
                value={link()}
                placeholder="https://wiki.lan/web-1"
                hint={t("Opens from here and beside the name in tables.")}
                error={linkError(link())}
                onInput={setLink}
              />
              <Field label={t("Notes, one a line")} isLong value={text()} onInput={setText} />
              <Show when={error()}>{(words) => <Note health="crit">{words()}</Note>}</Show>
              <div class={styles.actions}>
                <Button onClick={() => setEditing(false)}>{t("Cancel")}</Button>
                <Button type="submit" kind="primary" isDisabled={isBusy()}>
                  {t("Save")}
                </Button>
              </div>
            </form>
          </Show>
        </DrawerSection>
      )}
    </Show>
  );
}
