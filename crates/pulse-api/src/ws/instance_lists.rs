//! Changes of what an instance brings besides nodes, guests and storages: replication, backups, mail gateways.
//! These lists change rarely and can be long, so that one that is still the same `Arc` is not even looked at.

use std::{collections::HashSet, sync::Arc};

use pulse_core::model::{InstanceView, PbsBackupGroup};
use serde_json::{Map, Value};

use super::delta::{Changes, to_object};
use crate::wire::{
    backup::{BackupTaskShape, GuestSnapshotShape, ReplicationShape, StorageBackupShape},
    mail::{PmgBackupShape, PmgShape},
    pbs::PbsBackupShape,
};

/// The collections, as they gather over all instances.
#[derive(Debug, Default)]
pub(super) struct InstanceLists {
    replication_jobs: Changes,
    backup_tasks: Changes,
    storage_backups: Changes,
    guest_snapshots: Changes,
    pbs_backups: Changes,
    pmg: Changes,
    pmg_backups: Changes,
}

impl InstanceLists {
    /// Adds what is different in one instance; `None` is an instance that is not there (yet, or any more).
    pub(super) fn add(&mut self, before: Option<&InstanceView>, after: Option<&InstanceView>) {
        macro_rules! compare {
            ($field:ident, $shape:ident) => {
                list(
                    &mut self.$field,
                    before.map(|view| &view.$field),
                    after.map(|view| &view.$field),
                    |item| item.id.clone(),
                    |item| to_object(&$shape::from(item)),
                );
            };
        }
        compare!(replication_jobs, ReplicationShape);
        compare!(backup_tasks, BackupTaskShape);
        compare!(storage_backups, StorageBackupShape);
        compare!(guest_snapshots, GuestSnapshotShape);
        compare!(pmg_backups, PmgBackupShape);
        pbs_backups(
            &mut self.pbs_backups,
            before.map(|view| &view.pbs_backups),
            after.map(|view| &view.pbs_backups),
        );
        let gateway = |view: Option<&InstanceView>| {
            view.and_then(|view| view.pmg.as_deref())
                .map(|pmg| (pmg.id.clone(), to_object(&PmgShape::from(pmg))))
                .into_iter()
                .collect::<Vec<_>>()
        };
        self.pmg.objects(gateway(before), gateway(after));
    }

    /// Each collection by its name on the wire.
    pub(super) fn into_named(self) -> [(&'static str, Changes); 7] {
        [
            ("replicationJobs", self.replication_jobs),
            ("backupTasks", self.backup_tasks),
            ("storageBackups", self.storage_backups),
            ("guestSnapshots", self.guest_snapshots),
            ("pbsBackups", self.pbs_backups),
            ("pmg", self.pmg),
            ("pmgBackups", self.pmg_backups),
        ]
    }
}

/// A group that is still the same `Arc` has the same backups; of the others each backup is compared.
fn pbs_backups(
    changes: &mut Changes,
    before: Option<&Arc<Vec<Arc<PbsBackupGroup>>>>,
    after: Option<&Arc<Vec<Arc<PbsBackupGroup>>>>,
) {
    let groups =
        |list: Option<&Arc<Vec<Arc<PbsBackupGroup>>>>| list.map(|list| list.to_vec()).unwrap_or_default();
    let (old, new) = (groups(before), groups(after));
    let kept: HashSet<_> = old.iter().map(Arc::as_ptr).collect();
    let shared: HashSet<_> = new.iter().map(Arc::as_ptr).filter(|group| kept.contains(group)).collect();
    let objects = |groups: &[Arc<PbsBackupGroup>]| {
        PbsBackupShape::all(groups.iter().filter(|group| !shared.contains(&Arc::as_ptr(group))))
            .map(|backup| (backup.id.clone(), to_object(&backup)))
            .collect()
    };
    changes.objects(objects(&old), objects(&new));
}

fn list<T: PartialEq>(
    changes: &mut Changes,
    before: Option<&Arc<Vec<T>>>,
    after: Option<&Arc<Vec<T>>>,
    id: impl Fn(&T) -> String,
    object: impl Fn(&T) -> Map<String, Value>,
) {
    if let (Some(before), Some(after)) = (before, after)
        && Arc::ptr_eq(before, after)
    {
        return;
    }
    let items = |list: Option<&Arc<Vec<T>>>| list.map(Arc::clone).unwrap_or_default();
    let (old, new) = (items(before), items(after));
    changes.list(old.iter(), new.iter(), id, object);
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pulse_core::model::{GuestSnapshot, InstanceKey, InstanceKind};
    use serde_json::json;

    use super::*;

    fn snapshot(name: &str) -> GuestSnapshot {
        GuestSnapshot {
            id: format!("lab-n1-101-{name}"),
            name: name.into(),
            node: "n1".into(),
            instance: "lab".into(),
            kind: "qemu".into(),
            vmid: 101,
            made_at: Timestamp::UNIX_EPOCH,
            description: None,
            parent: None,
            has_memory: false,
            size_bytes: None,
        }
    }

    fn view(names: &[&str]) -> InstanceView {
        let mut view = InstanceView::unknown(InstanceKey { kind: InstanceKind::Pve, name: "lab".into() });
        view.guest_snapshots = Arc::new(names.iter().map(|name| snapshot(name)).collect());
        view
    }

    fn snapshots(before: Option<&InstanceView>, after: Option<&InstanceView>) -> Option<Value> {
        let mut lists = InstanceLists::default();
        lists.add(before, after);
        lists.into_named().into_iter().find(|(name, _)| *name == "guestSnapshots")?.1.into_value()
    }

    #[test]
    fn a_new_and_a_gone_entry_are_told_by_their_ids() {
        let told = snapshots(Some(&view(&["a", "b"])), Some(&view(&["b", "c"]))).unwrap_or_default();
        assert_eq!(told["remove"], json!(["lab-n1-101-a"]));
        assert_eq!(told["set"]["lab-n1-101-c"]["name"], "c");
        assert_eq!(told["set"].as_object().map(Map::len), Some(1));
    }

    #[test]
    fn an_instance_that_goes_takes_its_entries_along() {
        let told = snapshots(Some(&view(&["a"])), None).unwrap_or_default();
        assert_eq!(told, json!({"remove": ["lab-n1-101-a"]}));
    }

    #[test]
    fn equal_lists_say_nothing() {
        assert_eq!(snapshots(Some(&view(&["a"])), Some(&view(&["a"]))), None);
    }
}
