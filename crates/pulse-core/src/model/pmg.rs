//! Proxmox Mail Gateway.

use jiff::Timestamp;

use super::{ConnectionHealth, DiskUse, MemoryUse};
use crate::{Reading, ids::InstanceName};

/// A mail gateway.
#[derive(Debug, Clone, PartialEq)]
pub struct PmgInstance {
    /// `pmg-<name>`.
    pub id: String,
    /// Configured name.
    pub name: InstanceName,
    /// URL.
    pub host_url: String,
    /// Link for people.
    pub guest_url: Option<String>,
    /// Whether it answers.
    pub is_online: bool,
    /// Version.
    pub version: Option<String>,
    /// Members of its cluster.
    pub nodes: Vec<PmgNode>,
    /// Mail of the last day.
    pub mail: Option<MailTotals>,
    /// Mail by hour, the oldest first.
    pub mail_by_hour: Vec<MailBucket>,
    /// Mails per spam score.
    pub spam_scores: Vec<(String, u64)>,
    /// Mail per domain, the busiest first; `None` when it is not polled or was never read.
    pub domains: Option<Vec<MailDomain>>,
    /// Mails in quarantine.
    pub quarantine: Option<Quarantine>,
    /// How the connection is.
    pub health: ConnectionHealth,
    /// When it last answered.
    pub last_seen: Timestamp,
}

impl PmgInstance {
    /// The id of a configured mail gateway.
    pub fn id_of(name: &InstanceName) -> String {
        format!("pmg-{name}")
    }
}

/// A member of a mail gateway's cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct PmgNode {
    /// Name.
    pub name: String,
    /// Whether it answers.
    pub is_online: bool,
    /// `master`, `node` or `-`.
    pub role: Option<String>,
    /// Seconds since boot.
    pub uptime_seconds: Option<u64>,
    /// Load, as the wire words it.
    pub load_average: Option<String>,
    /// Why it does not answer the others of its cluster.
    pub error: Option<String>,
    /// Processor use, 0 to 1.
    pub cpu_fraction: Reading<f64>,
    /// Memory.
    pub memory: Reading<MemoryUse>,
    /// The root file system.
    pub root_disk: Reading<DiskUse>,
    /// Mail queues.
    pub queue: Option<MailQueue>,
}

/// Mail of one domain over a day.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MailDomain {
    /// The domain.
    pub name: String,
    /// Incoming.
    pub count_in: f64,
    /// Outgoing.
    pub count_out: f64,
    /// Incoming spam.
    pub spam_in: f64,
    /// Outgoing spam.
    pub spam_out: f64,
    /// Incoming viruses.
    pub virus_in: f64,
    /// Outgoing viruses.
    pub virus_out: f64,
    /// Bytes in.
    pub bytes_in: f64,
    /// Bytes out.
    pub bytes_out: f64,
}

/// Mail queues of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailQueue {
    /// Being delivered.
    pub active: u64,
    /// Waiting for another try.
    pub deferred: u64,
    /// Held.
    pub hold: u64,
    /// Just arrived.
    pub incoming: u64,
    /// Age of the oldest mail, at least.
    pub oldest_age_seconds: Option<u64>,
    /// When it was read.
    pub updated_at: Timestamp,
}

/// Mail statistics over a time. What the gateway does not send is 0, as it is in its own tables.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MailTotals {
    /// Mails.
    pub count: f64,
    /// Incoming.
    pub count_in: f64,
    /// Outgoing.
    pub count_out: f64,
    /// Incoming spam.
    pub spam_in: f64,
    /// Outgoing spam.
    pub spam_out: f64,
    /// Incoming viruses.
    pub virus_in: f64,
    /// Outgoing viruses.
    pub virus_out: f64,
    /// Incoming bounces.
    pub bounces_in: f64,
    /// Outgoing bounces.
    pub bounces_out: f64,
    /// Bytes in.
    pub bytes_in: f64,
    /// Bytes out.
    pub bytes_out: f64,
    /// Greylisted.
    pub greylisted: f64,
    /// Junk in.
    pub junk_in: f64,
    /// Mean time to process a mail, milliseconds.
    pub mean_process_milliseconds: f64,
    /// Refused by block list.
    pub rbl_rejects: f64,
    /// Refused for talking too early.
    pub pregreet_rejects: f64,
}

/// Mail statistics of one window of time.
#[derive(Debug, Clone, PartialEq)]
pub struct MailBucket {
    /// Start of the window.
    pub from: Timestamp,
    /// End of the window.
    pub to: Timestamp,
    /// What happened in it.
    pub totals: MailTotals,
}

/// Mails in quarantine. The gateway counts spam and viruses and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quarantine {
    /// Spam; `None` when it could not be read.
    pub spam: Option<u64>,
    /// Viruses; `None` when they could not be read.
    pub virus: Option<u64>,
}

/// A configuration backup of a mail gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PmgBackup {
    /// Id.
    pub id: String,
    /// Configured name.
    pub instance: InstanceName,
    /// Node.
    pub node: String,
    /// File.
    pub file_name: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// Bytes.
    pub size_bytes: u64,
}
