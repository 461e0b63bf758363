//! The host report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AgentInfo;
pub use super::ceph::{
    CephCheck, CephHealth, CephMgrMap, CephMonMap, CephMonitor, CephOsdMap, CephPgMap, CephReport,
    CephReportPool, CephReportService, CephSummary,
};
use crate::lenient::null_default;

/// A host's report.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HostReport {
    /// The agent.
    #[serde(default, deserialize_with = "null_default")]
    pub agent: AgentInfo,
    /// The host.
    #[serde(default, deserialize_with = "null_default")]
    pub host: HostInfo,
    /// Processor and memory.
    #[serde(default, deserialize_with = "null_default")]
    pub metrics: HostMetrics,
    /// Mounted file systems.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<HostDisk>,
    /// Counters of block devices.
    #[serde(
        rename = "diskIO",
        default,
        deserialize_with = "null_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub disk_io: Vec<DiskIo>,
    /// Network interfaces.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub network: Vec<HostNetwork>,
    /// Sensors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensors: Option<Sensors>,
    /// Software RAID arrays.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub raid: Vec<RaidArray>,
    /// Ceph as this host sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceph: Option<CephReport>,
    /// Tags of the agent.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When it was measured, by the agent's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Number of the report, for de-duplication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_id: Option<String>,
}

/// What a host is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HostInfo {
    /// Id of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Host name; the only mandatory field.
    #[serde(default, deserialize_with = "null_default")]
    pub hostname: String,
    /// Name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Machine id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    /// `linux`, `macos`, `windows`, `freebsd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Operating system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_name: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_version: Option<String>,
    /// Architecture, such as `amd64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// Processor model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<String>,
    /// Logical processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_count: Option<u32>,
    /// Seconds since boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime_seconds: Option<u64>,
    /// Load over 1, 5 and 15 minutes.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub load_average: Vec<f64>,
    /// Address to register with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_ip: Option<String>,
}

/// Processor and memory of a host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HostMetrics {
    /// Processor use, percent of all processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_usage_percent: Option<f64>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<HostMemory>,
}

/// Memory of a host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HostMemory {
    /// Bytes in total.
    #[serde(default, deserialize_with = "null_default")]
    pub total_bytes: u64,
    /// Bytes in use, page cache not counted.
    #[serde(default, deserialize_with = "null_default")]
    pub used_bytes: u64,
    /// Bytes available.
    #[serde(default, deserialize_with = "null_default")]
    pub free_bytes: u64,
    /// Use, percent.
    #[serde(default, deserialize_with = "null_default")]
    pub usage: f64,
    /// Swap in total.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap_total_bytes: Option<u64>,
    /// Swap in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap_used_bytes: Option<u64>,
}

/// A mounted file system of a host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HostDisk {
    /// Device.
    #[serde(default, deserialize_with = "null_default")]
    pub device: String,
    /// Where it is mounted.
    #[serde(default, deserialize_with = "null_default")]
    pub mountpoint: String,
    /// Type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<String>,
    /// Type again, as older servers read it.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Bytes in total.
    #[serde(default, deserialize_with = "null_default")]
    pub total_bytes: u64,
    /// Bytes in use.
    #[serde(default, deserialize_with = "null_default")]
    pub used_bytes: u64,
    /// Bytes free.
    #[serde(default, deserialize_with = "null_default")]
    pub free_bytes: u64,
    /// Use, percent.
    #[serde(default, deserialize_with = "null_default")]
    pub usage: f64,
}

/// Cumulative counters of a block device since boot.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DiskIo {
    /// Device.
    #[serde(default, deserialize_with = "null_default")]
    pub device: String,
    /// Bytes read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_bytes: Option<u64>,
    /// Bytes written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_bytes: Option<u64>,
    /// Reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_ops: Option<u64>,
    /// Writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_ops: Option<u64>,
    /// Milliseconds spent reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_time_ms: Option<u64>,
    /// Milliseconds spent writing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_time_ms: Option<u64>,
    /// Milliseconds with I/O going on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_time_ms: Option<u64>,
}

