//! Backups, snapshots and replication of the state.

use jiff::Timestamp;
use pulse_core::model::{BackupTask, GuestSnapshot, ReplicationJob, StorageBackup};
use serde::Serialize;
use utoipa::ToSchema;

use super::time::{NEVER, whole_second_millis};

/// Seconds as `00:02:03`.
fn clock_text(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A task that made backups.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupTaskShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Node.
    pub node: &'a str,
    /// Instance.
    pub instance: &'a str,
    /// Kind.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// VMID; 0 for several guests.
    pub vmid: u32,
    /// How it ended.
    pub status: &'a str,
    /// Start.
    #[schema(value_type = String, format = DateTime)]
    pub start_time: Timestamp,
    /// End; year 1 while it runs.
    #[schema(value_type = String, format = DateTime)]
    pub end_time: Timestamp,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
}

impl<'a> From<&'a BackupTask> for BackupTaskShape<'a> {
    fn from(it: &'a BackupTask) -> Self {
        Self {
            id: &it.id,
            node: &it.node,
            instance: it.instance.as_str(),
            kind: &it.kind,
            vmid: it.vmid,
            status: &it.status,
            start_time: it.started_at,
            end_time: it.ended_at.unwrap_or(NEVER),
            size: it.size_bytes,
            error: it.error.as_deref(),
        }
    }
}

/// A backup on a storage.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageBackupShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Storage.
    pub storage: &'a str,
    /// Node.
    pub node: &'a str,
    /// Instance.
    pub instance: &'a str,
    /// Kind.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// VMID.
    pub vmid: u32,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// When it was made, Unix seconds.
    pub ctime: i64,
    /// Bytes.
    pub size: u64,
    /// Format.
    pub format: &'a str,
    /// Notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<&'a str>,
    /// Whether it is protected.
    pub protected: bool,
    /// Volume id.
    pub volid: &'a str,
    /// Whether it is on a backup server.
    #[serde(rename = "isPBS")]
    pub is_pbs: bool,
    /// Whether it was verified.
    pub verified: bool,
    /// State of the verification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<&'a str>,
}

impl<'a> From<&'a StorageBackup> for StorageBackupShape<'a> {
    fn from(it: &'a StorageBackup) -> Self {
        Self {
            id: &it.id,
            storage: &it.storage,
            node: &it.node,
            instance: it.instance.as_str(),
            kind: &it.kind,
            vmid: it.vmid,
            time: it.made_at,
            ctime: it.made_at.as_second(),
            size: it.size_bytes,
            format: &it.format,
            notes: it.notes.as_deref(),
            protected: it.is_protected,
            volid: &it.volume_id,
            is_pbs: it.is_pbs,
            verified: it.is_verified.unwrap_or(false),
            verification: it.verification.as_deref(),
        }
    }
}

/// A snapshot of a guest.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuestSnapshotShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Name.
    pub name: &'a str,
    /// Node.
    pub node: &'a str,
    /// Instance.
    pub instance: &'a str,
    /// `qemu` or `lxc`.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// VMID.
    pub vmid: u32,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// Snapshot it stands on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<&'a str>,
    /// Whether the memory is in it.
    pub vmstate: bool,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

impl<'a> From<&'a GuestSnapshot> for GuestSnapshotShape<'a> {
    fn from(it: &'a GuestSnapshot) -> Self {
        Self {
            id: &it.id,
            name: &it.name,
            node: &it.node,
            instance: it.instance.as_str(),
            kind: &it.kind,
            vmid: it.vmid,
            time: it.made_at,
            description: it.description.as_deref(),
            parent: it.parent.as_deref(),
            vmstate: it.has_memory,
            size_bytes: it.size_bytes,
        }
    }
}

/// A replication job.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplicationShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Instance.
    pub instance: &'a str,
    /// The job's own id.
    pub job_id: &'a str,
    /// Number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_number: Option<u32>,
    /// VMID as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest: Option<String>,
    /// VMID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_id: Option<u32>,
    /// Name of the guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_name: Option<&'a str>,
    /// `qemu` or `lxc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_type: Option<&'a str>,
    /// Node of the guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_node: Option<&'a str>,
    /// Node it replicates from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_node: Option<&'a str>,
    /// Node it replicates to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_node: Option<&'a str>,
    /// Schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<&'a str>,
    /// Kind.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'a str>,
    /// Whether it is switched on.
    pub enabled: bool,
    /// State.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'a str>,
    /// When it last succeeded, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync_time: Option<i64>,
    /// The same in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync_unix: Option<i64>,
    /// How long that took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync_duration_seconds: Option<u64>,
    /// The same as a clock shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync_duration_human: Option<String>,
    /// When it runs next, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_sync_time: Option<i64>,
    /// The same in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_sync_unix: Option<i64>,
    /// Failures since it last succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_count: Option<u32>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
    /// Comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<&'a str>,
    /// Rate limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit_mbps: Option<f64>,
    /// When it was read, Unix milliseconds.
    pub polled_at: i64,
}

impl<'a> From<&'a ReplicationJob> for ReplicationShape<'a> {
    fn from(it: &'a ReplicationJob) -> Self {
        Self {
            id: &it.id,
            instance: it.instance.as_str(),
            job_id: &it.job_id,
            job_number: it.job_number,
            guest: it.guest_vmid.map(|vmid| vmid.to_string()),
            guest_id: it.guest_vmid,
            guest_name: it.guest_name.as_deref(),
            guest_type: it.guest_type.as_deref(),
            guest_node: it.guest_node.as_deref(),
            source_node: it.source_node.as_deref(),
            target_node: it.target_node.as_deref(),
            schedule: it.schedule.as_deref(),
            kind: it.kind.as_deref(),
            enabled: it.is_enabled,
            state: it.state.as_deref(),
            last_sync_time: it.last_sync.map(Timestamp::as_millisecond),
            last_sync_unix: it.last_sync.map(Timestamp::as_second),
            last_sync_duration_seconds: it.last_sync_seconds,
            last_sync_duration_human: it.last_sync_seconds.map(clock_text),
            next_sync_time: it.next_sync.map(Timestamp::as_millisecond),
            next_sync_unix: it.next_sync.map(Timestamp::as_second),
            fail_count: Some(it.fail_count).filter(|count| *count > 0),
            error: it.error.as_deref(),
            comment: it.comment.as_deref(),
            rate_limit_mbps: it.rate_limit_mbps,
            polled_at: whole_second_millis(it.polled_at),
        }
    }
}
