//! What is kept somewhere: backups, snapshots, replicated copies, disks and pools. Computed from (seed, thing, time).

use std::sync::Arc;

use serde::Serialize;

use super::plan::{GIB, GuestKind, GuestPlan, MIB, NodePlan, Plan};
use crate::figures::{derive, pick, unit};

const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;
/// Backups are made at one in the morning.
const BACKUP_HOUR: u64 = 1;
/// Finished backup tasks are listed this far back.
const TASK_DAYS: u64 = 7;

/// A backup on a storage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BackupTruth {
    /// Volume id.
    pub volid: String,
    /// Storage it is on.
    pub storage: &'static str,
    /// Guest it is of.
    pub vmid: u32,
    /// Virtual machine or container.
    pub kind: GuestKind,
    /// When it was made, Unix seconds.
    pub at: u64,
    /// Bytes.
    pub size: u64,
    /// Format.
    pub format: &'static str,
    /// First line of the notes.
    pub notes: Option<String>,
    /// Whether it is protected from removal.
    pub is_protected: bool,
    /// How its verification ended, on a backup server.
    pub verification: Option<&'static str>,
}

/// A task that made a backup, or makes one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskTruth {
    /// Its id.
    pub upid: String,
    /// Kind, such as `vzdump`.
    pub kind: String,
    /// Guest it is about; none for a job over several.
    pub vmid: Option<u32>,
    /// Node it runs on.
    pub node: Arc<str>,
    /// Begin, Unix seconds.
    pub began: u64,
    /// End, once it ended.
    pub ended: Option<u64>,
    /// How it ended.
    pub status: Option<String>,
}

/// A snapshot of a guest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SnapshotTruth {
    /// Its name.
    pub name: &'static str,
    /// Guest it is of.
    pub vmid: u32,
    /// When it was made, Unix seconds.
    pub at: u64,
    /// Words of who made it.
    pub description: &'static str,
    /// Whether the memory is in it.
    pub has_memory: bool,
    /// The snapshot before it.
    pub parent: Option<&'static str>,
}

/// A replication job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReplicationTruth {
    /// Its id.
    pub id: String,
    /// Guest that is replicated.
    pub vmid: u32,
    /// Node the guest is on.
    pub source: Arc<str>,
    /// Node it is replicated to.
    pub target: Arc<str>,
    /// When it last ran to its end, Unix seconds.
    pub last_sync: u64,
    /// When it runs next, Unix seconds.
    pub next_sync: u64,
    /// Seconds that took.
    pub duration: f64,
    /// Failures since.
    pub fail_count: u32,
    /// Why.
    pub error: Option<&'static str>,
}

/// A physical disk of a node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DiskTruth {
    /// Device path.
    pub path: String,
    /// `nvme`, `ssd` or `hdd`.
    pub kind: &'static str,
    /// Model.
    pub model: &'static str,
    /// Serial number.
    pub serial: String,
    /// World-wide name.
    pub wwn: String,
    /// Bytes.
    pub size: u64,
    /// Life left, percent; disks without flash have none.
    pub life_left: Option<u64>,
    /// Rotations per minute; 0 without moving parts.
    pub rpm: u32,
    /// What uses it.
    pub used: &'static str,
}

/// Whether a guest is backed up at night, and to where.
pub(crate) fn backup_storage(plan: &Plan, guest: &GuestPlan) -> Option<&'static str> {
    let has =
        |name: &str| plan.storages.iter().any(|storage| storage.name == name && storage.is_on(guest.home));
    match unit(derive(guest.key, 200)) {
        _ if guest.is_template => None,
        share if share < 0.2 => None,
        share if share < 0.6 && has("pbs-main") => Some("pbs-main"),
        share if share < 0.7 && has("cephfs") => Some("cephfs"),
        share if share < 0.8 && has("office") => Some("office"),
        _ => Some("nas"),
    }
}

/// Seconds after the begin of the night's job at which a guest has its turn.
fn offset(vmid: u32) -> u64 {
    u64::from(vmid % 600) * 4
}

/// Second of the day at which a guest is backed up.
pub(crate) fn second_of_night(vmid: u32) -> u64 {
    BACKUP_HOUR * HOUR + offset(vmid)
}

