//! What the world takes of backup servers and mail gateways. The rules are in `merge::pbs` and `merge::pmg`.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use pulse_collectors::{PbsBackups, PbsCycle, PmgBackups, PmgCycle};
use pulse_core::{
    coverage::{self, Attribution, Candidate},
    model::{InstanceKey, InstanceView, SourceIssue},
};

use crate::{
    merge::{pbs, pmg},
    world::World,
};

impl World {
    /// Lists a backup server before its first answer.
    pub(crate) fn announce_pbs(&mut self, key: &InstanceKey, host_url: String, guest_url: Option<String>) {
        self.replace(key, |view, _| pbs::announce(view, host_url, guest_url));
    }

    /// Takes what a poll of a backup server brought.
    pub(crate) fn merge_pbs(
        &mut self,
        key: &InstanceKey,
        cycle: PbsCycle,
        guest_url: Option<String>,
        now: Timestamp,
    ) {
        self.replace(key, |view, beside| pbs::merge(view, cycle, guest_url, beside, now));
    }

    /// Takes what reading the backups brought; what went wrong shows with the next poll.
    pub(crate) fn merge_pbs_backups(&mut self, key: &InstanceKey, outcome: Result<PbsBackups, SourceIssue>) {
        match outcome {
            Ok(mut found) => {
                self.note_beside(key, std::mem::take(&mut found.issues));
                self.replace(key, |view, _| pbs::backups(view, found));
                self.find_newest();
            }
            Err(issue) => self.note_beside(key, vec![issue]),
        }
    }

    /// Lists a mail gateway before its first answer.
    pub(crate) fn announce_pmg(&mut self, key: &InstanceKey, host_url: String, guest_url: Option<String>) {
        self.replace(key, |view, _| pmg::announce(view, host_url, guest_url));
    }

    /// Takes what a poll of a mail gateway brought.
    pub(crate) fn merge_pmg(
        &mut self,
        key: &InstanceKey,
        cycle: PmgCycle,
        guest_url: Option<String>,
        now: Timestamp,
    ) {
        self.replace(key, |view, beside| pmg::merge(view, cycle, guest_url, beside, now));
    }

    /// Takes what reading the configuration backups brought; what went wrong shows with the next poll.
    pub(crate) fn merge_pmg_backups(&mut self, key: &InstanceKey, outcome: Result<PmgBackups, SourceIssue>) {
        match outcome {
            Ok(mut found) => {
                self.note_beside(key, std::mem::take(&mut found.issues));
                self.replace(key, |view, _| pmg::backups(view, found));
            }
            Err(issue) => self.note_beside(key, vec![issue]),
        }
    }

    /// Whose newest backups they are; only what is certain counts.
    fn find_newest(&mut self) {
        let mut newest: HashMap<Candidate, Timestamp> = HashMap::new();
        for (group, verdict) in coverage::attribute(&self.snapshot) {
            let (Attribution::Guest { guest, .. }, Some(last)) = (verdict, group.newest()) else { continue };
            let at = newest.entry(guest).or_insert(last.made_at);
            *at = last.made_at.max(*at);
        }
        self.pbs_newest = newest;
    }

    /// Gives the guests of a cluster the time of their newest backup on a backup server.
    pub(crate) fn add_pbs_backups(&self, view: &mut InstanceView) {
        if self.pbs_newest.is_empty() {
            return;
        }
        for guest in Arc::make_mut(&mut view.guests) {
            let own = Candidate { instance: guest.instance.clone(), vmid: guest.vmid };
            let newest = self.pbs_newest.get(&own).copied();
            guest.last_backup = guest.last_backup.max(newest);
        }
    }

    /// An instance that was removed while it was read stays removed.
    fn replace(
        &mut self,
        key: &InstanceKey,
        with: impl FnOnce(&InstanceView, &[SourceIssue]) -> InstanceView,
    ) {
        let Some(view) = self.snapshot.instances.get_mut(key) else { return };
        let beside = self.backup_issues.get(key).map(Vec::as_slice).unwrap_or_default();
        *view = Arc::new(with(view, beside));
    }

    fn note_beside(&mut self, key: &InstanceKey, issues: Vec<SourceIssue>) {
        if issues.is_empty() || !self.snapshot.instances.contains_key(key) {
            self.backup_issues.remove(key);
        } else {
            self.backup_issues.insert(key.clone(), issues);
        }
    }
}
