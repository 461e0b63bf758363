//! The loops of the modules: measure, report, do what the answer says.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde::Deserialize;
use tokio::{
    sync::Notify,
    time::{Interval, MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{Fans, actions::Actions, docker_options, fan::Fan, host_options, pace::Pace, shared::Shared};
use crate::{
    DockerOptions, Engines, HostCollector, HostOptions,
    docker::{self, DockerError},
    kubernetes::{KubernetesCollector, KubernetesError},
    link::Delivery,
    settings::AgentSettings,
};

/// Between two searches for an engine or a cluster, doubled up to the second value (contract B-10 §2).
const FIRST_SEARCH: Duration = Duration::from_secs(5);
const LONGEST_SEARCH: Duration = Duration::from_mins(5);

/// The modules for one state of the settings.
pub(super) struct Modules<'a> {
    pub(super) plan: &'a AgentSettings,
    pub(super) shared: &'a Arc<Shared>,
    pub(super) client: &'a reqwest::Client,
}

impl Modules<'_> {
    /// Runs all that are on, until cancelled.
    pub(super) async fn run(&self, fans: &mut Fans, cancel: &CancellationToken) {
        let (plan, health) = (self.plan, &self.shared.health);
        let options = docker_options(plan);
        let is_docker_on = !self.shared.is_docker_stopped.load(Ordering::Acquire)
            && plan.is_docker_enabled.unwrap_or_else(|| docker::is_likely_present(&options));
        health.is_host_enabled.store(plan.is_host_enabled, Ordering::Relaxed);
        health.is_docker_enabled.store(is_docker_on, Ordering::Relaxed);
        health.is_kubernetes_enabled.store(plan.is_kubernetes_enabled, Ordering::Relaxed);
        let seconds = i64::try_from(plan.identity.interval.as_secs()).unwrap_or(i64::MAX / 8);
        self.shared.interval_seconds.store(seconds, Ordering::Relaxed);
        for counters in [&health.host, &health.docker, &health.kubernetes] {
            counters.rest();
        }
        let run = async {
            tokio::join!(
                async {
                    if plan.is_host_enabled {
                        self.report_host(&mut fans.host).await;
                    }
                },
                async {
                    if is_docker_on {
                        self.report_docker(options.clone(), &mut fans.docker).await;
                    }
                },
                async {
                    if plan.is_kubernetes_enabled {
                        self.report_kubernetes(&mut fans.kubernetes).await;
                    }
                },
            );
            // All that is left to run may be switched on again by the server.
            std::future::pending::<()>().await;
        };
        Box::pin(cancel.run_until_cancelled(run)).await;
    }

    /// Ticks at once, then every interval; a tick that was missed is not made up for.
    fn ticks(&self) -> Interval {
        let mut ticks = interval(self.plan.identity.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks
    }

    async fn report_host(&self, fan: &mut Fan) {
        let mut collector = HostCollector::new(host_options(self.plan));
        let mut ticks = self.ticks();
        let mut pace = Pace::default();
        let counters = &self.shared.health.host;
        loop {
            pace.next(&mut ticks).await;
            counters.beat();
            collector.set_updated_from(self.shared.updated_from());
            pace.begin();
            let report = collector.collect().await;
            pace.end();
            self.shared.measured();
            if let Delivery::Sent { .. } = fan.deliver(&report, counters).await {
                self.shared.report_taken();
                // Said once, and heard.
                self.shared.set_updated_from(None);
            }
            if let Some(answer) = fan.take_reply() {
                self.shared.set_commands(commands_enabled(&answer));
                pace.take(&answer);
            }
        }
    }

    async fn report_docker(&self, options: DockerOptions, fan: &mut Fan) {
        let mut host = HostCollector::new(HostOptions { is_brief: true, ..host_options(self.plan) });
        let mut ticks = self.ticks();
        let mut pace = Pace::default();
        let mut engines: Option<Engines> = None;
        let mut wait = FIRST_SEARCH;
        let counters = &self.shared.health.docker;
        let soon = Arc::new(Notify::new());
        let mut actions = match Actions::new(self.plan, self.client.clone(), self.shared, Arc::clone(&soon)) {
            Ok(actions) => actions,
            Err(error) => {
                tracing::error!(%error, "the Docker module cannot run");
                return;
            }
        };
        // The first tick comes at once; it stands for the first report.
        ticks.tick().await;
        loop {
            counters.beat();
            let read = async {
                let collector = if let Some(collector) = &mut engines {
                    collector
                } else {
                    let found = find_engines(options.clone()).await?;
                    actions.begin(found.control()).await;
                    engines.insert(found)
                };
                pace.begin();
                let mut report = collector.collect().await?;
                collector.attach_host(&mut report, &host.collect().await);
                pace.end();
                Ok::<_, DockerError>(report)
            };
            match read.await {
                Ok(report) => {
                    wait = FIRST_SEARCH;
                    self.shared.measured();
                    if let Delivery::Sent { .. } = fan.deliver(&report, counters).await {
                        self.shared.report_taken();
                    }
                    if let (Some(answer), Some(collector)) = (fan.take_reply(), &engines) {
                        pace.take(&answer);
                        actions.take(&answer, &collector.control()).await;
                    }
                    if self.shared.is_docker_stopped.load(Ordering::Acquire) {
                        tracing::info!(
                            "the server ended the reports of containers; a restart of the agent begins them again"
                        );
                        counters.rest();
                        return;
                    }
                    tokio::select! {
                        () = pace.next(&mut ticks) => {}
                        () = soon.notified() => {}
                        () = newly_checked(engines.as_ref()) => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, retry_in = ?wait, "no report of containers");
                    // For one that is restarted, all registries need not be asked anew.
                    if engines.as_ref().is_some_and(Engines::are_lost) {
                        engines = None;
                    }
                    // It waits on purpose, for longer than the watchdog would.
                    counters.rest();
                    sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_SEARCH);
                }
            }
        }
    }

    async fn report_kubernetes(&self, fan: &mut Fan) {
        let mut ticks = self.ticks();
        let mut cluster: Option<KubernetesCollector> = None;
        let mut wait = FIRST_SEARCH;
        let counters = &self.shared.health.kubernetes;
        ticks.tick().await;
        loop {
            counters.beat();
            let read = async {
                let collector = if let Some(collector) = &mut cluster {
                    collector
                } else {
                    let identity = self.plan.identity.clone();
                    cluster.insert(KubernetesCollector::connect(&self.plan.kube, identity).await?)
                };
                collector.collect().await
            };
            match read.await {
                Ok(report) => {
                    wait = FIRST_SEARCH;
                    self.shared.measured();
                    if let Delivery::Sent { .. } = fan.deliver(&report, counters).await {
                        self.shared.report_taken();
                    }
                    ticks.tick().await;
                }
                Err(error) => {
                    let error: KubernetesError = error;
                    tracing::warn!(%error, retry_in = ?wait, "no report of the cluster");
                    cluster = None;
                    counters.rest();
                    sleep(wait).await;
                    wait = (wait * 2).min(LONGEST_SEARCH);
                }
            }
        }
    }
}

/// The server's word on commands in its answer to a host report.
fn commands_enabled(answer: &[u8]) -> Option<bool> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Answer {
        config: Option<Config>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Config {
        commands_enabled: Option<bool>,
    }
    serde_json::from_slice::<Answer>(answer).ok()?.config?.commands_enabled
}

async fn find_engines(options: DockerOptions) -> Result<Engines, DockerError> {
    let engines = Engines::discover(options).await?;
    for engine in engines.all() {
        tracing::info!(runtime = engine.runtime(), endpoint = %engine.endpoint(), "watching containers");
    }
    for attempt in engines.tried() {
        tracing::debug!(%attempt, "looked for a container engine");
    }
    Ok(engines)
}

/// Waits until registries have answered what the server wanted to know.
async fn newly_checked(engines: Option<&Engines>) {
    match engines {
        Some(engines) => engines.control().checked().await,
        None => std::future::pending().await,
    }
}
