//! Backups and snapshots of Proxmox VE.

use jiff::Timestamp;

use crate::ids::InstanceName;

/// A task that made backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupTask {
    /// `<instance>-<UPID>`.
    pub id: String,
    /// Node it ran on.
    pub node: String,
    /// Instance.
    pub instance: InstanceName,
    /// Kind of the task, `vzdump`.
    pub kind: String,
    /// VMID; 0 for a job over several guests.
    pub vmid: u32,
    /// `OK`, an error text, or `running`.
    pub status: String,
    /// Start.
    pub started_at: Timestamp,
    /// End, once it ended.
    pub ended_at: Option<Timestamp>,
    /// Bytes written, where known.
    pub size_bytes: Option<u64>,
    /// What went wrong.
    pub error: Option<String>,
}

/// A backup on a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageBackup {
    /// `<instance>-<volume id>`.
    pub id: String,
    /// Storage it is on.
    pub storage: String,
    /// Node through which it was seen.
    pub node: String,
    /// Instance.
    pub instance: InstanceName,
    /// `qemu`, `lxc` or `host`.
    pub kind: String,
    /// VMID; 0 for a host.
    pub vmid: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// Bytes.
    pub size_bytes: u64,
    /// Format, such as `vma.zst`.
    pub format: String,
    /// Notes.
    pub notes: Option<String>,
    /// Whether it is protected from removal.
    pub is_protected: bool,
    /// Volume id.
    pub volume_id: String,
    /// Whether it is on a backup server.
    pub is_pbs: bool,
    /// Whether it was verified; `None` where that is unknown.
    pub is_verified: Option<bool>,
    /// State of the verification.
    pub verification: Option<String>,
}

/// A snapshot of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestSnapshot {
    /// `<instance>-<node>-<vmid>-<name>`.
    pub id: String,
    /// Name.
    pub name: String,
    /// Node.
    pub node: String,
    /// Instance.
    pub instance: InstanceName,
    /// `qemu` or `lxc`.
    pub kind: String,
    /// VMID.
    pub vmid: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// Description.
    pub description: Option<String>,
    /// Snapshot it stands on.
    pub parent: Option<String>,
    /// Whether the memory is in it.
    pub has_memory: bool,
    /// Bytes, where known.
    pub size_bytes: Option<u64>,
}
