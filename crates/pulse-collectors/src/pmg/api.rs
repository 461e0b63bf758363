//! What the rest of the server sees of a mail gateway.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_core::model::{
    ConnectionHealth, MailBucket, MailDomain, MailTotals, PmgBackup, PmgNode, Quarantine, SourceIssue,
};

use crate::{PollError, Polled};

/// A connection to one mail gateway.
#[async_trait]
pub trait PmgApi: Send + Sync {
    /// Reads nodes, queues, statistics and quarantine once. A part that fails becomes an issue; only when nothing at
    /// all can be read the poll fails.
    async fn poll(&self, now: Timestamp) -> Result<PmgCycle, PollError>;

    /// Reads the list of configuration backups of all nodes that answer.
    async fn backups(&self, now: Timestamp) -> Result<PmgBackups, PollError>;

    /// Tries the host with the configured credentials.
    async fn test(&self) -> Result<PmgTest, PollError>;
}

/// What one poll of a mail gateway brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PmgCycle {
    /// URL it is reached at.
    pub host_url: String,
    /// Version, such as `9.1`.
    pub version: Option<String>,
    /// Members, sorted by name.
    pub nodes: Polled<Vec<PmgNode>>,
    /// Mail of the last day.
    pub mail: Polled<MailTotals>,
    /// Mail by hour.
    pub mail_by_hour: Polled<Vec<MailBucket>>,
    /// Mails per spam score.
    pub spam_scores: Polled<Vec<(String, u64)>>,
    /// Mail per domain, the busiest first.
    pub domains: Polled<Vec<MailDomain>>,
    /// Quarantine.
    pub quarantine: Polled<Quarantine>,
    /// How the connection is.
    pub health: ConnectionHealth,
    /// What went wrong with parts of it.
    pub issues: Vec<SourceIssue>,
}

/// The configuration backups of a mail gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PmgBackups {
    /// All backups, sorted by node and file.
    pub backups: Vec<PmgBackup>,
    /// Nodes whose list could not be read: keep theirs.
    pub silent_nodes: Vec<String>,
    /// What went wrong with parts of it.
    pub issues: Vec<SourceIssue>,
}

/// What a test of a mail gateway found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PmgTest {
    /// Version.
    pub version: Option<String>,
    /// Release.
    pub release: Option<String>,
    /// What these credentials cannot read.
    pub warnings: Vec<String>,
    /// Time from the first question to its answer.
    pub latency: Duration,
}
