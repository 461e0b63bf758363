// What stands in the way of the dashboard (setup, login, no server), and its routes.

import { A, Navigate, Route, Router } from "@solidjs/router";
import {
  createEffect,
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
import { sessionEnded } from "./api/client";
import { dockerHosts, hasData, hosts, kubernetesClusters, nodes } from "./api/live";
import { refreshSession, session } from "./api/session";
import { BASE, own } from "./base";
import { Gate } from "./features/session/Gate";
import gate from "./features/session/Gate.module.css";
import { Frame } from "./frame/Frame";
import { t } from "./text";
import { Button, Empty } from "./ui/controls";
import { Waiting } from "./ui/Waiting";

const Setup = lazy(() => import("./features/session/Setup"));
const Login = lazy(() => import("./features/session/Login"));
const ProxmoxPage = lazy(() => import("./features/proxmox/ProxmoxPage"));
const OverviewPage = lazy(() => import("./features/proxmox/OverviewPage"));
const StoragePage = lazy(() => import("./features/proxmox/StoragePage"));
const DisksPage = lazy(() => import("./features/proxmox/DisksPage"));
const CephPage = lazy(() => import("./features/proxmox/CephPage"));
const ReplicationPage = lazy(() => import("./features/proxmox/ReplicationPage"));
const BackupsPage = lazy(() => import("./features/backups/BackupsPage"));
const MailPage = lazy(() => import("./features/proxmox/MailPage"));
const DockerPage = lazy(() => import("./features/docker/DockerPage"));
const KubernetesPage = lazy(() => import("./features/kubernetes/KubernetesPage"));
const HostsPage = lazy(() => import("./features/hosts/HostsPage"));
const AlertsPage = lazy(() => import("./features/alerts/AlertsPage"));
const ActivePage = lazy(() => import("./features/alerts/ActivePage"));
const HistoryPage = lazy(() => import("./features/alerts/HistoryPage"));
const ThresholdsPage = lazy(() => import("./features/alerts/ThresholdsPage"));
const SchedulePage = lazy(() => import("./features/alerts/SchedulePage"));
const DestinationsPage = lazy(() => import("./features/alerts/DestinationsPage"));
const SettingsPage = lazy(() => import("./features/settings/SettingsPage"));
const NodesPage = lazy(() => import("./features/settings/NodesPage"));
const AgentsPage = lazy(() => import("./features/settings/AgentsPage"));
const ProfilesPage = lazy(() => import("./features/settings/ProfilesPage"));
const CommandsPage = lazy(() => import("./features/settings/CommandsPage"));
const UpdatesPage = lazy(() => import("./features/settings/UpdatesPage"));
const TokensPage = lazy(() => import("./features/settings/TokensPage"));
const SystemPage = lazy(() => import("./features/settings/SystemPage"));
const SecurityPage = lazy(() => import("./features/settings/SecurityPage"));
const TransferPage = lazy(() => import("./features/settings/TransferPage"));
const DiagnosticsPage = lazy(() => import("./features/settings/DiagnosticsPage"));
const LicencePage = lazy(() => import("./features/settings/LicencePage"));
const AppearancePage = lazy(() => import("./features/settings/AppearancePage"));

// The page that nearly everybody opens first comes with the frame, not when the frame has found out that it needs it.
if (/^\/(proxmox)?$/.test(own(location.pathname))) {
  void ProxmoxPage.preload();
  void OverviewPage.preload();
}

/** The design system to look at; left out of what is shipped. */
const Gallery =
  import.meta.env.DEV || import.meta.env.MODE === "gallery"
    ? lazy(() => import("./gallery/Gallery"))
    : undefined;

export function App(): JSX.Element {
  onMount(() => void refreshSession());
  createEffect(on(sessionEnded, () => void refreshSession(), { defer: true }));
  /** A session that ended leaves the page, and what was typed into it, where they are. */
  const hasExpired = (): boolean => {
    const now = session();
    return now.kind === "login" && now.hasExpired;
  };
  return (
    <Switch>
      <Match when={session().kind === "in" || hasExpired()}>
        <Router base={BASE} root={Frame}>
          <Route path="/" component={Home} />
          <Route path="/proxmox" component={ProxmoxPage}>
            <Route path="/" component={OverviewPage} />
            <Route path="/storage" component={StoragePage} />
            <Route path="/disks" component={DisksPage} />
            <Route path="/ceph" component={CephPage} />
            <Route path="/replication" component={ReplicationPage} />
            <Route path="/backups" component={BackupsPage} />
            <Route path="/mail" component={MailPage} />
          </Route>
          <Route path="/docker" component={DockerPage} />
          <Route path="/kubernetes" component={KubernetesPage} />
          <Route path="/hosts" component={HostsPage} />
          <Route path="/alerts" component={AlertsPage}>
            <Route path="/" component={ActivePage} />
            <Route path="/history" component={HistoryPage} />
            <Route path="/thresholds" component={ThresholdsPage} />
            <Route path="/schedule" component={SchedulePage} />
            <Route path="/destinations" component={DestinationsPage} />
          </Route>
          <Route path="/settings" component={SettingsPage}>
            <Route path="/" component={() => <Navigate href="/settings/nodes" />} />
            <Route path="/nodes" component={NodesPage} />
            <Route path="/agents" component={AgentsPage} />
            <Route path="/profiles" component={ProfilesPage} />
            <Route path="/commands" component={CommandsPage} />
            <Route path="/updates" component={UpdatesPage} />
            <Route path="/tokens" component={TokensPage} />
            <Route path="/system" component={SystemPage} />
            <Route path="/security" component={SecurityPage} />
            <Route path="/appearance" component={AppearancePage} />
            <Route path="/transfer" component={TransferPage} />
            <Route path="/licence" component={LicencePage} />
            <Route path="/diagnostics" component={DiagnosticsPage} />
          </Route>
          <Show when={Gallery}>{(page) => <Route path="/gallery" component={page()} />}</Show>
          <Route path="*" component={NotFound} />
        </Router>
        <Show when={hasExpired()}>
          <Suspense>
            <Login hasExpired />
          </Suspense>
        </Show>
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
          <Login hasExpired={false} />
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
  const best = (): string => {
    if (nodes().size > 0) return "/proxmox";
    if (hosts().size > 0 || dockerHosts().size > 0) return "/hosts";
    return kubernetesClusters().size > 0 ? "/kubernetes" : "/proxmox";
  };
  return (
    <Show
      when={hasData()}
      fallback={
        <div class="page">
          <Waiting what={t("the first data")} />
        </div>
      }
    >
      <Navigate href={best()} />
    </Show>
  );
}

function NotFound(): JSX.Element {
  return (
    <div class="page">
      <h1 class="sr">{t("There is no such page.")}</h1>
      <Empty title={t("There is no such page.")}>
        <p>
          <A href="/proxmox">{t("Go to the overview")}</A>
        </p>
      </Empty>
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
        <h1>{t("The server cannot be reached")}</h1>
        <p class="soft">{t("The page tries again by itself every few seconds.")}</p>
        <div class={gate.actions}>
          <Button onClick={() => void refreshSession()}>{t("Try now")}</Button>
        </div>
      </div>
    </Gate>
  );
}
