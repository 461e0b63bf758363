//! The supervisor: one poller per configured instance, made to agree with the configuration and kept alive.
//!
//! It reconciles, it does not react: on every change it compares what is wanted with what runs, so that a missed
//! event cannot leave a poller behind. A source that hangs only ever delays itself: each poll has a deadline, and
//! what does not even keep that is ended and started anew by the watchdog, which says so.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use pulse_collectors::Connect;
use pulse_config::{NodeConfig, SystemSettings};
use pulse_core::{
    Clock,
    model::{FailureClass, InstanceKey, InstanceKind, SourceIssue},
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    heartbeat::Heartbeat,
    keeper::Keeper,
    poller,
    schedule::{PollSettings, Scheduler, SourceHealth},
    source::Wanted,
};

/// How often the watchdog looks.
const WATCH_PERIOD: Duration = Duration::from_secs(5);
/// Many sources at once do not start in the same instant.
const STAGGER: Duration = Duration::from_millis(100);

/// Runs the pollers.
#[derive(Debug)]
pub struct Supervisor;

impl Supervisor {
    /// Starts the supervisor; it ends, with all pollers, when `stop` is cancelled. What comes back tells how polling
    /// goes.
    pub fn start(
        config: watch::Receiver<Arc<NodeConfig>>,
        system: watch::Receiver<Arc<SystemSettings>>,
        connect: Arc<dyn Connect>,
        keeper: Keeper,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Scheduler {
        let scheduler = Scheduler::default();
        let settings = watch::Sender::new(PollSettings::from(&**system.borrow()));
        let shared = Shared {
            connect,
            keeper,
            clock,
            settings: settings.subscribe(),
            scheduler: scheduler.clone(),
            tasks: tasks.clone(),
        };
        tasks.spawn(pass_on(system, settings, shared.clone(), stop.clone()));
        tasks.spawn(supervise(config, shared, stop));
        scheduler
    }
}

/// What every poller needs.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) connect: Arc<dyn Connect>,
    pub(crate) keeper: Keeper,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: watch::Receiver<PollSettings>,
    pub(crate) scheduler: Scheduler,
    tasks: TaskTracker,
}

struct Running {
    wanted: Wanted,
    stop: CancellationToken,
    tasks: Vec<Watched>,
}

/// A task and its signs of life.
struct Watched {
    heartbeat: Arc<Heartbeat>,
    task: JoinHandle<()>,
}

impl Running {
    /// Why it has to be started anew, if it has to.
    fn trouble(&self) -> Option<String> {
        self.tasks.iter().find_map(|watched| match watched.heartbeat.overdue() {
            _ if watched.task.is_finished() => Some("its polling ended unexpectedly".to_owned()),
            Some(doing) => Some(format!("its polling hung while {doing}")),
            None => None,
        })
    }

    fn end(&self) {
        self.stop.cancel();
        for watched in &self.tasks {
            watched.task.abort();
        }
    }
}

/// Tells the pollers, and the world, of every change of the system settings.
async fn pass_on(
    mut system: watch::Receiver<Arc<SystemSettings>>,
    settings: watch::Sender<PollSettings>,
    shared: Shared,
    stop: CancellationToken,
) {
    loop {
        let now = system.borrow_and_update().clone();
        let next = PollSettings::from(&*now);
        shared.scheduler.set_adaptive(next.adaptive.is_some());
        shared.connect.keep_names_for(now.dns_cache_timeout());
        settings.send_if_modified(|before| std::mem::replace(before, next) != next);
        let is_wanted = now.temperature_monitoring_enabled;
        if shared.keeper.change(move |world, _| world.set_temperature_monitoring(is_wanted)).await.is_err() {
            return;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = system.changed() => if changed.is_err() { return },
        }
    }
}

async fn supervise(mut config: watch::Receiver<Arc<NodeConfig>>, shared: Shared, stop: CancellationToken) {
    let mut running: BTreeMap<InstanceKey, Running> = BTreeMap::new();
    let mut watch = interval(WATCH_PERIOD);
    watch.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut is_due = true;
    loop {
        if is_due {
            let wanted = config.borrow_and_update().clone();
            reconcile(&wanted, &mut running, &shared, &stop).await;
        }
        is_due = false;
        tokio::select! {
            () = stop.cancelled() => return,
            changed = config.changed() => {
                if changed.is_err() {
                    return;
                }
                is_due = true;
            }
            _ = watch.tick() => revive(&mut running, &shared, &stop).await,
        }
    }
}

