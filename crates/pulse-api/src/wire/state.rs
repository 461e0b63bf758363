//! The state object of `GET /api/state` and of the WebSocket: 25 keys, always all of them.

use std::collections::BTreeMap;

use pulse_core::{
    Snapshot,
    model::{ConnectionHealth, InstanceKey, InstanceKind, Liveness},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    alert::AlertShape,
    backup::{BackupTaskShape, GuestSnapshotShape, ReplicationShape, StorageBackupShape},
    docker::DockerHostShape,
    docker_command::RemovedDockerHostShape,
    guest::GuestShape,
    host::HostShape,
    kubernetes::{ClusterShape, RemovedClusterShape},
    mail::{PmgBackupShape, PmgShape},
    node::NodeShape,
    pbs::{PbsBackupShape, PbsShape},
    storage::{CephShape, PhysicalDiskShape, StorageShape},
    time::whole_second_millis,
};

/// The whole state.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateShape<'a> {
    /// Nodes of Proxmox VE.
    pub nodes: Vec<NodeShape<'a>>,
    /// VMs.
    pub vms: Vec<GuestShape<'a>>,
    /// Containers of Proxmox VE.
    pub containers: Vec<GuestShape<'a>>,
    /// Docker and Podman hosts.
    pub docker_hosts: Vec<DockerHostShape<'a>>,
    /// Docker hosts that were removed lately.
    pub removed_docker_hosts: Vec<RemovedDockerHostShape<'a>>,
    /// Kubernetes clusters.
    pub kubernetes_clusters: Vec<ClusterShape<'a>>,
    /// Kubernetes clusters that were removed lately.
    pub removed_kubernetes_clusters: Vec<RemovedClusterShape<'a>>,
    /// Hosts with an agent.
    pub hosts: Vec<HostShape<'a>>,
    /// Storages.
    pub storage: Vec<StorageShape<'a>>,
    /// Ceph clusters.
    pub ceph_clusters: Vec<CephShape<'a>>,
    /// Physical disks.
    pub physical_disks: Vec<PhysicalDiskShape<'a>>,
    /// Backup servers.
    pub pbs: Vec<PbsShape<'a>>,
    /// Mail gateways.
    pub pmg: Vec<PmgShape<'a>>,
    /// Backups on backup servers.
    pub pbs_backups: Vec<PbsBackupShape<'a>>,
    /// Configuration backups of mail gateways.
    pub pmg_backups: Vec<PmgBackupShape<'a>>,
    /// All backups once more, nested.
    pub backups: BackupsShape<'a>,
    /// Replication jobs.
    pub replication_jobs: Vec<ReplicationShape<'a>>,
    /// Alerts that are raised now.
    pub active_alerts: Vec<AlertShape<'a>>,
    /// Always empty.
    pub metrics: EmptyObject,
    /// Backups of Proxmox VE.
    pub pve_backups: PveBackupsShape<'a>,
    /// Always empty.
    pub performance: EmptyObject,
    /// Whether each source answers.
    pub connection_health: BTreeMap<String, bool>,
    /// Always empty.
    pub stats: EmptyObject,
    /// When anything last changed, Unix milliseconds.
    pub last_update: i64,
    /// Whether temperatures are wanted at all.
    pub temperature_monitoring_enabled: bool,
}

/// An object without keys; the contract has three of them.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct EmptyObject {}

/// All backups.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BackupsShape<'a> {
    /// Of Proxmox VE.
    pub pve: PveBackupsShape<'a>,
    /// Of backup servers.
    pub pbs: Vec<PbsBackupShape<'a>>,
    /// Of mail gateways.
    pub pmg: Vec<PmgBackupShape<'a>>,
}

/// Backups of Proxmox VE.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PveBackupsShape<'a> {
    /// Tasks that made backups.
    pub backup_tasks: Vec<BackupTaskShape<'a>>,
    /// Backups on storages.
    pub storage_backups: Vec<StorageBackupShape<'a>>,
    /// Snapshots of guests.
    pub guest_snapshots: Vec<GuestSnapshotShape<'a>>,
}

impl<'a> From<&'a Snapshot> for RestShape<'a> {
    fn from(world: &'a Snapshot) -> Self {
        let views = || world.instances.values();
        Self {
            removed_docker_hosts: world
                .removed_docker_hosts
                .values()
                .map(|host| RemovedDockerHostShape::from(&**host))
                .collect(),
            removed_kubernetes_clusters: world
                .removed_kubernetes_clusters
                .values()
                .map(|cluster| RemovedClusterShape::from(&**cluster))
                .collect(),
            ceph_clusters: views().flat_map(|view| view.ceph.iter()).map(CephShape::from).collect(),
            physical_disks: views()
                .flat_map(|v| v.physical_disks.iter())
                .map(PhysicalDiskShape::from)
                .collect(),
            pbs: views().filter_map(|view| view.pbs.as_deref()).map(PbsShape::from).collect(),
            pmg: views().filter_map(|view| view.pmg.as_deref()).map(PmgShape::from).collect(),
            replication_jobs: views()
                .flat_map(|v| v.replication_jobs.iter())
                .map(ReplicationShape::from)
                .collect(),
            active_alerts: world.active_alerts.iter().map(|alert| AlertShape::from(&**alert)).collect(),
            metrics: EmptyObject {},
            performance: EmptyObject {},
            connection_health: connection_health(world),
            stats: EmptyObject {},
            last_update: whole_second_millis(world.changed_at),
            temperature_monitoring_enabled: world.is_temperature_monitoring_enabled,
        }
    }
}

