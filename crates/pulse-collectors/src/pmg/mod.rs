//! Proxmox Mail Gateway, versions 7 to 9. It knows no API tokens: a user with a password, whose role `audit` is enough
//! for everything here.

mod api;
mod poll;
mod wire;

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_config::PmgInstance;
use pulse_core::{ids::InstanceName, model::InstanceKind};

pub use api::{PmgApi, PmgBackups, PmgCycle, PmgTest};

use crate::{PollError, Timeouts, http::CertificateRules, link::Link};

/// So many calls run at once; the API has three workers.
const CALLS_AT_ONCE: usize = 3;

/// A connection to one configured mail gateway.
pub struct PmgConnection {
    link: Link,
    instance: InstanceName,
    wants: Wants,
}

/// What the operator wants to see.
#[derive(Debug, Clone, Copy)]
struct Wants {
    mail: bool,
    queues: bool,
    quarantine: bool,
    domains: bool,
}

impl PmgConnection {
    /// Checks the configuration and prepares a client; nothing is sent yet.
    pub fn new(instance: &PmgInstance, timeouts: Timeouts) -> Result<Self, PollError> {
        let certificate = CertificateRules {
            fingerprint: instance.fingerprint.as_deref(),
            authority: instance.ca_certificate.as_deref(),
            is_verified: instance.verify_ssl,
        };
        let link =
            Link::new(InstanceKind::Pmg, &instance.host, &certificate, instance, timeouts, CALLS_AT_ONCE)?;
        Ok(Self {
            link,
            instance: instance.name.clone(),
            wants: Wants {
                mail: instance.monitor_mail_stats,
                queues: instance.monitor_queues,
                quarantine: instance.monitor_quarantine,
                domains: instance.monitor_domain_stats,
            },
        })
    }
}

#[async_trait]
impl PmgApi for PmgConnection {
    async fn poll(&self, now: Timestamp) -> Result<PmgCycle, PollError> {
        self.poll_once(now).await
    }

    async fn backups(&self, now: Timestamp) -> Result<PmgBackups, PollError> {
        self.read_backups(now).await
    }

    async fn test(&self) -> Result<PmgTest, PollError> {
        self.try_out().await
    }
}
