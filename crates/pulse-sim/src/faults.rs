//! What goes wrong on purpose, switchable while the simulation runs.
//!
//! A fault names a node, a path pattern and an effect. Request effects change one answer; the others change a
//! listener, the cluster or the credentials for as long as the fault is listed.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::PveVersion;

/// No more rules than this: a test that forgets to remove its faults must not slow every request down.
const MOST_FAULTS: usize = 1_000;

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Node it concerns, as a pattern with `*`: the node that answers, or for the effects that take a node away,
    /// that node. All nodes when absent.
    #[serde(default = "everything")]
    pub node: String,
    /// Path it concerns, behind `/api2/json`, as a pattern with `*`. All paths when absent.
    #[serde(default = "everything")]
    pub path: String,
    /// How often it strikes; for ever when absent. Counts for effects on requests only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// What happens.
    pub effect: Effect,
}

fn everything() -> String {
    "*".to_owned()
}

impl Fault {
    /// A fault that strikes every request on every node until it is removed.
    pub fn new(effect: Effect) -> Self {
        Self { node: everything(), path: everything(), times: None, effect }
    }

    /// Limits it to a node.
    #[must_use]
    pub fn on_node(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.node);
        self
    }

    /// Limits it to paths.
    #[must_use]
    pub fn on_path(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.path);
        self
    }

    /// Limits how often it strikes.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// Answers with a status and a text as the real daemon words errors.
    Status {
        /// 400 to 599.
        code: u16,
        /// Reason phrase and message.
        text: String,
    },
    /// Answers later.
    Delay {
        /// By so many milliseconds.
        ms: u64,
    },
    /// Never answers.
    Hang,
    /// Breaks the answer off.
    HalfJson {
        /// After so many percent of its bytes.
        #[serde(default = "half")]
        percent: u8,
        /// Whether the length announced is that of the part (so that only the JSON is broken), not of the whole
        /// (so that the transfer is broken too).
        #[serde(default)]
        honest_length: bool,
    },
    /// Answers 200 with a web page.
    HtmlPage,
    /// Answers 200 with something that is not JSON.
    GarbageJson,
    /// Answers 200 with nothing.
    EmptyBody,
    /// Tears the connection down when the request arrives.
    Reset,
    /// Closes the listener.
    Refuse,
    /// Shows another certificate than the one `/nodes` publishes.
    WrongCert,
    /// Accepts connections and never speaks TLS.
    TlsHang,
    /// The node is away: others answer 595 for it, the cluster shows it offline, its own address refuses.
    NodeOffline,
    /// The node swallows packets: others answer 596 for it after half a minute, its own address never answers.
    NodeBlackhole,
    /// Sends the answer so slowly that it may as well never end.
    SlowBody {
        /// Bytes per second.
        bytes_per_second: u64,
    },
    /// Answers 200 with a document of this size.
    HugeBody {
        /// So many MiB.
        mebibytes: u32,
    },
    /// A field has another type than it should, wherever it stands in the answer.
    WrongType {
        /// Name of the field.
        field: String,
        /// What stands there instead.
        value: serde_json::Value,
    },
    /// The cluster has lost its quorum, though its nodes are there.
    LoseQuorum,
    /// The account has lost all rights but those of an auditor without the guest agent.
    Downgrade,
    /// Every ticket given out so far is void. Strikes once, when it is added.
    ExpireTickets,
    /// The API token is unknown.
    RevokeToken,
    /// The node's clock is wrong: every time in what it tells of itself is off. Not the times in names of backups.
    ClockSkew {
        /// By so many seconds, ahead where positive.
        seconds: i64,
    },
    /// A guest is listed by two nodes at once, as in the moment in which a migration ends: the node after its own has
    /// one of the same number, with counters of its own.
    DuplicateVmid {
        /// Number of the guest.
        vmid: u32,
    },
    /// The node has another name, and nobody knows the old one any more. Faults still name it by the old one.
    RenameNode {
        /// The new name.
        to: String,
    },
    /// The network between the nodes it names and all others is cut: each side takes the other one for dead, and both
    /// can be asked.
    ClusterSplit,
    /// The node restarts: its uptime and the counters of the guests on it begin at 0. Strikes once, when it is added,
    /// and takes no time: [`Effect::NodeOffline`] before it makes the time that it takes.
    Restart,
    /// The node gets a new certificate, which `/nodes` publishes. Strikes once, when it is added.
    RotateCertificate,
    /// The node runs another release than the cluster began with.
    Release {
        /// Which.
        version: PveVersion,
    },
    /// The disk of a datastore is not there. For backup servers.
    Unmount {
        /// Name of the datastore.
        store: String,
    },
}

