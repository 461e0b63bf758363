//! A VM or container of Proxmox VE.

use jiff::Timestamp;

use super::{DiskUse, FileSystem, IoCounters, IoRates, MemoryUse, NetworkInterface};
use crate::{
    Reading,
    ids::{GuestId, InstanceName},
};

/// What a guest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuestKind {
    /// A virtual machine (QEMU).
    Vm,
    /// A system container (LXC).
    Container,
    /// An application container from an OCI image.
    OciContainer,
}

impl GuestKind {
    /// The word of the state's `type` field.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vm => "qemu",
            Self::Container => "lxc",
            Self::OciContainer => "oci",
        }
    }

    /// Whether it is a virtual machine.
    pub fn is_vm(self) -> bool {
        matches!(self, Self::Vm)
    }
}

/// What a guest does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GuestStatus {
    /// It runs.
    Running,
    /// It is switched off.
    Stopped,
    /// It is held in memory.
    Paused,
    /// It sleeps on disk or in memory.
    Suspended,
    /// Its node does not tell.
    Unknown,
}

impl GuestStatus {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Paused => "paused",
            Self::Suspended => "suspended",
            Self::Unknown => "unknown",
        }
    }
}

/// Where a guest's memory figure came from; the order is the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemorySource {
    /// A Pulse agent inside the guest.
    LinkedAgent,
    /// `MemAvailable` of the guest, read through the QEMU guest agent.
    GuestAgent,
    /// What Proxmox VE passes on of the guest's own meminfo.
    Meminfo,
    /// The balloon driver; page cache counts as used.
    Balloon,
    /// The node's figure for the VM without a balloon driver: what its process takes of the host.
    StatusCurrent,
    /// The cluster's list of resources; for containers this is without page cache.
    Listing,
}

impl MemorySource {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::LinkedAgent => "linked-agent",
            Self::GuestAgent => "guest-agent",
            Self::Meminfo => "meminfo",
            Self::Balloon => "balloon",
            Self::StatusCurrent => "status-current",
            Self::Listing => "listing",
        }
    }
}

/// A VM or container of Proxmox VE.
#[derive(Debug, Clone, PartialEq)]
pub struct Guest {
    /// Its id on its current node.
    pub id: GuestId,
    /// What it is.
    pub kind: GuestKind,
    /// Its number in the cluster.
    pub vmid: u32,
    /// Its name.
    pub name: String,
    /// The node it is on.
    pub node: String,
    /// The instance through which it is polled.
    pub instance: InstanceName,
    /// What it does.
    pub status: GuestStatus,
    /// Whether it is a template.
    pub is_template: bool,
    /// What holds it (`backup`, `migrate`, `snapshot` …).
    pub lock: Option<String>,
    /// Tags, sorted as the source gives them.
    pub tags: Vec<String>,
    /// Resource pool.
    pub pool: Option<String>,
    /// State in high availability.
    pub ha_state: Option<String>,
    /// Processor use, 0 to 1 of what it was given.
    pub cpu_fraction: Reading<f64>,
    /// Processors given.
    pub cpu_count: Option<u32>,
    /// Memory.
    pub memory: Reading<MemoryUse>,
    /// Where the memory figure came from.
    pub memory_source: Option<MemorySource>,
    /// Disk use as seen from inside; unknown has a reason.
    pub disk: Reading<DiskUse>,
    /// Size of its disk as allocated, where known.
    pub allocated_disk_bytes: Option<u64>,
    /// File systems seen from inside.
    pub file_systems: Vec<FileSystem>,
    /// Cumulative counters, from which the rates come.
    pub counters: IoCounters,
    /// Bytes per second.
    pub rates: IoRates,
    /// Seconds since start.
    pub uptime_seconds: Reading<u64>,
    /// Operating system, where known.
    pub os_name: Option<String>,
    /// Its version, where known.
    pub os_version: Option<String>,
    /// Version of the guest agent, where known.
    pub agent_version: Option<String>,
    /// Template or image it was made from, for containers.
    pub os_template: Option<String>,
    /// Network interfaces, where known.
    pub network_interfaces: Vec<NetworkInterface>,
    /// Addresses, where known.
    pub ip_addresses: Vec<String>,
    /// Time of the newest backup.
    pub last_backup: Option<Timestamp>,
    /// When its figures were last read.
    pub last_seen: Timestamp,
}
