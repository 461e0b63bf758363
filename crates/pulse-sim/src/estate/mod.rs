//! The invented machines: what is planned, what was changed by hand, and what is therefore true now.
//!
//! Must never know about any wire: PVE, PBS and PMG answers are all written from [`Truth`].

pub(crate) mod plan;
pub(crate) mod stored;
mod truth;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use pulse_core::Clock;

use self::plan::Plan;
pub use self::{
    plan::{AgentState, FileSystemLayout, GuestKind, GuestPlan},
    stored::{BackupTruth, DiskTruth, ReplicationTruth, SnapshotTruth, TaskTruth},
    truth::{CephTruth, GuestStatus, GuestTruth, NodeTruth, StorageTruth, Truth},
};
use crate::{
    EstateOptions, SimError,
    figures::{SLOT_SECONDS, derive, derive_text},
};

/// So many minutes of guests coming and going are made up for after a leap of the clock.
const MOST_MINUTES: u64 = 120;

/// What somebody did to a guest since the simulation began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Change {
    /// Moved there.
    node: Option<usize>,
    /// Started or stopped.
    runs: Option<bool>,
    /// When its process began, Unix seconds.
    since: Option<u64>,
    /// Halted with its memory kept.
    is_paused: bool,
    /// What holds it.
    lock: Hold,
    /// Its guest agent.
    agent: Option<AgentState>,
}

/// Something that is being worked on.
#[derive(Debug, Clone)]
struct Running {
    id: u64,
    task: TaskTruth,
}

/// Whether and by what a guest is locked.
#[derive(Debug, Clone, Copy, Default)]
enum Hold {
    /// As it was planned.
    #[default]
    AsPlanned,
    /// Not at all.
    Free,
    /// By this.
    Held(&'static str),
}

type Changes = BTreeMap<u32, Change>;

/// By the number of the node, Unix seconds.
type Boots = BTreeMap<usize, u64>;

/// Nodes that the cluster cannot see, or that have a wrong clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outages {
    /// Their names.
    pub(crate) offline: BTreeSet<String>,
    /// Nodes that are cut off from the others, but alive.
    pub(crate) apart: BTreeSet<String>,
    /// By how many seconds the clocks of nodes are wrong, by the number of the node.
    pub(crate) skews: BTreeMap<usize, i64>,
}

impl Outages {
    fn skew(&self, node: usize) -> i64 {
        self.skews.get(&node).copied().unwrap_or(0)
    }
}

/// Who looks at the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eye {
    /// Nobody in it: what is so.
    Outside,
    /// A node among the many.
    Many,
    /// A node among those that are cut off.
    Few,
}

#[derive(Debug, Default)]
struct State {
    changes: Changes,
    outages: Outages,
    /// When nodes that were restarted by hand came up.
    boots: Boots,
    running: Vec<Running>,
    /// Tasks that were begun by hand and have ended, the newest last.
    ended: Vec<TaskTruth>,
    last_task: u64,
    /// Nodes whose ZFS pool has lost a disk.
    degraded: BTreeSet<usize>,
    /// The last minute in which guests were started, stopped and moved by themselves.
    churned: Option<u64>,
    /// Guest agents that were asked at a moment when they must not be.
    violations: Vec<String>,
    /// Counts changes, so that caches know when to forget.
    generation: u64,
    /// One for each eye that looked.
    cached: Vec<Arc<Moment>>,
}

/// What is true, with the mark that tells two truths of one slot apart.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) generation: u64,
    pub(crate) eye: Eye,
    pub(crate) truth: Arc<Truth>,
}

/// A simulated estate.
pub(crate) struct Estate {
    pub(crate) options: EstateOptions,
    pub(crate) plan: Plan,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl Estate {
    pub(crate) fn new(options: EstateOptions, clock: Arc<dyn Clock>) -> Self {
        let plan = Plan::new(&options);
        Self { options, plan, clock, state: Mutex::default() }
    }

    /// Now, in Unix seconds.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now().as_second().max(0).unsigned_abs()
    }

    /// What is true in the current slot; computed once per slot and change.
    pub(crate) fn moment(&self) -> Arc<Moment> {
        self.moment_of(|_| Eye::Outside)
    }