/// A network interface of a host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct HostNetwork {
    /// Name.
    #[serde(default, deserialize_with = "null_default")]
    pub name: String,
    /// Hardware address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Addresses with prefix length.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Bytes received since boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rx_bytes: Option<u64>,
    /// Bytes sent since boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_bytes: Option<u64>,
    /// Link speed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_mbps: Option<u64>,
}

/// Sensors of a host.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Sensors {
    /// Temperatures by name, degrees Celsius.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub temperature_celsius: BTreeMap<String, f64>,
    /// Fans by name, rotations per minute.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub fan_rpm: BTreeMap<String, f64>,
    /// Power by name, watts.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub power_watts: BTreeMap<String, f64>,
    /// Other readings by name.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub additional: BTreeMap<String, f64>,
    /// Disks.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub smart: Vec<SmartDisk>,
}

/// A disk's SMART summary.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SmartDisk {
    /// Device.
    #[serde(default, deserialize_with = "null_default")]
    pub device: String,
    /// Model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// World-wide name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wwn: Option<String>,
    /// Interface.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Degrees Celsius.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// `PASSED`, `FAILED` or `UNKNOWN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<String>,
    /// Whether it sleeps.
    #[serde(default, deserialize_with = "null_default")]
    pub standby: bool,
    /// Hours under power; not sent by the original's agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_on_hours: Option<u64>,
    /// Sectors replaced by spare ones; not sent by the original's agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reallocated_sectors: Option<u64>,
    /// Sectors that wait to be replaced; not sent by the original's agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_sectors: Option<u64>,
    /// Errors that the disk could not correct; not sent by the original's agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_errors: Option<u64>,
    /// Share of its life that is used up, percent; not sent by the original's agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wear_percent: Option<u32>,
}

/// A software RAID array.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RaidArray {
    /// Device.
    #[serde(default, deserialize_with = "null_default")]
    pub device: String,
    /// Name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Level, such as `raid1`.
    #[serde(default, deserialize_with = "null_default")]
    pub level: String,
    /// State, such as `clean`.
    #[serde(default, deserialize_with = "null_default")]
    pub state: String,
    /// Devices it should have.
    #[serde(default, deserialize_with = "null_default")]
    pub total_devices: u32,
    /// Active devices.
    #[serde(default, deserialize_with = "null_default")]
    pub active_devices: u32,
    /// Working devices.
    #[serde(default, deserialize_with = "null_default")]
    pub working_devices: u32,
    /// Failed devices.
    #[serde(default, deserialize_with = "null_default")]
    pub failed_devices: u32,
    /// Spare devices.
    #[serde(default, deserialize_with = "null_default")]
    pub spare_devices: u32,
    /// Id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Devices.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<RaidDevice>,
    /// Progress of a rebuild, percent.
    #[serde(default, deserialize_with = "null_default")]
    pub rebuild_percent: f64,
    /// Speed of a rebuild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebuild_speed: Option<String>,
}

/// A device of a software RAID array.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RaidDevice {
    /// Device.
    #[serde(default, deserialize_with = "null_default")]
    pub device: String,
    /// State.
    #[serde(default, deserialize_with = "null_default")]
    pub state: String,
    /// Slot; −1 for none.
    #[serde(default, deserialize_with = "null_default")]
    pub slot: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_a_go_program_with_nulls_and_unknown_keys_is_read() {
        let text = r#"{"agent":{"id":"a","version":"5.0.17","type":"unified","intervalSeconds":30,"new":1},
            "host":{"hostname":"nas1","loadAverage":null},"metrics":{"memory":null},
            "disks":null,"network":null,"tags":null,"timestamp":"2026-03-02T10:15:30.123456789+01:00"}"#;
        let report: HostReport = serde_json::from_str(text).unwrap();
        assert_eq!(report.host.hostname, "nas1");
        assert!(report.disks.is_empty());
        assert_eq!(report.metrics.cpu_usage_percent, None);
        assert_eq!(report.timestamp.unwrap().to_string(), "2026-03-02T09:15:30.123456789Z");
    }

    #[test]
    fn what_was_not_measured_is_absent() {
        let report = HostReport {
            host: HostInfo { hostname: "n".into(), ..Default::default() },
            ..Default::default()
        };
        let text = serde_json::to_string(&report).unwrap();
        assert!(!text.contains("cpuUsagePercent") && !text.contains("sensors"), "{text}");
    }
}