async fn reconcile(
    config: &NodeConfig,
    running: &mut BTreeMap<InstanceKey, Running>,
    shared: &Shared,
    stop: &CancellationToken,
) {
    let wanted: BTreeMap<InstanceKey, Wanted> = Wanted::all(config).into_iter().collect();
    let keys: Vec<InstanceKey> = every_key(config).collect();
    if shared.keeper.change(move |world, _| world.configure(&keys)).await.is_err() {
        return;
    }
    running.retain(|key, poller| {
        let is_same = wanted.get(key) == Some(&poller.wanted);
        if !is_same {
            poller.stop.cancel();
            shared.scheduler.remove(key);
        }
        is_same
    });
    let mut started = 0;
    for (key, wanted) in wanted {
        let Entry::Vacant(free) = running.entry(key) else { continue };
        let key = free.key();
        let interval = shared.settings.borrow().pace(key.kind).usual();
        let health = SourceHealth::new(wanted.host().to_owned(), interval, shared.clock.now());
        shared.scheduler.add(key.clone(), health);
        let poller = start(key, wanted, (STAGGER * started).min(interval), shared, stop);
        started += 1;
        free.insert(poller);
    }
}

/// Every configured instance.
fn every_key(config: &NodeConfig) -> impl Iterator<Item = InstanceKey> {
    let key = |kind| move |name| InstanceKey { kind, name };
    let pve = config.pve.iter().map(|one| one.name.clone()).map(key(InstanceKind::Pve));
    let pbs = config.pbs.iter().map(|one| one.name.clone()).map(key(InstanceKind::Pbs));
    let pmg = config.pmg.iter().map(|one| one.name.clone()).map(key(InstanceKind::Pmg));
    pve.chain(pbs).chain(pmg)
}

fn start(
    key: &InstanceKey,
    wanted: Wanted,
    first_wait: Duration,
    shared: &Shared,
    stop: &CancellationToken,
) -> Running {
    let stop = stop.child_token();
    let source = wanted.source(&shared.connect);
    let mut tasks = Vec::new();
    let heartbeat = Arc::new(Heartbeat::new());
    heartbeat.expect_within(first_wait, "starting");
    let poller =
        poller::run(key.clone(), source.clone(), shared.clone(), heartbeat.clone(), first_wait, stop.clone());
    tasks.push(Watched { heartbeat, task: shared.tasks.spawn(poller) });
    let heartbeat = Arc::new(Heartbeat::new());
    if let Some(beside) = source.beside(key, shared, &heartbeat, &stop) {
        tasks.push(Watched { heartbeat, task: shared.tasks.spawn(beside) });
    }
    Running { wanted, stop, tasks }
}

/// Ends what gives no sign of life and starts it anew.
async fn revive(running: &mut BTreeMap<InstanceKey, Running>, shared: &Shared, stop: &CancellationToken) {
    for (key, poller) in running {
        let Some(reason) = poller.trouble() else { continue };
        poller.end();
        tracing::warn!(instance.name = %key.name, %reason, "the watchdog starts a source anew");
        let now = shared.clock.now();
        let issue = SourceIssue {
            at: now,
            class: FailureClass::Timeout,
            message: format!("{}: {reason}; it was ended and started anew", poller.wanted.host()),
            node: None,
        };
        shared.scheduler.note(key, |health| {
            health.restarts = health.restarts.saturating_add(1);
            health.restart_reason = Some(reason);
            health.first_failure = health.first_failure.or(Some(now));
            health.last_error = Some(issue.clone());
        });
        let wanted = poller.wanted.clone();
        *poller = start(key, wanted, Duration::ZERO, shared, stop);
        let key = key.clone();
        // A keeper that is gone means that the server stops.
        let _ = shared.keeper.change(move |world, _| world.fail_instance(&key, issue, now)).await;
    }
}
