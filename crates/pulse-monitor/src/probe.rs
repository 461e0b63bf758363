//! Trying a Proxmox instance before it is configured, or on request afterwards.

use std::{sync::Arc, time::Duration};

use pulse_collectors::{Connect, PollError, Timeouts};
pub use pulse_collectors::{MadeToken, PbsTest, PmgTest};
use pulse_config::{PbsInstance, PmgInstance, PveInstance};
use pulse_core::model::{ClusterEndpoint, FailureClass};

/// What a probe found.
#[derive(Debug, Clone)]
pub struct ProbeReport {
    /// Nodes that answered or are named.
    pub node_count: usize,
    /// Whether they form a cluster.
    pub is_cluster: bool,
    /// Name of the cluster.
    pub cluster_name: Option<String>,
    /// Members of the cluster.
    pub endpoints: Vec<ClusterEndpoint>,
    /// Time of one request.
    pub latency: Duration,
    /// Version of the product.
    pub version: Option<String>,
    /// What the credentials cannot read.
    pub warnings: Vec<String>,
}

/// Why a probe failed, in words for the person who typed the address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ProbeError {
    /// What kind of failure.
    pub class: FailureClass,
    /// What went wrong and what to do; no secret in it.
    pub message: String,
}

/// Tries instances.
#[derive(Clone)]
pub struct Probe {
    connect: Arc<dyn Connect>,
    timeouts: Timeouts,
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe").finish_non_exhaustive()
    }
}

impl Probe {
    /// Probes go through `connect`, each request within `timeouts`.
    pub fn new(connect: Arc<dyn Connect>, timeouts: Timeouts) -> Self {
        Self { connect, timeouts }
    }

    /// Tries a Proxmox VE instance.
    pub async fn pve(&self, instance: &PveInstance) -> Result<ProbeReport, ProbeError> {
        let api = self.connect.pve(instance, self.timeouts).map_err(failed)?;
        let test = api.test().await.map_err(failed)?;
        Ok(ProbeReport {
            node_count: test.node_count,
            is_cluster: test.is_cluster,
            cluster_name: test.cluster_name,
            endpoints: test.cluster_nodes,
            latency: test.latency,
            version: test.version,
            warnings: test.warnings,
        })
    }

    /// Tries a backup server.
    pub async fn pbs(&self, instance: &PbsInstance) -> Result<PbsTest, ProbeError> {
        let api = self.connect.pbs(instance, self.timeouts).map_err(failed)?;
        api.test().await.map_err(failed)
    }

    /// Makes a token that may only read on a backup server, with an administrator's user and password.
    pub async fn make_pbs_token(
        &self,
        instance: &PbsInstance,
        token_name: &str,
    ) -> Result<MadeToken, ProbeError> {
        let api = self.connect.pbs(instance, self.timeouts).map_err(failed)?;
        api.make_token(token_name).await.map_err(failed)
    }

    /// The fingerprint of the certificate that an address shows now; `None` where it shows none in time.
    pub async fn fingerprint(&self, host_url: &str, limit: Duration) -> Option<String> {
        let authority = host_url.strip_prefix("https://")?.split('/').next()?;
        let (host, port) = authority.rsplit_once(':')?;
        pulse_collectors::discover::shown_fingerprint(host, port.parse().ok()?, limit).await
    }

    /// Tries a mail gateway.
    pub async fn pmg(&self, instance: &PmgInstance) -> Result<PmgTest, ProbeError> {
        let api = self.connect.pmg(instance, self.timeouts).map_err(failed)?;
        api.test().await.map_err(failed)
    }
}

fn failed(error: PollError) -> ProbeError {
    ProbeError { class: error.class(), message: error.to_string() }
}
