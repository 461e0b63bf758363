//! Memory, disks, interfaces and the reasons for what is missing.

use std::collections::BTreeMap;

use pulse_core::{
    Reading,
    model::{DiskUse, FileSystem, MemoryUse, NetworkInterface},
    report::host::{HostDisk, HostMemory},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Memory, bytes and percent.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// Bytes in total.
    pub total: u64,
    /// Bytes in use.
    pub used: u64,
    /// Bytes free.
    pub free: u64,
    /// Use, percent.
    pub usage: f64,
    /// Current size of the balloon, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balloon: Option<u64>,
    /// Swap in use, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap_used: Option<u64>,
    /// Swap in total, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap_total: Option<u64>,
}

impl From<&MemoryUse> for Memory {
    fn from(memory: &MemoryUse) -> Self {
        Self {
            total: memory.total_bytes,
            used: memory.used_bytes,
            free: memory.free_bytes(),
            usage: hundredths(memory.used_percent()),
            balloon: memory.balloon_bytes,
            swap_used: memory.swap_used_bytes,
            swap_total: memory.swap_total_bytes.filter(|total| *total > 0),
        }
    }
}

impl From<&HostMemory> for Memory {
    fn from(memory: &HostMemory) -> Self {
        Self {
            total: memory.total_bytes,
            used: memory.used_bytes,
            free: memory.free_bytes,
            usage: hundredths(memory.usage),
            balloon: None,
            swap_used: memory.swap_used_bytes,
            swap_total: memory.swap_total_bytes.filter(|total| *total > 0),
        }
    }
}

/// Space of a disk or file system, bytes and percent.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Disk<'a> {
    /// Bytes in total.
    pub total: u64,
    /// Bytes in use.
    pub used: u64,
    /// Bytes free.
    pub free: u64,
    /// Use, percent; −1 where only the allocated size is known.
    pub usage: f64,
    /// Where it is mounted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mountpoint: Option<&'a str>,
    /// File system type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'a str>,
    /// Device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<&'a str>,
}

impl From<&DiskUse> for Disk<'_> {
    fn from(space: &DiskUse) -> Self {
        Self {
            total: space.total_bytes,
            used: space.used_bytes,
            free: space.free_bytes,
            usage: hundredths(space.used_percent()),
            mountpoint: None,
            kind: None,
            device: None,
        }
    }
}

impl<'a> From<&'a FileSystem> for Disk<'a> {
    fn from(file_system: &'a FileSystem) -> Self {
        Self {
            mountpoint: file_system.mountpoint.as_deref(),
            kind: file_system.kind.as_deref(),
            device: file_system.device.as_deref(),
            ..Self::from(&file_system.space)
        }
    }
}

impl<'a> From<&'a HostDisk> for Disk<'a> {
    fn from(disk: &'a HostDisk) -> Self {
        Self {
            total: disk.total_bytes,
            used: disk.used_bytes,
            free: disk.free_bytes,
            usage: hundredths(disk.usage),
            mountpoint: Some(&disk.mountpoint),
            kind: disk.filesystem.as_deref().or(disk.kind.as_deref()),
            device: Some(&disk.device),
        }
    }
}

impl Disk<'_> {
    /// Only the allocated size is known; −1 is the contract's mark for unknown use.
    pub fn allocated(total: u64) -> Self {
        Self { total, used: 0, free: 0, usage: -1.0, mountpoint: None, kind: None, device: None }
    }
}

/// A network interface.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Interface<'a> {
    /// Name.
    pub name: &'a str,
    /// Hardware address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<&'a str>,
    /// Addresses.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub addresses: &'a [String],
    /// Bytes received since it came up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rx_bytes: Option<u64>,
    /// Bytes sent since it came up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_bytes: Option<u64>,
    /// Link speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed_mbps: Option<u64>,
}

impl<'a> From<&'a NetworkInterface> for Interface<'a> {
    fn from(interface: &'a NetworkInterface) -> Self {
        Self {
            name: &interface.name,
            mac: interface.mac.as_deref(),
            addresses: &interface.addresses,
            rx_bytes: interface.received_bytes,
            tx_bytes: interface.sent_bytes,
            speed_mbps: interface.speed_mbps,
        }
    }
}

impl<'a> From<&'a pulse_core::report::host::HostNetwork> for Interface<'a> {
    fn from(interface: &'a pulse_core::report::host::HostNetwork) -> Self {
        Self {
            name: &interface.name,
            mac: interface.mac.as_deref(),
            addresses: &interface.addresses,
            rx_bytes: interface.rx_bytes,
            tx_bytes: interface.tx_bytes,
            speed_mbps: interface.speed_mbps,
        }
    }
}

/// Why fields are absent: field name → reason in words. Ours, beside the contract.
pub type MissingReasons = BTreeMap<&'static str, &'static str>;

/// Notes why a reading is absent.
pub fn note_missing<T>(reasons: &mut MissingReasons, field: &'static str, reading: &Reading<T>) {
    if let Some(why) = reading.missing() {
        reasons.insert(field, why.explanation());
    }
}

/// Two decimals are finer than any source measures and keep bodies short.
pub fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Four decimals of a fraction are two of a percentage.
pub fn ten_thousandths(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// For `skip_serializing_if` on borrowed slices.
pub fn slice_is_empty<T>(slice: &[T]) -> bool {
    slice.is_empty()
}

/// For `skip_serializing_if` on flags that are left out when false.
pub fn is_false(flag: &bool) -> bool {
    !*flag
}
