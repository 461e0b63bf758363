//! A configured Proxmox instance and how its polling goes.

use std::{fmt, sync::Arc};

use jiff::Timestamp;

use super::{
    BackupTask, CephCluster, Guest, GuestSnapshot, Node, PbsBackupGroup, PbsInstance, PhysicalDisk,
    PmgBackup, PmgInstance, ReplicationJob, Storage, StorageBackup,
};
use crate::ids::InstanceName;

/// Which Proxmox product an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InstanceKind {
    /// Proxmox Virtual Environment.
    Pve,
    /// Proxmox Backup Server.
    Pbs,
    /// Proxmox Mail Gateway.
    Pmg,
}

impl InstanceKind {
    /// The product's short name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pve => "pve",
            Self::Pbs => "pbs",
            Self::Pmg => "pmg",
        }
    }

    /// The product of that short name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pve, Self::Pbs, Self::Pmg].into_iter().find(|kind| kind.name() == name)
    }

    /// The port the product's API listens on.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Pve | Self::Pmg => 8006,
            Self::Pbs => 8007,
        }
    }
}

impl fmt::Display for InstanceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Identifies an instance: names are unique per product only.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceKey {
    /// The product.
    pub kind: InstanceKind,
    /// The configured name.
    pub name: InstanceName,
}

/// How the connection to an instance or node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConnectionHealth {
    /// Everything answers.
    Healthy,
    /// Some of it answers.
    Degraded,
    /// Nothing answers, or nobody has asked yet.
    #[default]
    Error,
}

impl ConnectionHealth {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Error => "error",
        }
    }
}

/// What kind of failure a poll met; decides whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// The host does not answer, refuses or breaks off.
    Connection,
    /// No answer in time.
    Timeout,
    /// The certificate is not the expected one.
    Certificate,
    /// The credentials are refused.
    Authentication,
    /// The credentials lack a right.
    Permission,
    /// The answer cannot be read.
    Decode,
    /// The server answered with an error.
    Server,
}

impl FailureClass {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Certificate => "certificate",
            Self::Authentication => "authentication",
            Self::Permission => "permission",
            Self::Decode => "decode",
            Self::Server => "server",
        }
    }

    /// Whether trying again with nothing changed may help.
    pub fn is_transient(self) -> bool {
        match self {
            Self::Connection | Self::Timeout | Self::Server | Self::Decode => true,
            Self::Certificate | Self::Authentication | Self::Permission => false,
        }
    }
}

/// One thing that went wrong with a source, in words for the person who can mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceIssue {
    /// When.
    pub at: Timestamp,
    /// What kind of failure.
    pub class: FailureClass,
    /// What went wrong and what to do about it; no secret in it.
    pub message: String,
    /// The node it concerns, where it is not the whole instance.
    pub node: Option<String>,
}

/// A member of a Proxmox cluster as an endpoint that can be polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterEndpoint {
    /// The node's id as the cluster numbers it, such as `node/1`.
    pub node_id: String,
    /// The node's name.
    pub node_name: String,
    /// The URL at which it is polled.
    pub host: String,
    /// Its address as the cluster reports it.
    pub ip: String,
    /// SHA-256 fingerprint of its certificate.
    pub fingerprint: Option<String>,
    /// Whether the cluster says it is online.
    pub online: bool,
    /// Whether we reach it.
    pub reachable: Option<bool>,
    /// Why we do not reach it.
    pub error: Option<String>,
    /// When it was last checked.
    pub checked_at: Option<Timestamp>,
}

/// Everything known of one instance. Lists that are polled at different times are shared one by one, so that
/// replacing one costs nothing for the others.
#[derive(Debug, Clone)]
pub struct InstanceView {
    /// Which instance.
    pub key: InstanceKey,
    /// Name of the cluster it belongs to, once known.
    pub cluster_name: Option<String>,
    /// Members of the cluster.
    pub endpoints: Arc<Vec<ClusterEndpoint>>,
    /// How the connection is.
    pub health: ConnectionHealth,
    /// When a poll last succeeded.
    pub last_success: Option<Timestamp>,
    /// What the last poll complained of; empty when all is well.
    pub issues: Arc<Vec<SourceIssue>>,
    /// What is not shown because the credentials lack a right, each once, with the right to give. No failure.
    pub hidden: Arc<Vec<SourceIssue>>,
    /// Nodes, sorted by name.
    pub nodes: Arc<Vec<Node>>,
    /// VMs and containers, sorted by VMID.
    pub guests: Arc<Vec<Guest>>,
    /// Storages, sorted by node and name.
    pub storages: Arc<Vec<Storage>>,
    /// Physical disks.
    pub physical_disks: Arc<Vec<PhysicalDisk>>,
    /// Ceph as seen through this instance.
    pub ceph: Arc<Vec<CephCluster>>,
    /// Replication jobs.
    pub replication_jobs: Arc<Vec<ReplicationJob>>,
    /// Backup tasks of Proxmox VE.
    pub backup_tasks: Arc<Vec<BackupTask>>,
    /// Backups on storages of Proxmox VE.
    pub storage_backups: Arc<Vec<StorageBackup>>,
    /// Snapshots of guests.
    pub guest_snapshots: Arc<Vec<GuestSnapshot>>,
    /// The backup server, where the instance is one.
    pub pbs: Option<Arc<PbsInstance>>,
    /// Backups on the backup server, sorted by key; groups that did not change are shared between readings.
    pub pbs_backups: Arc<Vec<Arc<PbsBackupGroup>>>,
    /// The mail gateway, where the instance is one.
    pub pmg: Option<Arc<PmgInstance>>,
    /// Configuration backups of the mail gateway.
    pub pmg_backups: Arc<Vec<PmgBackup>>,
}

impl InstanceView {
    /// An instance of which nothing is known yet.
    pub fn unknown(key: InstanceKey) -> Self {
        Self {
            key,
            cluster_name: None,
            endpoints: Arc::default(),
            health: ConnectionHealth::Error,
            last_success: None,
            issues: Arc::default(),
            hidden: Arc::default(),
            nodes: Arc::default(),
            guests: Arc::default(),
            storages: Arc::default(),
            physical_disks: Arc::default(),
            ceph: Arc::default(),
            replication_jobs: Arc::default(),
            backup_tasks: Arc::default(),
            storage_backups: Arc::default(),
            guest_snapshots: Arc::default(),
            pbs: None,
            pbs_backups: Arc::default(),
            pmg: None,
            pmg_backups: Arc::default(),
        }
    }
}