impl<'a> From<&'a Snapshot> for PveBackupsShape<'a> {
    fn from(world: &'a Snapshot) -> Self {
        let views = || world.instances.values();
        Self {
            backup_tasks: views().flat_map(|v| v.backup_tasks.iter()).map(BackupTaskShape::from).collect(),
            storage_backups: views()
                .flat_map(|v| v.storage_backups.iter())
                .map(StorageBackupShape::from)
                .collect(),
            guest_snapshots: views()
                .flat_map(|v| v.guest_snapshots.iter())
                .map(GuestSnapshotShape::from)
                .collect(),
        }
    }
}

impl<'a> From<&'a Snapshot> for BackupsShape<'a> {
    fn from(world: &'a Snapshot) -> Self {
        let views = || world.instances.values();
        Self {
            pve: PveBackupsShape::from(world),
            pbs: PbsBackupShape::all(views().flat_map(|view| view.pbs_backups.iter())).collect(),
            pmg: views().flat_map(|v| v.pmg_backups.iter()).map(PmgBackupShape::from).collect(),
        }
    }
}

impl<'a> From<&'a Snapshot> for StateShape<'a> {
    fn from(world: &'a Snapshot) -> Self {
        let views = || world.instances.values();
        let guests = |is_vm: bool| {
            views()
                .flat_map(|view| view.guests.iter())
                .filter(move |guest| guest.kind.is_vm() == is_vm && !guest.is_template)
                .map(GuestShape::from)
                .collect()
        };
        let mut docker_hosts: Vec<_> =
            world.docker_hosts.values().map(|host| DockerHostShape::from(&**host)).collect();
        docker_hosts.sort_by(|a, b| a.hostname.cmp(b.hostname));
        let rest = RestShape::from(world);
        let backups = BackupsShape::from(world);
        Self {
            nodes: views().flat_map(|view| view.nodes.iter().map(|node| NodeShape::of(node, view))).collect(),
            vms: guests(true),
            containers: guests(false),
            docker_hosts,
            kubernetes_clusters: world
                .kubernetes_clusters
                .values()
                .map(|c| ClusterShape::from(&**c))
                .collect(),
            hosts: world.hosts.values().map(|host| HostShape::from(&**host)).collect(),
            storage: views().flat_map(|view| view.storages.iter()).map(StorageShape::from).collect(),
            removed_docker_hosts: rest.removed_docker_hosts,
            removed_kubernetes_clusters: rest.removed_kubernetes_clusters,
            ceph_clusters: rest.ceph_clusters,
            physical_disks: rest.physical_disks,
            pbs: rest.pbs,
            pmg: rest.pmg,
            pbs_backups: backups.pbs.clone(),
            pmg_backups: backups.pmg.clone(),
            pve_backups: backups.pve.clone(),
            backups,
            replication_jobs: rest.replication_jobs,
            active_alerts: rest.active_alerts,
            metrics: rest.metrics,
            performance: rest.performance,
            connection_health: rest.connection_health,
            stats: rest.stats,
            last_update: rest.last_update,
            temperature_monitoring_enabled: rest.temperature_monitoring_enabled,
        }
    }
}

/// Whether each source answers, under the contract's keys.
pub fn connection_health(world: &Snapshot) -> BTreeMap<String, bool> {
    let instances = world
        .instances
        .iter()
        .map(|(key, view)| (instance_health_key(key), view.health != ConnectionHealth::Error));
    let docker = world
        .docker_hosts
        .values()
        .map(|host| (format!("docker-{}", host.id), host.liveness == Liveness::Online));
    let hosts =
        world.hosts.values().map(|host| (format!("host-{}", host.id), host.liveness == Liveness::Online));
    let kubernetes = world
        .kubernetes_clusters
        .values()
        .map(|cluster| (format!("kubernetes-{}", cluster.id), cluster.liveness == Liveness::Online));
    instances.chain(docker).chain(hosts).chain(kubernetes).collect()
}

fn instance_health_key(key: &InstanceKey) -> String {
    match key.kind {
        InstanceKind::Pve => key.name.to_string(),
        InstanceKind::Pbs => format!("pbs-{}", key.name),
        InstanceKind::Pmg => format!("pmg-{}", key.name),
    }
}

/// The keys of the state that are rendered as one; the long lists are rendered source by source.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestShape<'a> {
    removed_docker_hosts: Vec<RemovedDockerHostShape<'a>>,
    removed_kubernetes_clusters: Vec<RemovedClusterShape<'a>>,
    ceph_clusters: Vec<CephShape<'a>>,
    physical_disks: Vec<PhysicalDiskShape<'a>>,
    pbs: Vec<PbsShape<'a>>,
    pmg: Vec<PmgShape<'a>>,
    replication_jobs: Vec<ReplicationShape<'a>>,
    active_alerts: Vec<AlertShape<'a>>,
    metrics: EmptyObject,
    performance: EmptyObject,
    connection_health: BTreeMap<String, bool>,
    stats: EmptyObject,
    last_update: i64,
    temperature_monitoring_enabled: bool,
}
