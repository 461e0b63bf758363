//! Physical disks of Proxmox nodes.

use jiff::Timestamp;

use crate::{
    Reading,
    ids::{DiskId, InstanceName},
};

/// A physical disk of a Proxmox node.
#[derive(Debug, Clone, PartialEq)]
pub struct PhysicalDisk {
    /// Its id.
    pub id: DiskId,
    /// The node it is in.
    pub node: String,
    /// The instance through which it is polled.
    pub instance: InstanceName,
    /// Device path, such as `/dev/sda`.
    pub device_path: String,
    /// Model.
    pub model: String,
    /// Serial number.
    pub serial: String,
    /// World-wide name.
    pub wwn: String,
    /// `nvme`, `sata`, `sas` …
    pub kind: String,
    /// Bytes.
    pub size_bytes: u64,
    /// `PASSED`, `FAILED`, `UNKNOWN` or `OK`.
    pub health: String,
    /// Life left, percent.
    pub life_left_percent: Reading<u8>,
    /// Degrees Celsius.
    pub temperature_celsius: Reading<f64>,
    /// Rotations per minute; 0 for a disk without moving parts.
    pub rotations_per_minute: Option<u32>,
    /// What uses it, such as `ZFS`.
    pub used_as: String,
    /// When it was checked.
    pub checked_at: Timestamp,
}
