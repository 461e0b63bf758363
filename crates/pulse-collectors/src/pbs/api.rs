//! What the rest of the server sees of a backup server.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_config::Secret;
use pulse_core::{
    Reading,
    model::{ConnectionHealth, DiskUse, MemoryUse, PbsBackupGroup, PbsDatastore, PbsJob, SourceIssue},
};

use crate::{PollError, Polled};

/// A connection to one backup server.
#[async_trait]
pub trait PbsApi: Send + Sync {
    /// Reads figures, datastores and jobs once. A part that fails becomes an issue; only when nothing at all can be
    /// read the poll fails.
    async fn poll(&self, now: Timestamp) -> Result<PbsCycle, PollError>;

    /// Reads the backups. Only groups in which something happened are read again, and a share of the others, so that
    /// verification and protection of old backups are seen within some rounds; what is unchanged comes back as the
    /// same `Arc` that was handed in.
    async fn backups(
        &self,
        previous: &[Arc<PbsBackupGroup>],
        now: Timestamp,
    ) -> Result<PbsBackups, PollError>;

    /// Tries the host with the configured credentials.
    async fn test(&self) -> Result<PbsTest, PollError>;

    /// Makes a user that may only read, with a token, using the configured credentials, which must be an
    /// administrator's.
    async fn make_token(&self, token_name: &str) -> Result<MadeToken, PollError>;
}

/// What one poll of a backup server brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PbsCycle {
    /// URL it is reached at.
    pub host_url: String,
    /// Version, such as `4.2.1`.
    pub version: Option<String>,
    /// Processor use, 0 to 1.
    pub cpu_fraction: Reading<f64>,
    /// Memory.
    pub memory: Reading<MemoryUse>,
    /// The file system of the system itself.
    pub root_disk: Reading<DiskUse>,
    /// Load over 1, 5 and 15 minutes.
    pub load_average: Option<[f64; 3]>,
    /// Seconds since boot.
    pub uptime_seconds: Reading<u64>,
    /// Datastores, sorted by name.
    pub datastores: Polled<Vec<PbsDatastore>>,
    /// Sync jobs.
    pub sync_jobs: Polled<Vec<PbsJob>>,
    /// Verification jobs.
    pub verify_jobs: Polled<Vec<PbsJob>>,
    /// Prune jobs.
    pub prune_jobs: Polled<Vec<PbsJob>>,
    /// Garbage collection.
    pub garbage_jobs: Polled<Vec<PbsJob>>,
    /// How the connection is.
    pub health: ConnectionHealth,
    /// What went wrong with parts of it.
    pub issues: Vec<SourceIssue>,
}

/// What reading the backups of a backup server brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PbsBackups {
    /// All groups, sorted by key. Where a datastore or a namespace could not be read, its groups are the previous ones.
    pub groups: Vec<Arc<PbsBackupGroup>>,
    /// How many groups were read anew.
    pub read_groups: usize,
    /// What went wrong with parts of it.
    pub issues: Vec<SourceIssue>,
}

/// What a test of a backup server found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PbsTest {
    /// Datastores the credentials may see.
    pub datastore_count: usize,
    /// Version.
    pub version: Option<String>,
    /// What these credentials cannot read, and which privilege they lack.
    pub warnings: Vec<String>,
    /// Time from the first question to its answer.
    pub latency: Duration,
}

/// A token that was made.
#[derive(Debug, Clone)]
pub struct MadeToken {
    /// `user@realm!name`.
    pub id: String,
    /// Its secret.
    pub value: Secret,
}
