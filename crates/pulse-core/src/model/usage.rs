//! Amounts: memory, disks, interfaces, rates.

use crate::Reading;

/// Memory or swap: how much there is and how much of it is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryUse {
    /// Bytes in total; 0 is not allowed (then the reading is unknown).
    pub total_bytes: u64,
    /// Bytes in use, page cache not counted where the source can tell.
    pub used_bytes: u64,
    /// Current size of the balloon, where a VM has one.
    pub balloon_bytes: Option<u64>,
    /// Swap in total, where the source reports it.
    pub swap_total_bytes: Option<u64>,
    /// Swap in use, where the source reports it.
    pub swap_used_bytes: Option<u64>,
}

impl MemoryUse {
    /// Memory of this size, `None` when the total is 0 (nothing was measured then).
    pub fn new(total_bytes: u64, used_bytes: u64) -> Option<Self> {
        (total_bytes > 0).then(|| Self {
            total_bytes,
            used_bytes: used_bytes.min(total_bytes),
            ..Self::default()
        })
    }

    /// Bytes not in use.
    pub fn free_bytes(&self) -> u64 {
        self.total_bytes.saturating_sub(self.used_bytes)
    }

    /// Use in percent, 0 to 100.
    pub fn used_percent(&self) -> f64 {
        percent(self.used_bytes, self.total_bytes)
    }
}

/// Space of a disk, file system or storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DiskUse {
    /// Bytes in total; 0 is not allowed (then the reading is unknown).
    pub total_bytes: u64,
    /// Bytes in use.
    pub used_bytes: u64,
    /// Bytes free for use; less than total − used where blocks are reserved.
    pub free_bytes: u64,
}

impl DiskUse {
    /// Space of this size, `None` when the total is 0.
    pub fn new(total_bytes: u64, used_bytes: u64) -> Option<Self> {
        (total_bytes > 0).then(|| Self {
            total_bytes,
            used_bytes: used_bytes.min(total_bytes),
            free_bytes: total_bytes.saturating_sub(used_bytes),
        })
    }

    /// Use in percent, 0 to 100.
    pub fn used_percent(&self) -> f64 {
        percent(self.used_bytes, self.total_bytes)
    }
}

/// `part` of `whole` in percent, 0 where there is no whole, at most 100.
pub fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 100.0).min(100.0) }
}

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileSystem {
    /// Its space.
    pub space: DiskUse,
    /// Where it is mounted.
    pub mountpoint: Option<String>,
    /// Its type, such as `ext4`.
    pub kind: Option<String>,
    /// The device it is on.
    pub device: Option<String>,
}

/// One network interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkInterface {
    /// Its name.
    pub name: String,
    /// Its hardware address.
    pub mac: Option<String>,
    /// Its addresses, with or without prefix length as the source gives them.
    pub addresses: Vec<String>,
    /// Bytes received since the interface came up.
    pub received_bytes: Option<u64>,
    /// Bytes sent since the interface came up.
    pub sent_bytes: Option<u64>,
    /// Link speed.
    pub speed_mbps: Option<u64>,
}

/// Bytes per second, from the difference of two counters.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct IoRates {
    /// Received from the network.
    pub network_in_bytes_per_second: Reading<u64>,
    /// Sent to the network.
    pub network_out_bytes_per_second: Reading<u64>,
    /// Read from disk.
    pub disk_read_bytes_per_second: Reading<u64>,
    /// Written to disk.
    pub disk_write_bytes_per_second: Reading<u64>,
}

/// Cumulative byte counters of a guest as the source reports them; `None` where it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IoCounters {
    /// Received from the network since start.
    pub network_in_bytes: Option<u64>,
    /// Sent to the network since start.
    pub network_out_bytes: Option<u64>,
    /// Read from disk since start.
    pub disk_read_bytes: Option<u64>,
    /// Written to disk since start.
    pub disk_write_bytes: Option<u64>,
}
