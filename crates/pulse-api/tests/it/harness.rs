//! A server without a socket: real files, a real history; only Proxmox is a stand-in.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use pulse_api::{
    About, Access, AccessTokens, AppState, Audit, Licensing, Roles, Services,
    auth::{Oidc, Peer},
    mock::MockMode,
    published::StateCache,
    ws::{Hub, alerts::forward},
};
use pulse_auth::{ScopeSet, Sessions, password, token};
use pulse_collectors::{Connect, ConnectionTest, HttpConnect, PollError, PveApi, PveCycle, Timeouts};
use pulse_config::store::fleet::FleetStore;
use pulse_config::transfer::{
    GuestNotesSection, NodesSection, NotifySection, OidcSection, Section, SystemSection, TokensSection,
    Transfer,
};
use pulse_config::{
    AuditHookStore, AuditKey, BootstrapToken, Credentials, LogLevel, Metadata, MockConfig, NodeStore,
    NotifyStore, OidcStore, ProfileStore, PveInstance, RoleStore, SealKey, Secret, SessionFile, Settings,
    SystemSettings, SystemSettingsStore, TokenStore,
};
use pulse_core::{Clock, ManualClock, scope::Scope};
use pulse_log::Logs;
use pulse_monitor::{
    Alerts, Keeper, RemoteExec, Scheduler, Supervisor, Watcher, alerting,
    discovery::Discovery,
    fleet::{Fleet, KnownTokens, signed::SignedProfiles},
    probe::Probe,
    world::World,
};
use pulse_notify::{AuditHooks, Grouping, Notifier, NotifierOptions, channel::run_command::SystemCommands};
use pulse_store::{AuditLog, Ledger, SqliteStore, StoreOptions};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// So long an event is waited for that comes; only a machine that is overloaded needs it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// When every test begins.
pub const START: &str = "2026-03-04T05:06:07Z";

pub const USER: &str = "admin";
pub const PASSWORD: &str = "correct horse battery";
pub const TOKEN: &str = "the-first-token-of-this-server";

/// A server and what its tests turn.
pub struct TestServer {
    router: Router,
    pub state: AppState,
    pub clock: Arc<ManualClock>,
    pub proxmox: Arc<Proxmox>,
    pub data: TempDir,
    stop: CancellationToken,
}

/// What Proxmox answers to a test of a connection.
#[derive(Default)]
pub struct Proxmox {
    answer: Mutex<Option<ConnectionTest>>,
    answers_of_hosts: Mutex<BTreeMap<String, ConnectionTest>>,
    asked: Mutex<Vec<PveInstance>>,
}

impl Proxmox {
    pub fn answers(&self, test: ConnectionTest) {
        *self.answer.lock().unwrap() = Some(test);
    }

    /// What one host answers, whatever the others do.
    pub fn host_answers(&self, host: &str, test: ConnectionTest) {
        self.answers_of_hosts.lock().unwrap().insert(host.to_owned(), test);
    }

    /// Hosts that were asked so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|instance| instance.host.clone()).collect()
    }
}

struct StandIn(Arc<Proxmox>, String);

#[async_trait]
impl Connect for StandIn {
    fn pve(&self, instance: &PveInstance, _: Timeouts) -> Result<Arc<dyn PveApi>, PollError> {
        self.0.asked.lock().unwrap().push(instance.clone());
        Ok(Arc::new(StandIn(self.0.clone(), instance.host.clone())))
    }
}

#[async_trait]
impl PveApi for StandIn {
    async fn poll(&self, _: Timestamp) -> Result<PveCycle, PollError> {
        unreachable!("nothing polls here")
    }

