//! The agent: measures and reports until it is told to stop.
//!
//! Each module has a loop of its own, so that a slow engine does not delay the host's report. When the server's
//! configuration changes, the modules are started anew with it; links and what waits in them stay.

mod actions;
mod config;
mod fan;
mod health;
mod modules;
mod pace;
mod shared;
mod systemd;

use std::{path::PathBuf, sync::Arc, sync::atomic::Ordering, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    DockerOptions, HostOptions, docker, exec, host,
    link::{self, LinkError, ReportKind},
    proxmox,
    settings::{AgentSettings, RemoteConfig},
    signature::BadKey,
    upgrade::Upgrader,
};
pub use config::ConfigSetupError;
use config::ConfigSource;
use fan::Fan;
use health::Health;
use modules::Modules;
pub(crate) use shared::Shared;

/// What an update of a container that is under way is given to end when the agent is told to stop.
const ACTION_GRACE: Duration = Duration::from_secs(90);
/// A module that has not come round for so long hangs, and the service manager may start the agent anew.
const HUNG_SECONDS: i64 = 300;

/// Why the agent cannot run at all.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The way to the server cannot be made.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The server's configuration cannot be asked for.
    #[error(transparent)]
    Config(#[from] ConfigSetupError),
    /// The keys that must have signed updates.
    #[error("PULSE_AGENT_UPDATE_PUBLIC_KEYS: {0}")]
    UpdateKey(BadKey),
    /// All modules are off.
    #[error(
        "nothing to do: the host module is off and no container engine is to be watched; drop --enable-host=false or add --enable-docker"
    )]
    NothingToDo,
}

/// How the agent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It was told to stop.
    Stopped,
    /// A new version lies where the program was: start it.
    Replaced,
}

/// Sets how much is logged; without a word, the usual.
pub type SetLogLevel = Box<dyn Fn(Option<&str>) + Send + Sync>;

/// What the program around the agent lends it.
#[derive(Default)]
pub struct Hooks {
    /// Sets how much is logged.
    pub set_log_level: Option<SetLogLevel>,
    /// The program's own file, to be replaced by newer versions; without one the agent stays as it is.
    pub binary: Option<PathBuf>,
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hooks").field("binary", &self.binary).finish_non_exhaustive()
    }
}

/// The agent as a whole.
#[derive(Debug)]
pub struct Agent;

impl Agent {
    /// Reports until cancelled. Fails only where settings cannot work at all.
    pub async fn run(settings: AgentSettings, cancel: CancellationToken) -> Result<Exit, AgentError> {
        Self::run_with(settings, cancel, Hooks::default()).await
    }

    /// The same as a part of a program that can change its log and replace itself.
    pub async fn run_with(
        settings: AgentSettings,
        cancel: CancellationToken,
        hooks: Hooks,
    ) -> Result<Exit, AgentError> {
        Box::pin(Self::run_all(settings, cancel, hooks)).await
    }

    async fn run_all(
        settings: AgentSettings,
        cancel: CancellationToken,
        hooks: Hooks,
    ) -> Result<Exit, AgentError> {
        check_there_is_work(&settings)?;
        let client = link::client(&settings.url, settings.is_insecure)?;
        let mut fans = Fans {
            host: Fan::new(client.clone(), &settings, ReportKind::Host).await?,
            docker: Fan::new(client.clone(), &settings, ReportKind::Docker).await?,
            kubernetes: Fan::new(client.clone(), &settings, ReportKind::Kubernetes).await?,
        };
        let (system_name, machine_id) = host::names();
        let hostname =
            settings.identity.hostname.clone().or(system_name).unwrap_or_else(|| "localhost".to_owned());
        let own_id = settings.identity.agent_id.clone().or(machine_id).unwrap_or_else(|| hostname.clone());
        let source = ConfigSource::new(client.clone(), &settings, hostname.clone(), own_id.clone())?;
        let shared = Arc::new(Shared::new(Health::new(&settings.identity.version)));
        let upgrader =
            Upgrader::new(&settings, client.clone(), hooks.binary.clone()).map_err(AgentError::UpdateKey)?;
        shared.set_updated_from(upgrader.updated_from());
        if settings.is_insecure {
            tracing::warn!("the server's certificate is not checked (--insecure)");
        }
        let mut remote = first_config(&source, &cancel).await;
        let health_port = tokio::spawn(serve_health(settings.health_addr.clone(), Arc::clone(&shared)));
        let watchdog = tokio::spawn(watch_over(Arc::clone(&shared)));
        systemd::notify("READY=1");
        let exit = loop {
            let plan = settings.with_remote(&remote);
            if let Some(set) = &hooks.set_log_level {
                set(plan.log_level.as_deref());
            }
            let round = cancel.child_token();
            let socket = exec::Socket::new(&plan, hostname.clone(), own_id.clone());
            let modules = Modules { plan: &plan, shared: &shared, client: &client };
            announce(&plan);
            tokio::select! {
                () = modules.run(&mut fans, &round) => break Exit::Stopped,
                newer = newer_config(&source, settings.config_period, &remote) => {
                    tracing::info!("the server's configuration changed; it is taken over now");
                    remote = newer;
                }
                () = upgrader.watch(&plan, &shared) => break Exit::Replaced,
                () = proxmox::watch(&plan, &client, &hostname) => {}
                () = socket.run(shared.commands()) => {}
            }
            round.cancel();
        };
        systemd::notify("STOPPING=1");
        shared.actions.close();
        if timeout(ACTION_GRACE, shared.actions.wait()).await.is_err() {
            tracing::warn!("an update of a container did not end in time; it is put right at the next start");
        }
        health_port.abort();
        watchdog.abort();
        tracing::info!("agent stopped");
        Ok(exit)
    }
}

