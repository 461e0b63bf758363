//! `hosts[]` of the state.

use std::collections::BTreeMap;

use pulse_core::{
    ids::{NodeId, TokenId},
    model::Host,
    report::host::{DiskIo, RaidArray, Sensors, SmartDisk},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    time::whole_second_millis,
    usage::{Disk, Interface, Memory, MissingReasons, hundredths, is_false, note_missing, slice_is_empty},
};

/// A host that an agent reports.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Host name.
    pub hostname: &'a str,
    /// Name to show.
    pub display_name: &'a str,
    /// Platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<&'a str>,
    /// Operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_name: Option<&'a str>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<&'a str>,
    /// Kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_version: Option<&'a str>,
    /// Architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<&'a str>,
    /// Logical processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_count: Option<u32>,
    /// Processor use, percent; absent when unknown (a measured 0 is sent).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_usage: Option<f64>,
    /// Load over 1, 5 and 15 minutes.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub load_average: &'a [f64],
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// File systems.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<Disk<'a>>,
    /// Counters of block devices.
    #[serde(rename = "diskIO", skip_serializing_if = "slice_is_empty")]
    pub disk_io: &'a [DiskIo],
    /// Network interfaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_interfaces: Vec<Interface<'a>>,
    /// Sensors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensors: Option<SensorsShape<'a>>,
    /// Arrays of its disks, and ZFS pools as such.
    // Pulse v5: keeps them and shows them nowhere but in alerts.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub raid: &'a [RaidArray],
    /// `online` or `offline`.
    pub status: &'static str,
    /// Seconds since boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime_seconds: Option<u64>,
    /// When the last report came, Unix milliseconds.
    pub last_seen: i64,
    /// Seconds between reports.
    pub interval_seconds: u32,
    /// Version of the agent.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub agent_version: &'a str,
    /// Token it reports with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<&'a str>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_name: Option<&'a str>,
    /// Its first and last characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_hint: Option<&'a str>,
    /// When it was last used, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_last_used_at: Option<i64>,
    /// Tags.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub tags: &'a [String],
    /// Whether the agent runs commands.
    #[serde(skip_serializing_if = "is_false")]
    pub commands_enabled: bool,
    /// Whether the agent is one of the original's old kinds.
    #[serde(skip_serializing_if = "is_false")]
    pub is_legacy: bool,
    /// The Proxmox node that is the same machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linked_node_id: Option<&'a str>,
    /// Bytes read per second over all devices. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_read: Option<f64>,
    /// Bytes written per second over all devices. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_write: Option<f64>,
    /// Bytes received per second over all interfaces. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_in: Option<f64>,
    /// Bytes sent per second over all interfaces. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_out: Option<f64>,
    /// Why fields are absent. Ours, beside the contract.
    #[serde(skip_serializing_if = "MissingReasons::is_empty")]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub missing: MissingReasons,
}

/// Sensors of a host.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SensorsShape<'a> {
    /// Temperatures by name, degrees Celsius.
    #[serde(skip_serializing_if = "map_is_empty")]
    pub temperature_celsius: &'a BTreeMap<String, f64>,
    /// Fans by name, rotations per minute.
    #[serde(skip_serializing_if = "map_is_empty")]
    pub fan_rpm: &'a BTreeMap<String, f64>,
    /// Other readings by name.
    #[serde(skip_serializing_if = "map_is_empty")]
    pub additional: &'a BTreeMap<String, f64>,
    /// Disks.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub smart: &'a [SmartDisk],
}

fn map_is_empty(map: &BTreeMap<String, f64>) -> bool {
    map.is_empty()
}

fn sensors(sensors: &Sensors) -> Option<SensorsShape<'_>> {
    let shape = SensorsShape {
        temperature_celsius: &sensors.temperature_celsius,
        fan_rpm: &sensors.fan_rpm,
        additional: &sensors.additional,
        smart: &sensors.smart,
    };
    let is_empty = shape.temperature_celsius.is_empty()
        && shape.fan_rpm.is_empty()
        && shape.additional.is_empty()
        && shape.smart.is_empty();
    (!is_empty).then_some(shape)
}

impl<'a> From<&'a Host> for HostShape<'a> {
    fn from(host: &'a Host) -> Self {
        let info = &host.info;
        let link = host.link.as_ref();
        let mut missing = MissingReasons::new();
        note_missing(&mut missing, "cpuUsage", &host.cpu_percent);
        note_missing(&mut missing, "diskRead", &host.disk_read_bytes_per_second);
        note_missing(&mut missing, "networkIn", &host.network_in_bytes_per_second);
        Self {
            id: host.id.as_str(),
            hostname: &info.hostname,
            display_name: host.display_name(),
            platform: info.platform.as_deref(),
            os_name: info.os_name.as_deref(),
            os_version: info.os_version.as_deref(),
            kernel_version: info.kernel_version.as_deref(),
            architecture: info.architecture.as_deref(),
            cpu_count: info.cpu_count,
            cpu_usage: host.cpu_percent.known().map(hundredths),
            load_average: &info.load_average,
            memory: host.memory.as_ref().map(Memory::from),
            disks: host.disks.iter().map(Disk::from).collect(),
            disk_io: &host.disk_io,
            network_interfaces: host.network.iter().map(Interface::from).collect(),
            sensors: host.sensors.as_ref().and_then(sensors),
            raid: &host.raid,
            status: host.liveness.name(),
            uptime_seconds: info.uptime_seconds,
            last_seen: whole_second_millis(host.last_seen),
            interval_seconds: host.agent.interval_seconds,
            agent_version: &host.agent.version,
            token_id: link.map(|link| TokenId::as_str(&link.token_id)),
            token_name: link.map(|link| link.token_name.as_str()),
            token_hint: link.map(|link| link.token_hint.as_str()),
            token_last_used_at: link.and_then(|link| link.last_used_at).map(whole_second_millis),
            tags: &host.tags,
            commands_enabled: host.commands_enabled,
            is_legacy: host.agent.kind != "unified",
            linked_node_id: host.linked_node.as_ref().map(NodeId::as_str),
            disk_read: host.disk_read_bytes_per_second.known(),
            disk_write: host.disk_write_bytes_per_second.known(),
            network_in: host.network_in_bytes_per_second.known(),
            network_out: host.network_out_bytes_per_second.known(),
            missing,
        }
    }
}
