//! What goes wrong on purpose, switchable while the simulation runs.
//!
//! A fault names whom it concerns, when, and an effect. Request effects change one answer; the others change a listener,
//! the cluster or the credentials for as long as the fault is listed and holds.

mod effect;
mod rule;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use pulse_core::Clock;
use serde::Serialize;
use tokio::sync::watch;

pub(crate) use self::rule::{Question, glob};
pub use self::{effect::Effect, rule::Fault};
use crate::PveVersion;

/// No more rules than this: a test that forgets to remove its faults must not slow every request down.
const MOST_FAULTS: usize = 1_000;

/// A fault with its number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedFault {
    /// Number to remove it by.
    pub id: u64,
    /// How often it has struck.
    pub struck: u64,
    /// How many calls it has concerned, struck or not.
    pub seen: u64,
    /// When it was added, Unix seconds of the simulation's clock.
    pub since: u64,
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
}

/// How a listener behaves at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Open,
    WrongCert,
    Silent,
    Closed,
}

/// Whether a node can be reached by the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Here,
    Offline,
    Blackhole,
}

/// What to do with one request.
#[derive(Debug, Default)]
pub(crate) struct Strike {
    pub(crate) delay: Duration,
    /// For how long a worker is kept busy, whether or not the caller waits.
    pub(crate) hold: Duration,
    pub(crate) effect: Option<Effect>,
}

#[derive(Debug, Default)]
struct Listed {
    last_id: u64,
    entries: Vec<ListedFault>,
    /// Faults of which the window was open at the last look.
    open: Vec<u64>,
}

/// All faults of one cluster or machine.
pub(crate) struct Faults {
    list: Mutex<Listed>,
    changed: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
}

