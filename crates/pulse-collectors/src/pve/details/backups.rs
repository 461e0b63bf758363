//! Backups, the tasks that made them, snapshots, and replication.

use jiff::Timestamp;
use pulse_core::{
    ids::InstanceName,
    model::{BackupTask, GuestSnapshot, ReplicationJob, Storage, StorageBackup},
};

use super::wire::{Replication, Snapshot, Task, Volume};
use crate::{lenient::Int, once::each_once};

/// The time a count of seconds means; 0 means never.
fn time(seconds: Int) -> Option<Timestamp> {
    let seconds = i64::try_from(seconds.positive()?).ok()?;
    Timestamp::from_second(seconds).ok()
}

/// Tasks that made backups.
pub(super) fn tasks(rows: &[Task<'_>], instance: &InstanceName, node: &str) -> Vec<BackupTask> {
    let task = |row: &Task<'_>| {
        let upid = row.upid.as_str()?;
        let ended_at = time(row.endtime);
        let status = match (row.status.as_str(), ended_at) {
            (Some(status), _) => status,
            (None, None) => "running",
            (None, Some(_)) => "unknown",
        };
        let is_fine = matches!(status, "OK" | "running") || status.starts_with("WARNINGS");
        Some(BackupTask {
            id: format!("{instance}-{upid}"),
            node: node.to_owned(),
            instance: instance.clone(),
            kind: row.kind.to_owned().unwrap_or_else(|| "vzdump".to_owned()),
            vmid: row.id.as_str().and_then(|id| id.parse().ok()).unwrap_or(0),
            status: status.to_owned(),
            started_at: time(row.starttime)?,
            ended_at,
            size_bytes: None,
            error: (!is_fine).then(|| status.to_owned()),
        })
    };
    let rows = rows.iter().filter(|row| row.kind.as_str().is_none_or(|kind| kind == "vzdump"));
    let mut tasks: Vec<BackupTask> = rows.filter_map(task).collect();
    each_once(&mut tasks, |task| task.id.as_str());
    tasks
}

/// Backups on a storage.
pub(super) fn backups(
    rows: &[Volume<'_>],
    instance: &InstanceName,
    node: &str,
    storage: &Storage,
) -> Vec<StorageBackup> {
    let backup = |row: &Volume<'_>| {
        let volume_id = row.volid.as_str()?;
        let format = row.format.as_str().unwrap_or_default();
        let kind = kind(row, volume_id, format);
        let state = row.verification.0.as_ref().and_then(|verification| verification.state.to_owned());
        Some(StorageBackup {
            id: format!("{instance}-{volume_id}"),
            storage: storage.name.clone(),
            node: node.to_owned(),
            instance: instance.clone(),
            kind: kind.to_owned(),
            vmid: if kind == "host" { 0 } else { row.vmid.u32().or_else(|| vmid(volume_id)).unwrap_or(0) },
            made_at: time(row.ctime)?,
            size_bytes: row.size.0.unwrap_or_default(),
            format: format.to_owned(),
            notes: row.notes.to_owned(),
            is_protected: row.protected.is_set(),
            volume_id: volume_id.to_owned(),
            is_pbs: storage.kind == "pbs" || format.starts_with("pbs-"),
            is_verified: state.as_deref().map(|state| state == "ok"),
            verification: state,
        })
    };
    let is_backup = |row: &&Volume<'_>| row.content.as_str().is_none_or(|content| content == "backup");
    let mut backups: Vec<StorageBackup> = rows.iter().filter(is_backup).filter_map(backup).collect();
    each_once(&mut backups, |backup| backup.volume_id.as_str());
    backups
}

