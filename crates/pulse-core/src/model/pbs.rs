//! Proxmox Backup Server.

use jiff::Timestamp;

use super::{ConnectionHealth, DiskUse, MemoryUse};
use crate::{Reading, ids::InstanceName};

/// A backup server.
#[derive(Debug, Clone, PartialEq)]
pub struct PbsInstance {
    /// `pbs-<name>`.
    pub id: String,
    /// Configured name.
    pub name: InstanceName,
    /// URL.
    pub host_url: String,
    /// Link for people.
    pub guest_url: Option<String>,
    /// Whether it answers.
    pub is_online: bool,
    /// Version.
    pub version: Option<String>,
    /// Processor use, 0 to 1.
    pub cpu_fraction: Reading<f64>,
    /// Memory.
    pub memory: Reading<MemoryUse>,
    /// Seconds since boot.
    pub uptime_seconds: Reading<u64>,
    /// Datastores.
    pub datastores: Vec<PbsDatastore>,
    /// How the connection is.
    pub health: ConnectionHealth,
    /// When it last answered.
    pub last_seen: Timestamp,
}

/// A datastore of a backup server.
#[derive(Debug, Clone, PartialEq)]
pub struct PbsDatastore {
    /// Name.
    pub name: String,
    /// Space.
    pub space: Reading<DiskUse>,
    /// What is wrong with it.
    pub error: Option<String>,
    /// Namespaces; the root is the empty path.
    pub namespaces: Vec<String>,
    /// Bytes that backups would need ÷ bytes they take.
    pub deduplication_factor: Option<f64>,
}

/// A backup on a backup server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PbsBackup {
    /// `pbs-<name>-<datastore>-<namespace>-<type>-<id>-<unix seconds>`.
    pub id: String,
    /// Configured name of the server.
    pub instance: InstanceName,
    /// Datastore.
    pub datastore: String,
    /// Namespace, empty for the root.
    pub namespace: String,
    /// `vm`, `ct` or `host`.
    pub backup_type: String,
    /// VMID or host name.
    pub backup_id: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Bytes, logical.
    pub size_bytes: u64,
    /// Whether it is protected from removal.
    pub is_protected: bool,
    /// Whether it was verified; `None` where it never was.
    pub is_verified: Option<bool>,
    /// Comment.
    pub comment: Option<String>,
    /// Archives.
    pub files: Vec<String>,
    /// Owner.
    pub owner: Option<String>,
}
