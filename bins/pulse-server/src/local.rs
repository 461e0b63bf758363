//! The machine the server runs on, reported by the agent's own library from the first second, without configuration.

use std::time::Duration;

use pulse_agent::{AgentIdentity, DockerOptions, Engines, HostCollector, HostOptions, docker::Runtime};
use pulse_monitor::{Keeper, Reporter, Reporting, Watcher};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Time between two looks at the own machine.
const PERIOD: Duration = Duration::from_secs(10);

/// The same while somebody looks at it.
const WATCHED_PERIOD: Duration = Duration::from_secs(1);

/// A look takes at most this part of the time, however slow an engine is.
const WATCHED_SHARE: u32 = 4;

/// Where no engine answered, one is looked for again this often.
const SEARCH_PERIOD: Duration = Duration::from_secs(60);

/// Starts both reporters.
pub fn start(keeper: &Keeper, watcher: &Watcher, tasks: &TaskTracker, stop: &CancellationToken) {
    tasks.spawn(report_host(keeper.clone(), watcher.clone(), stop.clone()));
    tasks.spawn(report_containers(keeper.clone(), watcher.clone(), stop.clone()));
}

/// Waits for the next look: for the tick, or while somebody looks for a second, and as much longer as the last took.
async fn next_look(tick: &mut Interval, took: Duration, is_watched: impl Fn() -> bool) {
    let soon = WATCHED_PERIOD.max(took * WATCHED_SHARE);
    loop {
        tokio::select! {
            _ = tick.tick() => return,
            () = tokio::time::sleep(soon) => if is_watched() { return },
        }
    }
}

fn identity() -> AgentIdentity {
    AgentIdentity { interval: PERIOD, ..AgentIdentity::default() }
}

async fn report_host(keeper: Keeper, watcher: Watcher, stop: CancellationToken) {
    let mut collector = HostCollector::new(HostOptions { identity: identity(), ..HostOptions::default() });
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut id, mut took) = (None, Duration::ZERO);
    loop {
        let is_watched = || id.as_ref().is_some_and(|id| watcher.is_report_wanted(Reporting::Host(id)));
        tokio::select! {
            () = stop.cancelled() => return,
            () = next_look(&mut tick, took, is_watched) => {}
        }
        let begun = Instant::now();
        let report = collector.collect().await;
        took = begun.elapsed();
        match keeper.report_host(report, Reporter::Local).await {
            Ok(Ok(accepted)) => id = Some(accepted.id),
            Ok(Err(error)) => tracing::warn!(%error, "this machine's own report was refused"),
            Err(_) => return,
        }
    }
}

async fn report_containers(keeper: Keeper, watcher: Watcher, stop: CancellationToken) {
    // A server asks nobody on the internet unless it was told to; an agent beside it may.
    let options = DockerOptions {
        identity: identity(),
        runtime: Runtime::Auto,
        host: None,
        are_update_checks_disabled: true,
    };
    let mut last_error = String::new();
    loop {
        let found = tokio::select! {
            () = stop.cancelled() => return,
            found = Engines::discover(options.clone()) => found,
        };
        match found {
            Ok(engines) => {
                for engine in engines.all() {
                    tracing::info!(engine = engine.runtime(), "this machine's containers are monitored");
                }
                let ended = tokio::select! {
                    () = stop.cancelled() => return,
                    ended = report_until_error(engines, &keeper, &watcher) => ended,
                };
                let Some(error) = ended else { return };
                last_error = error;
                tracing::warn!(error = %last_error, "the container engine went away");
            }
            Err(error) => {
                let text = error.to_string();
                if text != last_error {
                    tracing::info!(reason = %text, "no containers of this machine are monitored");
                    last_error = text;
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SEARCH_PERIOD) => {}
        }
    }
}

/// Reports until the engine fails, and returns how; `None` when nobody takes reports any more.
async fn report_until_error(mut engines: Engines, keeper: &Keeper, watcher: &Watcher) -> Option<String> {
    let mut host =
        HostCollector::new(HostOptions { identity: identity(), is_brief: true, ..HostOptions::default() });
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut id, mut took) = (None, Duration::ZERO);
    loop {
        let is_watched = || id.as_ref().is_some_and(|id| watcher.is_report_wanted(Reporting::Docker(id)));
        next_look(&mut tick, took, is_watched).await;
        let begun = Instant::now();
        let mut report = match engines.collect().await {
            Ok(report) => report,
            Err(error) => return Some(error.to_string()),
        };
        engines.attach_host(&mut report, &host.collect().await);
        took = begun.elapsed();
        match keeper.report_docker(report, Reporter::Local).await {
            Ok(Ok(accepted)) => id = Some(accepted.id),
            Ok(Err(error)) => tracing::warn!(%error, "this machine's own container report was refused"),
            Err(_) => return None,
        }
    }
}
