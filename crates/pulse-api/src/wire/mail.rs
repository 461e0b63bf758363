//! `pmg[]` and `pmgBackups[]` of the state.

use jiff::Timestamp;
use pulse_core::model::{MailQueue, MailTotals, PmgBackup, PmgInstance, PmgNode, Quarantine};
use serde::Serialize;
use utoipa::ToSchema;

/// A mail gateway.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PmgShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Configured name.
    pub name: &'a str,
    /// URL.
    pub host: &'a str,
    /// Link for people.
    #[serde(rename = "guestURL", skip_serializing_if = "Option::is_none")]
    pub guest_url: Option<&'a str>,
    /// `online` or `offline`.
    pub status: &'static str,
    /// Version.
    pub version: &'a str,
    /// Members of its cluster.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<PmgNodeShape<'a>>,
    /// Mail of the last day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail_stats: Option<MailStatsShape>,
    /// Mails in quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<QuarantineShape>,
    /// How the connection is.
    pub connection_health: &'static str,
    /// When it last answered.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Timestamp,
    /// When it was last read.
    #[schema(value_type = String, format = DateTime)]
    pub last_updated: Timestamp,
}

impl<'a> From<&'a PmgInstance> for PmgShape<'a> {
    fn from(it: &'a PmgInstance) -> Self {
        Self {
            id: &it.id,
            name: it.name.as_str(),
            host: &it.host_url,
            guest_url: it.guest_url.as_deref(),
            status: if it.is_online { "online" } else { "offline" },
            version: it.version.as_deref().unwrap_or_default(),
            nodes: it.nodes.iter().map(PmgNodeShape::from).collect(),
            mail_stats: it.mail.as_ref().map(MailStatsShape::from),
            quarantine: it.quarantine.as_ref().map(QuarantineShape::from),
            connection_health: it.health.name(),
            last_seen: it.last_seen,
            last_updated: it.last_seen,
        }
    }
}

/// A member of a mail gateway's cluster.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PmgNodeShape<'a> {
    /// Name.
    pub name: &'a str,
    /// `online` or `offline`.
    pub status: &'static str,
    /// Role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'a str>,
    /// Seconds since boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime: Option<u64>,
    /// Load, a string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_avg: Option<&'a str>,
    /// Mail queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_status: Option<QueueShape>,
}

impl<'a> From<&'a PmgNode> for PmgNodeShape<'a> {
    fn from(it: &'a PmgNode) -> Self {
        Self {
            name: &it.name,
            status: if it.is_online { "online" } else { "offline" },
            role: it.role.as_deref(),
            uptime: it.uptime_seconds,
            load_avg: it.load_average.as_deref(),
            queue_status: it.queue.as_ref().map(QueueShape::from),
        }
    }
}

/// Mail queues.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueShape {
    /// Being delivered.
    pub active: u64,
    /// Waiting.
    pub deferred: u64,
    /// Held.
    pub hold: u64,
    /// Just arrived.
    pub incoming: u64,
    /// All of them.
    pub total: u64,
    /// Age of the oldest, seconds.
    pub oldest_age: u64,
    /// When it was read.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<&MailQueue> for QueueShape {
    fn from(it: &MailQueue) -> Self {
        Self {
            active: it.active,
            deferred: it.deferred,
            hold: it.hold,
            incoming: it.incoming,
            total: it.active + it.deferred + it.hold + it.incoming,
            oldest_age: it.oldest_age_seconds.unwrap_or(0),
            updated_at: it.updated_at,
        }
    }
}

/// Mail of the last day.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailStatsShape {
    /// `countTotal`.
    #[serde(rename = "countTotal")]
    pub count: f64,
    /// `countIn`.
    #[serde(rename = "countIn")]
    pub count_in: f64,
    /// `countOut`.
    #[serde(rename = "countOut")]
    pub count_out: f64,
    /// `spamIn`.
    #[serde(rename = "spamIn")]
    pub spam_in: f64,
    /// `spamOut`.
    #[serde(rename = "spamOut")]
    pub spam_out: f64,
    /// `virusIn`.
    #[serde(rename = "virusIn")]
    pub virus_in: f64,
    /// `virusOut`.
    #[serde(rename = "virusOut")]
    pub virus_out: f64,
    /// `bouncesIn`.
    #[serde(rename = "bouncesIn")]
    pub bounces_in: f64,
    /// `bouncesOut`.
    #[serde(rename = "bouncesOut")]
    pub bounces_out: f64,
    /// `bytesIn`.
    #[serde(rename = "bytesIn")]
    pub bytes_in: f64,
    /// `bytesOut`.
    #[serde(rename = "bytesOut")]
    pub bytes_out: f64,
    /// `greylistCount`.
    #[serde(rename = "greylistCount")]
    pub greylisted: f64,
    /// `junkIn`.
    #[serde(rename = "junkIn")]
    pub junk_in: f64,
    /// `averageProcessTimeMs`.
    #[serde(rename = "averageProcessTimeMs")]
    pub mean_process_milliseconds: f64,
    /// `rblRejects`.
    #[serde(rename = "rblRejects")]
    pub rbl_rejects: f64,
    /// `pregreetRejects`.
    #[serde(rename = "pregreetRejects")]
    pub pregreet_rejects: f64,
}

impl From<&MailTotals> for MailStatsShape {
    fn from(it: &MailTotals) -> Self {
        Self {
            count: it.count,
            count_in: it.count_in,
            count_out: it.count_out,
            spam_in: it.spam_in,
            spam_out: it.spam_out,
            virus_in: it.virus_in,
            virus_out: it.virus_out,
            bounces_in: it.bounces_in,
            bounces_out: it.bounces_out,
            bytes_in: it.bytes_in,
            bytes_out: it.bytes_out,
            greylisted: it.greylisted,
            junk_in: it.junk_in,
            mean_process_milliseconds: it.mean_process_milliseconds,
            rbl_rejects: it.rbl_rejects,
            pregreet_rejects: it.pregreet_rejects,
        }
    }
}

/// Mails in quarantine.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuarantineShape {
    /// Spam.
    pub spam: u64,
    /// Virus.
    pub virus: u64,
    /// Attachment.
    pub attachment: u64,
    /// Blacklisted.
    pub blacklisted: u64,
}

impl From<&Quarantine> for QuarantineShape {
    fn from(it: &Quarantine) -> Self {
        Self { spam: it.spam, virus: it.virus, attachment: it.attachment, blacklisted: it.blacklisted }
    }
}

/// A configuration backup of a mail gateway.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PmgBackupShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Configured name.
    pub instance: &'a str,
    /// Node.
    pub node: &'a str,
    /// File.
    pub filename: &'a str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub backup_time: Timestamp,
    /// Bytes.
    pub size: u64,
}

impl<'a> From<&'a PmgBackup> for PmgBackupShape<'a> {
    fn from(it: &'a PmgBackup) -> Self {
        Self {
            id: &it.id,
            instance: it.instance.as_str(),
            node: &it.node,
            filename: &it.file_name,
            backup_time: it.made_at,
            size: it.size_bytes,
        }
    }
}
