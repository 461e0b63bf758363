// What belongs to this browser: language, theme, notifications, and the link for a screen on the wall.

import { createSignal, For, type JSX, Show } from "solid-js";
import { createToken } from "../../api/calls";
import { HOME } from "../../base";
import { chooseNotifications, wantsNotifications, whyNoNotifications } from "../../frame/browserAlerts";
import { AREAS } from "../../frame/pages";
import { reasonOf } from "../../state/failure";
import { choice, chooseTheme, type Choice as Theme } from "../../state/theme";
import { chooseLanguage, currentLanguage, LANGUAGES, type Language, t } from "../../text";
import { Button, Check, Choice, Note, Secret, Segmented } from "../../ui/controls";
import styles from "./Settings.module.css";

const THEMES = [
  { id: "auto", title: t("As the system") },
  { id: "light", title: t("Light") },
  { id: "dark", title: t("Dark") },
] as const;

export default function AppearancePage(): JSX.Element {
  return (
    <>
      <header class={styles.head}>
        <div>
          <h1>{t("Appearance")}</h1>
          <p>{t("These choices hold in this browser.")}</p>
        </div>
      </header>
      <section class={styles.form} aria-label={t("This browser")}>
        <Choice
          label={t("Language")}
          value={currentLanguage()}
          options={Object.entries(LANGUAGES).map(([id, title]) => ({ id, title }))}
          onChange={(id) => chooseLanguage(id as Language)}
        />
        <div>
          <div class={styles.legend}>{t("Theme")}</div>
          <Segmented<Theme> label={t("Theme")} options={THEMES} value={choice()} onChange={chooseTheme} />
        </div>
        <Check
          isOn={wantsNotifications()}
          isDisabled={whyNoNotifications() !== undefined}
          onChange={(isOn) => void chooseNotifications(isOn)}
          label={
            <>
              {t("Show alerts as notifications of this browser")}
              <Show when={whyNoNotifications()}>{(why) => <span class={styles.small}> {why()}</span>}</Show>
            </>
          }
        />
      </section>
      <Kiosk />
    </>
  );
}

/** A link that shows one view without controls and can read, nothing else. */
function Kiosk(): JSX.Element {
  const [page, setPage] = createSignal(AREAS[0]?.href ?? "/proxmox");
  const [link, setLink] = createSignal<string>();
  const [error, setError] = createSignal<string>();
  const make = async (): Promise<void> => {
    setError(undefined);
    try {
      const { token } = await createToken(t("Screen: {page}", { page: page() }), ["monitoring:read"]);
      setLink(`${HOME}${page()}?kiosk=1#token=${token}`);
    } catch (cause) {
      setError(reasonOf(cause));
    }
  };
  return (
    <section class={styles.form} aria-label={t("A screen on the wall")}>
      <h2>{t("A screen on the wall")}</h2>
      <p class="soft">
        {t(
          "A link that shows one page without controls. It holds a token of its own that can read and do nothing else; revoke it under API tokens, and the screen goes dark.",
        )}
      </p>
      <div class="row">
        <For each={AREAS}>
          {(area) => (
            <Button
              isSmall
              kind={page() === area.href ? "primary" : undefined}
              onClick={() => {
                setPage(area.href);
                setLink(undefined);
              }}
            >
              {area.title}
            </Button>
          )}
        </For>
      </div>
      <Show
        when={link()}
        fallback={
          <div class={styles.actions}>
            <Button onClick={() => void make()}>{t("Make a link")}</Button>
          </div>
        }
      >
        {(url) => <Secret label={t("Link")} value={url()} />}
      </Show>
      <Show when={error()}>{(words) => <Note health="crit">{words()}</Note>}</Show>
    </section>
  );
}
