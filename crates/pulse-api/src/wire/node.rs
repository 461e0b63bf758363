//! `nodes[]` of the state.

use jiff::Timestamp;
use pulse_core::model::{self, InstanceView, Node};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    time::{NEVER, whole_second_millis},
    usage::{Disk, Memory, MissingReasons, is_false, note_missing, ten_thousandths},
};

/// A node of Proxmox VE.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Name.
    pub node: &'a str,
    /// Name.
    pub name: &'a str,
    /// Name to show.
    pub display_name: &'a str,
    /// Configured instance.
    pub instance: &'a str,
    /// URL of its endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<&'a str>,
    /// Link for people.
    #[serde(rename = "guestURL", skip_serializing_if = "Option::is_none")]
    pub guest_url: Option<&'a str>,
    /// `online` or `offline`.
    pub status: &'static str,
    /// Always `node`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Processor use, 0 to 1; 0 where `missing` names it.
    pub cpu: f64,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Memory in use, bytes; 0 where `missing` names `memory`.
    pub mem: u64,
    /// Memory in total, bytes.
    pub maxmem: u64,
    /// Root file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk<'a>>,
    /// Root file system in total, bytes.
    pub maxdisk: u64,
    /// Seconds since boot.
    pub uptime: u64,
    /// Load over 1, 5 and 15 minutes; empty when unknown.
    pub load_average: Vec<f64>,
    /// Kernel.
    pub kernel_version: &'a str,
    /// Version of Proxmox VE.
    pub pve_version: &'a str,
    /// Processors.
    pub cpu_info: CpuInfo<'a>,
    /// Temperatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Temperature<'a>>,
    /// When it last answered, Unix milliseconds.
    pub last_seen: i64,
    /// `healthy`, `degraded` or `error`.
    pub connection_health: &'static str,
    /// Whether it is in a cluster.
    #[serde(skip_serializing_if = "is_false")]
    pub is_cluster_member: bool,
    /// Name of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_name: Option<&'a str>,
    /// The agent on the same machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linked_host_agent_id: Option<&'a str>,
    /// Packages that wait to be updated, where the credentials may see it. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_updates: Option<u32>,
    /// What is wrong with the connection, in words. Ours, beside the contract.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<&'a str>,
    /// Why fields are absent. Ours, beside the contract.
    #[serde(skip_serializing_if = "MissingReasons::is_empty")]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub missing: MissingReasons,
}

/// Processors of a node.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CpuInfo<'a> {
    /// Model.
    pub model: &'a str,
    /// Cores.
    pub cores: u32,
    /// Sockets.
    pub sockets: u32,
    /// Clock in MHz, a string.
    pub mhz: &'a str,
}

/// Temperatures of a node, degrees Celsius.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Temperature<'a> {
    /// Processor package.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_package: Option<f64>,
    /// Hottest core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_max: Option<f64>,
    /// When the lowest was measured; year 1 when never.
    #[schema(value_type = String, format = DateTime)]
    pub min_recorded: Timestamp,
    /// When the highest was measured; year 1 when never.
    #[schema(value_type = String, format = DateTime)]
    pub max_recorded: Timestamp,
    /// Cores.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cores: Vec<CoreTemperature>,
    /// NVMe disks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nvme: Vec<NvmeTemperature<'a>>,
    /// Other disks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub smart: Vec<SmartTemperature<'a>>,
    /// Whether anything was measured.
    pub available: bool,
    /// Whether a processor was.
    #[serde(rename = "hasCPU")]
    pub has_cpu: bool,
    /// Whether a graphics card was.
    #[serde(rename = "hasGPU")]
    pub has_gpu: bool,
    /// Whether an NVMe disk was.
    #[serde(rename = "hasNVMe")]
    pub has_nvme: bool,
    /// Whether another disk was.
    #[serde(rename = "hasSMART")]
    pub has_smart: bool,
    /// When it was measured.
    #[schema(value_type = String, format = DateTime)]
    pub last_update: Timestamp,
}

/// One core.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CoreTemperature {
    /// Number.
    pub core: u32,
    /// Degrees Celsius.
    pub temp: f64,
}

/// One NVMe disk.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NvmeTemperature<'a> {
    /// Device.
    pub device: &'a str,
    /// Degrees Celsius.
    pub temp: f64,
}