impl Faults {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { list: Mutex::default(), changed: watch::Sender::new(0), clock }
    }

    /// Adds a fault and gives its number; none when the list is full.
    pub(crate) fn add(&self, fault: Fault) -> Option<u64> {
        let since = self.now();
        let id = {
            let mut list = self.lock();
            if list.entries.len() >= MOST_FAULTS {
                return None;
            }
            list.last_id += 1;
            let id = list.last_id;
            list.entries.push(ListedFault { id, struck: 0, seen: 0, since, fault });
            id
        };
        self.look();
        self.note();
        Some(id)
    }

    pub(crate) fn remove(&self, id: u64) -> bool {
        let removed = {
            let mut list = self.lock();
            let before = list.entries.len();
            list.entries.retain(|fault| fault.id != id);
            list.entries.len() < before
        };
        self.note();
        removed
    }

    pub(crate) fn clear(&self) {
        self.lock().entries.clear();
        self.note();
    }

    pub(crate) fn list(&self) -> Vec<ListedFault> {
        self.lock().entries.clone()
    }

    /// Tells when something changed; for listeners and for requests that hang.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Looks at the clock: says, and tells everybody, whether the window of a fault has opened or closed since the last
    /// look.
    pub(crate) fn look(&self) -> bool {
        let now = self.now();
        let has_changed = {
            let mut list = self.lock();
            let timed = list.entries.iter().filter(|entry| entry.fault.is_timed());
            let open: Vec<u64> = timed.filter(|entry| entry.holds(now)).map(|entry| entry.id).collect();
            let has_changed = open != list.open;
            list.open = open;
            has_changed
        };
        if has_changed {
            self.note();
        }
        has_changed
    }

    /// How the listener of a node behaves.
    pub(crate) fn line(&self, node: &str) -> Line {
        let mut line = Line::Open;
        let now = self.now();
        for entry in self.lock().on(node, now) {
            line = match entry.fault.effect {
                Effect::Refuse | Effect::NodeOffline => return Line::Closed,
                Effect::TlsHang | Effect::NodeBlackhole => Line::Silent,
                Effect::WrongCert if line == Line::Open => Line::WrongCert,
                _ => line,
            };
        }
        line
    }

    /// Whether other nodes reach a node.
    pub(crate) fn reach(&self, node: &str) -> Reach {
        let mut reach = Reach::Here;
        let now = self.now();
        for entry in self.lock().on(node, now) {
            match entry.fault.effect {
                Effect::NodeOffline => return Reach::Offline,
                Effect::NodeBlackhole => reach = Reach::Blackhole,
                _ => {}
            }
        }
        reach
    }

    /// The nodes that the cluster does not see.
    pub(crate) fn absent<'a>(&self, nodes: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
        nodes.filter(|node| self.reach(node) != Reach::Here).map(str::to_owned).collect()
    }

    /// The nodes that are cut off from the others; empty where the cluster is whole.
    pub(crate) fn apart<'a>(&self, nodes: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
        let list = self.lock();
        let cuts: Vec<&str> = list
            .held(self.now())
            .filter(|fault| fault.effect == Effect::ClusterSplit)
            .map(|fault| fault.node.as_str())
            .collect();
        nodes.filter(|node| cuts.iter().any(|cut| glob(cut, node))).map(str::to_owned).collect()
    }

    /// By how many seconds the clock of a node is wrong.
    pub(crate) fn skew(&self, node: &str) -> i64 {
        let of = |effect: &Effect| match effect {
            Effect::ClockSkew { seconds } => Some(*seconds),
            _ => None,
        };
        self.first(node, of).unwrap_or(0)
    }

    /// The release a node runs, where it is another one than its cluster's.
    pub(crate) fn release(&self, node: &str) -> Option<PveVersion> {
        self.first(node, |effect| match effect {
            Effect::Release { version } => Some(*version),
            _ => None,
        })
    }

    /// Nodes with another name: the old one and the new one.
    pub(crate) fn renames(&self) -> Vec<(String, String)> {
        let list = self.lock();
        let renames = list.held(self.now()).filter_map(|fault| match &fault.effect {
            Effect::RenameNode { to } => Some((fault.node.clone(), to.clone())),
            _ => None,
        });
        renames.collect()
    }

    /// Guests that two nodes list.
    pub(crate) fn duplicates(&self) -> BTreeSet<u32> {
        let list = self.lock();
        let vmids = list.held(self.now()).filter_map(|fault| match fault.effect {
            Effect::DuplicateVmid { vmid } => Some(vmid),
            _ => None,
        });
        vmids.collect()
    }

    /// Whether the disk of a datastore is gone.
    pub(crate) fn is_unmounted(&self, name: &str) -> bool {
        let is_it = |effect: &Effect| matches!(effect, Effect::Unmount { store } if store == name);
        self.is_any(is_it)
    }

    pub(crate) fn is_downgraded(&self) -> bool {
        self.is_any(|effect| *effect == Effect::Downgrade)
    }

    pub(crate) fn is_quorum_lost(&self) -> bool {
        self.is_any(|effect| *effect == Effect::LoseQuorum)
    }

    pub(crate) fn is_token_revoked(&self) -> bool {
        self.is_any(|effect| *effect == Effect::RevokeToken)
    }

    /// What happens to a request, and counts it. Delays add up; of the other effects the oldest wins.
    pub(crate) fn strike(&self, question: &Question<'_>) -> Strike {
        let now = self.now();
        let mut strike = Strike::default();
        for entry in &mut self.lock().entries {
            let is_used_up = entry.fault.times.is_some_and(|times| entry.struck >= times);
            if is_used_up || !entry.holds(now) || !entry.fault.concerns(question) {
                continue;
            }
            entry.seen += 1;
            if !entry.fault.picks(entry.id, entry.seen) {
                continue;
            }
            let effect = &entry.fault.effect;
            if let Some(delay) = effect.delay(rule::chance(entry.id, entry.seen)) {
                strike.delay += delay;
            } else if let Effect::StorageHang { .. } = effect {
                let Some(hold) = effect.hold(question.path) else { continue };
                strike.hold = strike.hold.max(hold);
            } else if strike.effect.is_none() {
                strike.effect = Some(effect.clone());
            } else {
                continue;
            }
            entry.struck += 1;
        }
        strike
    }

    /// Whether a request that was struck by a fault that makes it hang, or its answer stop, still is to wait.
    pub(crate) fn hangs(&self, question: &Question<'_>) -> bool {
        let waits = |effect: &Effect| matches!(effect, Effect::Hang | Effect::StallBody { .. });
        let list = self.lock();
        list.held(self.now()).any(|fault| waits(&fault.effect) && fault.concerns(question))
    }

    /// The number of changes so far.
    pub(crate) fn version(&self) -> u64 {
        *self.changed.borrow()
    }

    /// Wakes everybody who looks at faults, as if one had changed.
    pub(crate) fn note(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    fn first<T>(&self, node: &str, of: impl Fn(&Effect) -> Option<T>) -> Option<T> {
        let list = self.lock();
        list.on(node, self.now()).find_map(|entry| of(&entry.fault.effect))
    }

    fn is_any(&self, is_it: impl Fn(&Effect) -> bool) -> bool {
        let list = self.lock();
        list.held(self.now()).any(|fault| is_it(&fault.effect))
    }

    fn now(&self) -> u64 {
        self.clock.now().as_second().max(0).unsigned_abs()
    }

    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faults").field("list", &self.list).finish_non_exhaustive()
    }
}

