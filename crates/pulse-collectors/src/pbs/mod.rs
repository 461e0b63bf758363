//! Proxmox Backup Server, versions 2 to 4.

mod api;
mod backups;
mod poll;
mod setup;
mod wire;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_config::PbsInstance;
use pulse_core::{
    ids::InstanceName,
    model::{InstanceKind, PbsBackupGroup},
};
use tokio::time::Instant;

pub use api::{MadeToken, PbsApi, PbsBackups, PbsCycle, PbsTest};

use crate::{
    PollError, Timeouts, envelope,
    http::CertificateRules,
    link::Link,
    rights::{PERMISSIONS, granted, hidden_on_pbs},
};

/// So many calls run at once: a backup server is usually busy with spinning disks.
const CALLS_AT_ONCE: usize = 5;

/// A connection to one configured backup server.
pub struct PbsConnection {
    link: Link,
    instance: InstanceName,
    wants: Wants,
    excluded: Vec<String>,
    facts: Mutex<poll::Facts>,
    /// Counts readings of the backups: decides whose turn it is to be read again although nothing seems to have
    /// happened.
    round: AtomicU32,
}

/// What the operator wants to see.
#[derive(Debug, Clone, Copy)]
struct Wants {
    datastores: bool,
    sync_jobs: bool,
    verify_jobs: bool,
    prune_jobs: bool,
    garbage_jobs: bool,
}

impl PbsConnection {
    /// Checks the configuration and prepares a client; nothing is sent yet.
    pub fn new(instance: &PbsInstance, timeouts: Timeouts) -> Result<Self, PollError> {
        let certificate = CertificateRules {
            fingerprint: instance.fingerprint.as_deref(),
            authority: instance.ca_certificate.as_deref(),
            is_verified: instance.verify_ssl,
        };
        let link =
            Link::new(InstanceKind::Pbs, &instance.host, &certificate, instance, timeouts, CALLS_AT_ONCE)?;
        Ok(Self {
            link,
            instance: instance.name.clone(),
            wants: Wants {
                datastores: instance.monitor_datastores,
                sync_jobs: instance.monitor_sync_jobs,
                verify_jobs: instance.monitor_verify_jobs,
                prune_jobs: instance.monitor_prune_jobs,
                garbage_jobs: instance.monitor_garbage_jobs,
            },
            excluded: instance.exclude_datastores.clone(),
            facts: Mutex::default(),
            round: AtomicU32::new(0),
        })
    }

    /// The credentials' privileges; `None` where the server does not tell.
    async fn rights(&self) -> Option<BTreeSet<String>> {
        self.link.get(PERMISSIONS).await.ok().and_then(|body| granted(&body).ok())
    }

    /// Whether the operator left this datastore out, by name or by a pattern with `*`.
    fn is_excluded(&self, store: &str) -> bool {
        self.excluded.iter().any(|pattern| matches(&pattern.to_lowercase(), &store.to_lowercase()))
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.trim().split('*');
    let Some(rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    let mut rest = rest;
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[async_trait]
impl PbsApi for PbsConnection {
    async fn poll(&self, now: Timestamp) -> Result<PbsCycle, PollError> {
        self.poll_once(now).await
    }

    async fn backups(
        &self,
        previous: &[Arc<PbsBackupGroup>],
        now: Timestamp,
    ) -> Result<PbsBackups, PollError> {
        let round = self.round.fetch_add(1, Ordering::Relaxed);
        self.read_backups(previous, round, now).await
    }

    async fn test(&self) -> Result<PbsTest, PollError> {
        self.link.prepare().await?;
        let started = Instant::now();
        let version = self.version().await?;
        let latency = started.elapsed();
        let body = self.link.get(poll::STORES).await?;
        let stores = envelope::list::<wire::Store<'_>>(&body)
            .map_err(|detail| self.link.unreadable(poll::STORES, detail))?;
        let warnings = self.rights().await.map(|rights| hidden_on_pbs(&rights)).unwrap_or_default();
        Ok(PbsTest { datastore_count: stores.len(), version, warnings, latency })
    }

    async fn make_token(&self, token_name: &str) -> Result<MadeToken, PollError> {
        self.make(token_name).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datastores_are_left_out_by_name_or_pattern() {
        for (pattern, text, expect) in [
            ("archive", "archive", true),
            ("archive", "archive2", false),
            ("test-*", "test-a", true),
            ("*-old", "main-old", true),
            ("*-old", "old", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("a*a", "a", false),
            ("*", "anything", true),
            ("", "anything", false),
        ] {
            assert_eq!(matches(pattern, text), expect, "{pattern} {text}");
        }
    }
}
