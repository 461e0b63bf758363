//! The invented machines: what is planned, what was changed by hand, and what is therefore true now.
//!
//! Must never know about any wire: PVE, PBS and PMG answers are all written from [`Truth`].

pub(crate) mod plan;
mod truth;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use pulse_core::Clock;

use self::plan::Plan;
pub use self::{
    plan::{AgentState, GuestKind, GuestPlan},
    truth::{GuestStatus, GuestTruth, NodeTruth, StorageTruth, Truth},
};
use crate::{EstateOptions, SimError, figures::SLOT_SECONDS};

/// What somebody did to a guest since the simulation began.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Change {
    /// Moved there.
    node: Option<usize>,
    /// Started or stopped.
    runs: Option<bool>,
    /// When its process began, Unix seconds.
    since: Option<u64>,
}

type Changes = BTreeMap<u32, Change>;

/// Nodes that the cluster cannot see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Outages {
    /// Their names.
    pub(crate) offline: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct State {
    changes: Changes,
    outages: Outages,
    /// Counts changes, so that caches know when to forget.
    generation: u64,
    cached: Option<Arc<Moment>>,
}

/// What is true, with the mark that tells two truths of one slot apart.
#[derive(Debug)]
pub(crate) struct Moment {
    pub(crate) generation: u64,
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
        let at = self.now() / SLOT_SECONDS * SLOT_SECONDS;
        let mut state = self.lock();
        if let Some(moment) = &state.cached
            && moment.truth.at == at
            && moment.generation == state.generation
        {
            return Arc::clone(moment);
        }
        let truth = truth::compute(&self.plan, &state.changes, &state.outages, at);
        let moment = Arc::new(Moment { generation: state.generation, truth: Arc::new(truth) });
        state.cached = Some(Arc::clone(&moment));
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
        let changes = self.lock().changes.clone();
        truth::node_at(&self.plan, &changes, index, at)
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