/// The links of all modules.
struct Fans {
    host: Fan,
    docker: Fan,
    kubernetes: Fan,
}

fn check_there_is_work(settings: &AgentSettings) -> Result<(), AgentError> {
    let is_docker_wanted =
        settings.is_docker_enabled.unwrap_or_else(|| docker::is_likely_present(&docker_options(settings)));
    if settings.is_host_enabled || is_docker_wanted || settings.is_kubernetes_enabled {
        Ok(())
    } else {
        Err(AgentError::NothingToDo)
    }
}

fn announce(plan: &AgentSettings) {
    tracing::info!(
        version = %plan.identity.version,
        server = %without_password(&plan.url),
        more_servers = plan.more_targets.len(),
        interval = ?plan.identity.interval,
        host = plan.is_host_enabled,
        docker = ?plan.is_docker_enabled,
        kubernetes = plan.is_kubernetes_enabled,
        commands = plan.are_commands_allowed,
        "agent started"
    );
}

/// The configuration at the start; a server that does not answer must not keep the agent from measuring.
async fn first_config(source: &ConfigSource, cancel: &CancellationToken) -> RemoteConfig {
    match cancel.run_until_cancelled(source.fetch()).await {
        Some(Ok(config)) => config,
        Some(Err(error @ config::ConfigError::Untrusted(_))) => {
            tracing::warn!("{error}");
            RemoteConfig::default()
        }
        Some(Err(error)) => {
            tracing::debug!("{error}");
            RemoteConfig::default()
        }
        None => RemoteConfig::default(),
    }
}

/// Waits until the server's configuration is another one.
async fn newer_config(source: &ConfigSource, period: Duration, known: &RemoteConfig) -> RemoteConfig {
    loop {
        sleep(period).await;
        match source.fetch().await {
            Ok(config) if config != *known => return config,
            Ok(_) => {}
            Err(error @ config::ConfigError::Untrusted(_)) => tracing::warn!("{error}"),
            Err(error) => tracing::debug!("{error}"),
        }
    }
}

/// The host module's options for these settings.
pub fn host_options(settings: &AgentSettings) -> HostOptions {
    HostOptions {
        identity: settings.identity.clone(),
        disk_exclude: settings.disk_exclude.clone(),
        tags: settings.tags.clone(),
        report_ip: settings.report_ip.clone(),
        is_ceph_disabled: settings.is_ceph_disabled,
        is_brief: false,
    }
}

/// The Docker module's options for these settings.
pub fn docker_options(settings: &AgentSettings) -> DockerOptions {
    DockerOptions {
        identity: settings.identity.clone(),
        runtime: settings.docker_runtime,
        host: settings.docker_host.clone(),
        are_update_checks_disabled: settings.are_update_checks_disabled,
    }
}

fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => url.to_owned(),
    }
}

async fn serve_health(addr: Option<String>, shared: Arc<Shared>) {
    let Some(addr) = addr else { return };
    match health::bind(&addr).await {
        Ok(listener) => health::serve(listener, shared).await,
        Err(error) => tracing::warn!(addr, %error, "the health port cannot be opened; going on without it"),
    }
}

/// Tells the service manager that all modules come round.
async fn watch_over(shared: Arc<Shared>) {
    let Some(period) = systemd::watchdog_period() else { return };
    loop {
        if shared.health.is_alive(HUNG_SECONDS.max(4 * shared.interval_seconds.load(Ordering::Relaxed))) {
            systemd::notify("WATCHDOG=1");
        } else {
            tracing::error!("a module hangs; the service manager is not told that all is well");
        }
        sleep(period).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_address_is_not_logged() {
        assert_eq!(without_password("https://me:secret@x.example/p"), "https://x.example/p");
        assert_eq!(without_password("http://localhost:7655"), "http://localhost:7655");
    }
}
