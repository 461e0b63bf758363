//! `pmg[]` and `pmgBackups[]` of the state.

use jiff::Timestamp;
use pulse_core::model::{
    MailBucket, MailDomain, MailQueue, MailTotals, PmgBackup, PmgInstance, PmgNode, Quarantine,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::usage::hundredths;

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
    /// Mail by hour.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mail_count: Vec<MailCountShape>,
    /// Mails per spam score.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spam_distribution: Vec<SpamScoreShape<'a>>,
    /// Mail per domain, the busiest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_stats: Option<Vec<MailDomainShape<'a>>>,
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
            mail_stats: it.mail.as_ref().map(|mail| MailStatsShape::of(mail, it.last_seen)),
            mail_count: it.mail_by_hour.iter().enumerate().map(MailCountShape::of).collect(),
            spam_distribution: it
                .spam_scores
                .iter()
                .map(|(score, count)| SpamScoreShape { score, count: *count })
                .collect(),
            domain_stats: it.domains.as_ref().map(|list| list.iter().map(MailDomainShape::from).collect()),
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
    /// Why it does not answer the others of its cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
    /// Processor use, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Memory use, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<f64>,
    /// Use of the root file system, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<f64>,
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
            error: it.error.as_deref(),
            cpu: it.cpu_fraction.known().map(|cpu| hundredths(cpu * 100.0)),
            memory: it.memory.known().map(|memory| hundredths(memory.used_percent())),
            disk: it.root_disk.known().map(|disk| hundredths(disk.used_percent())),
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
    /// The time it is about: always `day`.
    pub timeframe: &'static str,
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
    /// When it was read.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl MailStatsShape {
    fn of(it: &MailTotals, updated_at: Timestamp) -> Self {
        Self {
            timeframe: "day",
            updated_at,
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

/// Mail of one hour.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailCountShape {
    /// Start of the hour.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Timestamp,
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
    /// Refused by block list.
    pub rbl_rejects: f64,
    /// Refused for talking too early.
    pub pregreet: f64,
    /// Incoming bounces.
    pub bounces_in: f64,
    /// Outgoing bounces.
    pub bounces_out: f64,
    /// Greylisted; the gateway does not count it by hour.
    pub greylist: f64,
    /// Number of the hour, from 0.
    pub index: usize,
    /// The time the list is about: always `day`.
    pub timeframe: &'static str,
    /// Start of the hour.
    #[schema(value_type = String, format = DateTime)]
    pub window_start: Timestamp,
    /// End of the hour.
    #[schema(value_type = String, format = DateTime)]
    pub window_end: Timestamp,
}

impl MailCountShape {
    fn of((index, it): (usize, &MailBucket)) -> Self {
        Self {
            timestamp: it.from,
            count: it.totals.count,
            count_in: it.totals.count_in,
            count_out: it.totals.count_out,
            spam_in: it.totals.spam_in,
            spam_out: it.totals.spam_out,
            virus_in: it.totals.virus_in,
            virus_out: it.totals.virus_out,
            rbl_rejects: it.totals.rbl_rejects,
            pregreet: it.totals.pregreet_rejects,
            bounces_in: it.totals.bounces_in,
            bounces_out: it.totals.bounces_out,
            greylist: it.totals.greylisted,
            index,
            timeframe: "day",
            window_start: it.from,
            window_end: it.to,
        }
    }
}

/// How many mails got a spam score.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SpamScoreShape<'a> {
    /// The score, a string.
    pub score: &'a str,
    /// Mails.
    pub count: u64,
}

/// Mail of one domain over a day.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailDomainShape<'a> {
    /// The domain.
    pub domain: &'a str,
    /// Mails.
    pub mail_count: f64,
    /// Incoming.
    pub count_in: f64,
    /// Outgoing.
    pub count_out: f64,
    /// Spam, both ways.
    pub spam_count: f64,
    /// Viruses, both ways.
    pub virus_count: f64,
    /// Bytes, both ways.
    pub bytes: f64,
}

impl<'a> From<&'a MailDomain> for MailDomainShape<'a> {
    fn from(it: &'a MailDomain) -> Self {
        Self {
            domain: &it.name,
            mail_count: it.count_in + it.count_out,
            count_in: it.count_in,
            count_out: it.count_out,
            spam_count: it.spam_in + it.spam_out,
            virus_count: it.virus_in + it.virus_out,
            bytes: it.bytes_in + it.bytes_out,
        }
    }
}

/// Mails in quarantine.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuarantineShape {
    /// Spam; null when it could not be read.
    pub spam: Option<u64>,
    /// Viruses; null when they could not be read.
    pub virus: Option<u64>,
    /// Always 0: the gateway counts no attachments.
    pub attachment: u64,
    /// Always 0: the gateway counts no blocked senders.
    pub blacklisted: u64,
}

impl From<&Quarantine> for QuarantineShape {
    fn from(it: &Quarantine) -> Self {
        Self { spam: it.spam, virus: it.virus, attachment: 0, blacklisted: 0 }
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