/// One other disk.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SmartTemperature<'a> {
    /// Device.
    pub device: &'a str,
    /// Serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<&'a str>,
    /// World-wide name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wwn: Option<&'a str>,
    /// Model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<&'a str>,
    /// Interface.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'a str>,
    /// Degrees Celsius.
    pub temperature: f64,
    /// When it was measured.
    #[schema(value_type = String, format = DateTime)]
    pub last_updated: Timestamp,
    /// Whether the disk sleeps, so that the value is an old one.
    #[serde(skip_serializing_if = "is_false")]
    pub standby_skipped: bool,
}

impl<'a> From<&'a model::Temperature> for Temperature<'a> {
    fn from(t: &'a model::Temperature) -> Self {
        let smart = t.smart.iter().map(|disk| SmartTemperature {
            device: &disk.device,
            serial: disk.serial.as_deref(),
            wwn: disk.wwn.as_deref(),
            model: disk.model.as_deref(),
            kind: disk.kind.as_deref(),
            temperature: disk.celsius,
            last_updated: t.measured_at,
            standby_skipped: disk.standby,
        });
        Self {
            cpu_package: t.cpu_package_celsius,
            cpu_max: t.cpu_max_celsius,
            min_recorded: NEVER,
            max_recorded: NEVER,
            cores: t
                .core_celsius
                .iter()
                .map(|(core, temp)| CoreTemperature { core: *core, temp: *temp })
                .collect(),
            nvme: t.nvme.iter().map(|d| NvmeTemperature { device: &d.device, temp: d.celsius }).collect(),
            smart: smart.collect(),
            available: true,
            has_cpu: t.cpu_package_celsius.is_some() || !t.core_celsius.is_empty(),
            has_gpu: !t.gpus.is_empty(),
            has_nvme: !t.nvme.is_empty(),
            has_smart: !t.smart.is_empty(),
            last_update: t.measured_at,
        }
    }
}

impl<'a> NodeShape<'a> {
    /// The shape of one node of an instance.
    pub fn of(node: &'a Node, view: &'a InstanceView) -> Self {
        let mut missing = MissingReasons::new();
        note_missing(&mut missing, "cpu", &node.cpu_fraction);
        note_missing(&mut missing, "memory", &node.memory);
        note_missing(&mut missing, "disk", &node.root_disk);
        note_missing(&mut missing, "uptime", &node.uptime_seconds);
        let memory = node.memory.known();
        let disk = node.root_disk.known();
        let info = node.cpu_info.as_ref();
        Self {
            id: node.id.as_str(),
            node: &node.name,
            name: &node.name,
            display_name: &node.name,
            instance: node.instance.as_str(),
            host: node.host_url.as_deref(),
            guest_url: node.guest_url.as_deref(),
            status: node.status.name(),
            kind: "node",
            cpu: node.cpu_fraction.known().map_or(0.0, ten_thousandths),
            memory: memory.as_ref().map(Memory::from),
            mem: memory.map_or(0, |memory| memory.used_bytes),
            maxmem: memory.map_or(0, |memory| memory.total_bytes),
            disk: disk.as_ref().map(Disk::from),
            maxdisk: disk.map_or(0, |disk| disk.total_bytes),
            uptime: node.uptime_seconds.known().unwrap_or(0),
            load_average: node.load_average.map_or_else(Vec::new, |load| load.to_vec()),
            kernel_version: node.kernel_version.as_deref().unwrap_or_default(),
            pve_version: node.pve_version.as_deref().unwrap_or_default(),
            cpu_info: CpuInfo {
                model: info.map_or("", |info| &info.model),
                cores: info.map_or_else(|| node.cpu_count.unwrap_or(0), |info| info.cores),
                sockets: info.map_or(0, |info| info.sockets),
                mhz: info.map_or("", |info| &info.mhz),
            },
            temperature: node.temperature.as_ref().map(Temperature::from),
            last_seen: whole_second_millis(node.last_seen),
            connection_health: node.health.name(),
            is_cluster_member: node.cluster_name.is_some(),
            cluster_name: node.cluster_name.as_deref(),
            linked_host_agent_id: node.linked_host.as_ref().map(pulse_core::ids::HostId::as_str),
            pending_updates: node.pending_updates,
            problems: view
                .issues
                .iter()
                .filter(|issue| issue.node.as_ref().is_none_or(|of| *of == node.name))
                .map(|issue| issue.message.as_str())
                .collect(),
            missing,
        }
    }
}
