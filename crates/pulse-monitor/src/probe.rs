//! Trying a Proxmox instance before it is configured, or on request afterwards.

use std::{sync::Arc, time::Duration};

use pulse_collectors::{Connect, Timeouts};
use pulse_config::PveInstance;
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
        let failed = |error: pulse_collectors::PollError| ProbeError {
            class: error.class(),
            message: error.to_string(),
        };
        let api = self.connect.pve(instance, self.timeouts).map_err(failed)?;
        let test = api.test().await.map_err(failed)?;
        Ok(ProbeReport {
            node_count: test.node_count,
            is_cluster: test.is_cluster,
            cluster_name: test.cluster_name,
            endpoints: test.cluster_nodes,
            latency: test.latency,
            version: test.version,
        })
    }
}
