//! The keeper: the one task that changes the world, and the handle through which everybody reaches it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use pulse_core::{
    Clock, Snapshot,
    report::{docker::DockerReport, host::HostReport, kubernetes::KubernetesReport},
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    intake::{DockerAccepted, HostAccepted, IntakeError, KubernetesAccepted, Reporter},
    merge,
    view::{Place, View},
    world::World,
};

/// Updates that may wait; a sender beyond that waits itself, which slows the source down instead of filling memory.
const QUEUE: usize = 256;

/// How often agents' silence is looked at.
const LIVENESS_PERIOD: Duration = Duration::from_secs(5);

/// A change, and how its sender is answered when the world with it is published.
type Update = Box<dyn FnOnce(&mut World, Timestamp) -> Answer + Send>;

type Answer = Box<dyn FnOnce() + Send>;

/// The keeper has stopped: the server is shutting down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server is shutting down; try again in a moment")]
pub struct KeeperClosed;

/// Reaches the keeper task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Keeper {
    updates: mpsc::Sender<Update>,
    world: watch::Receiver<Arc<Snapshot>>,
    place: Option<Place>,
}

impl Keeper {
    /// Starts the keeper task; it ends when `stop` is cancelled.
    pub fn start(clock: Arc<dyn Clock>, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        Self::start_with(World::new(clock.now()), clock, tasks, stop)
    }

    /// The same with a world of which something is known already.
    pub fn start_with(
        start: World,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self::begin(start, None, clock, tasks, stop)
    }

    /// The same for a keeper whose world can be shown in a view; the first one in a view is.
    pub fn start_in(
        view: &Arc<View>,
        start: World,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        Self::begin(start, Some((Arc::clone(view), view.join())), clock, tasks, stop)
    }

    fn begin(
        start: World,
        view: Option<(Arc<View>, Place)>,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let (updates, inbox) = mpsc::channel(QUEUE);
        let first = Arc::new(start.snapshot().clone());
        let place = view.as_ref().map(|(view, place)| {
            view.offer(*place, &first);
            *place
        });
        let (sender, world) = watch::channel(first);
        tasks.spawn(keep(start, inbox, Publisher { sender, view }, clock, stop));
        Self { updates, world, place }
    }

    /// The same keeper for those who look at the world: they see what `view` shows, and what they change is changed here.
    #[must_use]
    pub fn through(&self, view: &View) -> Self {
        Self { updates: self.updates.clone(), world: view.subscribe(), place: self.place }
    }

    /// Lets `view` show this keeper's world. Does nothing for a keeper that is not in a view.
    pub fn show_in(&self, view: &View) {
        if let Some(place) = self.place {
            view.show(place, &self.snapshot());
        }
    }

    /// The world as last published.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.world.borrow().clone()
    }

    /// Tells of every newer world; a slow reader sees the newest, never a queue.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.world.clone()
    }

    /// Changes the world and waits until that is done and everybody can see it; what comes back is what `change` returns.
    pub async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut World, Timestamp) -> T + Send + 'static,
    ) -> Result<T, KeeperClosed> {
        let (answer, wait) = oneshot::channel();
        let update: Update = Box::new(move |world, now| {
            let outcome = change(world, now);
            Box::new(move || {
                // Nobody waits any more: the change was made all the same.
                let _ = answer.send(outcome);
            })
        });
        self.updates.send(update).await.map_err(|_| KeeperClosed)?;
        wait.await.map_err(|_| KeeperClosed)
    }

    /// Takes a host report.
    pub async fn report_host(
        &self,
        report: HostReport,
        reporter: Reporter,
    ) -> Result<Result<HostAccepted, IntakeError>, KeeperClosed> {
        self.change(move |world, now| merge::host::merge(world, report, &reporter, now)).await
    }

    /// Takes a Docker report.
    pub async fn report_docker(
        &self,
        report: DockerReport,
        reporter: Reporter,
    ) -> Result<Result<DockerAccepted, IntakeError>, KeeperClosed> {
        self.change(move |world, now| merge::docker::merge(world, report, &reporter, now)).await
    }

    /// Takes a Kubernetes report.
    pub async fn report_kubernetes(
        &self,
        report: KubernetesReport,
        reporter: Reporter,
    ) -> Result<Result<KubernetesAccepted, IntakeError>, KeeperClosed> {
        self.change(move |world, now| merge::kubernetes::merge(world, report, &reporter, now)).await
    }
}

async fn keep(
    mut world: World,
    mut inbox: mpsc::Receiver<Update>,
    publish: Publisher,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let mut liveness = tokio::time::interval(LIVENESS_PERIOD);
    liveness.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            update = inbox.recv() => {
                let Some(update) = update else { return };
                let now = clock.now();
                let mut answers = vec![update(&mut world, now)];
                // Whatever else waits goes into the same published world.
                for _ in 0..QUEUE {
                    let Ok(update) = inbox.try_recv() else { break };
                    answers.push(update(&mut world, now));
                }
                publish_world(&mut world, &publish, now);
                for answer in answers {
                    answer();
                }
            }
            _ = liveness.tick() => {
                let now = clock.now();
                if world.check_liveness(now) {
                    publish_world(&mut world, &publish, now);
                }
            }
        }
    }
}