/// Backups on one storage. The node of a guest, whose clock may be so many seconds wrong, says when its backup was made.
pub(crate) fn backups(
    plan: &Plan,
    storage: &str,
    skew: impl Fn(&GuestPlan) -> i64,
    at: u64,
) -> Vec<BackupTruth> {
    let last = last_night(at);
    let mut list = Vec::new();
    for guest in &plan.guests {
        let Some(on) = backup_storage(plan, guest).filter(|on| *on == storage) else { continue };
        for night in 0..plan.mix.backups_per_guest {
            let began = last.saturating_sub(night * DAY) + offset(guest.vmid);
            if began > at {
                continue;
            }
            list.push(backup(guest, on, (began, skew(guest)), night));
        }
    }
    list
}

fn backup(guest: &GuestPlan, storage: &'static str, (at, skew): (u64, i64), night: u64) -> BackupTruth {
    let key = derive(derive(guest.key, 201), at / DAY);
    let at = at.saturating_add_signed(skew);
    let is_vm = guest.kind == GuestKind::Qemu;
    let size = (guest.disk as f64 * (0.1 + 0.2 * unit(key))) as u64;
    let (volid, format) = if storage == "pbs-main" {
        let kind = if is_vm { "vm" } else { "ct" };
        (
            format!("{storage}:backup/{kind}/{}/{}", guest.vmid, stamp(at, "-", "T", ":", "Z")),
            if is_vm { "pbs-vm" } else { "pbs-ct" },
        )
    } else {
        let kind = if is_vm { "qemu" } else { "lxc" };
        let ending = if is_vm { "vma.zst" } else { "tar.zst" };
        (
            format!(
                "{storage}:backup/vzdump-{kind}-{}-{}.{ending}",
                guest.vmid,
                stamp(at, "_", "-", "_", "")
            ),
            ending,
        )
    };
    BackupTruth {
        volid,
        storage,
        vmid: guest.vmid,
        kind: guest.kind,
        at,
        size,
        format,
        notes: Some(guest.name.clone()),
        is_protected: night == 2 && unit(derive(key, 1)) < 0.1,
        verification: (storage == "pbs-main")
            .then(|| if unit(derive(key, 2)) < 0.02 { "failed" } else { "ok" })
            .filter(|_| night > 0),
    }
}

/// The last night's begin of backups.
fn last_night(at: u64) -> u64 {
    let tonight = at / DAY * DAY + BACKUP_HOUR * HOUR;
    if tonight > at { tonight.saturating_sub(DAY) } else { tonight }
}

/// `2026-06-01T00:00:02Z` with other marks.
fn stamp(at: u64, date: &str, between: &str, time: &str, end: &str) -> String {
    let moment =
        jiff::Timestamp::from_second(i64::try_from(at).unwrap_or(0)).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let format = format!("%Y{date}%m{date}%d{between}%H{time}%M{time}%S{end}");
    moment.strftime(&format).to_string()
}

/// Tasks of a node that made backups and have ended, the newest first.
pub(crate) fn finished_backups(
    plan: &Plan,
    home: impl Fn(&GuestPlan) -> usize,
    (node, skew): (usize, i64),
    at: u64,
) -> Vec<TaskTruth> {
    let last = last_night(at);
    let mut list = Vec::new();
    for night in 0..TASK_DAYS {
        for guest in plan.guests.iter().filter(|guest| home(guest) == node) {
            if backup_storage(plan, guest).is_none() {
                continue;
            }
            let began = last.saturating_sub(night * DAY) + u64::from(guest.vmid % 600) * 4;
            let took = 20 + derive(derive(guest.key, 202), began / DAY) % 600;
            if began + took > at {
                continue;
            }
            let is_failed = unit(derive(derive(guest.key, 203), began / DAY)) < 0.01;
            let name = &plan.nodes[node].name;
            let began = began.saturating_add_signed(skew);
            list.push(TaskTruth {
                upid: upid(name, "vzdump", &guest.vmid.to_string(), began, guest.vmid),
                kind: "vzdump".into(),
                vmid: Some(guest.vmid),
                node: Arc::clone(name),
                began,
                ended: Some(began + took),
                status: Some(if is_failed { "job errors" } else { "OK" }.into()),
            });
        }
    }
    list.sort_by(|a, b| b.began.cmp(&a.began).then_with(|| a.upid.cmp(&b.upid)));
    list
}

/// The id of a task.
pub(crate) fn upid(node: &str, kind: &str, id: &str, began: u64, number: u32) -> String {
    format!("UPID:{node}:{:08X}:{:08X}:{began:08X}:{kind}:{id}:root@pam:", 4_000 + number, number)
}

