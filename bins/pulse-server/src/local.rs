//! The machine the server runs on, reported by the agent's own library from the first second, without configuration.

use std::time::Duration;

use pulse_agent::{AgentIdentity, DockerOptions, Engines, HostCollector, HostOptions, docker::Runtime};
use pulse_monitor::{Keeper, Reporter};
use tokio::time::MissedTickBehavior;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Time between two looks at the own machine.
const PERIOD: Duration = Duration::from_secs(10);

/// Where no engine answered, one is looked for again this often.
const SEARCH_PERIOD: Duration = Duration::from_secs(60);

/// Starts both reporters.
pub fn start(keeper: &Keeper, tasks: &TaskTracker, stop: &CancellationToken) {
    tasks.spawn(report_host(keeper.clone(), stop.clone()));
    tasks.spawn(report_containers(keeper.clone(), stop.clone()));
}

fn identity() -> AgentIdentity {
    AgentIdentity { interval: PERIOD, ..AgentIdentity::default() }
}

async fn report_host(keeper: Keeper, stop: CancellationToken) {
    let mut collector = HostCollector::new(HostOptions { identity: identity(), ..HostOptions::default() });
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let report = collector.collect().await;
        match keeper.report_host(report, Reporter::Local).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "this machine's own report was refused"),
            Err(_) => return,
        }
    }
}

async fn report_containers(keeper: Keeper, stop: CancellationToken) {
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
                    ended = report_until_error(engines, &keeper) => ended,
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
async fn report_until_error(mut engines: Engines, keeper: &Keeper) -> Option<String> {
    let mut host =
        HostCollector::new(HostOptions { identity: identity(), is_brief: true, ..HostOptions::default() });
    let mut tick = tokio::time::interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tick.tick().await;
        let mut report = match engines.collect().await {
            Ok(report) => report,
            Err(error) => return Some(error.to_string()),
        };
        engines.attach_host(&mut report, &host.collect().await);
        match keeper.report_docker(report, Reporter::Local).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "this machine's own container report was refused"),
            Err(_) => return None,
        }
    }
}
