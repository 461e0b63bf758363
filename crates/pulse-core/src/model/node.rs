//! A node of Proxmox VE.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{ConnectionHealth, DiskUse, MemoryUse};
use crate::{
    Reading,
    ids::{HostId, InstanceName, NodeId},
};

/// Whether a node is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeStatus {
    /// Up, or seen less than a minute ago.
    Online,
    /// Down or out of reach.
    Offline,
}

impl NodeStatus {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }
}

/// The processors of a node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CpuInfo {
    /// Model name.
    pub model: String,
    /// Cores over all sockets.
    pub cores: u32,
    /// Sockets.
    pub sockets: u32,
    /// Clock in MHz, as the node words it.
    pub mhz: String,
}

/// One temperature sensor of a disk.
#[derive(Debug, Clone, PartialEq)]
pub struct DiskTemperature {
    /// Device name, such as `nvme0`.
    pub device: String,
    /// Serial number, where known.
    pub serial: Option<String>,
    /// World-wide name, where known.
    pub wwn: Option<String>,
    /// Model, where known.
    pub model: Option<String>,
    /// Interface, such as `sata`, where known.
    pub kind: Option<String>,
    /// Degrees Celsius.
    pub celsius: f64,
    /// Whether the disk sleeps, so that the value is an old one.
    pub standby: bool,
}

/// One temperature sensor of a graphics card.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuTemperature {
    /// Device name.
    pub device: String,
    /// Edge sensor, degrees Celsius.
    pub edge_celsius: Option<f64>,
    /// Junction sensor, degrees Celsius.
    pub junction_celsius: Option<f64>,
    /// Memory sensor, degrees Celsius.
    pub memory_celsius: Option<f64>,
}

/// Temperatures of a node, from the agent that runs on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Temperature {
    /// Processor package, degrees Celsius.
    pub cpu_package_celsius: Option<f64>,
    /// Hottest core, degrees Celsius.
    pub cpu_max_celsius: Option<f64>,
    /// Cores by number, degrees Celsius.
    pub core_celsius: BTreeMap<u32, f64>,
    /// Graphics cards.
    pub gpus: Vec<GpuTemperature>,
    /// NVMe disks.
    pub nvme: Vec<DiskTemperature>,
    /// Other disks.
    pub smart: Vec<DiskTemperature>,
    /// When it was measured.
    pub measured_at: Timestamp,
}

/// A node of Proxmox VE.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// The instance through which it is polled.
    pub instance: InstanceName,
    /// Its name.
    pub name: String,
    /// The URL of its own endpoint, where known.
    pub host_url: Option<String>,
    /// A link for people, from the configuration.
    pub guest_url: Option<String>,
    /// Whether it is up.
    pub status: NodeStatus,
    /// How its own calls answer.
    pub health: ConnectionHealth,
    /// Processor use, 0 to 1.
    pub cpu_fraction: Reading<f64>,
    /// Logical processors.
    pub cpu_count: Option<u32>,
    /// Memory.
    pub memory: Reading<MemoryUse>,
    /// Root file system.
    pub root_disk: Reading<DiskUse>,
    /// Seconds since boot.
    pub uptime_seconds: Reading<u64>,
    /// Load over 1, 5 and 15 minutes.
    pub load_average: Option<[f64; 3]>,
    /// Running kernel.
    pub kernel_version: Option<String>,
    /// Version of Proxmox VE.
    pub pve_version: Option<String>,
    /// Processors.
    pub cpu_info: Option<CpuInfo>,
    /// Temperatures, where an agent reports them.
    pub temperature: Option<Temperature>,
    /// Name of the cluster it is a member of.
    pub cluster_name: Option<String>,
    /// Packages that wait to be updated, where the credentials may see it.
    pub pending_updates: Option<u32>,
    /// SHA-256 fingerprint of its certificate, where known.
    pub certificate_fingerprint: Option<String>,
    /// The agent on the same machine, where there is one.
    pub linked_host: Option<HostId>,
    /// When it last answered.
    pub last_seen: Timestamp,
}