/// Snapshots of a guest, the oldest first.
pub(crate) fn snapshots(plan: &Plan, guest: &GuestPlan, skew: i64, at: u64) -> Vec<SnapshotTruth> {
    if guest.is_template || unit(derive(guest.key, 210)) >= plan.mix.snapshot_share {
        return Vec::new();
    }
    let when = |which: u64, days: u64| {
        (at / DAY).saturating_sub(days + derive(guest.key, which) % 3) * DAY + 9 * HOUR
    };
    let first = SnapshotTruth {
        name: "before_upgrade",
        vmid: guest.vmid,
        at: when(211, 20) / (40 * DAY) * (40 * DAY) + 9 * HOUR,
        description: "before the upgrade\n",
        has_memory: false,
        parent: None,
    };
    let mut list = vec![first];
    if unit(derive(guest.key, 212)) < 0.4 {
        list.push(SnapshotTruth {
            name: "clean",
            vmid: guest.vmid,
            at: when(213, 3) / (10 * DAY) * (10 * DAY) + 10 * HOUR + list[0].at % 7,
            description: "",
            has_memory: guest.kind == GuestKind::Qemu && unit(derive(guest.key, 214)) < 0.5,
            parent: Some("before_upgrade"),
        });
    }
    for snapshot in &mut list {
        snapshot.at = snapshot.at.saturating_add_signed(skew);
    }
    list
}

/// Replication jobs of a node: guests on ZFS, to the next node.
pub(crate) fn replication(
    plan: &Plan,
    home: impl Fn(&GuestPlan) -> usize,
    (node, skew): (usize, i64),
    at: u64,
) -> Vec<ReplicationTruth> {
    const EVERY: u64 = 900;
    if plan.nodes.len() < 2 {
        return Vec::new();
    }
    let is_replicated = |guest: &&Arc<GuestPlan>| {
        guest.storage == "tank"
            && !guest.is_template
            && unit(derive(guest.key, 220)) < plan.mix.replicated_share
    };
    let of_node = plan.guests.iter().filter(is_replicated).filter(|guest| home(guest) == node);
    of_node
        .map(|guest| {
            let is_failing = unit(derive(guest.key, 221)) < 0.1;
            let last = at / EVERY * EVERY - if is_failing { 4 * EVERY } else { 0 };
            ReplicationTruth {
                id: format!("{}-0", guest.vmid),
                vmid: guest.vmid,
                source: Arc::clone(&plan.nodes[node].name),
                target: Arc::clone(&plan.nodes[(node + 1) % plan.nodes.len()].name),
                last_sync: last.saturating_add_signed(skew),
                next_sync: (at / EVERY * EVERY + EVERY).saturating_add_signed(skew),
                duration: (derive(guest.key, 222) % 9_000) as f64 / 1_000.0 + 1.0,
                fail_count: if is_failing { 4 } else { 0 },
                error: is_failing.then_some("command 'zfs recv' failed: exit code 1"),
            }
        })
        .collect()
}

/// Disks of a node.
pub(crate) fn disks(node: &NodePlan) -> Vec<DiskTruth> {
    let mut list: Vec<DiskTruth> = (0..2)
        .map(|number| {
            let key = derive(node.key, 80 + number);
            DiskTruth {
                path: format!("/dev/nvme{number}n1"),
                kind: "nvme",
                model: "SIM DC 1920G",
                serial: format!("{:012X}", key >> 16),
                wwn: format!("eui.{key:016x}"),
                size: 1788 * GIB,
                life_left: Some(99 - key % 12),
                rpm: 0,
                used: if number == 0 { "BIOS boot" } else { "LVM" },
            }
        })
        .collect();
    let key = derive(node.key, 85);
    list.push(DiskTruth {
        path: "/dev/sda".into(),
        kind: "hdd",
        model: "SIM ARCHIVE 8T",
        serial: format!("W{:010X}", key >> 24),
        wwn: format!("0x5000{:012x}", key >> 16),
        size: 8_001_563_222_016,
        life_left: None,
        rpm: pick(key, &[5400, 7200]),
        used: "ZFS",
    });
    list
}

/// Bytes of a guest's memory in use as its own kernel sees it: less than the balloon driver says, which counts the
/// page cache.
pub(crate) fn memory_inside(used: u64) -> u64 {
    used * 7 / 10 / 1024 * 1024
}

/// What the guest's kernel keeps for itself and does not count.
pub(crate) fn memory_visible(given: u64) -> u64 {
    (given - given / 32) / MIB * MIB
}
