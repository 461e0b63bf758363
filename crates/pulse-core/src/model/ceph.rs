//! Ceph clusters.

use jiff::Timestamp;

use crate::ids::InstanceName;

/// A Ceph cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct CephCluster {
    /// Its id.
    pub id: String,
    /// The instance or host through which it is seen.
    pub instance: InstanceName,
    /// Its own id.
    pub fsid: Option<String>,
    /// Health word of Ceph.
    pub health: String,
    /// What is wrong.
    pub health_message: Option<String>,
    /// Bytes in total.
    pub total_bytes: u64,
    /// Bytes in use.
    pub used_bytes: u64,
    /// Bytes available.
    pub available_bytes: u64,
    /// Monitors.
    pub monitors: u32,
    /// Managers.
    pub managers: u32,
    /// Object storage daemons.
    pub osds: u32,
    /// Of them up.
    pub osds_up: u32,
    /// Of them in.
    pub osds_in: u32,
    /// Placement groups.
    pub placement_groups: u32,
    /// Pools.
    pub pools: Vec<CephPool>,
    /// Services.
    pub services: Vec<CephService>,
    /// When it was read.
    pub updated_at: Timestamp,
}

/// A pool of a Ceph cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct CephPool {
    /// Number.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Bytes stored.
    pub stored_bytes: u64,
    /// Bytes available.
    pub available_bytes: u64,
    /// Objects.
    pub objects: u64,
    /// Use in percent.
    pub used_percent: f64,
}

/// A kind of service of a Ceph cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CephService {
    /// `mon`, `mgr`, `osd` …
    pub kind: String,
    /// How many run.
    pub running: u32,
    /// How many there are.
    pub total: u32,
    /// What is wrong.
    pub message: Option<String>,
}