    /// What a node sees of the cluster in the current slot.
    pub(crate) fn moment_at(&self, host: usize) -> Arc<Moment> {
        self.moment_of(|outages| match outages.apart.len() {
            0 => Eye::Outside,
            _ if outages.apart.contains(&*self.plan.nodes[host].name) => Eye::Few,
            _ => Eye::Many,
        })
    }

    /// Whether the network between two nodes is cut.
    pub(crate) fn is_cut(&self, one: usize, other: usize) -> bool {
        let state = self.lock();
        let is_apart = |node: usize| state.outages.apart.contains(&*self.plan.nodes[node].name);
        is_apart(one) != is_apart(other)
    }

    fn moment_of(&self, eye: impl FnOnce(&Outages) -> Eye) -> Arc<Moment> {
        let at = self.now() / SLOT_SECONDS * SLOT_SECONDS;
        let mut state = self.lock();
        let (eye, generation) = (eye(&state.outages), state.generation);
        state.cached.retain(|moment| moment.truth.at == at && moment.generation == generation);
        if let Some(moment) = state.cached.iter().find(|moment| moment.eye == eye) {
            return Arc::clone(moment);
        }
        let is_away = |name: &str| {
            let is_apart = state.outages.apart.contains(name);
            let is_unseen = match eye {
                Eye::Outside => false,
                Eye::Many => is_apart,
                Eye::Few => !is_apart,
            };
            is_unseen || state.outages.offline.contains(name)
        };
        let away = self.plan.nodes.iter().map(|node| is_away(&node.name)).collect();
        let truth = truth::compute(&self.plan, &state.changes, away, &state.boots, at);
        let moment = Arc::new(Moment { generation, eye, truth: Arc::new(truth) });
        state.cached.push(Arc::clone(&moment));
        moment
    }

    /// One guest at another instant; its node is taken to be there.
    pub(crate) fn guest_at(&self, vmid: u32, at: u64) -> Option<GuestTruth> {
        let guest = self.plan.guests.iter().find(|guest| guest.vmid == vmid)?;
        let changes = self.lock().changes.clone();
        let nobody = vec![false; self.plan.nodes.len()];
        Some(truth::guest_at(&self.plan, &changes, &nobody, guest, at).1)
    }

    /// One node at another instant, with the bytes its guests received and sent.
    pub(crate) fn node_at(&self, index: usize, at: u64) -> (NodeTruth, [u64; 2]) {
        let (changes, booted) = {
            let state = self.lock();
            (state.changes.clone(), state.boots.get(&index).copied())
        };
        truth::node_at(&self.plan, &changes, booted, index, at)
    }

    /// The number of a node in the cluster, from 0.
    pub(crate) fn node_index(&self, name: &str) -> Option<usize> {
        self.plan.nodes.iter().position(|node| &*node.name == name)
    }

    pub(crate) fn set_outages(&self, outages: Outages) {
        let mut state = self.lock();
        if state.outages != outages {
            state.outages = outages;
            state.generation += 1;
        }
    }

    pub(crate) fn start_guest(&self, vmid: u32) -> Result<(), SimError> {
        let now = self.now();
        self.change(vmid, |change, runs, _| {
            if runs {
                return Err("is running already");
            }
            (change.runs, change.since) = (Some(true), Some(now));
            Ok(())
        })
    }

    pub(crate) fn stop_guest(&self, vmid: u32) -> Result<(), SimError> {
        self.change(vmid, |change, runs, _| {
            if !runs {
                return Err("is stopped already");
            }
            (change.runs, change.since) = (Some(false), None);
            Ok(())
        })
    }

    pub(crate) fn migrate_guest(&self, vmid: u32, node: &str) -> Result<(), SimError> {
        let target = self.node_index(node).ok_or_else(|| SimError::NoNode(node.to_owned()))?;
        let now = self.now();
        self.change(vmid, |change, runs, home| {
            if home == target {
                return Err("is on that node already");
            }
            change.node = Some(target);
            // The process on the target is a new one: its counters begin at 0.
            change.since = runs.then_some(now);
            Ok(())
        })
    }

