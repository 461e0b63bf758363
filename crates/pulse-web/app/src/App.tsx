// The frame of the dashboard: top line, tabs, the page, and what stands in the way of it.

import { A, Navigate, Route, Router, useLocation, useSearchParams } from "@solidjs/router";
import {
  createEffect,
  createSignal,
  For,
  type JSX,
  lazy,
  Match,
  on,
  onCleanup,
  onMount,
  Show,
  Suspense,
  Switch,
} from "solid-js";
import styles from "./App.module.css";
import { sessionEnded } from "./api/client";
import { connectLive, dockerHosts, hasData, hosts, nodes } from "./api/live";
import { isLoggedIn, refreshSession, session } from "./api/session";
import { ConnectionState } from "./ConnectionState";
import { Gate } from "./features/session/Gate";
import gate from "./features/session/Gate.module.css";
import { ThemeSwitch, UserMenu } from "./TopControls";
import { Button } from "./ui/controls";
import { Icon, type IconName } from "./ui/Icon";
import { ScrollerContext } from "./ui/screen";
import { Waiting } from "./ui/Waiting";

const Setup = lazy(() => import("./features/session/Setup"));
const Login = lazy(() => import("./features/session/Login"));
const ProxmoxPage = lazy(() => import("./features/proxmox/ProxmoxPage"));
const DockerPage = lazy(() => import("./features/docker/DockerPage"));
const HostsPage = lazy(() => import("./features/hosts/HostsPage"));
const SettingsPage = lazy(() => import("./features/settings/SettingsPage"));
const NodesPage = lazy(() => import("./features/settings/NodesPage"));
const TokensPage = lazy(() => import("./features/settings/TokensPage"));

const TABS: readonly { href: string; title: string; icon: IconName }[] = [
  { href: "/proxmox", title: "Proxmox", icon: "proxmox" },
  { href: "/docker", title: "Docker", icon: "docker" },
  { href: "/hosts", title: "Hosts", icon: "hosts" },
  { href: "/settings", title: "Settings", icon: "settings" },
];
const SEARCHABLE = ["/proxmox", "/docker", "/hosts"];
const EXAMPLES: Readonly<Record<string, string>> = {
  "/proxmox": "cpu>80 node:pve1 tag:prod",
  "/docker": "image:nginx state:running",
  "/hosts": "disk>80 os:debian",
};

export function App(): JSX.Element {
  onMount(() => void refreshSession());
  createEffect(on(sessionEnded, () => void refreshSession(), { defer: true }));
  return (
    <Switch>
      <Match when={session().kind === "in"}>
        <Router root={Frame}>
          <Route path="/" component={Home} />
          <Route path="/proxmox" component={ProxmoxPage} />
          <Route path="/docker" component={DockerPage} />
          <Route path="/hosts" component={HostsPage} />
          <Route path="/settings" component={SettingsPage}>
            <Route path="/" component={() => <Navigate href="/settings/nodes" />} />
            <Route path="/nodes" component={NodesPage} />
            <Route path="/tokens" component={TokensPage} />
          </Route>
          <Route path="*" component={NotFound} />
        </Router>
      </Match>
      <Match when={session().kind === "setup"}>
        <Suspense>
          {(() => {
            const now = session();
            return now.kind === "setup" ? (
              <Setup tokenPath={now.tokenPath} inContainer={now.inContainer} />
            ) : null;
          })()}
        </Suspense>
      </Match>
      <Match when={session().kind === "login"}>
        <Suspense>
          {(() => {
            const now = session();
            return <Login hasExpired={now.kind === "login" && now.hasExpired} />;
          })()}
        </Suspense>
      </Match>
      <Match when={session().kind === "unreachable"}>
        <Unreachable />
      </Match>
    </Switch>
  );
}

/** Where `/` leads: to what there is most of a reason to look at. */
function Home(): JSX.Element {
  return (
    <Show
      when={hasData()}
      fallback={
        <div class="page">
          <Waiting what="the first data" />
        </div>
      }
    >
      <Navigate
        href={nodes().size === 0 && (hosts().size > 0 || dockerHosts().size > 0) ? "/hosts" : "/proxmox"}
      />
    </Show>
  );
}

