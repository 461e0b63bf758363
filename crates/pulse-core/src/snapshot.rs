//! One immutable picture of the whole monitored world.
//!
//! Only the keeper (pulse-monitor) makes new ones; everybody else holds an `Arc<Snapshot>`. Maps are ordered, so
//! that what is built from a snapshot is stable, and hold `Arc`s, so that a new snapshot costs one pointer per
//! instance or host, not a copy of its guests.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use crate::{
    ids::{DockerHostId, HostId, KubernetesClusterId},
    model::{
        Alert, DockerHost, Host, InstanceKey, InstanceView, KubernetesCluster, RemovedDockerHost,
        RemovedKubernetesCluster,
    },
};

/// The monitored world at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Grows by one with every change.
    pub version: u64,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// Configured Proxmox instances.
    pub instances: BTreeMap<InstanceKey, Arc<InstanceView>>,
    /// Hosts that agents report.
    pub hosts: BTreeMap<HostId, Arc<Host>>,
    /// Docker and Podman hosts that agents report.
    pub docker_hosts: BTreeMap<DockerHostId, Arc<DockerHost>>,
    /// Docker hosts that were removed lately.
    pub removed_docker_hosts: BTreeMap<DockerHostId, Arc<RemovedDockerHost>>,
    /// Kubernetes clusters that agents report.
    pub kubernetes_clusters: BTreeMap<KubernetesClusterId, Arc<KubernetesCluster>>,
    /// Kubernetes clusters that were removed lately.
    pub removed_kubernetes_clusters: BTreeMap<KubernetesClusterId, Arc<RemovedKubernetesCluster>>,
    /// Alerts that are raised now, sorted by id; each shared with the engine that raised it.
    pub active_alerts: Arc<Vec<Arc<Alert>>>,
    /// Whether temperatures are wanted at all.
    pub is_temperature_monitoring_enabled: bool,
}

impl Snapshot {
    /// A world of which nothing is known yet.
    pub fn empty(at: Timestamp) -> Self {
        Self {
            version: 0,
            changed_at: at,
            instances: BTreeMap::new(),
            hosts: BTreeMap::new(),
            docker_hosts: BTreeMap::new(),
            removed_docker_hosts: BTreeMap::new(),
            kubernetes_clusters: BTreeMap::new(),
            removed_kubernetes_clusters: BTreeMap::new(),
            active_alerts: Arc::default(),
            is_temperature_monitoring_enabled: true,
        }
    }
}
