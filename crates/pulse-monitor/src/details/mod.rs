//! What is read of a Proxmox VE instance beside the polls: guest agents, containers, disks, pools, backups, snapshots,
//! replication, Ceph. One worker per node, each asking one question at a time and pausing as long as it worked, so
//! that a slow node delays nothing but itself and never spends more than half of one of its three workers on this.
//!
//! What is found is handed over with the next poll: a state of its own for each answer would cost every reader.

mod node;
mod timetable;
mod visit;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use pulse_collectors::{PollError, PveApi};
use pulse_config::PveInstance;
use pulse_core::{
    Clock,
    model::{
        FailureClass, GuestKind, GuestStatus, InstanceKey, InstanceView, NodeStatus, SourceIssue, Storage,
    },
};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    facts::Finding, heartbeat::Heartbeat, schedule::PollSettings, source::pve::PveSource, supervisor::Shared,
};

/// How often the workers are told what is there.
const REFRESH: Duration = Duration::from_secs(5);
/// Findings that may wait for the next poll; beyond that the oldest are dropped, and asked for again in time.
const MOST_FINDINGS: usize = 20_000;

/// What has been found since the last poll.
#[derive(Debug, Default)]
pub(crate) struct Findings(Mutex<Vec<Finding>>);

impl Findings {
    pub(crate) fn add(&self, finding: Finding) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.len() >= MOST_FINDINGS {
            list.drain(..MOST_FINDINGS / 2);
        }
        list.push(finding);
    }

    pub(crate) fn take(&self) -> Vec<Finding> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Everything a worker needs.
struct Desk {
    source: Arc<PveSource>,
    clock: Arc<dyn Clock>,
    settings: watch::Receiver<PollSettings>,
    /// What was asked for so far: where the right is missing, the time at which it is asked for again.
    denied: Mutex<HashMap<&'static str, Option<Instant>>>,
}

