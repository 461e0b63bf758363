// The frame of the dashboard: top line, tabs, search, and the page between them.

import { A, useLocation, useNavigate } from "@solidjs/router";
import {
  createEffect,
  createMemo,
  createSignal,
  ErrorBoundary,
  For,
  type JSX,
  lazy,
  on,
  onCleanup,
  Show,
  Suspense,
} from "solid-js";
import styles from "../App.module.css";
import { activeAlerts, connectLive } from "../api/live";
import { isLoggedIn, session } from "../api/session";
import { own } from "../base";
import { ConnectionState } from "../ConnectionState";
import { reasonOf } from "../state/failure";
import { ThemeSwitch, UserMenu } from "../TopControls";
import { t, tn } from "../text";
import { Button, IconButton, Note } from "../ui/controls";
import { Icon } from "../ui/Icon";
import { ScrollerContext } from "../ui/screen";
import { Toasts } from "../ui/toast";
import { Waiting } from "../ui/Waiting";
import { watchAlerts } from "./browserAlerts";
import { collectEarly } from "./early";
import { listen } from "./keyboard";
import { isKiosk } from "./kiosk";
import { AREAS, type Area, TOOLS, WITHOUT_TABLE } from "./pages";
import { Search } from "./Search";
import { isInvented, isOutdated, watchVersion } from "./version";

const Palette = lazy(() => import("./Palette"));
const Keys = lazy(() => import("./Keys"));

export function Frame(props: { children?: JSX.Element }): JSX.Element {
  const [scroller, setScroller] = createSignal<HTMLElement>();
  const [isFinding, setFinding] = createSignal(false);
  const [hasBox, setHasBox] = createSignal(false);
  const [hasKeys, setKeys] = createSignal(false);
  const location = useLocation();
  const navigate = useNavigate();
  const area = (): string => `/${own(location.pathname).split("/")[1] ?? ""}`;
  const current = createMemo(() => [...AREAS, ...TOOLS].find((each) => each.href === area()));
  /** Where there is a table to filter. */
  const filterExample = (): string | undefined =>
    WITHOUT_TABLE.has(own(location.pathname)) ? undefined : current()?.example;
  const isIn = createMemo(() => session().kind === "in");
  createEffect(() => {
    if (isIn()) onCleanup(connectLive(isLoggedIn));
  });
  watchVersion();
  watchAlerts();
  const early = collectEarly(() => isFinding() && !hasBox());
  onCleanup(early.stop);
  onCleanup(
    listen({ palette: () => setFinding(true), keys: () => setKeys(true), go: (href) => navigate(href) }),
  );
  const waiting = createMemo(() => {
    const open = [...activeAlerts().values()].filter((alert) => !alert.acknowledged);
    return { count: open.length, isCritical: open.some((alert) => alert.level === "critical") };
  });
  createEffect(() => {
    const count = waiting().count;
    const title = current()?.title;
    document.title = `${count > 0 ? `(${count}) ` : ""}${title === undefined ? "Pulse" : `${title} · Pulse`}`;
  });
  createEffect(
    on(
      () => location.pathname,
      () => scroller()?.scrollTo(0, 0),
      { defer: true },
    ),
  );
  const Tab = (tab: { area: Area }): JSX.Element => (
    <A
      href={tab.area.href}
      class={styles.tab}
      activeClass={styles.active ?? ""}
      aria-current={area() === tab.area.href ? "page" : undefined}
      title={tab.area.title}
    >
      <Icon name={tab.area.icon} />
      <span>{tab.area.title}</span>
      <Show when={tab.area.href === "/alerts" && waiting().count > 0}>
        <span
          class={styles.badge}
          data-health={waiting().isCritical ? "crit" : "warn"}
          title={tn("{n} unacknowledged alert", "{n} unacknowledged alerts", waiting().count)}
        >
          {waiting().count}
        </span>
      </Show>
    </A>
  );
  return (
    <div class={styles.app} data-kiosk={isKiosk() ? "" : undefined}>
      <Show
        when={!isKiosk()}
        fallback={
          <div class={styles.kiosk}>
            <ConnectionState />
          </div>
        }
      >
        <a class={styles.skip} href="#page" target="_self">
          {t("Skip to the page")}
        </a>
        <header class={styles.bar}>
          <A class={styles.brand} href="/" aria-label={t("Pulse, start page")}>
            <img src="/icon.svg" alt="" width="20" height="20" />
            <span>Pulse</span>
          </A>
          <nav class={styles.bottom} aria-label={t("Areas")}>
            <div class={styles.tabs}>
              <For each={AREAS}>{(each) => <Tab area={each} />}</For>
            </div>
            <div class={`${styles.tabs} ${styles.tools}`}>
              <For each={TOOLS}>{(each) => <Tab area={each} />}</For>
            </div>
          </nav>
          <Show when={filterExample()} fallback={<span class="grow" />}>
            {(example) => <Search example={example()} />}
          </Show>
          <div class={styles.right}>
            <ConnectionState />
            <IconButton
              icon="search"
              label={t("Search everything (Ctrl-K)")}
              onClick={() => setFinding(true)}
            />
            <IconButton icon="help" label={t("Keys (?)")} onClick={() => setKeys(true)} />
            <ThemeSwitch />
            <UserMenu />
          </div>
        </header>
      </Show>
      <main id="page" class="scroll" tabindex={-1} ref={setScroller}>
        <ScrollerContext.Provider value={scroller}>
          <Show when={isInvented()}>
            <div class={styles.banner}>
              <Note health="warn">
                {t(
                  "Mock mode is on: everything shown here is invented. The real installation is monitored as before.",
                )}
              </Note>
            </div>
          </Show>
          <Show when={isOutdated()}>
            <div class={styles.banner}>
              <Note health="warn">
                {t("The server was updated. Reload the page to get its new version.")}{" "}
                <Button isSmall onClick={() => window.location.reload()}>
                  {t("Reload")}
                </Button>
              </Note>
            </div>
          </Show>
          <ErrorBoundary fallback={(error, reset) => <Broken error={error} onRetry={reset} />}>
            <Suspense
              fallback={
                <div class="page">
                  <Waiting what={t("the page")} />
                </div>
              }
            >
              {props.children}
            </Suspense>
          </ErrorBoundary>
        </ScrollerContext.Provider>
      </main>
      <Show when={isFinding()}>
        <Suspense>
          <Palette
            onOpen={() => {
              setHasBox(true);
              return early.take();
            }}
            onKeys={() => setKeys(true)}
            onClose={() => {
              setFinding(false);
              setHasBox(false);
            }}
          />
        </Suspense>
      </Show>
      <Show when={hasKeys()}>
        <Suspense>
          <Keys onClose={() => setKeys(false)} />
        </Suspense>
      </Show>
      <Toasts />
    </div>
  );
}

/** A part of the page that could not be loaded or drawn. The rest goes on. */
function Broken(props: { error: unknown; onRetry: () => void }): JSX.Element {
  console.warn(props.error);
  return (
    <div class="page">
      <Note health="crit">
        {t("This part of the page could not be shown: {reason}", {
          reason: reasonOf(props.error),
        })}
      </Note>
      <div class="row">
        <Button onClick={props.onRetry}>{t("Try again")}</Button>
        <Button onClick={() => window.location.reload()}>{t("Reload the page")}</Button>
      </div>
    </div>
  );
}
