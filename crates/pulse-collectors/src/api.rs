//! What the rest of the server sees: ask an instance, get domain types.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_config::{PbsInstance, PmgInstance, PveInstance};
use pulse_core::model::{ClusterEndpoint, ConnectionHealth, Guest, Node, SourceIssue, Storage};

use crate::{
    PbsApi, PmgApi, PollError, PveDetails, Timeouts, pbs::PbsConnection, pmg::PmgConnection,
    pve::PveConnection,
};

/// Opens connections to configured instances. Tests hand in their own.
#[async_trait]
pub trait Connect: Send + Sync {
    /// A connection to a PVE instance; fails only for what is wrong in the configuration itself.
    fn pve(&self, instance: &PveInstance, timeouts: Timeouts) -> Result<Arc<dyn PveApi>, PollError>;

    /// A connection to a backup server; over HTTPS unless somebody wants it otherwise.
    fn pbs(&self, instance: &PbsInstance, timeouts: Timeouts) -> Result<Arc<dyn PbsApi>, PollError> {
        Ok(Arc::new(PbsConnection::new(instance, timeouts)?))
    }

    /// For how long a host's address counts that was looked up by its name; holds at once.
    fn keep_names_for(&self, lifetime: Duration) {
        crate::dns::keep_names_for(lifetime);
    }

    /// A connection to a mail gateway; over HTTPS unless somebody wants it otherwise.
    fn pmg(&self, instance: &PmgInstance, timeouts: Timeouts) -> Result<Arc<dyn PmgApi>, PollError> {
        Ok(Arc::new(PmgConnection::new(instance, timeouts)?))
    }
}

/// A connection to one PVE instance.
#[async_trait]
pub trait PveApi: Send + Sync {
    /// Reads nodes, guests and storages once. A part that fails becomes an issue; only when nothing at all can be
    /// read the poll fails.
    async fn poll(&self, now: Timestamp) -> Result<PveCycle, PollError>;

    /// What can be asked beside the polls; `None` for a connection that only polls.
    fn details(&self) -> Option<&dyn PveDetails> {
        None
    }

    /// Tries the configured host with the configured credentials.
    async fn test(&self) -> Result<ConnectionTest, PollError>;
}

/// What one poll brought.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PveCycle {
    /// Name of the cluster; `None` for a standalone node.
    pub cluster_name: Option<String>,
    /// Members of the cluster, sorted by name; empty for a standalone node.
    pub endpoints: Vec<ClusterEndpoint>,
    /// Nodes, sorted by name. One that is down has no figures and `last_seen` at the epoch: when it was last up only
    /// the keeper of the state can know.
    pub nodes: Vec<Node>,
    /// VMs and containers without templates, sorted by VMID; `None` when that call failed: keep the previous ones.
    pub guests: Option<Vec<Guest>>,
    /// Storages, shared ones once; `None` when they could not be read: keep the previous ones.
    pub storages: Option<Vec<Storage>>,
    /// How the connection is.
    pub health: ConnectionHealth,
    /// What went wrong with parts of it.
    pub issues: Vec<SourceIssue>,
}

/// What a test of a connection found.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionTest {
    /// Nodes that the host knows.
    pub node_count: usize,
    /// Whether it is a member of a cluster.
    pub is_cluster: bool,
    /// The cluster's name.
    pub cluster_name: Option<String>,
    /// Its members, sorted by name, with URL and fingerprint; empty for a standalone node.
    pub cluster_nodes: Vec<ClusterEndpoint>,
    /// Time from the first question to its answer.
    pub latency: Duration,
    /// Version of Proxmox VE.
    pub version: Option<String>,
    /// What these credentials cannot read, and which privilege they lack.
    pub warnings: Vec<String>,
}

impl ConnectionTest {
    /// The sentence the wire contract answers a connection test of unsaved settings with.
    pub fn nodes_message(&self) -> String {
        format!("Successfully connected to {} node(s)", self.node_count)
    }

    /// The sentence the wire contract answers a test of a configuration with.
    pub fn cluster_message(&self) -> String {
        format!("Connected to PVE cluster with {} nodes", self.node_count)
    }
}

/// Connects over HTTPS.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpConnect;

#[async_trait]
impl Connect for HttpConnect {
    fn pve(&self, instance: &PveInstance, timeouts: Timeouts) -> Result<Arc<dyn PveApi>, PollError> {
        Ok(Arc::new(PveConnection::new(instance, timeouts)?))
    }
}
