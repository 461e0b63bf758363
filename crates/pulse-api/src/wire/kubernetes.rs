//! `kubernetesClusters[]` of the state.

use pulse_core::{
    ids::TokenId,
    model::{AgentLink, KubernetesCluster, RemovedKubernetesCluster},
    report::kubernetes::{Deployment, KubernetesNode, NodeResources, Pod, PodContainer, Usage, Workload},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{docker::with_v, time::whole_second_millis, usage::slice_is_empty};

fn amount(of: Option<&NodeResources>, pick: fn(&NodeResources) -> Option<i64>) -> Option<i64> {
    of.and_then(pick).filter(|amount| *amount > 0)
}

/// A Kubernetes cluster.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Id of its agent.
    pub agent_id: &'a str,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Name to show.
    pub display_name: &'a str,
    /// Name a person gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_display_name: Option<&'a str>,
    /// Address of its API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<&'a str>,
    /// Context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<&'a str>,
    /// Version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<&'a str>,
    /// `online` or `offline`.
    pub status: &'static str,
    /// When the last report came, Unix milliseconds.
    pub last_seen: i64,
    /// Seconds between reports.
    pub interval_seconds: u32,
    /// Version of the agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// Token it reports with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<&'a str>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_name: Option<&'a str>,
    /// Its first and last characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_hint: Option<&'a str>,
    /// When it was last used, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_last_used_at: Option<i64>,
    /// Whether a person hid it.
    pub hidden: bool,
    /// Whether the agent was asked to remove itself.
    pub pending_uninstall: bool,
    /// Nodes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<K8sNodeShape<'a>>,
    /// Pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<PodShape<'a>>,
    /// Deployments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<DeploymentShape<'a>>,
    /// Stateful sets, daemon sets and jobs. Ours, beside the contract.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub workloads: &'a [Workload],
}

impl<'a> From<&'a KubernetesCluster> for ClusterShape<'a> {
    fn from(it: &'a KubernetesCluster) -> Self {
        Self {
            id: it.id.as_str(),
            agent_id: &it.agent.id,
            name: it.cluster.name.as_deref(),
            display_name: it.display_name(),
            custom_display_name: it.custom_display_name.as_deref(),
            server: it.cluster.server.as_deref(),
            context: it.cluster.context.as_deref(),
            version: it.cluster.version.as_deref(),
            status: it.liveness.name(),
            last_seen: whole_second_millis(it.last_seen),
            interval_seconds: it.agent.interval_seconds,
            agent_version: with_v(&it.agent.version),
            token_id: it.link.as_ref().map(|link| TokenId::as_str(&link.token_id)),
            token_name: it.link.as_ref().map(|link: &AgentLink| link.token_name.as_str()),
            token_hint: it.link.as_ref().map(|link| link.token_hint.as_str()),
            token_last_used_at: it.link.as_ref().and_then(|link| link.last_used_at).map(whole_second_millis),
            hidden: it.is_hidden,
            pending_uninstall: it.is_pending_uninstall,
            nodes: it.nodes.iter().map(K8sNodeShape::from).collect(),
            pods: it.pods.iter().map(PodShape::from).collect(),
            deployments: it.deployments.iter().map(DeploymentShape::from).collect(),
            workloads: &it.workloads,
        }
    }
}

/// A node of a cluster.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct K8sNodeShape<'a> {
    /// Id.
    pub uid: &'a str,
    /// Name.
    pub name: &'a str,
    /// Whether it takes work.
    pub ready: bool,
    /// Whether it is cordoned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unschedulable: Option<bool>,
    /// Version of the kubelet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubelet_version: Option<&'a str>,
    /// Version of the container runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_runtime_version: Option<&'a str>,
    /// Operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_image: Option<&'a str>,
    /// Kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_version: Option<&'a str>,
    /// Architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<&'a str>,
    /// Processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_cpu_cores: Option<i64>,
    /// Bytes of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_memory_bytes: Option<i64>,
    /// Pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_pods: Option<i64>,
    /// Processors for pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocatable_cpu_cores: Option<i64>,
    /// Bytes of memory for pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocatable_memory_bytes: Option<i64>,
    /// Pods that may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocatable_pods: Option<i64>,
    /// Roles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<&'a str>,
    /// What is used, where the cluster measures it. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl<'a> From<&'a KubernetesNode> for K8sNodeShape<'a> {
    fn from(it: &'a KubernetesNode) -> Self {
        Self {
            uid: &it.uid,
            name: &it.name,
            ready: it.ready,
            unschedulable: Some(it.unschedulable).filter(|is| *is),
            kubelet_version: it.kubelet_version.as_deref(),
            container_runtime_version: it.container_runtime_version.as_deref(),
            os_image: it.os_image.as_deref(),
            kernel_version: it.kernel_version.as_deref(),
            architecture: it.architecture.as_deref(),
            capacity_cpu_cores: amount(it.capacity.as_ref(), |of| of.cpu_cores),
            capacity_memory_bytes: amount(it.capacity.as_ref(), |of| of.memory_bytes),
            capacity_pods: amount(it.capacity.as_ref(), |of| of.pods),
            allocatable_cpu_cores: amount(it.allocatable.as_ref(), |of| of.cpu_cores),
            allocatable_memory_bytes: amount(it.allocatable.as_ref(), |of| of.memory_bytes),
            allocatable_pods: amount(it.allocatable.as_ref(), |of| of.pods),
            roles: it.roles.iter().map(String::as_str).collect(),
            usage: it.usage,
        }
    }
}

