//! The one-second view: what somebody looks at is asked for every second, by its own status call, for as long as
//! somebody looks and not a second longer.
//!
//! What comes back goes to those who look and nowhere else: neither the state nor the history changes its pace because
//! a drawer is open. Guest agents are never asked. Several who look at one thing share one task; its end is the end of
//! the last [`Watch`].
//!
//! What agents report cannot be asked for: there the answer to a report says that the next one is wanted at once
//! ([`Watcher::is_report_wanted`]), and the state itself moves every second for as long as somebody looks.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use jiff::Timestamp;
use pulse_collectors::{Connect, PollError, PveApi, Timeouts, details::Glimpse};
use pulse_config::{NodeConfig, PveInstance};
use pulse_core::{
    Clock,
    ids::{DockerHostId, HostId, InstanceName},
    model::{GuestKind, GuestStatus, IoRates, MemorySource, MemoryUse, NodeStatus},
};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Keeper,
    rates::{self, RateMemory},
};

/// How often what is watched is asked for.
const PERIOD: Duration = Duration::from_secs(1);
/// An answer that takes longer is no live view.
const PATIENCE: Duration = Duration::from_secs(5);
/// After failures the pauses double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// So many things are watched at once, whoever watches them.
const MOST_WATCHED: usize = 32;

/// What a guest or node used at one moment. What is unknown is absent.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveFigures {
    /// When.
    pub at: Timestamp,
    /// Processor use, as a part of what it has.
    pub cpu_fraction: Option<f64>,
    /// Memory, where it comes from the source that the state shows, too.
    pub memory: Option<MemoryUse>,
    /// Rates since the last look; unknown at the first.
    pub rates: IoRates,
    /// Load averages, of nodes.
    pub load_average: Option<[f64; 3]>,
    /// Seconds since its start.
    pub uptime_seconds: Option<u64>,
}

/// Why something cannot be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WatchRefusal {
    /// Neither a guest or node of Proxmox VE nor a machine with an agent that is there now.
    #[error("there is no guest, no node and no machine with an agent of this id")]
    Unknown,
    /// Enough is watched already.
    #[error("{MOST_WATCHED} guests, nodes and machines are watched already; close one of those views first")]
    TooMany,
}

/// A machine whose agent reports, as it is watched by.
#[derive(Debug, Clone, Copy)]
pub enum Reporting<'a> {
    /// A host; watched as `host:` and its id.
    Host(&'a HostId),
    /// A Docker or Podman host with all its containers; watched as `docker:` and its id.
    Docker(&'a DockerHostId),
}

impl Reporting<'_> {
    fn key(self) -> String {
        match self {
            Self::Host(id) => format!("host:{id}"),
            Self::Docker(id) => format!("docker:{id}"),
        }
    }
}

/// Somebody looks at something. Dropping it ends that.
#[derive(Debug)]
pub struct Watch {
    figures: watch::Receiver<Option<Arc<LiveFigures>>>,
    _watched: Arc<Watched>,
}

impl Watch {
    /// The next figures, or `None` when there will be none any more.
    pub async fn next(&mut self) -> Option<Arc<LiveFigures>> {
        loop {
            self.figures.changed().await.ok()?;
            if let Some(figures) = self.figures.borrow_and_update().clone() {
                return Some(figures);
            }
        }
    }
}

/// Something that is watched, for as long as anybody holds it.
#[derive(Debug)]
struct Watched {
    figures: watch::Receiver<Option<Arc<LiveFigures>>>,
    stop: CancellationToken,
    /// The other end where nothing is asked, because an agent reports: without it the line would be at its end.
    _silent: Option<watch::Sender<Option<Arc<LiveFigures>>>>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Begins to watch. Cheap to clone.
#[derive(Clone)]
pub struct Watcher {
    inner: Arc<Inner>,
}

struct Inner {
    keeper: Keeper,
    nodes: watch::Receiver<Arc<NodeConfig>>,
    connect: Arc<dyn Connect>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    stop: CancellationToken,
    watched: Mutex<HashMap<String, Weak<Watched>>>,
    /// Connections of their own, so that no poll waits for a look. At most one per configured instance.
    connections: Mutex<HashMap<InstanceName, Connection>>,
}

/// A connection, and the configuration it was made with.
struct Connection {
    made_with: PveInstance,
    api: Arc<dyn PveApi>,
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("watched", &self.count()).finish_non_exhaustive()
    }
}

