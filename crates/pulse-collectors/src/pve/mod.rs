//! Proxmox VE, versions 7 to 9.

mod ask;
mod client;
mod details;
mod endpoints;
mod guest;
mod lanes;
mod membership;
mod node;
mod poll;
mod storage;
mod test;
mod wire;

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_config::PveInstance;

use crate::{ConnectionTest, PollError, PveApi, PveCycle, PveDetails, Timeouts, issues, lenient, session};

/// A connection to one configured PVE instance.
pub struct PveConnection(client::PveClient);

impl PveConnection {
    /// Checks the configuration and prepares a client; nothing is sent yet.
    pub fn new(instance: &PveInstance, timeouts: Timeouts) -> Result<Self, PollError> {
        client::PveClient::new(instance, timeouts).map(Self)
    }
}

#[async_trait]
impl PveApi for PveConnection {
    async fn poll(&self, now: Timestamp) -> Result<PveCycle, PollError> {
        self.0.poll_any(now).await
    }

    fn details(&self) -> Option<&dyn PveDetails> {
        Some(&self.0)
    }

    async fn test(&self) -> Result<ConnectionTest, PollError> {
        self.0.test_primary().await
    }
}
