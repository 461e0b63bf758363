//! Hosts that an agent reports.

use jiff::Timestamp;

use crate::{
    Reading,
    ids::{HostId, NodeId, TokenId},
    report::{AgentInfo, host},
};

/// Whether an agent's reports still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Liveness {
    /// They do.
    Online,
    /// None came for several intervals.
    Offline,
}

impl Liveness {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }
}

/// The token with which an agent reports; its value is never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentLink {
    /// Id of the token's record.
    pub token_id: TokenId,
    /// Name of the token.
    pub token_name: String,
    /// First and last characters, for people.
    pub token_hint: String,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// A host that an agent reports.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// Its id.
    pub id: HostId,
    /// The agent that reports it.
    pub agent: AgentInfo,
    /// What the agent says of the host.
    pub info: host::HostInfo,
    /// Processor use, percent.
    pub cpu_percent: Reading<f64>,
    /// Memory as reported.
    pub memory: Option<host::HostMemory>,
    /// File systems that a person cares about.
    pub disks: Vec<host::HostDisk>,
    /// Cumulative counters of block devices.
    pub disk_io: Vec<host::DiskIo>,
    /// Network interfaces.
    pub network: Vec<host::HostNetwork>,
    /// Bytes read from disk per second over all devices.
    pub disk_read_bytes_per_second: Reading<f64>,
    /// Bytes written to disk per second over all devices.
    pub disk_write_bytes_per_second: Reading<f64>,
    /// Bytes received per second over all interfaces.
    pub network_in_bytes_per_second: Reading<f64>,
    /// Bytes sent per second over all interfaces.
    pub network_out_bytes_per_second: Reading<f64>,
    /// Sensors.
    pub sensors: Option<host::Sensors>,
    /// Software RAID arrays.
    pub raid: Vec<host::RaidArray>,
    /// Ceph as the host sees it.
    pub ceph: Option<host::CephReport>,
    /// Tags of the agent.
    pub tags: Vec<String>,
    /// Whether reports still come.
    pub liveness: Liveness,
    /// When the last report came, by the server's clock.
    pub last_seen: Timestamp,
    /// The token it reports with; `None` for the server's own machine.
    pub link: Option<AgentLink>,
    /// The Proxmox node that is the same machine.
    pub linked_node: Option<NodeId>,
    /// Whether the agent runs commands, as reported or overridden.
    pub commands_enabled: bool,
}

impl Host {
    /// The name to show.
    pub fn display_name(&self) -> &str {
        self.info.display_name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.info.hostname)
    }
}
