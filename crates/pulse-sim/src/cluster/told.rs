//! What a cluster tells tests of the truth: what a server that watches it ought to show. Nodes have the names that they
//! have at the moment.

use std::sync::Arc;

use super::{Cluster, Inner};
use crate::{
    BackedUpGuest, GuestKind, GuestTruth, Truth,
    estate::{BackupTruth, DiskTruth, ReplicationTruth, SnapshotTruth, TaskTruth, stored},
    pve::update_count,
};

impl Cluster {
    /// What is true now for every node, guest and storage.
    pub fn truth(&self) -> Arc<Truth> {
        self.inner.truth()
    }

    /// Guests that a fault has listed a second time, as the other node lists them.
    pub fn doubles(&self) -> Vec<GuestTruth> {
        self.inner.truth().doubles(&self.inner.faults.duplicates())
    }

    /// By how many seconds the clock of a node is wrong, by the name it has now.
    pub fn clock_skew(&self, node: &str) -> i64 {
        self.inner.faults.skew(&self.inner.name_before(node))
    }

    /// The guests that are backed up to the backup server, as its storages show them too.
    pub fn backed_up_guests(&self) -> Vec<BackedUpGuest> {
        let plan = &self.inner.estate.plan;
        plan.guests
            .iter()
            .filter(|guest| stored::backup_storage(plan, guest) == Some("pbs-main"))
            .map(|guest| BackedUpGuest {
                kind: if guest.kind == GuestKind::Qemu { "vm".into() } else { "ct".into() },
                id: guest.vmid.to_string(),
                name: guest.name.clone(),
                disk: guest.disk,
                second_of_day: Some(stored::second_of_night(guest.vmid)),
            })
            .collect()
    }

    /// Backups on all storages.
    pub fn backups(&self) -> Vec<BackupTruth> {
        let storages = self.inner.estate.plan.storages.iter().filter(|storage| !storage.is_disabled);
        storages.flat_map(|storage| self.inner.estate.backups(storage.name)).collect()
    }

    /// Finished tasks that made backups.
    pub fn backup_tasks(&self) -> Vec<TaskTruth> {
        let nodes = 0..self.inner.estate.plan.nodes.len();
        let mut tasks: Vec<_> = nodes.flat_map(|node| self.inner.estate.finished_backups(node)).collect();
        for (from, to) in self.inner.faults.renames() {
            for task in tasks.iter_mut().filter(|task| *task.node == *from) {
                task.node = to.as_str().into();
                task.upid = task.upid.replacen(&format!(":{from}:"), &format!(":{to}:"), 1);
            }
        }
        tasks
    }

    /// Snapshots of all guests.
    pub fn snapshots(&self) -> Vec<SnapshotTruth> {
        let guests = &self.inner.estate.plan.guests;
        guests.iter().flat_map(|guest| self.inner.estate.snapshots(guest)).collect()
    }

    /// Replication jobs of all nodes.
    pub fn replication(&self) -> Vec<ReplicationTruth> {
        let nodes = 0..self.inner.estate.plan.nodes.len();
        let mut jobs: Vec<_> = nodes.flat_map(|node| self.inner.estate.replication(node)).collect();
        for (from, to) in self.inner.faults.renames() {
            for node in jobs.iter_mut().flat_map(|job| [&mut job.source, &mut job.target]) {
                if **node == *from {
                    *node = to.as_str().into();
                }
            }
        }
        jobs
    }

    /// Disks of a node, by the name it has now, and how many of its packages wait.
    pub fn hardware(&self, node: &str) -> Option<(Vec<DiskTruth>, u64)> {
        let index = self.inner.estate.node_index(&self.inner.name_before(node))?;
        let plan = &self.inner.estate.plan.nodes[index];
        Some((stored::disks(plan), update_count(plan.key)))
    }
}

impl Inner {
    /// The name with which a node began, of the one that it has now.
    fn name_before(&self, node: &str) -> String {
        let renames = self.faults.renames();
        let before = renames.iter().find(|(_, to)| to == node).map(|(from, _)| from.clone());
        before.unwrap_or_else(|| node.to_owned())
    }
}