    /// Restarts a node: its uptime and the counters of the guests that run on it begin at 0.
    pub(crate) fn restart_node(&self, node: &str) -> Result<(), SimError> {
        let index = self.node_index(node).ok_or_else(|| SimError::NoNode(node.to_owned()))?;
        let now = self.now();
        let mut state = self.lock();
        state.boots.insert(index, now);
        for guest in self.plan.guests.iter().filter(|guest| !guest.is_template) {
            let mut change = state.changes.get(&guest.vmid).copied().unwrap_or_default();
            if change.node.unwrap_or(guest.home) == index && change.runs.unwrap_or(guest.runs) {
                (change.since, change.is_paused) = (Some(now), false);
                state.changes.insert(guest.vmid, change);
            }
        }
        state.generation += 1;
        Ok(())
    }

    /// Halts a running guest, its memory kept, or lets it go on.
    pub(crate) fn pause_guest(&self, vmid: u32, is_paused: bool) -> Result<(), SimError> {
        self.change(vmid, |change, runs, _| {
            if !runs {
                return Err("is not running");
            }
            change.is_paused = is_paused;
            Ok(())
        })
    }

    /// Locks a guest, or takes its lock away.
    pub(crate) fn lock_guest(&self, vmid: u32, lock: Option<&'static str>) -> Result<(), SimError> {
        self.change(vmid, |change, _, _| {
            change.lock = lock.map_or(Hold::Free, Hold::Held);
            Ok(())
        })
    }

    /// Changes what a guest's agent does.
    pub(crate) fn set_agent(&self, vmid: u32, agent: AgentState) -> Result<(), SimError> {
        self.change(vmid, |change, _, _| {
            change.agent = Some(agent);
            Ok(())
        })
    }

    /// Begins a task on a node: about a guest, or about several without saying which.
    pub(crate) fn begin_task(&self, kind: &str, vmid: Option<u32>, node: &str) -> Result<u64, SimError> {
        let index = self.node_index(node).ok_or_else(|| SimError::NoNode(node.to_owned()))?;
        let now = self.now();
        let name = Arc::clone(&self.plan.nodes[index].name);
        let mut state = self.lock();
        let now = now.saturating_add_signed(state.outages.skew(index));
        state.last_task += 1;
        let id = state.last_task;
        let about = vmid.map(|vmid| vmid.to_string()).unwrap_or_default();
        state.running.push(Running {
            id,
            task: TaskTruth {
                upid: stored::upid(&name, kind, &about, now, 100_000 + id as u32),
                kind: kind.to_owned(),
                vmid,
                node: name,
                began: now,
                ended: None,
                status: None,
            },
        });
        Ok(id)
    }

    /// Ends a task; says whether it was there.
    pub(crate) fn end_task(&self, id: u64, status: &str) -> bool {
        let now = self.now();
        let mut state = self.lock();
        let Some(place) = state.running.iter().position(|running| running.id == id) else { return false };
        let mut task = state.running.remove(place).task;
        let skew = self.node_index(&task.node).map_or(0, |node| state.outages.skew(node));
        (task.ended, task.status) = (Some(now.saturating_add_signed(skew)), Some(status.to_owned()));
        state.ended.push(task);
        true
    }

    /// Tasks that run on a node, and those begun by hand that have ended there, the newest first.
    pub(crate) fn tasks(&self, node: usize) -> (Vec<TaskTruth>, Vec<TaskTruth>) {
        let state = self.lock();
        let here = |task: &&TaskTruth| task.node == self.plan.nodes[node].name;
        let running = state.running.iter().map(|running| &running.task).filter(here).cloned().collect();
        (running, state.ended.iter().rev().filter(here).cloned().collect())
    }

    /// Finished backup tasks of a node.
    pub(crate) fn finished_backups(&self, node: usize) -> Vec<TaskTruth> {
        let (changes, skew) = self.homes_and_skew(node);
        stored::finished_backups(&self.plan, |guest| home(&changes, guest), (node, skew), self.now())
    }

    /// Replication jobs of a node.
    pub(crate) fn replication(&self, node: usize) -> Vec<ReplicationTruth> {
        let (changes, skew) = self.homes_and_skew(node);
        stored::replication(&self.plan, |guest| home(&changes, guest), (node, skew), self.now())
    }

    /// Backups on a storage.
    pub(crate) fn backups(&self, storage: &str) -> Vec<BackupTruth> {
        let (changes, outages) = {
            let state = self.lock();
            (state.changes.clone(), state.outages.clone())
        };
        stored::backups(&self.plan, storage, |guest| outages.skew(home(&changes, guest)), self.now())
    }