impl Watcher {
    /// A watcher over what the keeper knows and the configuration says how to reach.
    pub fn new(
        keeper: Keeper,
        nodes: watch::Receiver<Arc<NodeConfig>>,
        connect: Arc<dyn Connect>,
        clock: Arc<dyn Clock>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let inner = Inner {
            keeper,
            nodes,
            connect,
            clock,
            tasks: tasks.clone(),
            stop,
            watched: Mutex::default(),
            connections: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Looks at a guest or node from now on, by its id in the state, or at a machine with an agent, by its kind and id.
    pub fn watch(&self, id: &str) -> Result<Watch, WatchRefusal> {
        let mut all = self.inner.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watched) = all.get(id).and_then(Weak::upgrade) {
            return Ok(Watch { figures: watched.figures.clone(), _watched: watched });
        }
        let is_asked = self.inner.find(id).is_some();
        if !is_asked && !self.inner.reports(id) {
            return Err(WatchRefusal::Unknown);
        }
        all.retain(|_, watched| watched.strong_count() > 0);
        if all.len() >= MOST_WATCHED {
            return Err(WatchRefusal::TooMany);
        }
        let (sender, figures) = watch::channel(None);
        let stop = self.inner.stop.child_token();
        let (asking, silent) = if is_asked { (Some(sender), None) } else { (None, Some(sender)) };
        let watched = Arc::new(Watched { figures: figures.clone(), stop: stop.clone(), _silent: silent });
        all.insert(id.to_owned(), Arc::downgrade(&watched));
        drop(all);
        if let Some(sender) = asking {
            self.inner.tasks.spawn(look(self.inner.clone(), id.to_owned(), sender, stop));
        }
        Ok(Watch { figures, _watched: watched })
    }

    /// Whether somebody looks at what this agent reports, so that its next report is wanted in a second.
    pub fn is_report_wanted(&self, of: Reporting<'_>) -> bool {
        let all = self.inner.watched.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody looks at anything most of the time.
        !all.is_empty() && all.get(&of.key()).is_some_and(|watched| watched.strong_count() > 0)
    }

    /// How many guests, nodes and machines are watched now.
    pub fn count(&self) -> usize {
        let all = self.inner.watched.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().filter(|watched| watched.strong_count() > 0).count()
    }
}

/// Where something is asked for.
#[derive(Debug, PartialEq)]
struct Target {
    instance: InstanceName,
    node: String,
    /// `None` for the node itself.
    guest: Option<(GuestKind, u32)>,
    /// Whether it is up as far as the polls know.
    is_up: bool,
    memory_source: Option<MemorySource>,
}

impl Inner {
    /// Whether an agent reports a machine under this name.
    fn reports(&self, id: &str) -> bool {
        let world = self.keeper.snapshot();
        match id.split_once(':') {
            Some(("host", id)) => world.hosts.keys().any(|known| known.as_str() == id),
            Some(("docker", id)) => world.docker_hosts.keys().any(|known| known.as_str() == id),
            Some(_) | None => false,
        }
    }

    /// Looks again each time: guests move and go.
    fn find(&self, id: &str) -> Option<Target> {
        let world = self.keeper.snapshot();
        world.instances.values().find_map(|view| {
            let guest = view.guests.iter().find(|guest| guest.id.as_str() == id).map(|guest| Target {
                instance: guest.instance.clone(),
                node: guest.node.clone(),
                guest: Some((guest.kind, guest.vmid)),
                is_up: guest.status == GuestStatus::Running,
                memory_source: guest.memory_source,
            });
            guest.or_else(|| {
                view.nodes.iter().find(|node| node.id.as_str() == id).map(|node| Target {
                    instance: node.instance.clone(),
                    node: node.name.clone(),
                    guest: None,
                    is_up: node.status == NodeStatus::Online,
                    memory_source: None,
                })
            })
        })
    }

    /// The connection to an instance; made anew when its configuration has changed.
    fn api(&self, name: &InstanceName) -> Result<Option<Arc<dyn PveApi>>, PollError> {
        let config = self.nodes.borrow().clone();
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.retain(|name, _| config.pve.iter().any(|instance| instance.name == *name));
        let Some(instance) = config.pve.iter().find(|instance| instance.name == *name) else {
            return Ok(None);
        };
        if let Some(known) = connections.get(name).filter(|known| known.made_with == *instance) {
            return Ok(Some(known.api.clone()));
        }
        let api = self.connect.pve(instance, Timeouts::with_request(PATIENCE))?;
        let connection = Connection { made_with: instance.clone(), api: api.clone() };
        connections.insert(name.clone(), connection);
        Ok(Some(api))
    }

    async fn glimpse(&self, target: &Target) -> Result<Option<Glimpse>, PollError> {
        let Some(api) = self.api(&target.instance)? else { return Ok(None) };
        let Some(details) = api.details() else { return Ok(None) };
        match target.guest {
            Some((kind, vmid)) => details.guest_now(&target.node, kind, vmid).await,
            None => details.node_now(&target.node).await.map(Some),
        }
    }
}

/// Asks every second until nobody looks any more.
async fn look(
    inner: Arc<Inner>,
    id: String,
    figures: watch::Sender<Option<Arc<LiveFigures>>>,
    stop: CancellationToken,
) {
    let mut tick = interval(PERIOD);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut memory: Option<RateMemory> = None;
    let mut failures = 0_u32;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let Some(target) = inner.find(&id).filter(|target| target.is_up) else {
            memory = None;
            continue;
        };
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = tokio::time::timeout(PATIENCE, inner.glimpse(&target)) => outcome,
        };
        match outcome {
            Ok(Ok(Some(glimpse))) => {
                failures = 0;
                let at = inner.clock.now();
                let (rates, kept) = rates::step(memory, glimpse.counters, at);
                memory = Some(kept);
                figures.send_replace(Some(Arc::new(LiveFigures {
                    at,
                    cpu_fraction: glimpse.cpu_fraction,
                    // Two sources in turn would make the figure jump every time the state comes.
                    memory: glimpse.memory.filter(|_| glimpse.memory_source == target.memory_source),
                    rates,
                    load_average: glimpse.load_average,
                    uptime_seconds: glimpse.uptime_seconds,
                })));
            }
            Ok(Ok(None)) => memory = None,
            Ok(Err(_)) | Err(_) => {
                // The polls tell what is wrong; here it only means that there is no live view.
                memory = None;
                failures = failures.saturating_add(1);
                let pause = PERIOD.saturating_mul(1 << failures.min(5)).min(LONGEST_PAUSE);
                tick.reset_at(Instant::now() + pause);
            }
        }
    }
}
