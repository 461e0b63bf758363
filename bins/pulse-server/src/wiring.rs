//! Builds everything, hands it down, runs it, and stops it in order.

use std::{
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use pulse_api::{
    About, Access, AccessTokens, AppState, Licensing, Services,
    auth::Oidc,
    mock::MockMode,
    published::StateCache,
    serve::Tls,
    ws::{Hub, alerts::forward},
};
use pulse_auth::{Sessions, password, token};
use pulse_collectors::{Connect, HttpConnect, Timeouts};
use pulse_config::{
    DataDir, DotEnv, Layered, Metadata, MockConfig, NodeStore, NotifyStore, OidcStore, ProcessEnv,
    ProfileStore, SealKey, Settings, SigningKey, SystemSettingsStore, Vars,
    store::{bootstrap::BootstrapToken, credentials::Credentials, sessions::SessionFile, tokens::TokenStore},
};
use pulse_core::{Clock, SystemClock};
use pulse_log::Logs;
use pulse_monitor::{
    Alerts, RemoteExec, Supervisor, View, Watcher, alerting, discovery::Discovery,
    fleet::signed::SignedProfiles, late, members, pipeline, probe::Probe,
};
use pulse_store::Ledger;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[cfg(feature = "mock-mode")]
use crate::mock;
use crate::{
    alerts, bundle::Stores, cli::say, fleet, history, keep, local, notify, operate, page, rights,
    service_manager,
};

/// Connections get this long to end.
const GRACE: Duration = Duration::from_secs(10);

/// Tasks get this long to end after the connections.
const TASK_GRACE: Duration = Duration::from_secs(20);

/// Runs the server until a signal.
pub async fn serve(settings: Settings, logs: Logs, monitors_local: bool) -> Result<()> {
    let started = Instant::now();
    // A second installation in one process (tests) is no error: the same provider is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data_dir = DataDir::open(&settings.data_dir)?;
    let address = SocketAddr::new(settings.bind_address, settings.port);
    let tls = settings.tls.clone().map(Tls::open).transpose()?.map(Arc::new);
    let listener = listen(address).await?;
    let bound = listener.local_addr().context("ask for the port")?;

    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let vars = Layered(ProcessEnv, DotEnv::read(&data_dir.file(".env"))?);
    let system = Arc::new(SystemSettingsStore::open(data_dir.path(), &vars)?);
    let access = Arc::new(open_access(data_dir.path(), &settings, &*clock)?);
    let licensing = Arc::new(Licensing::open(&settings)?);
    let is_first_start = !data_dir.file("nodes.enc").exists();
    let nodes = Arc::new(NodeStore::open(data_dir.path(), SealKey::open(data_dir.path())?)?);
    let alert_config = Arc::new(alerting::open_config(data_dir.path())?);
    let metadata = Arc::new(Metadata::open(data_dir.path())?);
    let profiles = Arc::new(ProfileStore::open(data_dir.path())?);
    let signing_key = SigningKey::open(data_dir.path(), &vars)?;
    let destinations = Arc::new(NotifyStore::open(data_dir.path(), SealKey::open(data_dir.path())?)?);
    let oidc_store = Arc::new(OidcStore::open(data_dir.path(), SealKey::open(data_dir.path())?, &vars)?);
    let oidc = Arc::new(Oidc::new(oidc_store.clone()));
    let stores = Stores {
        oidc: oidc_store,
        nodes: nodes.clone(),
        system: system.clone(),
        alerts: alert_config.clone(),
        destinations: destinations.clone(),
        metadata: metadata.clone(),
    };
    let transfer = Arc::new(stores.transfer(AccessTokens(access.clone())));
    operate::import_from_environment(&vars, data_dir.path(), &transfer, is_first_start)?;
    let ledger = Ledger::open(&data_dir.file("pulse.db"), clock.clone())?;
    let roles = rights::roles(data_dir.path(), &clock)?;
    let notifier = notify::open(
        destinations,
        system.clone(),
        ledger.clone(),
        clock.clone(),
        alerts::grouping(&alert_config),
    );

    let stop = CancellationToken::new();
    let last = CancellationToken::new();
    let tasks = TaskTracker::new();
    let last_tasks = TaskTracker::new();
    let audit = rights::audit(data_dir.path(), &ledger, &notifier, &clock, &tasks, stop.clone())?;
    let store =
        history::open(&settings.history, &data_dir, clock.clone(), system.subscribe(), &tasks, stop.clone())?;
    let view = View::new(clock.now());
    let (keeper, fleet, late_reports) = fleet::open(
        data_dir.path(),
        &metadata,
        access.clone(),
        &view,
        clock.clone(),
        &last_tasks,
        last.clone(),
    )?;
    // Those who only look may be shown an invented world; history and alerts always have the real one.
    let seen = keeper.through(&view);
    let mock = MockMode::new(MockConfig::load(&vars)?);
    last_tasks.spawn(pipeline::run(keeper.subscribe(), store.clone(), last.clone()));
    last_tasks.spawn(late::fill(late_reports, store.clone(), last.clone()));
    last_tasks.spawn(keep::keep_access(access.clone(), clock.clone(), last.clone()));

    let polling_interval = system.current().pve_polling_interval();
    let connect: Arc<dyn Connect> = Arc::new(HttpConnect);
    let scheduler = Supervisor::start(
        nodes.subscribe(),
        system.subscribe(),
        connect.clone(),
        keeper.clone(),
        clock.clone(),
        &tasks,
        stop.clone(),
    );
    tasks.spawn(members::keep(keeper.subscribe(), nodes.clone(), stop.clone()));
    let discovery = Discovery::default();
    discovery.start(system.subscribe(), nodes.subscribe(), clock.clone(), &tasks, stop.clone());
    let run = u64::try_from(clock.now().as_millisecond()).unwrap_or_default();
    let published = Arc::new(StateCache::new(seen.clone(), run));
    let hub = Hub::start(seen.subscribe(), published.clone(), polling_interval, &tasks, stop.clone());
    notifier.start(&tasks, stop.clone());
    let about = About { version: env!("CARGO_PKG_VERSION"), started, polling_interval };
    let alerts = Alerts::start(
        keeper.clone(),
        alert_config,
        ledger.clone(),
        notifier.clone(),
        clock.clone(),
        &last_tasks,
        last.clone(),
    );
    tasks.spawn(forward(hub.clone(), alerts.live(), clock.clone(), stop.clone()));
    let watcher =
        Watcher::new(keeper.clone(), nodes.subscribe(), connect.clone(), clock.clone(), &tasks, stop.clone());
    let local_watcher = watcher.clone();
    let bootstrap = access.bootstrap.current();
    #[cfg(feature = "mock-mode")]
    let mock_system = system.clone();
    let (system_changes, log_level) = (system.subscribe(), settings.log_level);
    let exec = RemoteExec::new(&settings.agent_commands, ledger.clone(), clock.clone());
    let state = AppState::from(Services {
        about: Arc::new(about),
        clock: clock.clone(),
        settings: Arc::new(settings),
        system,
        logs: logs.clone(),
        mock: mock.clone(),
        access: access.clone(),
        roles,
        audit,
        licensing,
        transfer,
        oidc: oidc.clone(),
        keeper: seen,
        alerts,
        watcher,
        scheduler,
        nodes,
        metadata,
        fleet,
        exec,
        agent_config: Arc::new(SignedProfiles::new(profiles.clone(), signing_key)),
        profiles,
        infra_updates: Arc::default(),
        // A person waits for the answer: shorter than a poll may take.
        probe: Probe::new(connect, Timeouts::with_request(Duration::from_secs(10))),
        discovery,
        store: store.clone(),
        ledger: ledger.clone(),
        notifier: notifier.clone(),
        published: published.clone(),
        charts: Arc::default(),
        hub,
    });
    if let Some(address) = state.settings.history.listen {
        // What Prometheus keeps is history: always of the real world.
        let state = AppState::from(Services { keeper: keeper.clone(), ..Services::clone(&state) });
        history::serve_metrics(address, state, &tasks, stop.clone()).await?;
    }
    let app = pulse_api::router(state, page::router());
    if let Some(tls) = &tls {
        tasks.spawn(tls.clone().follow(stop.clone()));
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    let server = tokio::spawn(pulse_api::serve::serve(listener, tls, app, stop.clone(), GRACE));
    tasks.spawn(keep::follow_log_level(system_changes, log_level, logs.clone(), stop.clone()));
    #[cfg(feature = "mock-mode")]
    {
        if is_mock_wanted(&vars) {
            let (_, config) = mock.current();
            mock.want(true, config);
        }
        let mock =
            mock::Mock { mode: mock, view, real: keeper.clone(), clock: clock.clone(), system: mock_system };
        tasks.spawn(mock.run(stop.clone()));
    }
    tasks.spawn(keep::give_memory_back(published.clone(), stop.clone()));
    tasks.spawn(keep::refresh_oidc(oidc, access, clock, stop.clone()));
    if monitors_local {
        local::start(&keeper, &local_watcher, &tasks, &stop);
    }
    announce(scheme, bound, bootstrap.as_deref().map(pulse_config::Secret::expose), started);

    service_manager::ready();
    until_signal().await?;
    service_manager::stopping();
    tracing::info!("stopping");
    // Readers of the log would hold their connections otherwise.
    logs.book().close();
    stop.cancel();
    server.await.context("serve connections")?;
    tasks.close();
    if tokio::time::timeout(TASK_GRACE, tasks.wait()).await.is_err() {
        tracing::warn!("some sources did not stop in time");
    }
    // Only now: what the sources brought last goes into the history too.
    last.cancel();
    last_tasks.close();
    last_tasks.wait().await;
    store.close().await;
    ledger.close().await;
    drop(data_dir);
    Ok(())
}

/// Whether `PULSE_MOCK_MODE` asks for an invented world from the start on.
#[cfg(feature = "mock-mode")]
fn is_mock_wanted(vars: &impl Vars) -> bool {
    vars.get("PULSE_MOCK_MODE").is_some_and(|value| matches!(value.trim(), "1" | "true" | "TRUE" | "True"))
}

async fn listen(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow!(
            "port {} is in use by another program; stop that one or choose another port with --listen or FRONTEND_PORT",
            address.port()
        ),
        _ => anyhow!("cannot listen on {address}: {error}"),
    })
}

