//! Kubernetes clusters that an agent reports.

use jiff::Timestamp;

use super::{AgentLink, Liveness};
use crate::{
    ids::KubernetesClusterId,
    report::{AgentInfo, kubernetes},
};

/// A Kubernetes cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct KubernetesCluster {
    /// Its id.
    pub id: KubernetesClusterId,
    /// The agent that reports it.
    pub agent: AgentInfo,
    /// What the agent says of the cluster.
    pub cluster: kubernetes::ClusterInfo,
    /// The name a person gave it.
    pub custom_display_name: Option<String>,
    /// Nodes.
    pub nodes: Vec<kubernetes::KubernetesNode>,
    /// Pods.
    pub pods: Vec<kubernetes::Pod>,
    /// Deployments.
    pub deployments: Vec<kubernetes::Deployment>,
    /// Stateful sets, daemon sets and jobs; none where the agent does not report them.
    pub workloads: Vec<kubernetes::Workload>,
    /// Whether reports still come.
    pub liveness: Liveness,
    /// When the last report came, by the server's clock.
    pub last_seen: Timestamp,
    /// The token it reports with.
    pub link: Option<AgentLink>,
    /// Whether a person hid it.
    pub is_hidden: bool,
    /// Whether the server asked the agent to remove itself.
    pub is_pending_uninstall: bool,
}

impl KubernetesCluster {
    /// The name to show.
    pub fn display_name(&self) -> &str {
        [self.custom_display_name.as_deref(), self.cluster.name.as_deref()]
            .into_iter()
            .flatten()
            .find(|name| !name.is_empty())
            .unwrap_or(self.id.as_str())
    }
}

/// A cluster that was removed and may not report for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedKubernetesCluster {
    /// Its id.
    pub id: KubernetesClusterId,
    /// Its name.
    pub name: Option<String>,
    /// The name shown.
    pub display_name: Option<String>,
    /// When it was removed.
    pub removed_at: Timestamp,
}