fn half() -> u8 {
    50
}

impl Effect {
    /// Whether it changes one answer (and not a listener, the cluster or the credentials).
    fn strikes_requests(&self) -> bool {
        match self {
            Self::Status { .. }
            | Self::Delay { .. }
            | Self::Hang
            | Self::HalfJson { .. }
            | Self::HtmlPage
            | Self::GarbageJson
            | Self::EmptyBody
            | Self::SlowBody { .. }
            | Self::HugeBody { .. }
            | Self::WrongType { .. }
            | Self::Reset => true,
            Self::Refuse
            | Self::WrongCert
            | Self::TlsHang
            | Self::NodeOffline
            | Self::NodeBlackhole
            | Self::LoseQuorum
            | Self::Downgrade
            | Self::ExpireTickets
            | Self::RevokeToken
            | Self::ClockSkew { .. }
            | Self::DuplicateVmid { .. }
            | Self::RenameNode { .. }
            | Self::ClusterSplit
            | Self::Restart
            | Self::RotateCertificate
            | Self::Release { .. }
            | Self::Unmount { .. } => false,
        }
    }
}

/// A fault with its number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListedFault {
    /// Number to remove it by.
    pub id: u64,
    /// How often it has struck.
    pub struck: u64,
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
    pub(crate) effect: Option<Effect>,
}

