//! Replication jobs of Proxmox VE.

use jiff::Timestamp;

use crate::ids::InstanceName;

/// A replication job.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicationJob {
    /// Its id: `<instance>-<job>`.
    pub id: String,
    /// The instance through which it is polled.
    pub instance: InstanceName,
    /// The job's own id, such as `100-0`.
    pub job_id: String,
    /// Number of the job for its guest.
    pub job_number: Option<u32>,
    /// VMID of the guest.
    pub guest_vmid: Option<u32>,
    /// Name of the guest.
    pub guest_name: Option<String>,
    /// `qemu` or `lxc`.
    pub guest_type: Option<String>,
    /// Node the guest is on.
    pub guest_node: Option<String>,
    /// Node it replicates from.
    pub source_node: Option<String>,
    /// Node it replicates to.
    pub target_node: Option<String>,
    /// Schedule, as Proxmox words it.
    pub schedule: Option<String>,
    /// Kind of the job, such as `local`.
    pub kind: Option<String>,
    /// Whether it is switched on.
    pub is_enabled: bool,
    /// State of the job.
    pub state: Option<String>,
    /// When it last succeeded.
    pub last_sync: Option<Timestamp>,
    /// How long that took.
    pub last_sync_seconds: Option<u64>,
    /// When it runs next.
    pub next_sync: Option<Timestamp>,
    /// Failures since it last succeeded.
    pub fail_count: u32,
    /// What went wrong.
    pub error: Option<String>,
    /// Comment.
    pub comment: Option<String>,
    /// Rate limit, megabytes per second.
    pub rate_limit_mbps: Option<f64>,
    /// When it was read.
    pub polled_at: Timestamp,
}