    /// Snapshots of a guest.
    pub(crate) fn snapshots(&self, guest: &GuestPlan) -> Vec<SnapshotTruth> {
        let skew = {
            let state = self.lock();
            state.outages.skew(home(&state.changes, guest))
        };
        stored::snapshots(&self.plan, guest, skew, self.now())
    }

    fn homes_and_skew(&self, node: usize) -> (Changes, i64) {
        let state = self.lock();
        (state.changes.clone(), state.outages.skew(node))
    }

    /// Takes a disk of a node's ZFS pool away, or gives it back.
    pub(crate) fn degrade_pool(&self, node: &str, is_degraded: bool) -> Result<(), SimError> {
        let index = self.node_index(node).ok_or_else(|| SimError::NoNode(node.to_owned()))?;
        let mut state = self.lock();
        if is_degraded {
            state.degraded.insert(index);
        } else {
            state.degraded.remove(&index);
        }
        Ok(())
    }

    pub(crate) fn is_pool_degraded(&self, node: usize) -> bool {
        self.lock().degraded.contains(&node)
    }

    /// Whether a guest's agent must be left alone now, and notes that somebody asked it all the same.
    pub(crate) fn disturbs(&self, guest: &GuestTruth) -> bool {
        let mut state = self.lock();
        let works = |running: &Running| {
            running.task.node == guest.node && running.task.vmid.is_none_or(|vmid| vmid == guest.plan.vmid)
        };
        let task =
            state.running.iter().find(|running| works(running)).map(|running| running.task.kind.clone());
        let why = guest.lock.map(str::to_owned).or(task);
        if let Some(why) = &why
            && state.violations.len() < 1_000
        {
            state.violations.push(format!("guest agent of {} was asked while: {why}", guest.plan.vmid));
        }
        why.is_some()
    }

    /// Guest agents that were asked while they must not be.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// Starts, stops and moves as many guests as do so by themselves in the minutes that have passed: always the same ones
    /// in the same minute.
    pub(crate) fn churn(&self) {
        let per_minute = u64::from(self.options.churn_per_minute);
        if per_minute == 0 || self.plan.guests.is_empty() {
            return;
        }
        let minute = self.now() / 60;
        let begin = {
            let mut state = self.lock();
            let last = state.churned.replace(minute).unwrap_or(minute);
            // After a leap only the newest minutes are lived through.
            (last + 1).max(minute.saturating_sub(MOST_MINUTES - 1))
        };
        for (minute, event) in
            (begin..=minute).flat_map(|minute| (0..per_minute).map(move |event| (minute, event)))
        {
            let key = derive(derive_text(self.plan.key, "churn"), minute * 1_000 + event);
            let vmid = self.plan.guests[derive(key, 1) as usize % self.plan.guests.len()].vmid;
            let node = Arc::clone(&self.plan.nodes[derive(key, 2) as usize % self.plan.nodes.len()].name);
            // What is not possible, as starting what runs, does not happen.
            let _ = match derive(key, 3) % 3 {
                0 => self.stop_guest(vmid),
                1 => self.start_guest(vmid),
                _ => self.migrate_guest(vmid, &node),
            };
        }
    }

    fn change(
        &self,
        vmid: u32,
        apply: impl FnOnce(&mut Change, bool, usize) -> Result<(), &'static str>,
    ) -> Result<(), SimError> {
        let guest =
            self.plan.guests.iter().find(|guest| guest.vmid == vmid).ok_or(SimError::NoGuest(vmid))?;
        if guest.is_template {
            return Err(SimError::GuestState { vmid, reason: "is a template" });
        }
        let mut state = self.lock();
        let mut change = state.changes.get(&vmid).copied().unwrap_or_default();
        let (runs, home) = (change.runs.unwrap_or(guest.runs), change.node.unwrap_or(guest.home));
        apply(&mut change, runs, home).map_err(|reason| SimError::GuestState { vmid, reason })?;
        state.changes.insert(vmid, change);
        state.generation += 1;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn home(changes: &Changes, guest: &GuestPlan) -> usize {
    changes.get(&guest.vmid).and_then(|change| change.node).unwrap_or(guest.home)
}