/// All faults of one cluster.
#[derive(Debug)]
pub(crate) struct Faults {
    list: Mutex<(u64, Vec<ListedFault>)>,
    changed: watch::Sender<u64>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { list: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

impl Faults {
    /// Adds a fault and gives its number; none when the list is full.
    pub(crate) fn add(&self, fault: Fault) -> Option<u64> {
        let id = {
            let mut guard = self.lock();
            let (last, list) = &mut *guard;
            if list.len() >= MOST_FAULTS {
                return None;
            }
            *last += 1;
            let id = *last;
            list.push(ListedFault { id, struck: 0, fault });
            id
        };
        self.note();
        Some(id)
    }

    pub(crate) fn remove(&self, id: u64) -> bool {
        let removed = {
            let mut guard = self.lock();
            let before = guard.1.len();
            guard.1.retain(|fault| fault.id != id);
            guard.1.len() < before
        };
        self.note();
        removed
    }

    pub(crate) fn clear(&self) {
        self.lock().1.clear();
        self.note();
    }

    pub(crate) fn list(&self) -> Vec<ListedFault> {
        self.lock().1.clone()
    }

    /// Tells when something changed; for listeners and for requests that hang.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// How the listener of a node behaves.
    pub(crate) fn line(&self, node: &str) -> Line {
        let mut line = Line::Open;
        for entry in self.lock().1.iter().filter(|entry| glob(&entry.fault.node, node)) {
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
        for entry in self.lock().1.iter().filter(|entry| glob(&entry.fault.node, node)) {
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
        let guard = self.lock();
        let cuts: Vec<&str> = guard
            .1
            .iter()
            .filter(|entry| entry.fault.effect == Effect::ClusterSplit)
            .map(|entry| entry.fault.node.as_str())
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
        let guard = self.lock();
        let renames = guard.1.iter().filter_map(|entry| match &entry.fault.effect {
            Effect::RenameNode { to } => Some((entry.fault.node.clone(), to.clone())),
            _ => None,
        });
        renames.collect()
    }

    /// Guests that two nodes list.
    pub(crate) fn duplicates(&self) -> BTreeSet<u32> {
        let guard = self.lock();
        let vmids = guard.1.iter().filter_map(|entry| match entry.fault.effect {
            Effect::DuplicateVmid { vmid } => Some(vmid),
            _ => None,
        });
        vmids.collect()
    }

    /// Whether the disk of a datastore is gone.
    pub(crate) fn is_unmounted(&self, name: &str) -> bool {
        let is_it = |effect: &Effect| matches!(effect, Effect::Unmount { store } if store == name);
        self.lock().1.iter().any(|entry| is_it(&entry.fault.effect))
    }

    pub(crate) fn is_downgraded(&self) -> bool {
        self.lock().1.iter().any(|entry| entry.fault.effect == Effect::Downgrade)
    }

    pub(crate) fn is_quorum_lost(&self) -> bool {
        self.lock().1.iter().any(|entry| entry.fault.effect == Effect::LoseQuorum)
    }

    pub(crate) fn is_token_revoked(&self) -> bool {
        self.lock().1.iter().any(|entry| entry.fault.effect == Effect::RevokeToken)
    }

    /// What happens to a request, and counts it. Delays add up; of the other effects the oldest wins.
    pub(crate) fn strike(&self, node: &str, path: &str) -> Strike {
        let mut strike = Strike::default();
        for entry in &mut self.lock().1 {
            let fault = &entry.fault;
            let is_used_up = fault.times.is_some_and(|times| entry.struck >= times);
            if is_used_up
                || !fault.effect.strikes_requests()
                || !glob(&fault.node, node)
                || !glob(&fault.path, path)
            {
                continue;
            }
            if let Effect::Delay { ms } = fault.effect {
                strike.delay += Duration::from_millis(ms.min(3_600_000));
            } else if strike.effect.is_none() {
                strike.effect = Some(fault.effect.clone());
            } else {
                continue;
            }
            entry.struck += 1;
        }
        strike
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
        let guard = self.lock();
        guard.1.iter().filter(|entry| glob(&entry.fault.node, node)).find_map(|entry| of(&entry.fault.effect))
    }

    fn lock(&self) -> MutexGuard<'_, (u64, Vec<ListedFault>)> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters, slashes included.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<_> = rest.split('*').collect();
    // What follows the last star must be the end; the parts in between may match as early as they like.
    let Some(tail) = parts.pop() else { return true };
    for part in parts {
        let Some(found) = text.find(part) else { return false };
        text = &text[found + part.len()..];
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_a_reader_expects() {
        for (pattern, text, expect) in [
            ("*", "", true),
            ("*", "/nodes", true),
            ("/nodes", "/nodes", true),
            ("/nodes", "/nodes/pve1", false),
            ("/nodes/*/status", "/nodes/pve1/status", true),
            ("/nodes/*/status", "/nodes/pve1/qemu/100/status", true),
            ("/nodes/*/status", "/nodes/pve1/status/x", false),
            ("/a*b*b", "/ab", false),
            ("/a*b*b", "/abb", true),
            ("pve1", "pve10", false),
            ("pve1*", "pve10", true),
        ] {
            assert_eq!(glob(pattern, text), expect, "{pattern} {text}");
        }
    }

    #[test]
    fn delays_add_up_and_the_oldest_other_effect_wins() {
        let faults = Faults::default();
        faults.add(Fault::new(Effect::Delay { ms: 100 }));
        faults.add(Fault::new(Effect::Hang).times(1));
        faults.add(Fault::new(Effect::Delay { ms: 50 }));
        faults.add(Fault::new(Effect::Reset));
        let first = faults.strike("pve1", "/nodes");
        assert_eq!((first.delay, first.effect), (Duration::from_millis(150), Some(Effect::Hang)));
        assert_eq!(faults.strike("pve1", "/nodes").effect, Some(Effect::Reset));
        assert_eq!(faults.list().iter().map(|fault| fault.struck).collect::<Vec<_>>(), [2, 1, 2, 1]);
    }

    #[test]
    fn a_fault_reads_as_people_write_it() {
        let fault: Fault = serde_json::from_str(
            r#"{"node":"pve2","path":"/nodes/*","times":3,"effect":{"kind":"status","code":500,"text":"no"}}"#,
        )
        .unwrap();
        let expect = Fault::new(Effect::Status { code: 500, text: "no".into() });
        assert_eq!(fault, expect.on_node("pve2").on_path("/nodes/*").times(3));
        assert!(serde_json::from_str::<Fault>(r#"{"effect":{"kind":"explode"}}"#).is_err());
    }
}
