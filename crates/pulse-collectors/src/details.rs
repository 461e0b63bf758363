//! What is read of an instance beside its polls, one question at a time. When to ask is for the caller to decide;
//! what must never be asked at the wrong moment says so.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_core::{
    Missing, Reading,
    model::{
        BackupTask, CephCluster, DiskUse, FileSystem, GuestKind, GuestSnapshot, IoCounters, MemorySource,
        MemoryUse, NetworkInterface, PhysicalDisk, ReplicationJob, Storage, StorageBackup, ZfsPool,
    },
};

use crate::PollError;

/// Questions beside the polls. Each is one or two calls; at most one of them runs at a time on a node.
#[async_trait]
pub trait PveDetails: Send + Sync {
    /// What a VM does this very moment. Ask this before each visit to its guest agent.
    async fn vm_state(&self, node: &str, vmid: u32) -> Result<VmState, PollError>;

    /// What a guest uses this very moment, from its own status and never from its guest agent; `None` when it does not
    /// run.
    async fn guest_now(&self, node: &str, kind: GuestKind, vmid: u32) -> Result<Option<Glimpse>, PollError>;

    /// What a node uses this very moment.
    async fn node_now(&self, node: &str) -> Result<Glimpse, PollError>;

    /// Tasks that run on a node now and that no guest agent may be disturbed in.
    async fn work_on(&self, node: &str) -> Result<Work, PollError>;

    /// Asks a VM's guest agent. Never while the VM is locked, paused, or a task of [`Self::work_on`] is about it:
    /// the channel is the one that freezes and thaws file systems for backups.
    async fn ask_agent(
        &self,
        node: &str,
        vmid: u32,
        question: AgentQuestion,
    ) -> Result<AgentAnswer, AgentRefusal>;

    /// Hardware addresses of a VM, from its configuration.
    async fn vm_addresses(&self, node: &str, vmid: u32) -> Result<Vec<String>, PollError>;

    /// Configuration and addresses of a container.
    async fn container(&self, node: &str, vmid: u32, is_running: bool) -> Result<ContainerFacts, PollError>;

    /// Physical disks of a node.
    async fn disks(&self, node: &str, now: Timestamp) -> Result<Vec<PhysicalDisk>, PollError>;

    /// ZFS pools of a node; none where ZFS is not installed.
    async fn pools(&self, node: &str) -> Result<Vec<ZfsPool>, PollError>;

    /// How many packages of a node wait to be updated.
    async fn updates(&self, node: &str) -> Result<u32, PollError>;

    /// Replication jobs whose source is this node.
    async fn replication(&self, node: &str, now: Timestamp) -> Result<Vec<ReplicationJob>, PollError>;

    /// Tasks of a node that made backups, the newest first.
    async fn backup_tasks(&self, node: &str, since: Timestamp) -> Result<Vec<BackupTask>, PollError>;

    /// Every privilege that the account has anywhere.
    async fn privileges(&self, node: &str) -> Result<BTreeSet<String>, PollError>;

    /// Backups on a storage, as a node sees them. Without a right to restore them Proxmox answers with an empty list:
    /// see [`Self::privileges`].
    async fn backups_on(&self, node: &str, storage: &Storage) -> Result<Vec<StorageBackup>, PollError>;

    /// Snapshots of a guest.
    async fn snapshots(
        &self,
        node: &str,
        kind: GuestKind,
        vmid: u32,
    ) -> Result<Vec<GuestSnapshot>, PollError>;

    /// Ceph as a node sees it; `None` where it is not installed.
    async fn ceph(&self, node: &str, now: Timestamp) -> Result<Option<CephCluster>, PollError>;
}

/// What a guest or node uses at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Glimpse {
    /// Processor use, as a part of what it has.
    pub cpu_fraction: Option<f64>,
    /// Memory.
    pub memory: Option<MemoryUse>,
    /// Where the memory comes from, as in the listing of guests; `None` for nodes.
    pub memory_source: Option<MemorySource>,
    /// Cumulative counters, of guests.
    pub counters: IoCounters,
    /// Load averages, of nodes.
    pub load_average: Option<[f64; 3]>,
    /// Seconds since its start.
    pub uptime_seconds: Option<u64>,
}

/// What a VM does at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VmState {
    /// Whether its processors run: not stopped, paused or suspended.
    pub is_running: bool,
    /// What holds it.
    pub lock: Option<String>,
    /// Whether the guest agent is switched on in its configuration.
    pub has_agent: bool,
}

/// Tasks that run on a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Work {
    /// A task over guests that it does not name, so that it may be about any.
    pub on_all: Option<String>,
    /// Tasks by the guest they are about.
    pub on_guests: BTreeMap<u32, String>,
}

impl Work {
    /// The task that a guest must not be disturbed in.
    pub fn on(&self, vmid: u32) -> Option<&str> {
        self.on_all.as_deref().or_else(|| self.on_guests.get(&vmid).map(String::as_str))
    }
}

/// What a guest agent can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AgentQuestion {
    /// How full the file systems are.
    FileSystems,
    /// How much memory is available (Linux only; the guest's own figure, page cache not counted as used).
    Memory,
    /// Interfaces and addresses.
    Network,
    /// Name and version of the operating system.
    OperatingSystem,
    /// Version of the agent.
    Version,
}

/// What a guest agent answers.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentAnswer {
    /// Sum and list of the real file systems.
    FileSystems {
        /// All of them together, or why there is no sum.
        space: Reading<DiskUse>,
        /// One by one.
        list: Vec<FileSystem>,
    },
    /// Memory as the guest sees it.
    Memory(MemoryUse),
    /// Interfaces, loopback left out.
    Network(Vec<NetworkInterface>),
    /// The operating system.
    OperatingSystem {
        /// Its name.
        name: Option<String>,
        /// Its version.
        version: Option<String>,
    },
    /// The agent's version.
    Version(Option<String>),
}

/// Why a guest agent did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct AgentRefusal {
    /// The reason to show in place of the figures.
    pub why: Missing,
    /// What happened.
    #[source]
    pub error: PollError,
}

/// What a container's configuration says, and its addresses.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ContainerFacts {
    /// Whether it is an application container from an OCI image.
    pub is_oci: bool,
    /// Operating system, as the configuration names it.
    pub os_name: Option<String>,
    /// Interfaces with their addresses.
    pub interfaces: Vec<NetworkInterface>,
}