/// A pod.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodShape<'a> {
    /// Id.
    pub uid: &'a str,
    /// Name.
    pub name: &'a str,
    /// Namespace.
    pub namespace: &'a str,
    /// Node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<&'a str>,
    /// Phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<&'a str>,
    /// Reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// Words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
    /// Class of service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qos_class: Option<&'a str>,
    /// When it was made, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// When it started, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<i64>,
    /// Restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<u32>,
    /// Labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<&'a std::collections::BTreeMap<String, String>>,
    /// Kind of its owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_kind: Option<&'a str>,
    /// Name of its owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_name: Option<&'a str>,
    /// Containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<PodContainerShape<'a>>,
    /// What is used, where the cluster measures it. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl<'a> From<&'a Pod> for PodShape<'a> {
    fn from(it: &'a Pod) -> Self {
        Self {
            uid: &it.uid,
            name: &it.name,
            namespace: &it.namespace,
            node_name: it.node_name.as_deref(),
            phase: it.phase.as_deref(),
            reason: it.reason.as_deref(),
            message: it.message.as_deref(),
            qos_class: it.qos_class.as_deref(),
            created_at: it.created_at.map(whole_second_millis),
            start_time: it.start_time.map(whole_second_millis),
            restarts: it.restarts.filter(|count| *count > 0),
            labels: Some(&it.labels).filter(|labels| !labels.is_empty()),
            owner_kind: it.owner_kind.as_deref(),
            owner_name: it.owner_name.as_deref(),
            containers: it.containers.iter().map(PodContainerShape::from).collect(),
            usage: it.usage,
        }
    }
}

/// A container of a pod.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodContainerShape<'a> {
    /// Name.
    pub name: &'a str,
    /// Image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<&'a str>,
    /// Whether it is ready.
    pub ready: bool,
    /// Restarts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_count: Option<u32>,
    /// State.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'a str>,
    /// Reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// Words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
}

impl<'a> From<&'a PodContainer> for PodContainerShape<'a> {
    fn from(it: &'a PodContainer) -> Self {
        Self {
            name: &it.name,
            image: it.image.as_deref(),
            ready: it.ready,
            restart_count: it.restart_count.filter(|count| *count > 0),
            state: it.state.as_deref(),
            reason: it.reason.as_deref(),
            message: it.message.as_deref(),
        }
    }
}

/// A deployment; counts of zero are left out, as in the contract.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeploymentShape<'a> {
    /// Id.
    pub uid: &'a str,
    /// Name.
    pub name: &'a str,
    /// Namespace.
    pub namespace: &'a str,
    /// Replicas wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<u32>,
    /// Replicas of the newest version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_replicas: Option<u32>,
    /// Replicas ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_replicas: Option<u32>,
    /// Replicas available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_replicas: Option<u32>,
    /// Labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<&'a std::collections::BTreeMap<String, String>>,
}

impl<'a> From<&'a Deployment> for DeploymentShape<'a> {
    fn from(it: &'a Deployment) -> Self {
        Self {
            uid: &it.uid,
            name: &it.name,
            namespace: &it.namespace,
            desired_replicas: it.desired_replicas.filter(|count| *count > 0),
            updated_replicas: it.updated_replicas.filter(|count| *count > 0),
            ready_replicas: it.ready_replicas.filter(|count| *count > 0),
            available_replicas: it.available_replicas.filter(|count| *count > 0),
            labels: Some(&it.labels).filter(|labels| !labels.is_empty()),
        }
    }
}

/// A cluster that was removed lately.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemovedClusterShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// Name shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<&'a str>,
    /// When it was removed, Unix milliseconds.
    pub removed_at: i64,
}

impl<'a> From<&'a RemovedKubernetesCluster> for RemovedClusterShape<'a> {
    fn from(it: &'a RemovedKubernetesCluster) -> Self {
        Self {
            id: it.id.as_str(),
            name: it.name.as_deref(),
            display_name: it.display_name.as_deref(),
            removed_at: whole_second_millis(it.removed_at),
        }
    }
}