/// `qemu`, `lxc` or `host`.
fn kind(row: &Volume<'_>, volume_id: &str, format: &str) -> &'static str {
    let is = |marks: &[&str]| {
        marks.iter().any(|mark| volume_id.contains(mark) || row.subtype.is(mark) || format.ends_with(mark))
    };
    if is(&["qemu", "/vm/", "pbs-vm"]) {
        "qemu"
    } else if is(&["lxc", "/ct/", "pbs-ct", "openvz"]) {
        "lxc"
    } else {
        "host"
    }
}

/// The guest's number in `…/vzdump-qemu-100-2025_06_01-00_00_02.vma.gz` or `…backup/vm/100/…`.
fn vmid(volume_id: &str) -> Option<u32> {
    let name = volume_id.split_once(':').map_or(volume_id, |(_, name)| name);
    if let Some(rest) = name.rsplit('/').next()?.strip_prefix("vzdump-") {
        return rest.split('-').nth(1)?.parse().ok();
    }
    name.split('/').nth(2)?.parse().ok()
}

/// Snapshots of a guest; the present state, which Proxmox lists among them, is none.
pub(super) fn snapshots(
    rows: &[Snapshot<'_>],
    instance: &InstanceName,
    node: &str,
    kind: &str,
    vmid: u32,
) -> Vec<GuestSnapshot> {
    let snapshot = |row: &Snapshot<'_>| {
        let name = row.name.to_name().filter(|name| name != "current")?;
        Some(GuestSnapshot {
            id: format!("{instance}-{node}-{vmid}-{name}"),
            name,
            node: node.to_owned(),
            instance: instance.clone(),
            kind: kind.to_owned(),
            vmid,
            made_at: time(row.snaptime)?,
            description: row.description.to_owned().map(|text| text.trim_end().to_owned()),
            parent: row.parent.to_name(),
            has_memory: row.vmstate.is_set(),
            size_bytes: None,
        })
    };
    let mut snapshots: Vec<GuestSnapshot> = rows.iter().filter_map(snapshot).collect();
    each_once(&mut snapshots, |snapshot| snapshot.name.as_str());
    snapshots
}

/// Replication jobs of a node. Names of guests are for the caller to add.
pub(super) fn replication(
    rows: &[Replication<'_>],
    instance: &InstanceName,
    node: &str,
    now: Timestamp,
) -> Vec<ReplicationJob> {
    let job = |row: &Replication<'_>| {
        let id = row.id.as_str()?;
        let fail_count = row.fail_count.u32().unwrap_or(0);
        let error = row.error.as_str().map(|text| text.trim_end().to_owned());
        let state = if row.disable.is_set() {
            "disabled"
        } else if row.pid.positive().is_some() {
            "syncing"
        } else if fail_count > 0 || error.is_some() {
            "error"
        } else {
            "ok"
        };
        Some(ReplicationJob {
            id: format!("{instance}-{id}"),
            instance: instance.clone(),
            job_id: id.to_owned(),
            job_number: row.jobnum.u32().or_else(|| id.rsplit_once('-')?.1.parse().ok()),
            guest_vmid: row.guest.u32().or_else(|| id.split('-').next()?.parse().ok()),
            guest_name: None,
            guest_type: row.vmtype.to_owned(),
            guest_node: Some(node.to_owned()),
            // The configuration does not always name it: it is the node that has the job.
            source_node: Some(row.source.as_str().unwrap_or(node).to_owned()),
            target_node: row.target.to_owned(),
            schedule: row.schedule.to_owned().or_else(|| Some("*/15".to_owned())),
            kind: row.kind.to_owned(),
            is_enabled: !row.disable.is_set(),
            state: Some(state.to_owned()),
            last_sync: time(row.last_sync),
            last_sync_seconds: row
                .duration
                .fraction()
                .filter(|_| row.last_sync.positive().is_some())
                .map(|s| s.round() as u64),
            next_sync: time(row.next_sync),
            fail_count,
            error,
            comment: row.comment.to_owned(),
            rate_limit_mbps: row.rate.fraction(),
            polled_at: now,
        })
    };
    let mut jobs: Vec<ReplicationJob> = rows.iter().filter_map(job).collect();
    each_once(&mut jobs, |job| job.job_id.as_str());
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve::wire::list;

    fn storage(kind: &str) -> Storage {
        let row = format!(r#"{{"data":[{{"storage":"s","type":"{kind}","active":1,"content":"backup"}}]}}"#);
        let rows: Vec<crate::pve::wire::NodeStorage<'_>> = list(&row).unwrap();
        let seen = rows.iter().filter_map(|row| crate::pve::storage::Seen::reported(row, "n1")).collect();
        let context = crate::pve::storage::Context {
            instance: &"lab".into(),
            cluster_name: None,
            named_by: None,
            configs: &std::collections::BTreeMap::new(),
        };
        crate::pve::storage::merge(seen, &context).remove(0)
    }

    #[test]
    fn backups_on_a_server_carry_their_verification_and_those_in_a_directory_none() {
        let rows = r#"{"data":[
            {"volid":"s:backup/vm/100/2025-06-15T15:06:40Z","format":"pbs-vm","subtype":"qemu","ctime":1750000000,
             "size":"500","vmid":100,"protected":1,"notes":"n","verification":{"state":"ok"}},
            {"volid":"s:backup/ct/101/2025-06-15T15:06:40Z","format":"pbs-ct","ctime":1750000000,"verification":{"state":"failed"}},
            {"volid":"s:backup/host/web/2025-06-15T15:06:40Z","format":"pbs-host","ctime":1750000000},
            {"volid":"s:iso/x.iso","content":"iso","ctime":1}, {"volid":"s:backup/vm/1/x"}]}"#;
        let list_of = |text: &str, kind| backups(&list(text).unwrap(), &"lab".into(), "n1", &storage(kind));
        let on_server = list_of(rows, "pbs");
        let short: Vec<_> =
            on_server.iter().map(|b| (b.kind.as_str(), b.vmid, b.is_verified, b.is_pbs)).collect();
        assert_eq!(
            short,
            [("qemu", 100, Some(true), true), ("lxc", 101, Some(false), true), ("host", 0, None, true)]
        );
        let files = r#"{"data":[{"volid":"s:backup/vzdump-lxc-205-2025_06_01-00_00_02.tar.zst","ctime":5,"format":"tar.zst"}]}"#;
        let in_files = list_of(files, "dir");
        assert_eq!((in_files[0].kind.as_str(), in_files[0].vmid, in_files[0].is_pbs), ("lxc", 205, false));
    }

    #[test]
    fn a_running_task_has_no_end_and_a_failed_one_says_why() {
        let rows = r#"{"data":[{"upid":"U1","id":"100","type":"vzdump","starttime":10,"endtime":20,"status":"OK"},
            {"upid":"U2","id":"","type":"vzdump","starttime":10},
            {"upid":"U3","id":"7","type":"vzdump","starttime":10,"endtime":11,"status":"job errors"},
            {"upid":"U4","type":"qmstart","starttime":1}]}"#;
        let tasks = tasks(&list(rows).unwrap(), &"lab".into(), "n1");
        let short: Vec<_> = tasks.iter().map(|t| (t.vmid, t.status.as_str(), t.error.as_deref())).collect();
        assert_eq!(short, [(100, "OK", None), (0, "running", None), (7, "job errors", Some("job errors"))]);
        assert_eq!(tasks[1].ended_at, None);
    }

    #[test]
    fn the_present_state_is_no_snapshot() {
        let rows = r#"{"data":[{"name":"current","description":"You are here!"},
            {"name":"before","snaptime":1700000000,"vmstate":1,"description":"x\n","parent":"base"}]}"#;
        let snapshots = snapshots(&list(rows).unwrap(), &"lab".into(), "n1", "qemu", 9);
        let [one] = snapshots.as_slice() else { panic!("{snapshots:?}") };
        assert_eq!((one.id.as_str(), one.has_memory), ("lab-n1-9-before", true));
        assert_eq!(one.description.as_deref(), Some("x"));
    }

    #[test]
    fn a_snapshot_of_a_hostile_name_is_cut_before_it_becomes_an_id() {
        let long = "n".repeat(10_000);
        let rows = format!(r#"{{"data":[{{"name":"{long}","snaptime":1700000000,"parent":"{long}"}}]}}"#);
        let snapshots = snapshots(&list(&rows).unwrap(), &"lab".into(), "n1", "qemu", 9);
        let [one] = snapshots.as_slice() else { panic!("{snapshots:?}") };
        assert_eq!((one.name.len(), one.id.len()), (256, "lab-n1-9-".len() + 256));
        assert_eq!(one.parent.as_deref().map(str::len), Some(256));
    }

    #[test]
    fn a_job_that_never_ran_has_no_last_sync() {
        let rows = r#"{"data":[{"id":"100-0","target":"n2","last_sync":0,"next_sync":900,"fail_count":0,"duration":0},
            {"id":"101-3","last_sync":500,"duration":"2.6","fail_count":2,"error":"no route\n","disable":0}]}"#;
        let jobs = replication(&list(rows).unwrap(), &"lab".into(), "n1", Timestamp::UNIX_EPOCH);
        assert_eq!((jobs[0].last_sync, jobs[0].last_sync_seconds), (None, None));
        assert_eq!((jobs[0].source_node.as_deref(), jobs[0].guest_vmid), (Some("n1"), Some(100)));
        assert_eq!(
            (jobs[1].state.as_deref(), jobs[1].last_sync_seconds, jobs[1].job_number),
            (Some("error"), Some(3), Some(3))
        );
    }
}
