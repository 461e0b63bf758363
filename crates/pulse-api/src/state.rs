//! What handlers reach: the services of the server, each under its own type.

use std::{ops::Deref, path::Path, sync::Arc, time::Duration};

use axum::extract::FromRef;
use jiff::{SignedDuration, Timestamp};
use pulse_auth::{Csrf, FeatureSet, Lockout, RateLimiter, RecoveryTokens, Sessions, SetupTokens};
use pulse_config::transfer::Transfer;
use pulse_config::{
    Metadata, NodeStore, ProfileStore, RecoveryFile, Settings, SystemSettingsStore,
    store::{bootstrap::BootstrapToken, credentials::Credentials, sessions::SessionFile, tokens::TokenStore},
};
use pulse_core::Clock;
use pulse_log::Logs;
use pulse_monitor::{
    Alerts, Keeper, RemoteExec, Scheduler, Watcher, discovery::Discovery, fleet::Fleet,
    fleet::config::AgentConfigSource, infra_updates::InfraUpdates, probe::Probe,
};
use pulse_notify::Notifier;
use pulse_store::{Ledger, MetricStore};

use crate::{
    areas::charts::ChartCache,
    auditing::Audit,
    auth::{BasicCache, Oidc},
    licensing::Licensing,
    middleware::RequestLimits,
    mock::MockMode,
    published::StateCache,
    roles::Roles,
    ws::Hub,
};

/// Everything that decides who may come in.
#[derive(Debug)]
pub struct Access {
    /// The login of this server.
    pub credentials: Credentials,
    /// API tokens.
    pub tokens: TokenStore,
    /// Sessions of people.
    pub sessions: Sessions,
    /// Where sessions survive a restart.
    pub session_file: SessionFile,
    /// CSRF tokens of sessions.
    pub csrf: Csrf,
    /// Who failed too often.
    pub lockout: Lockout,
    /// How often an address may try to log in.
    pub login_limiter: RateLimiter<std::net::IpAddr>,
    /// How often an address may export or import everything.
    pub export_limiter: RateLimiter<std::net::IpAddr>,
    /// How often an address may fetch programs and scripts.
    pub download_limiter: RateLimiter<std::net::IpAddr>,
    /// The token of the first run.
    pub bootstrap: BootstrapToken,
    /// Tokens with which somebody on the machine may set a new password.
    pub recovery: RecoveryTokens,
    /// Where the command line leaves such a token.
    pub recovery_file: RecoveryFile,
    /// One-time tokens of setup scripts.
    pub setup_tokens: SetupTokens,
    /// How often an address may ask at all.
    pub request_limits: RequestLimits,
    /// Repeated Basic logins, so that not each one costs a password hash.
    pub basic: BasicCache,
}

impl AsRef<TokenStore> for AccessTokens {
    fn as_ref(&self) -> &TokenStore {
        &self.0.tokens
    }
}

/// The tokens of an [`Access`], for the export.
#[derive(Debug)]
pub struct AccessTokens(pub Arc<Access>);

impl Access {
    /// Access over what the data directory holds.
    pub fn new(
        credentials: Credentials,
        tokens: TokenStore,
        sessions: Sessions,
        session_file: SessionFile,
        bootstrap: BootstrapToken,
    ) -> Self {
        Self {
            recovery_file: RecoveryFile::new(credentials.path().parent().unwrap_or(Path::new("."))),
            credentials,
            tokens,
            sessions,
            session_file,
            csrf: Csrf::default(),
            lockout: Lockout::default(),
            login_limiter: RateLimiter::new(10, SignedDuration::from_mins(1), 10_000),
            export_limiter: RateLimiter::new(5, SignedDuration::from_mins(1), 10_000),
            download_limiter: RateLimiter::new(60, SignedDuration::from_mins(1), 10_000),
            bootstrap,
            recovery: RecoveryTokens::default(),
            setup_tokens: SetupTokens::default(),
            request_limits: RequestLimits::default(),
            basic: BasicCache::default(),
        }
    }

    /// Whether anybody can log in or hold a token: the first run is over.
    pub fn is_configured(&self) -> bool {
        self.credentials.current().is_some() || !self.tokens.current().is_empty()
    }
}