/// Everything that decides who may come in, as the data directory has it.
fn open_access(data_dir: &Path, settings: &Settings, clock: &dyn Clock) -> Result<Access> {
    let hash = |secret: &pulse_config::Secret| password::hash_unless_hashed(secret.expose());
    let credentials = Credentials::open(data_dir, &ProcessEnv, hash)?;
    let tokens = TokenStore::open(data_dir)?;
    let now = clock.now();
    if settings.api_tokens.iter().any(|value| token::looks_hashed(value.expose())) {
        tracing::warn!(
            "a token in API_TOKENS has 64 hexadecimal digits and is taken for a hash, as in Pulse v5: \
             a token's own value put there will not be accepted"
        );
    }
    tokens.adopt(
        settings.api_tokens.iter().map(|value| token::record_from_environment(value.expose(), now)).collect(),
    )?;
    let session_file = SessionFile::new(data_dir);
    let sessions = Sessions::default();
    sessions.restore(session_file.load()?, now);
    let is_configured = credentials.current().is_some() || settings.proxy_auth.is_some();
    let bootstrap = BootstrapToken::open(data_dir, is_configured)?;
    Ok(Access::new(credentials, tokens, sessions, session_file, bootstrap))
}

fn announce(scheme: &str, bound: SocketAddr, bootstrap: Option<&str>, started: Instant) {
    let shown = if bound.ip().is_unspecified() {
        SocketAddr::new(std::net::Ipv4Addr::LOCALHOST.into(), bound.port())
    } else {
        bound
    };
    say(&format!("Pulse is listening on {scheme}://{shown}"));
    if let Some(token) = bootstrap {
        say(&format!("Bootstrap token: {token}"));
    }
    if !pulse_web::is_built() {
        say("The page is not built into this server; open the address to read how to add it.");
    }
    tracing::info!(address = %bound, took_ms = started.elapsed().as_millis(), "started");
}

async fn until_signal() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