    async fn test(&self) -> Result<ConnectionTest, PollError> {
        let of_host = self.0.answers_of_hosts.lock().unwrap().get(&self.1).cloned();
        let answer = of_host.or_else(|| self.0.answer.lock().unwrap().clone());
        answer.ok_or_else(|| PollError::Unreachable {
            host: "https://stand-in:8006".into(),
            detail: "connection refused".into(),
        })
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl TestServer {
    /// A server before its first run.
    pub fn fresh() -> Self {
        Self::over(tempfile::tempdir().unwrap(), |_| {})
    }

    /// A server whose first run is over.
    pub fn set_up() -> Self {
        Self::set_up_with_hash(&PASSWORD_HASH)
    }

    /// The same, with settings changed.
    pub fn set_up_with(change: impl FnOnce(&mut Settings)) -> Self {
        let data = tempfile::tempdir().unwrap();
        configure(data.path(), &PASSWORD_HASH);
        Self::over(data, change)
    }

    /// The same, with another hash of [`PASSWORD`].
    pub fn set_up_with_hash(hash: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        configure(data.path(), hash);
        Self::over(data, |_| {})
    }

    /// A server over a data directory, with settings changed.
    pub fn over(data: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        Self::over_trusting(data, vec![], change)
    }

    /// The same over a data directory with something in it.
    pub fn set_up_in(data: TempDir) -> Self {
        configure(data.path(), &PASSWORD_HASH);
        Self::over(data, |_| {})
    }

    /// The same, with a mail server's certificate that the notifications trust.
    pub fn set_up_trusting(roots: Vec<Vec<u8>>) -> Self {
        let data = tempfile::tempdir().unwrap();
        configure(data.path(), &PASSWORD_HASH);
        Self::over_trusting(data, roots, |_| {})
    }

    fn over_trusting(data: TempDir, roots: Vec<Vec<u8>>, change: impl FnOnce(&mut Settings)) -> Self {
        let dir = data.path();
        let clock = Arc::new(ManualClock::new(START.parse().unwrap()));
        let dyn_clock: Arc<dyn Clock> = clock.clone();
        let no_vars = std::collections::HashMap::<String, String>::new();
        let mut settings = Settings::load(&no_vars).unwrap();
        settings.data_dir = dir.to_owned();
        change(&mut settings);

        let licensing = Arc::new(Licensing::open(&settings).unwrap());
        let hash = |secret: &Secret| password::hash_unless_hashed(secret.expose());
        let credentials = Credentials::open(dir, &no_vars, hash).unwrap();
        let tokens = TokenStore::open(dir).unwrap();
        let session_file = SessionFile::new(dir);
        let sessions = Sessions::default();
        sessions.restore(session_file.load().unwrap(), clock.now());
        let bootstrap = BootstrapToken::open(dir, credentials.current().is_some()).unwrap();
        let access = Access::new(credentials, tokens, sessions, session_file, bootstrap);
        let access = Arc::new(access);
        let nodes = Arc::new(NodeStore::open(dir, SealKey::open(dir).unwrap()).unwrap());
        let system = Arc::new(SystemSettingsStore::open(dir, &no_vars).unwrap());
        let destinations = Arc::new(NotifyStore::open(dir, SealKey::open(dir).unwrap()).unwrap());
        let oidc_store = Arc::new(OidcStore::open(dir, SealKey::open(dir).unwrap(), &no_vars).unwrap());
        let oidc = Arc::new(Oidc::new(oidc_store.clone()));
        let mut sections: Vec<Box<dyn Section>> = vec![
            Box::new(OidcSection(oidc_store)),
            Box::new(NodesSection(nodes.clone())),
            Box::new(SystemSection(system.clone())),
            Box::new(TokensSection(AccessTokens(access.clone()))),
        ];
        sections.extend(NotifySection::all(&destinations));
        let metadata = Arc::new(Metadata::open(dir).unwrap());
        sections.push(Box::new(GuestNotesSection(metadata.clone())));
        let transfer = Arc::new(Transfer::new(sections));
        let roles = Arc::new(Roles::new(RoleStore::open(dir).unwrap(), clock.now()));
        let audit_key = AuditKey::open(dir).unwrap();

        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (fleet_store, record) = FleetStore::open(dir).unwrap();
        let tokens = access.clone();
        let known = KnownTokens(Arc::new(move |id| tokens.tokens.current().by_id(id).is_some()));
        let world = World::with_decisions(clock.now(), record, &metadata, known);
        let keeper = Keeper::start_with(world, dyn_clock.clone(), &tasks, stop.clone());
        // History of what comes late is tested where it is made, and with the whole server.
        let (late, _) = pulse_monitor::late::channel();
        let fleet = Fleet::new(keeper.clone(), Arc::new(fleet_store), metadata.clone(), late);
        let published = Arc::new(StateCache::new(keeper.clone(), 1));
        let hub =
            Hub::start(keeper.subscribe(), published.clone(), Duration::from_secs(10), &tasks, stop.clone());
        let store =
            SqliteStore::open(&dir.join("metrics.db"), StoreOptions::default(), dyn_clock.clone()).unwrap();
        let ledger = Ledger::open(&dir.join("pulse.db"), dyn_clock.clone()).unwrap();
        let proxmox = Arc::new(Proxmox::default());
        let notifier = Notifier::new(NotifierOptions {
            config: destinations,
            system: system.clone(),
            ledger: ledger.clone(),
            clock: clock.clone(),
            grouping: Box::new(Grouping::default),
            commands: Arc::new(SystemCommands),
            extra_roots: roots,
            first_retry: Duration::from_secs(5),
        });
        notifier.start(&tasks, stop.clone());
        let hook_store = AuditHookStore::open(dir, SealKey::open(dir).unwrap()).unwrap();
        let hooks = AuditHooks::start(hook_store, notifier.clone(), &tasks, stop.clone());
        let audit = Audit::new(AuditLog::new(ledger.clone()), audit_key, hooks, dyn_clock.clone());
        let watcher = Watcher::new(
            keeper.clone(),
            nodes.subscribe(),
            Arc::new(StandIn(proxmox.clone(), String::new())),
            dyn_clock.clone(),
            &tasks,
            stop.clone(),
        );
        let profiles = Arc::new(ProfileStore::open(dir).unwrap());
        let alerts = Alerts::start(
            keeper.clone(),
            Arc::new(alerting::open_config(dir).unwrap()),
            ledger.clone(),
            notifier.clone(),
            dyn_clock.clone(),
            &tasks,
            stop.clone(),
        );
        tasks.spawn(forward(hub.clone(), alerts.live(), dyn_clock.clone(), stop.clone()));
        let exec = RemoteExec::new(&settings.agent_commands, ledger.clone(), dyn_clock.clone());
        let state = AppState::from(Services {
            about: Arc::new(About {
                version: "5.1.0",
                started: Instant::now(),
                polling_interval: Duration::from_secs(10),
            }),
            clock: dyn_clock,
            settings: Arc::new(settings),
            system,
            logs: Logs::new(LogLevel::Info),
            mock: MockMode::new(MockConfig::default()),
            access,
            transfer,
            oidc,
            roles,
            audit: Arc::new(audit),
            licensing,
            keeper,
            alerts,
            watcher,
            scheduler: Scheduler::default(),
            nodes,
            metadata,
            fleet,
            exec,
            agent_config: Arc::new(SignedProfiles::new(profiles.clone(), None)),
            profiles,
            infra_updates: Arc::default(),
            probe: Probe::new(Arc::new(StandIn(proxmox.clone(), String::new())), Timeouts::default()),
            discovery: Discovery::default(),
            store: Arc::new(store),
            ledger,
            notifier,
            published,
            charts: Arc::default(),
            hub,
        });
        let page = Router::new().fallback(async || "the page");
        Self { router: pulse_api::router(state.clone(), page), state, clock, proxmox, data, stop }
    }

    /// The same, really asking what is configured: each instance every second, each request for two at most.
    pub fn asking(self) -> Self {
        self.asking_for(2)
    }

    /// The same, each request for this many seconds at most.
    pub fn asking_for(mut self, seconds: u32) -> Self {
        let connect = Arc::new(HttpConnect);
        let settings = SystemSettings {
            pve_polling_interval_seconds: 1,
            pbs_polling_interval_seconds: 1,
            pmg_polling_interval_seconds: 1,
            connection_timeout_seconds: seconds,
            ..SystemSettings::default()
        };
        let probe = Probe::new(connect.clone(), Timeouts::with_request(Duration::from_secs(seconds.into())));
        let scheduler = Supervisor::start(
            self.state.nodes.subscribe(),
            // Settings that nobody changes any more go on holding.
            watch::Sender::new(Arc::new(settings)).subscribe(),
            connect,
            self.state.keeper.clone(),
            self.state.clock.clone(),
            &TaskTracker::new(),
            self.stop.clone(),
        );
        self.state = AppState::from(Services { probe, scheduler, ..Services::clone(&self.state) });
        self.router = pulse_api::router(self.state.clone(), Router::new().fallback(async || "the page"));
        self
    }

    /// The same data directory after a restart.
    pub fn restarted(self) -> Self {
        Self::over_data_of(self, |_| {})
    }

    /// The same with other settings.
    pub fn over_data_of(mut before: Self, change: impl FnOnce(&mut Settings)) -> Self {
        let data = std::mem::replace(&mut before.data, tempfile::tempdir().unwrap());
        drop(before);
        Self::over(data, change)
    }

    /// The whole application, as a listener would serve it.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Makes a token that may do just that and gives its value.
    pub fn token<const N: usize>(&self, scopes: [Scope; N]) -> String {
        self.token_with(scopes.into_iter().collect())
    }

    /// The same for any set of scopes.
    pub fn token_with(&self, scopes: ScopeSet) -> String {
        let value = pulse_auth::generate_token().unwrap();
        let record = token::record(&value, "test", scopes, self.clock.now());
        self.state.access.tokens.add(record).unwrap();
        value.to_string()
    }

    /// Sends a request with a token, or none.
    pub async fn call(&self, method: Method, path: &str, token: Option<&str>, body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("X-API-Token", token);
        }
        // From this machine, which no limit of requests counts.
        request = request.extension(Peer(([127, 0, 0, 1], 4711).into()));
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Gets with a token.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, Some(token), "").await
    }

    /// Sends any request.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }
}

/// What the first run would have left behind; the hash is made once for all tests.
fn configure(dir: &Path, hash: &str) {
    std::fs::write(dir.join(".env"), format!("PULSE_AUTH_USER='{USER}'\nPULSE_AUTH_PASS='{hash}'\n"))
        .unwrap();
    let record =
        token::record(TOKEN, "Primary token", ScopeSet::all(), "2026-01-01T00:00:00Z".parse().unwrap());
    TokenStore::open(dir).unwrap().add(record).unwrap();
}

/// argon2id of [`PASSWORD`], made once: it is slow on purpose.
static PASSWORD_HASH: LazyLock<String> = LazyLock::new(|| password::hash(PASSWORD).unwrap());

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}