impl ListedFault {
    /// Whether its window is open.
    fn holds(&self, now: u64) -> bool {
        self.fault.holds(now.saturating_sub(self.since))
    }
}

impl Listed {
    /// Faults that hold.
    fn held(&self, now: u64) -> impl Iterator<Item = &Fault> {
        self.entries.iter().filter(move |entry| entry.holds(now)).map(|entry| &entry.fault)
    }

    /// Faults that hold for a node.
    fn on(&self, node: &str, now: u64) -> impl Iterator<Item = &ListedFault> {
        self.entries.iter().filter(move |entry| entry.holds(now) && glob(&entry.fault.node, node))
    }
}

#[cfg(test)]
mod tests {
    use pulse_core::{ManualClock, SystemClock};

    use super::*;

    fn question(path: &str) -> Question<'_> {
        Question { node: "pve1", about: "pve1", method: "GET", path, query: "", identity: "token:a@pve!b" }
    }

    #[test]
    fn only_the_calls_it_names_are_struck() {
        let struck = |fault: Fault| {
            let faults = Faults::new(Arc::new(SystemClock));
            faults.add(fault);
            faults.strike(&question("/nodes/pve1/qemu")).effect.is_some()
        };
        let reset = || Fault::new(Effect::Reset);
        assert!(struck(reset()));
        for (is_struck, field, pattern) in [
            (true, "identity", "token:*"),
            (false, "identity", "ticket:*"),
            (true, "about", "pve1"),
            (false, "about", "pve2"),
            (false, "method", "POST"),
            (false, "query", "full=1"),
        ] {
            let mut fault = serde_json::to_value(reset()).unwrap();
            fault[field] = pattern.into();
            assert_eq!(struck(serde_json::from_value(fault).unwrap()), is_struck, "{field} {pattern}");
        }
    }

    #[test]
    fn what_holds_for_a_while_begins_and_ends_with_the_clock() {
        let clock = Arc::new(ManualClock::new(jiff::Timestamp::from_second(1_000).unwrap()));
        let faults = Faults::new(clock.clone());
        faults.add(Fault::new(Effect::NodeOffline).on_node("pve1").between(60, 30));
        faults.add(Fault::new(Effect::Reset).between(60, 30));
        let mut seen = Vec::new();
        for seconds in [0, 59, 1, 29, 1] {
            clock.advance(jiff::SignedDuration::from_secs(seconds));
            let is_struck = faults.strike(&question("/nodes")).effect.is_some();
            seen.push((faults.look(), faults.reach("pve1") == Reach::Offline, is_struck));
        }
        let (away, here) = ((false, true, true), (false, false, false));
        assert_eq!(seen, [here, here, (true, true, true), away, (true, false, false)]);
    }

    #[test]
    fn delays_add_up_and_the_oldest_other_effect_wins() {
        let faults = Faults::new(Arc::new(SystemClock));
        faults.add(Fault::new(Effect::Delay { ms: 100 }));
        faults.add(Fault::new(Effect::Hang).times(1));
        faults.add(Fault::new(Effect::Delay { ms: 50 }));
        faults.add(Fault::new(Effect::Reset));
        let first = faults.strike(&question("/nodes"));
        assert_eq!((first.delay, first.effect), (Duration::from_millis(150), Some(Effect::Hang)));
        assert_eq!(faults.strike(&question("/nodes")).effect, Some(Effect::Reset));
        assert_eq!(faults.list().iter().map(|fault| fault.struck).collect::<Vec<_>>(), [2, 1, 2, 1]);
    }
}
