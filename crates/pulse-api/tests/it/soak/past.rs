//! What was true lately: figures that are read now and then are compared with the moments at which they may have been
//! read.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use pulse_sim::{
    BackupTruth, GroupTruth, GuestTruth, NodeTruth, PbsTruth, PmgTruth, ReplicationTruth, SnapshotTruth,
    TaskTruth, Truth,
};

use super::Lab;

/// So far back is remembered: a day of a lock, and what was read before it.
const KEPT_SECONDS: i64 = 26 * 3_600;

/// What was true at one moment.
pub struct Moment {
    pub at: i64,
    pub truth: Arc<Truth>,
    /// Guests that a second node lists, as that one lists them.
    pub doubles: Vec<GuestTruth>,
    pub lists: Arc<Lists>,
    pub pbs: Arc<PbsTruth>,
    pub pmg: PmgTruth,
}

impl Moment {
    /// The guest as the node tells that is said to have it; where none has, as its own node does.
    pub fn guest_on(&self, vmid: u32, node: &str) -> Option<&GuestTruth> {
        let double = self.doubles.iter().find(|double| double.plan.vmid == vmid && *double.node == *node);
        self.truth.guest(vmid).filter(|guest| *guest.node == *node).or(double).or(self.truth.guest(vmid))
    }

    /// Whether a node has, or lists, a guest.
    pub fn has_guest_on(&self, vmid: u32, node: &str) -> bool {
        self.guest_on(vmid, node).is_some_and(|guest| *guest.node == *node)
    }

    /// A node, by the name it has.
    pub fn node(&self, name: &str) -> Option<&NodeTruth> {
        self.truth.nodes.iter().find(|node| *node.name == *name)
    }
}

/// What changes now and then.
#[derive(PartialEq)]
pub struct Lists {
    pub backups: Vec<BackupTruth>,
    pub snapshots: Vec<SnapshotTruth>,
    pub replication: Vec<ReplicationTruth>,
    pub groups: Vec<GroupTruth>,
}

/// Moments, the newest first.
#[derive(Default)]
pub struct Past {
    moments: VecDeque<Moment>,
    /// Every backup task there ever was, by its id. A clock that was a day wrong gives one day's task the id of another's.
    tasks: BTreeMap<String, Vec<TaskTruth>>,
}

impl Past {
    pub fn note(&mut self, lab: &Lab, now: Timestamp) {
        let at = now.as_second();
        let mut pbs = lab.backup_server.truth();
        let lists = Lists {
            backups: lab.cluster.backups(),
            snapshots: lab.cluster.snapshots(),
            replication: lab.cluster.replication(),
            groups: std::mem::take(&mut pbs.groups),
        };
        let (mut lists, mut pbs) = (Arc::new(lists), Arc::new(pbs));
        if let Some(last) = self.moments.front() {
            if last.lists == lists {
                lists = Arc::clone(&last.lists);
            }
            if last.pbs == pbs {
                pbs = Arc::clone(&last.pbs);
            }
        }
        for task in lab.cluster.backup_tasks() {
            let known = self.tasks.entry(task.upid.clone()).or_default();
            if !known.contains(&task) {
                known.push(task);
            }
        }
        let (truth, doubles) = (lab.cluster.truth(), lab.cluster.doubles());
        let pmg = lab.mail_gateway.truth();
        self.moments.push_front(Moment { at, truth, doubles, lists, pbs, pmg });
        while self.moments.back().is_some_and(|moment| moment.at < at - KEPT_SECONDS) {
            self.moments.pop_back();
        }
    }

    /// The same where the simulator's figures have changed by themselves, which they do every ten seconds.
    pub fn note_slot(&mut self, lab: &Lab, now: Timestamp) {
        if self.moments.front().is_none_or(|last| last.at / 10 != now.as_second() / 10) {
            self.note(lab, now);
        }
    }

    /// The newest moment.
    pub fn now(&self) -> &Moment {
        self.moments.front().unwrap()
    }

    /// The newest moment at which something was so, if that is not longer ago than `seconds`.
    pub fn last(&self, seconds: i64, is_so: impl Fn(&Moment) -> bool) -> Option<&Moment> {
        let since = self.now().at - seconds;
        self.moments.iter().take_while(|moment| moment.at >= since).find(|moment| is_so(moment))
    }

    /// Backup tasks of the nights with an id.
    pub fn tasks(&self, upid: &str) -> &[TaskTruth] {
        self.tasks.get(upid).map_or(&[], Vec::as_slice)
    }

    /// Whether lists were so within the last `seconds`; looked at once for all the time in which they stayed the same.
    pub fn lists_lately(&self, seconds: i64, is_so: impl Fn(&Lists) -> bool) -> bool {
        let since = self.now().at - seconds;
        let mut last: Option<&Arc<Lists>> = None;
        for moment in &self.moments {
            if last.is_none_or(|last| !Arc::ptr_eq(last, &moment.lists)) {
                if is_so(&moment.lists) {
                    return true;
                }
                last = Some(&moment.lists);
            }
            if moment.at < since {
                return false;
            }
        }
        false
    }

    /// Whether something was so within the last `seconds`. The moment before them counts too: it lasted into them.
    pub fn lately(&self, seconds: i64, is_so: impl Fn(&Moment) -> bool) -> bool {
        let since = self.now().at - seconds;
        for moment in &self.moments {
            if is_so(moment) {
                return true;
            }
            if moment.at < since {
                return false;
            }
        }
        false
    }
}
