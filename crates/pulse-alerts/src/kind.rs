//! Every type of alert, by its name on the wire, and the metrics that have thresholds.

use std::fmt;

/// What quiet hours may hold back even when it is critical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// Load.
    Performance,
    /// Space, disks, pools, backups.
    Storage,
    /// What is down or out of reach.
    Offline,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $category:ident;)+) => {
        /// A type of alert.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $name,)+
        }

        impl Kind {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its name on the wire.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// What quiet hours count it to.
            // Pulse v5: host-offline, raid, diskTemperature, docker-service-health, ages, quarantine and anomalies
            // are in no category and cannot be held back.
            pub fn category(self) -> Category {
                match self {
                    $(Self::$name => Category::$category,)+
                }
            }
        }
    };
}

kinds! {
    /// Processor.
    Cpu = "cpu", Performance;
    /// Memory.
    Memory = "memory", Performance;
    /// File system.
    Disk = "disk", Performance;
    /// Read from disk.
    DiskRead = "diskRead", Performance;
    /// Written to disk.
    DiskWrite = "diskWrite", Performance;
    /// Received.
    NetworkIn = "networkIn", Performance;
    /// Sent.
    NetworkOut = "networkOut", Performance;
    /// Processor temperature.
    Temperature = "temperature", Performance;
    /// Disk temperature.
    DiskTemperature = "diskTemperature", Performance;
    /// Use of a storage.
    Usage = "usage", Storage;
    /// A node is down.
    Connectivity = "connectivity", Offline;
    /// A backup server, mail gateway or storage is down.
    Offline = "offline", Offline;
    /// A guest is switched off.
    PoweredOff = "powered-off", Offline;
    /// A host's agent is silent.
    HostOffline = "host-offline", Offline;
    /// A software RAID array is degraded or rebuilds.
    Raid = "raid", Storage;
    /// A Docker host's agent is silent.
    DockerHostOffline = "docker-host-offline", Offline;
    /// A container does not run.
    DockerContainerState = "docker-container-state", Offline;
    /// A container's health check fails.
    DockerContainerHealth = "docker-container-health", Performance;
    /// A container restarts again and again.
    DockerContainerRestartLoop = "docker-container-restart-loop", Performance;
    /// A container was killed, likely for memory.
    DockerContainerOomKill = "docker-container-oom-kill", Performance;
    /// A container is near its memory limit.
    DockerContainerMemoryLimit = "docker-container-memory-limit", Performance;
    /// A newer image is there.
    DockerContainerUpdate = "docker-container-update", Performance;
    /// A service lacks tasks or its update failed.
    DockerServiceHealth = "docker-service-health", Performance;
    /// A snapshot is too old or too large.
    SnapshotAge = "snapshot-age", Storage;
    /// A guest's newest backup is too old.
    BackupAge = "backup-age", Storage;
    /// The last backup of a guest failed. Ours, beside the contract.
    BackupFailed = "backup-failed", Storage;
    /// A disk fails.
    DiskHealth = "disk-health", Storage;
    /// A disk is worn out.
    DiskWearout = "disk-wearout", Storage;
    /// A ZFS pool is not online.
    ZfsPoolState = "zfs-pool-state", Storage;
    /// A ZFS pool has errors.
    ZfsPoolErrors = "zfs-pool-errors", Storage;
    /// A device of a ZFS pool is not online or has errors.
    ZfsDevice = "zfs-device", Storage;
    /// Many mails wait.
    QueueDepth = "queue-depth", Performance;
    /// Many mails are deferred.
    QueueDeferred = "queue-deferred", Performance;
    /// Many mails are held.
    QueueHold = "queue-hold", Performance;
    /// A mail waits for long.
    MessageAge = "message-age", Performance;
    /// Much spam in quarantine.
    QuarantineSpam = "quarantine-spam", Performance;
    /// Many viruses in quarantine.
    QuarantineVirus = "quarantine-virus", Performance;
    /// Unusually much incoming spam.
    AnomalySpamIn = "anomaly-spamIn", Performance;
    /// Unusually much outgoing spam.
    AnomalySpamOut = "anomaly-spamOut", Performance;
    /// Unusually many incoming viruses.
    AnomalyVirusIn = "anomaly-virusIn", Performance;
    /// Unusually many outgoing viruses.
    AnomalyVirusOut = "anomaly-virusOut", Performance;
    /// No figures come. Ours, beside the contract.
    NoData = "no-data", Offline;
    /// Notices do not arrive at a destination. Ours, beside the contract.
    NotificationDelivery = "notification-delivery", Offline;
}

impl Kind {
    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A figure with a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Processor, percent.
    Cpu,
    /// Memory, percent.
    Memory,
    /// File system, percent.
    Disk,
    /// Read from disk, MiB/s.
    DiskRead,
    /// Written to disk, MiB/s.
    DiskWrite,
    /// Received, MiB/s.
    NetworkIn,
    /// Sent, MiB/s.
    NetworkOut,
    /// Storage, percent.
    Usage,
    /// Processor, degrees Celsius.
    Temperature,
    /// Disk, degrees Celsius.
    DiskTemperature,
}

impl Metric {
    /// Every metric, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::DiskRead,
        Self::DiskWrite,
        Self::NetworkIn,
        Self::NetworkOut,
        Self::Usage,
        Self::Temperature,
        Self::DiskTemperature,
    ];

    /// The type of its alert.
    pub fn kind(self) -> Kind {
        match self {
            Self::Cpu => Kind::Cpu,
            Self::Memory => Kind::Memory,
            Self::Disk => Kind::Disk,
            Self::DiskRead => Kind::DiskRead,
            Self::DiskWrite => Kind::DiskWrite,
            Self::NetworkIn => Kind::NetworkIn,
            Self::NetworkOut => Kind::NetworkOut,
            Self::Usage => Kind::Usage,
            Self::Temperature => Kind::Temperature,
            Self::DiskTemperature => Kind::DiskTemperature,
        }
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        self.kind().name()
    }

    /// Its unit where that is not percent.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::DiskRead | Self::DiskWrite | Self::NetworkIn | Self::NetworkOut => Some("MB/s"),
            Self::Temperature | Self::DiskTemperature => Some("°C"),
            Self::Cpu | Self::Memory | Self::Disk | Self::Usage => None,
        }
    }

    /// A value with its unit, as people read it.
    pub fn show(self, value: f64) -> String {
        match self.unit() {
            None => format!("{value:.1}%"),
            Some("MB/s") => format!("{value:.1} MB/s"),
            Some(unit) => format!("{value:.1}{unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(Kind::NotificationDelivery.name(), pulse_core::notice::DELIVERY_ALERT);
        for (index, metric) in Metric::ALL.iter().enumerate() {
            assert_eq!(*metric as usize, index);
        }
    }
}
