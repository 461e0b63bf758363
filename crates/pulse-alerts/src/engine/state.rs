//! What the engine remembers between two looks.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use pulse_core::{
    ids::{DockerHostId, HostId, KubernetesClusterId},
    model::{Alert, AlertLevel, DockerHost, Host, InstanceKey, InstanceView, KubernetesCluster},
    notice::{BrokenDestination, Notice},
};

use super::step::Phase;
use crate::kind::Kind;

/// How long openings are remembered.
pub(crate) const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// An alert that comes back so soon after it closed is still acknowledged.
// Pulse v5: for an hour, and whatever its level: an alert that matters comes back in silence.
pub(crate) const ACK_MEMORY: SignedDuration = SignedDuration::from_mins(15);

/// At most so many changes are remembered per alert.
const MOST_CHANGES: usize = 128;

/// Where a resource comes from. What one source no longer has is gone; a source that is silent takes nothing with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Source {
    Instance(InstanceKey),
    Host(HostId),
    Docker(DockerHostId),
    Kubernetes(KubernetesClusterId),
    /// Backups, which are put together from several instances.
    Backups,
    /// The notifications themselves.
    Delivery,
}

/// Everything the engine remembers.
#[derive(Debug, Default)]
pub struct EngineState {
    /// Resources about which anything is known, by their stable keys.
    pub(crate) holders: HashMap<Box<str>, Holder>,
    /// Counts looks.
    pub(crate) generation: u32,
    /// The configuration of the last look.
    pub(crate) rules_id: u64,
    /// What was seen of each source at the last look.
    pub(crate) seen: Seen,
    pub(crate) memory: Memory,
    /// Destinations to which nothing can be delivered; `None` while that is not known.
    pub(crate) broken: Option<Vec<BrokenDestination>>,
    /// Recoveries that quiet hours hold back.
    pub(crate) held_recoveries: VecDeque<Notice>,
    /// Raised alerts as they were last published, sorted by id.
    pub(crate) active: Arc<Vec<Arc<Alert>>>,
    /// Whether [`Self::active`] is no longer true.
    pub(crate) is_active_stale: bool,
    pub(crate) last_backup_look: Option<Timestamp>,
    pub(crate) last_purge: Option<Timestamp>,
    /// Whether the memory of restarts and updates changed since it was last saved.
    pub(crate) is_memory_dirty: bool,
}

/// Pictures of the last look, to tell what is new.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) instances: HashMap<InstanceKey, Arc<InstanceView>>,
    pub(crate) hosts: HashMap<HostId, Arc<Host>>,
    pub(crate) docker: HashMap<DockerHostId, Arc<DockerHost>>,
    pub(crate) kubernetes: HashMap<KubernetesClusterId, Arc<KubernetesCluster>>,
}

/// What is remembered of one resource.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) source: Source,
    /// The look that last saw the resource.
    pub(crate) generation: u32,
    /// When it came back from before a restart, until its source is seen.
    pub(crate) restored_at: Option<Timestamp>,
    pub(crate) tracks: Vec<Track>,
}

/// One possible alert of a resource.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) kind: Kind,
    /// Which of several of the kind: a file system, a device.
    pub(crate) detail: Box<str>,
    /// The look that last looked at it.
    pub(crate) generation: u32,
    pub(crate) phase: Phase,
    pub(crate) open: Option<Box<Open>>,
    pub(crate) past: Option<Box<Past>>,
}

/// A raised alert.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    pub(crate) alert: Arc<Alert>,
    /// When its firing notice was handed over.
    pub(crate) announced_at: Option<Timestamp>,
    /// The worst level that was told.
    pub(crate) told_level: AlertLevel,
    /// Not told before this time.
    pub(crate) not_before: Option<Timestamp>,
    /// Nobody is told until then, and who said so.
    pub(crate) snoozed_until: Option<Timestamp>,
    /// Nobody is ever told: the tag `pulse-monitor-only`.
    pub(crate) is_monitor_only: bool,
    /// A warning that was there when notices were switched on: the operator has seen it.
    pub(crate) was_reviewed: bool,
    /// Say it again at the next chance: it grew.
    pub(crate) repeat: bool,
}

