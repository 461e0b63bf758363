//! The agent: measures and reports until it is told to stop.
//!
//! Each module has a loop of its own, so that a slow engine does not delay the host's report. Nothing but the
//! cancellation ends a loop.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    DockerCollector, DockerOptions, HostCollector, HostOptions, docker,
    health::{self, Health},
    link::{self, Link, LinkError, ReportKind},
    settings::AgentSettings,
};

/// Between two searches for an engine, doubled up to the second value (contract B-10 §2).
const FIRST_SEARCH: Duration = Duration::from_secs(5);
const LONGEST_SEARCH: Duration = Duration::from_mins(5);

/// Why the agent cannot run at all.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The way to the server cannot be made.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// All modules are off.
    #[error(
        "nothing to do: the host module is off and no container engine is to be watched; drop --enable-host=false or add --enable-docker"
    )]
    NothingToDo,
}

/// The agent as a whole.
#[derive(Debug)]
pub struct Agent;

impl Agent {
    /// Reports until cancelled. Fails only where settings cannot work at all.
    pub async fn run(settings: AgentSettings, cancel: CancellationToken) -> Result<(), AgentError> {
        let docker_options = docker_options(&settings);
        let is_docker_enabled =
            settings.is_docker_enabled.unwrap_or_else(|| docker::is_likely_present(&docker_options));
        if !settings.is_host_enabled && !is_docker_enabled {
            return Err(AgentError::NothingToDo);
        }
        let client = link::client(&settings)?;
        let host_link = Link::new(client.clone(), &settings, ReportKind::Host)?;
        let docker_link = Link::new(client, &settings, ReportKind::Docker)?;
        let health = Arc::new(Health {
            is_ready: false.into(),
            version: settings.identity.version.clone(),
            is_host_enabled: settings.is_host_enabled,
            is_docker_enabled,
        });
        tracing::info!(
            version = %settings.identity.version,
            server = %without_password(&settings.url),
            interval = ?settings.identity.interval,
            host = settings.is_host_enabled,
            docker = is_docker_enabled,
            "agent started"
        );
        if settings.is_insecure {
            tracing::warn!("the server's certificate is not checked (--insecure)");
        }
        let run = async {
            tokio::join!(
                serve_health(settings.health_addr.as_deref(), Arc::clone(&health)),
                async {
                    if settings.is_host_enabled {
                        report_host(&settings, host_link, &health).await;
                    }
                },
                async {
                    if is_docker_enabled {
                        report_docker(&settings, docker_options.clone(), docker_link, &health).await;
                    }
                },
            );
        };
        Box::pin(cancel.run_until_cancelled(run)).await;
        tracing::info!("agent stopped");
        Ok(())
    }
}

/// The host module's options for these settings.
pub fn host_options(settings: &AgentSettings) -> HostOptions {
    HostOptions {
        identity: settings.identity.clone(),
        disk_exclude: settings.disk_exclude.clone(),
        tags: settings.tags.clone(),
        report_ip: settings.report_ip.clone(),
    }
}

/// The Docker module's options for these settings.
pub fn docker_options(settings: &AgentSettings) -> DockerOptions {
    DockerOptions {
        identity: settings.identity.clone(),
        runtime: settings.docker_runtime,
        host: settings.docker_host.clone(),
    }
}

fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => url.to_owned(),
    }
}

async fn serve_health(addr: Option<&str>, health: Arc<Health>) {
    let Some(addr) = addr else { return };
    match health::bind(addr).await {
        Ok(listener) => health::serve(listener, health).await,
        Err(error) => tracing::warn!(addr, %error, "the health port cannot be opened; going on without it"),
    }
}

/// Ticks at once, then every interval; a tick that was missed is not made up for.
fn ticks(settings: &AgentSettings) -> Interval {
    let mut ticks = interval(settings.identity.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

async fn report_host(settings: &AgentSettings, mut link: Link, health: &Health) {
    let mut collector = HostCollector::new(host_options(settings));
    let mut ticks = ticks(settings);
    loop {
        ticks.tick().await;
        let report = collector.collect().await;
        health.is_ready.store(true, Ordering::Release);
        link.deliver(&report).await;
    }
}

async fn report_docker(settings: &AgentSettings, options: DockerOptions, mut link: Link, health: &Health) {
    let mut host = HostCollector::new(host_options(settings));
    let mut ticks = ticks(settings);
    let mut engine: Option<DockerCollector> = None;
    let mut wait = FIRST_SEARCH;
    // The first tick comes at once; it stands for the first report.
    ticks.tick().await;
    loop {
        let read = async {
            let collector = match &mut engine {
                Some(collector) => collector,
                None => engine.insert(find_engine(options.clone()).await?),
            };
            let mut report = collector.collect().await?;
            collector.attach_host(&mut report, &host.collect().await);
            Ok::<_, docker::DockerError>(report)
        };
        match read.await {
            Ok(report) => {
                wait = FIRST_SEARCH;
                health.is_ready.store(true, Ordering::Release);
                link.deliver(&report).await;
                ticks.tick().await;
            }
            Err(error) => {
                tracing::warn!(%error, retry_in = ?wait, "no report of containers");
                engine = None;
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_SEARCH);
            }
        }
    }
}

async fn find_engine(options: DockerOptions) -> Result<DockerCollector, docker::DockerError> {
    let collector = DockerCollector::discover(options).await?;
    tracing::info!(runtime = collector.runtime(), endpoint = %collector.endpoint(), "watching containers");
    for attempt in collector.tried() {
        tracing::debug!(%attempt, "looked for a container engine");
    }
    Ok(collector)
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