function NotFound(): JSX.Element {
  return (
    <div class="page">
      <p>
        There is no such page. <a href="/proxmox">Go to the overview</a>
      </p>
    </div>
  );
}

const RETRY_MS = 3_000;

function Unreachable(): JSX.Element {
  const timer = setInterval(() => void refreshSession(), RETRY_MS);
  onCleanup(() => clearInterval(timer));
  return (
    <Gate>
      <div class={gate.card} role="alert">
        <h1>The server cannot be reached</h1>
        <p class="soft">The page tries again by itself every few seconds.</p>
        <div class={gate.actions}>
          <Button onClick={() => void refreshSession()}>Try now</Button>
        </div>
      </div>
    </Gate>
  );
}

function Frame(props: { children?: JSX.Element }): JSX.Element {
  const [scroller, setScroller] = createSignal<HTMLElement>();
  const location = useLocation();
  const area = (): string => `/${location.pathname.split("/")[1] ?? ""}`;
  onMount(() => onCleanup(connectLive(isLoggedIn)));
  createEffect(() => {
    const tab = TABS.find((each) => each.href === area());
    document.title = tab === undefined ? "Pulse" : `${tab.title} · Pulse`;
  });
  createEffect(
    on(
      () => location.pathname,
      () => scroller()?.scrollTo(0, 0),
      { defer: true },
    ),
  );
  return (
    <div class={styles.app}>
      <a class={styles.skip} href="#page" target="_self">
        Skip to the page
      </a>
      <header class={styles.bar}>
        <A class={styles.brand} href="/" aria-label="Pulse, start page">
          <img src="/icon.svg" alt="" width="20" height="20" />
          <span>Pulse</span>
        </A>
        <nav class={styles.tabs} aria-label="Areas">
          <For each={TABS}>
            {(tab) => (
              <A
                href={tab.href}
                class={styles.tab}
                activeClass={styles.active ?? ""}
                aria-current={area() === tab.href ? "page" : undefined}
              >
                <Icon name={tab.icon} />
                <span>{tab.title}</span>
              </A>
            )}
          </For>
        </nav>
        <Show when={SEARCHABLE.includes(area())} fallback={<span class="grow" />}>
          <Search example={EXAMPLES[area()] ?? ""} />
        </Show>
        <ConnectionState />
        <ThemeSwitch />
        <UserMenu />
      </header>
      <main id="page" class="scroll" tabindex={-1} ref={setScroller}>
        <ScrollerContext.Provider value={scroller}>
          <Suspense
            fallback={
              <div class="page">
                <Waiting what="the page" />
              </div>
            }
          >
            {props.children}
          </Suspense>
        </ScrollerContext.Provider>
      </main>
    </div>
  );
}

/** The one search box; it filters what the page shows. */
function Search(props: { example: string }): JSX.Element {
  const [params, setParams] = useSearchParams<{ q: string }>();
  let input: HTMLInputElement | undefined;
  const isTyping = (target: EventTarget | null): boolean =>
    target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    event.preventDefault();
    input?.focus();
    input?.select();
  };
  document.addEventListener("keydown", onKey);
  onCleanup(() => document.removeEventListener("keydown", onKey));
  return (
    <search class={styles.search}>
      <Icon name="search" size={14} />
      <input
        ref={input}
        type="search"
        aria-label="Search"
        aria-keyshortcuts="/"
        placeholder={`Search, or ${props.example}`}
        autocomplete="off"
        spellcheck={false}
        value={params.q ?? ""}
        onInput={(event) => setParams({ q: event.currentTarget.value }, { replace: true, scroll: false })}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          // The first Escape empties the box, the next one leaves it.
          event.preventDefault();
          if ((params.q ?? "") === "") event.currentTarget.blur();
          else setParams({ q: undefined }, { replace: true, scroll: false });
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </search>
  );
}