/// Where new worlds go.
struct Publisher {
    sender: watch::Sender<Arc<Snapshot>>,
    view: Option<(Arc<View>, Place)>,
}

fn publish_world(world: &mut World, publish: &Publisher, now: Timestamp) {
    world.snapshot.version += 1;
    world.snapshot.changed_at = now;
    let snapshot = Arc::new(world.snapshot.clone());
    publish.sender.send_replace(Arc::clone(&snapshot));
    if let Some((view, place)) = &publish.view {
        view.offer(*place, &snapshot);
    }
}

#[cfg(test)]
mod tests {
    use pulse_core::{ManualClock, model::Liveness, report::host::HostInfo};

    use super::*;

    fn start() -> (Keeper, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        (Keeper::start(clock.clone(), &TaskTracker::new(), CancellationToken::new()), clock)
    }

    fn report(hostname: &str, id: &str) -> HostReport {
        HostReport {
            host: HostInfo { hostname: hostname.into(), id: Some(id.into()), ..HostInfo::default() },
            ..HostReport::default()
        }
    }

    #[tokio::test]
    async fn a_report_is_published_before_its_sender_is_answered_again() {
        let (keeper, _) = start();
        let mut world = keeper.subscribe();
        let accepted = keeper.report_host(report("nas1", "m-1"), Reporter::Local).await.unwrap().unwrap();
        world.changed().await.unwrap();
        assert_eq!(accepted.id.as_str(), "m-1");
        assert_eq!(world.borrow().hosts.len(), 1);
    }

    #[tokio::test]
    async fn a_report_without_a_host_name_is_refused_and_changes_nothing() {
        let (keeper, _) = start();
        let refused = keeper.report_host(report("  ", "m-1"), Reporter::Local).await.unwrap();
        assert_eq!(refused, Err(IntakeError::MissingHostname("host")));
        assert!(keeper.snapshot().hosts.is_empty());
    }

    #[tokio::test]
    async fn two_machines_with_one_id_stay_two() {
        let (keeper, _) = start();
        let first = keeper.report_host(report("a", "clone"), Reporter::Local).await.unwrap().unwrap();
        let second = keeper.report_host(report("b", "clone"), Reporter::Local).await.unwrap().unwrap();
        let again = keeper.report_host(report("b", "clone"), Reporter::Local).await.unwrap().unwrap();
        assert_ne!(first.id, second.id);
        assert_eq!(second.id, again.id);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_agent_goes_offline_after_its_window() {
        let (keeper, clock) = start();
        keeper.report_host(report("nas1", "m-1"), Reporter::Local).await.unwrap().unwrap();
        let mut world = keeper.subscribe();
        world.mark_unchanged();
        clock.advance(jiff::SignedDuration::from_secs(61));
        world.changed().await.unwrap();
        assert_eq!(world.borrow().hosts.values().next().unwrap().liveness, Liveness::Offline);
    }

    #[tokio::test]
    async fn a_view_shows_one_world_and_its_version_only_grows() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let view = View::new(clock.now());
        let real = Keeper::start_in(&view, World::new(clock.now()), clock.clone(), &tasks, stop.clone());
        let invented = Keeper::start_in(&view, World::new(clock.now()), clock.clone(), &tasks, stop.clone());
        let seen = real.through(&view);
        let names =
            || seen.snapshot().hosts.values().map(|host| host.info.hostname.clone()).collect::<Vec<_>>();
        for name in ["one", "two", "three"] {
            seen.report_host(report(name, name), Reporter::Local).await.unwrap().unwrap();
        }
        invented.report_host(report("mock", "mock"), Reporter::Local).await.unwrap().unwrap();
        assert_eq!((names().len(), seen.snapshot().version), (3, 3));
        invented.show_in(&view);
        assert_eq!((names(), seen.snapshot().version), (vec!["mock".to_owned()], 4));
        // What is reported meanwhile is kept, and not shown.
        seen.report_host(report("four", "four"), Reporter::Local).await.unwrap().unwrap();
        assert_eq!((names().len(), seen.snapshot().version), (1, 4));
        real.show_in(&view);
        assert_eq!((names().len(), seen.snapshot().version), (4, 5));
    }

    #[tokio::test]
    async fn after_the_stop_everybody_is_told() {
        let stop = CancellationToken::new();
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_800_000_000).unwrap()));
        let tasks = TaskTracker::new();
        let keeper = Keeper::start(clock, &tasks, stop.clone());
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        assert_eq!(keeper.report_host(report("a", "b"), Reporter::Local).await, Err(KeeperClosed));
    }
}