/// What the server says of itself.
#[derive(Debug, Clone)]
pub struct About {
    /// Version, plain semver.
    pub version: &'static str,
    /// When the server started, for the uptime.
    pub started: std::time::Instant,
    /// Polling interval, also the period of whole states on the WebSocket.
    pub polling_interval: Duration,
}

/// The services behind the routes, shared by all of them.
///
/// Each layer and each handler of a request takes a clone: one counter, not one for each service, which the cores would
/// hand to and fro.
#[derive(Clone)]
pub struct AppState(Arc<Services>);

impl From<Services> for AppState {
    fn from(services: Services) -> Self {
        Self(Arc::new(services))
    }
}

impl Deref for AppState {
    type Target = Services;

    fn deref(&self) -> &Services {
        &self.0
    }
}

/// What [`AppState`] shares.
#[derive(Clone)]
pub struct Services {
    /// What the server says of itself.
    pub about: Arc<About>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Settings.
    pub settings: Arc<Settings>,
    /// What an administrator changes while the server runs.
    pub system: Arc<SystemSettingsStore>,
    /// The log.
    pub logs: Logs,
    /// Whether an invented installation is shown.
    pub mock: Arc<MockMode>,
    /// Who may come in.
    pub access: Arc<Access>,
    /// Export and import of the whole configuration.
    pub transfer: Arc<Transfer>,
    /// Login by a provider.
    pub oidc: Arc<Oidc>,
    /// Roles, and who has which.
    pub roles: Arc<Roles>,
    /// The audit log.
    pub audit: Arc<Audit>,
    /// What the licence includes.
    pub licensing: Arc<Licensing>,
    /// The world.
    pub keeper: Keeper,
    /// Alerts.
    pub alerts: Alerts,
    /// The one-second view.
    pub watcher: Watcher,
    /// How polling goes.
    pub scheduler: Scheduler,
    /// Configured instances.
    pub nodes: Arc<NodeStore>,
    /// What people noted.
    pub metadata: Arc<Metadata>,
    /// Profiles of agents.
    pub profiles: Arc<ProfileStore>,
    /// When updates of what is monitored were first seen.
    pub infra_updates: Arc<InfraUpdates>,
    /// What is decided about machines that agents report.
    pub fleet: Fleet,
    /// Commands that agents run for people.
    pub exec: RemoteExec,
    /// Profiles of agents, and the key their configuration is signed with.
    pub agent_config: Arc<dyn AgentConfigSource>,
    /// Tries instances.
    pub probe: Probe,
    /// Looks for servers.
    pub discovery: Discovery,
    /// History.
    pub store: Arc<dyn MetricStore>,
    /// Alert history and the notification queue.
    pub ledger: Ledger,
    /// How people are told.
    pub notifier: Arc<Notifier>,
    /// The state as bytes.
    pub published: Arc<StateCache>,
    /// Charts that took long to make.
    pub charts: Arc<ChartCache>,
    /// Live clients.
    pub hub: Hub,
}

impl Services {
    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

macro_rules! from_ref {
    ($($field:ident: $type:ty),+ $(,)?) => {$(
        impl FromRef<AppState> for $type {
            fn from_ref(state: &AppState) -> Self {
                state.$field.clone()
            }
        }
    )+};
}

from_ref! {
    mock: Arc<MockMode>,
    logs: Logs,
    about: Arc<About>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
    system: Arc<SystemSettingsStore>,
    access: Arc<Access>,
    oidc: Arc<Oidc>,
    roles: Arc<Roles>,
    audit: Arc<Audit>,
    licensing: Arc<Licensing>,
    transfer: Arc<Transfer>,
    keeper: Keeper,
    alerts: Alerts,
    watcher: Watcher,
    scheduler: Scheduler,
    nodes: Arc<NodeStore>,
    metadata: Arc<Metadata>,
    profiles: Arc<ProfileStore>,
    infra_updates: Arc<InfraUpdates>,
    fleet: Fleet,
    exec: RemoteExec,
    agent_config: Arc<dyn AgentConfigSource>,
    probe: Probe,
    store: Arc<dyn MetricStore>,
    ledger: Ledger,
    notifier: Arc<Notifier>,
    published: Arc<StateCache>,
    charts: Arc<ChartCache>,
    hub: Hub,
}

impl FromRef<AppState> for FeatureSet {
    /// What the licence includes at this moment.
    fn from_ref(state: &AppState) -> Self {
        state.licensing.features(state.clock.now())
    }
}
