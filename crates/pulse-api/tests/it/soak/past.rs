//! What was true lately: figures that are read now and then are compared with the moments at which they may have been
//! read.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use pulse_sim::{
    BackupTruth, GroupTruth, PbsTruth, PmgTruth, ReplicationTruth, SnapshotTruth, TaskTruth, Truth,
};

use super::Lab;

/// So far back is remembered: a day of a lock, and what was read before it.
const KEPT_SECONDS: i64 = 26 * 3_600;

/// What was true at one moment.
pub struct Moment {
    pub at: i64,
    pub truth: Arc<Truth>,
    pub lists: Arc<Lists>,
    pub pbs: Arc<PbsTruth>,
    pub pmg: PmgTruth,
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
    /// Every backup task there ever was, by its id.
    tasks: BTreeMap<String, TaskTruth>,
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
            self.tasks.entry(task.upid.clone()).or_insert(task);
        }
        let (truth, pmg) = (lab.cluster.truth(), lab.mail_gateway.truth());
        self.moments.push_front(Moment { at, truth, lists, pbs, pmg });
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

    /// A backup task of the nights.
    pub fn task(&self, upid: &str) -> Option<&TaskTruth> {
        self.tasks.get(upid)
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
