//! Storages of Proxmox VE and ZFS pools.

use super::DiskUse;
use crate::{
    Reading,
    ids::{InstanceName, NodeId, StorageId},
};

/// Whether a storage can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StorageStatus {
    /// It can.
    Available,
    /// It is enabled but the node cannot reach it.
    Inactive,
    /// It is switched off.
    Disabled,
}

impl StorageStatus {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Inactive => "inactive",
            Self::Disabled => "disabled",
        }
    }
}

/// A storage of Proxmox VE; one that several nodes share is listed once.
#[derive(Debug, Clone, PartialEq)]
pub struct Storage {
    /// Its id.
    pub id: StorageId,
    /// Its name.
    pub name: String,
    /// The node it is on; `cluster` for one that several nodes share.
    pub node: String,
    /// The instance through which it is polled.
    pub instance: InstanceName,
    /// The cluster's name where there is one; the wire shows it as the storage's instance.
    pub cluster_name: Option<String>,
    /// Names of all nodes that have it, when it is shared.
    pub nodes: Vec<String>,
    /// Their ids.
    pub node_ids: Vec<NodeId>,
    /// Its type, such as `zfspool`.
    pub kind: String,
    /// Whether it can be used.
    pub status: StorageStatus,
    /// Its space.
    pub space: Reading<DiskUse>,
    /// What may be on it, sorted.
    pub content: Vec<String>,
    /// Whether several nodes share it.
    pub is_shared: bool,
    /// Whether it is switched on.
    pub is_enabled: bool,
    /// Whether the node reaches it.
    pub is_active: bool,
    /// Path on the node, for directories.
    pub path: Option<String>,
    /// The pool it is in, as configured: of ZFS or of Ceph.
    pub pool: Option<String>,
    /// The ZFS pool under it.
    pub zfs_pool: Option<ZfsPool>,
}

/// A ZFS pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZfsPool {
    /// Its name.
    pub name: String,
    /// State, such as `ONLINE` or `DEGRADED`.
    pub state: String,
    /// What ZFS says of it.
    pub status: String,
    /// Progress of a scrub or resilver.
    pub scan: String,
    /// Read errors.
    pub read_errors: u64,
    /// Write errors.
    pub write_errors: u64,
    /// Checksum errors.
    pub checksum_errors: u64,
    /// Its devices.
    pub devices: Vec<ZfsDevice>,
}

/// A device of a ZFS pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZfsDevice {
    /// Its name.
    pub name: String,
    /// `disk`, `mirror`, `raidz` …
    pub kind: String,
    /// State.
    pub state: String,
    /// Read errors.
    pub read_errors: u64,
    /// Write errors.
    pub write_errors: u64,
    /// Checksum errors.
    pub checksum_errors: u64,
    /// What ZFS says of it.
    pub message: Option<String>,
}