/// The acknowledgement with which an alert closed: when it closed, when and by whom it was acknowledged, its level.
pub(crate) type LastAck = (Timestamp, (Timestamp, String), AlertLevel);

/// What is remembered of an alert that opened lately.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    pub(crate) openings: VecDeque<Timestamp>,
    pub(crate) changes: VecDeque<Timestamp>,
    pub(crate) last_announced: Option<Timestamp>,
    pub(crate) last_value: Option<f64>,
    /// The acknowledgement with which it closed: when that was, whose, at which level.
    pub(crate) acknowledged: Option<Box<LastAck>>,
}

impl Past {
    fn remember(list: &mut VecDeque<Timestamp>, now: Timestamp) {
        if list.len() >= MOST_CHANGES {
            list.pop_front();
        }
        // Most alerts open once.
        if list.is_empty() {
            list.reserve_exact(1);
        }
        list.push_back(now);
    }

    pub(crate) fn opened(&mut self, now: Timestamp) {
        Self::remember(&mut self.openings, now);
        Self::remember(&mut self.changes, now);
    }

    pub(crate) fn closed(&mut self, now: Timestamp) {
        Self::remember(&mut self.changes, now);
    }

    /// Openings within the last hour.
    pub(crate) fn openings_in_hour(&self, now: Timestamp) -> usize {
        count_since(&self.openings, now, HOUR)
    }

    /// Changes within `window`.
    pub(crate) fn changes_within(&self, now: Timestamp, window: SignedDuration) -> usize {
        count_since(&self.changes, now, window)
    }

    fn is_forgotten(&self, now: Timestamp) -> bool {
        let is_old = |at: &Timestamp| now.duration_since(*at) > HOUR;
        self.changes.back().is_none_or(is_old) && self.last_announced.as_ref().is_none_or(is_old)
    }
}

fn count_since(list: &VecDeque<Timestamp>, now: Timestamp, window: SignedDuration) -> usize {
    list.iter().rev().take_while(|at| now.duration_since(**at) <= window).count()
}

impl Track {
    pub(crate) fn new(kind: Kind, detail: &str) -> Self {
        Self { kind, detail: detail.into(), generation: 0, phase: Phase::Quiet, open: None, past: None }
    }

    /// Whether nothing of it needs to be remembered.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.is_none() && self.past.is_none() && self.phase == Phase::Quiet
    }

    pub(crate) fn forget_the_past(&mut self, now: Timestamp) {
        if self.open.is_none() && self.past.as_ref().is_some_and(|past| past.is_forgotten(now)) {
            self.past = None;
        }
    }
}

/// What some types need to know of the time before.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Restarts of containers within their windows.
    pub(crate) restarts: HashMap<Box<str>, Restarts>,
    /// Since when an update of a container is known.
    pub(crate) updates: HashMap<Box<str>, Timestamp>,
    /// Mails in quarantine over the last hours.
    pub(crate) quarantine: BTreeMap<Box<str>, VecDeque<(Timestamp, u64, u64)>>,
}

/// Restarts of one container.
#[derive(Debug, Default)]
pub(crate) struct Restarts {
    pub(crate) count: u32,
    pub(crate) at: VecDeque<Timestamp>,
    pub(crate) generation: u32,
}

impl EngineState {
    /// A state that knows of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The alerts that are raised, sorted by id. The same `Arc` as long as nothing that is shown changed.
    pub fn active(&self) -> Arc<Vec<Arc<Alert>>> {
        self.active.clone()
    }

    /// Says which destinations of notices are broken: the next evaluation looks at them.
    pub fn set_broken_destinations(&mut self, broken: Option<Vec<BrokenDestination>>) {
        self.broken = broken;
    }

    /// How many alerts are raised.
    pub fn open_count(&self) -> usize {
        self.holders.values().flat_map(|holder| &holder.tracks).filter(|track| track.open.is_some()).count()
    }

    pub(crate) fn publish(&mut self) {
        if !std::mem::take(&mut self.is_active_stale) {
            return;
        }
        let tracks = self.holders.values().flat_map(|holder| &holder.tracks);
        let mut active: Vec<_> =
            tracks.filter_map(|track| track.open.as_ref().map(|open| open.alert.clone())).collect();
        active.sort_by(|a, b| a.id.cmp(&b.id));
        self.active = Arc::new(active);
    }
}
