//! The supervisor: one poller task per configured instance, made to agree with the configuration.
//!
//! It reconciles, it does not react: on every change it compares what is wanted with what runs, so that a missed
//! event cannot leave a poller behind. A source that hangs only ever delays itself: each poll has a deadline.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use pulse_collectors::{Connect, PollError, PveApi, Timeouts};
use pulse_config::{NodeConfig, PveInstance};
use pulse_core::{
    Clock,
    model::{FailureClass, InstanceKey, InstanceKind, SourceIssue},
};
use tokio::{sync::watch, time::MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::keeper::Keeper;

/// After a failure that trying again cannot mend, the next try waits this long at most.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// How polling goes about.
#[derive(Debug, Clone, Copy)]
pub struct PollOptions {
    /// Time between polls of one instance.
    pub interval: Duration,
    /// Limits of single requests.
    pub timeouts: Timeouts,
}

impl PollOptions {
    /// A whole poll may take this long.
    fn deadline(&self) -> Duration {
        (self.timeouts.request * 2).clamp(Duration::from_secs(30), Duration::from_secs(180))
    }
}

/// Runs the pollers.
#[derive(Debug)]
pub struct Supervisor;

impl Supervisor {
    /// Starts the supervisor; it ends, with all pollers, when `stop` is cancelled.
    pub fn start(
        config: watch::Receiver<Arc<NodeConfig>>,
        connect: Arc<dyn Connect>,
        keeper: Keeper,
        clock: Arc<dyn Clock>,
        options: PollOptions,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) {
        tasks.spawn(supervise(config, Shared { connect, keeper, clock, options }, tasks.clone(), stop));
    }
}

/// What every poller needs.
#[derive(Clone)]
struct Shared {
    connect: Arc<dyn Connect>,
    keeper: Keeper,
    clock: Arc<dyn Clock>,
    options: PollOptions,
}

struct Running {
    instance: PveInstance,
    stop: CancellationToken,
}

async fn supervise(
    mut config: watch::Receiver<Arc<NodeConfig>>,
    shared: Shared,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    let mut running: BTreeMap<InstanceKey, Running> = BTreeMap::new();
    loop {
        let wanted = config.borrow_and_update().clone();
        reconcile(&wanted, &mut running, &shared, &tasks, &stop).await;
        tokio::select! {
            () = stop.cancelled() => return,
            changed = config.changed() => if changed.is_err() { return },
        }
    }
}

async fn reconcile(
    wanted: &NodeConfig,
    running: &mut BTreeMap<InstanceKey, Running>,
    shared: &Shared,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let by_key: BTreeMap<InstanceKey, &PveInstance> = wanted
        .pve
        .iter()
        .map(|instance| (InstanceKey { kind: InstanceKind::Pve, name: instance.name.clone() }, instance))
        .collect();
    let others = wanted
        .pbs
        .iter()
        .map(|instance| InstanceKey { kind: InstanceKind::Pbs, name: instance.name.clone() })
        .chain(wanted.pmg.iter().map(|i| InstanceKey { kind: InstanceKind::Pmg, name: i.name.clone() }));
    let keys: Vec<InstanceKey> = by_key.keys().cloned().chain(others).collect();
    if shared.keeper.change(move |world, _| world.configure(&keys)).await.is_err() {
        return;
    }
    running.retain(|key, poller| {
        let is_same = by_key.get(key).is_some_and(|wanted| **wanted == poller.instance);
        if !is_same {
            poller.stop.cancel();
        }
        is_same
    });
    for (key, instance) in by_key {
        if running.contains_key(&key) {
            continue;
        }
        let poller_stop = stop.child_token();
        tasks.spawn(poll(key.clone(), instance.clone(), shared.clone(), poller_stop.clone()));
        running.insert(key, Running { instance: instance.clone(), stop: poller_stop });
    }
}

/// Polls one instance until told to stop.
async fn poll(key: InstanceKey, instance: PveInstance, shared: Shared, stop: CancellationToken) {
    let mut tick = tokio::time::interval(shared.options.interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut client: Option<Arc<dyn PveApi>> = None;
    let mut failures = 0u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let at = shared.clock.now();
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = poll_once(&instance, &mut client, &shared, at) => outcome,
        };
        match &outcome {
            Ok(cycle) => {
                if failures > 0 {
                    tracing::info!(instance.name = %key.name, failures, "the instance answers again");
                }
                failures = 0;
                for issue in cycle.issues.iter().take(3) {
                    tracing::debug!(instance.name = %key.name, issue = %issue.message, "part of a poll failed");
                }
            }
            Err(issue) => {
                failures = failures.saturating_add(1);
                if failures == 1 {
                    tracing::warn!(instance.name = %key.name, error = %issue.message, "poll failed");
                }
            }
        }
        let wait = wait_after(&outcome, failures, shared.options.interval);
        let for_key = key.clone();
        if shared.keeper.change(move |world, _| world.merge_pve(&for_key, outcome, at)).await.is_err() {
            return;
        }
        if let Some(wait) = wait {
            tick.reset_after(wait);
        }
    }
}

/// A wait longer than the interval, where asking again soon cannot help: wrong credentials do not become right by
/// repeating them, and Proxmox holds every refused call back for three seconds.
fn wait_after<T>(outcome: &Result<T, SourceIssue>, failures: u32, interval: Duration) -> Option<Duration> {
    match outcome {
        Err(issue) if !issue.class.is_transient() => {
            Some((interval * 2u32.saturating_pow(failures.min(8))).min(LONGEST_WAIT.max(interval)))
        }
        Ok(_) | Err(_) => None,
    }
}

async fn poll_once(
    instance: &PveInstance,
    client: &mut Option<Arc<dyn PveApi>>,
    shared: &Shared,
    now: Timestamp,
) -> Result<pulse_collectors::PveCycle, SourceIssue> {
    let to_issue = |error: &PollError| SourceIssue {
        at: now,
        class: error.class(),
        message: error.to_string(),
        node: None,
    };
    let api = if let Some(api) = client {
        api.clone()
    } else {
        let api = shared.connect.pve(instance, shared.options.timeouts).map_err(|error| to_issue(&error))?;
        client.insert(api).clone()
    };
    let deadline = shared.options.deadline();
    match tokio::time::timeout(deadline, api.poll(now)).await {
        Ok(outcome) => outcome.map_err(|error| to_issue(&error)),
        Err(_) => Err(SourceIssue {
            at: now,
            class: FailureClass::Timeout,
            message: format!(
                "{} did not finish a poll within {} s; check the load of its API and of its storages",
                instance.host,
                deadline.as_secs()
            ),
            node: None,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issue(class: FailureClass) -> Result<(), SourceIssue> {
        Err(SourceIssue { at: jiff::Timestamp::UNIX_EPOCH, class, message: String::new(), node: None })
    }

    #[test]
    fn wrong_credentials_are_not_repeated_every_interval_and_never_given_up() {
        let interval = Duration::from_secs(10);
        let wait = |failures| wait_after(&issue(FailureClass::Authentication), failures, interval);
        assert_eq!(wait(1), Some(Duration::from_secs(20)));
        assert_eq!(wait(2), Some(Duration::from_secs(40)));
        assert_eq!(wait(1000), Some(LONGEST_WAIT));
    }

    #[test]
    fn an_outage_is_asked_about_at_every_interval() {
        assert_eq!(wait_after(&issue(FailureClass::Connection), 50, Duration::from_secs(10)), None);
        assert_eq!(wait_after(&Ok::<(), _>(()), 0, Duration::from_secs(10)), None);
    }
}