impl Desk {
    fn api(&self) -> Result<Arc<dyn PveApi>, PollError> {
        let timeouts = self.settings.borrow().timeouts;
        self.source.api(timeouts)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn instance(&self) -> &PveInstance {
        self.source.instance()
    }

    fn found(&self, finding: Finding) {
        self.source.findings().add(finding);
    }

    fn is_denied(&self, what: &'static str) -> bool {
        let denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        denied.get(what).copied().flatten().is_some_and(|until| until > Instant::now())
    }

    /// Names what a missing right hides, once, whoever meets it first.
    fn deny(&self, what: &'static str, advice: &'static str, error: &PollError) {
        self.lack(what, &error.to_string(), advice);
    }

    /// The same, with the reason in words.
    fn lack(&self, what: &'static str, why: &str, advice: &'static str) {
        const AGAIN: Duration = Duration::from_secs(60 * 60);
        let until = Instant::now() + AGAIN;
        self.denied.lock().unwrap_or_else(PoisonError::into_inner).insert(what, Some(until));
        let message = format!("{what} are not shown: {why}; {advice}");
        let issue = SourceIssue { at: self.now(), class: FailureClass::Permission, message, node: None };
        self.found(Finding::Hidden { what, issue: Some(issue) });
    }

    /// The right is there. Said when it was missing before, and when it is asked for the first time: what the source said
    /// that was here before its configuration changed may hold no more.
    fn grant(&self, what: &'static str) {
        let before = self.denied.lock().unwrap_or_else(PoisonError::into_inner).insert(what, None);
        if before != Some(None) {
            self.found(Finding::Hidden { what, issue: None });
        }
    }
}

/// What a worker is told of its node.
#[derive(Debug, Clone, Default)]
struct Assignment {
    guests: Vec<KnownGuest>,
    /// Storages whose backups this worker reads: the node's own, and shared ones for which it was chosen.
    storages: Vec<Storage>,
    /// Whether it reads what is the same from every node.
    is_first: bool,
    /// Whether the node is a member of a cluster.
    is_member: bool,
    has_ceph: bool,
}

#[derive(Debug, Clone, Copy)]
struct KnownGuest {
    vmid: u32,
    kind: GuestKind,
    is_running: bool,
    is_locked: bool,
}

/// Keeps a worker for each node that is up, until it is stopped.
pub(crate) async fn run(
    source: Arc<PveSource>,
    key: InstanceKey,
    shared: Shared,
    heartbeat: Arc<Heartbeat>,
    stop: CancellationToken,
) {
    let desk = Arc::new(Desk {
        source,
        clock: shared.clock.clone(),
        settings: shared.settings.clone(),
        denied: Mutex::default(),
    });
    let mut workers: HashMap<String, (watch::Sender<Arc<Assignment>>, CancellationToken)> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut tick = interval(REFRESH);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut last: Option<Arc<InstanceView>> = None;
    loop {
        heartbeat.expect_within(REFRESH * 2, "looking for nodes");
        tokio::select! {
            () = stop.cancelled() => break,
            _ = tick.tick() => {}
        }
        // A worker that ended by itself is started again at the next look.
        while let Some(ended) = tasks.try_join_next() {
            if let Ok(name) = ended {
                workers.remove(&name);
            }
        }
        let Some(view) = shared.keeper.snapshot().instances.get(&key).cloned() else { continue };
        if last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &view)) {
            continue;
        }
        let assignments = assign(&view);
        last = Some(view);
        workers.retain(|name, (_, stop)| {
            let stays = assignments.contains_key(name);
            if !stays {
                stop.cancel();
            }
            stays
        });
        for (name, assignment) in assignments {
            if let Some((tell, _)) = workers.get(&name) {
                tell.send_replace(Arc::new(assignment));
                continue;
            }
            let stop = stop.child_token();
            let (tell, told) = watch::channel(Arc::new(assignment));
            let worker = node::Worker::new(desk.clone(), name.clone(), told);
            let ends = stop.clone();
            let of = name.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = ends.cancelled() => {}
                    () = worker.work() => {}
                }
                of
            });
            workers.insert(name, (tell, stop));
        }
    }
    tasks.shutdown().await;
}

/// Who does what: every guest is its node's, a shared storage one node's, what is the same everywhere the first one's.
fn assign(view: &InstanceView) -> BTreeMap<String, Assignment> {
    let mut assignments: BTreeMap<String, Assignment> = view
        .nodes
        .iter()
        .filter(|node| node.status == NodeStatus::Online)
        .map(|node| (node.name.clone(), Assignment::default()))
        .collect();
    for guest in view.guests.iter() {
        if let Some(assignment) = assignments.get_mut(&guest.node) {
            assignment.guests.push(KnownGuest {
                vmid: guest.vmid,
                kind: guest.kind,
                is_running: guest.status == GuestStatus::Running,
                is_locked: guest.lock.is_some(),
            });
        }
    }
    let holds_backups = |storage: &&Storage| {
        storage.is_enabled && storage.is_active && storage.content.iter().any(|kind| kind == "backup")
    };
    for (index, storage) in view.storages.iter().filter(holds_backups).enumerate() {
        let reader = if storage.is_shared {
            // Spread over the nodes that have it, always to the same one while they are up.
            let up: Vec<&String> =
                storage.nodes.iter().filter(|node| assignments.contains_key(*node)).collect();
            up.get(index % up.len().max(1)).map(|node| (*node).clone())
        } else {
            Some(storage.node.clone())
        };
        if let Some(assignment) = reader.and_then(|reader| assignments.get_mut(&reader)) {
            assignment.storages.push(storage.clone());
        }
    }
    let has_ceph = view.storages.iter().any(|storage| matches!(storage.kind.as_str(), "rbd" | "cephfs"));
    let is_member = view.cluster_name.is_some();
    for (index, assignment) in assignments.values_mut().enumerate() {
        assignment.is_first = index == 0;
        assignment.is_member = is_member;
        assignment.has_ceph = has_ceph;
    }
    assignments
}
