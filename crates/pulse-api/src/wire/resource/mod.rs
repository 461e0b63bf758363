//! Unified resources (contract B-02): one list over all products.

mod build;

use std::collections::BTreeMap;

use jiff::Timestamp;
use pulse_core::{
    Snapshot,
    model::{DiskUse, MemoryUse},
    report::host::{HostDisk, HostMemory},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::usage::hundredths;
use build::{docker_container, docker_host, guest, host, kubernetes, node, pbs};

/// One resource.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Id.
    pub id: String,
    /// Type, such as `vm`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Name.
    pub name: String,
    /// Name to show.
    pub display_name: String,
    /// Id of the platform it belongs to.
    pub platform_id: String,
    /// Platform, such as `proxmox-pve`.
    pub platform_type: &'static str,
    /// `api` or `agent`.
    pub source_type: &'static str,
    /// The resource it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The cluster it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// `online`, `offline`, `running`, `stopped`, `degraded`, `paused` or `unknown`.
    pub status: &'static str,
    /// Processor use, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<ResourceMetric>,
    /// Memory use, percent and bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<ResourceMetric>,
    /// Disk use, percent and bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<ResourceMetric>,
    /// Network: rates for guests, counters for hosts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<ResourceNetwork>,
    /// Degrees Celsius.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Seconds since start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime: Option<u64>,
    /// Tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// When its figures were read.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Timestamp,
    /// Alerts on it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<ResourceAlert>,
    /// What only its platform knows.
    #[schema(value_type = Object)]
    pub platform_data: Value,
    /// What identifies the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Version of this shape.
    pub schema_version: u8,
}

/// An amount of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct ResourceMetric {
    /// Use, percent.
    pub current: f64,
    /// Bytes in total.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Bytes in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
    /// Bytes free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<u64>,
}

impl ResourceMetric {
    fn percent(current: f64) -> Self {
        Self { current: hundredths(current), total: None, used: None, free: None }
    }
}

impl From<MemoryUse> for ResourceMetric {
    fn from(memory: MemoryUse) -> Self {
        Self {
            current: hundredths(memory.used_percent()),
            total: Some(memory.total_bytes),
            used: Some(memory.used_bytes),
            free: Some(memory.free_bytes()),
        }
    }
}

impl From<&HostMemory> for ResourceMetric {
    fn from(memory: &HostMemory) -> Self {
        Self {
            current: hundredths(memory.usage),
            total: Some(memory.total_bytes),
            used: Some(memory.used_bytes),
            free: Some(memory.free_bytes),
        }
    }
}

impl From<DiskUse> for ResourceMetric {
    fn from(space: DiskUse) -> Self {
        Self {
            current: hundredths(space.used_percent()),
            total: Some(space.total_bytes),
            used: Some(space.used_bytes),
            free: Some(space.free_bytes),
        }
    }
}

impl From<&HostDisk> for ResourceMetric {
    fn from(disk: &HostDisk) -> Self {
        Self {
            current: hundredths(disk.usage),
            total: Some(disk.total_bytes),
            used: Some(disk.used_bytes),
            free: Some(disk.free_bytes),
        }
    }
}

/// Network of a resource.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceNetwork {
    /// Received.
    pub rx_bytes: u64,
    /// Sent.
    pub tx_bytes: u64,
}

/// An alert on a resource.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceAlert {
    /// Id.
    pub id: String,
    /// Type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Level.
    pub level: &'static str,
    /// What is wrong.
    pub message: String,
    /// Value that raised it.
    pub value: f64,
    /// Threshold it passed.
    pub threshold: f64,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub start_time: Timestamp,
}

/// What identifies a machine.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Machine id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    /// Addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
}

/// What the resources are, in numbers.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceStats {
    /// All of them.
    pub total_resources: usize,
    /// Resources that are another one seen a second time.
    pub suppressed_resources: usize,
    /// By type.
    pub by_type: BTreeMap<&'static str, usize>,
    /// By platform.
    pub by_platform: BTreeMap<&'static str, usize>,
    /// By status.
    pub by_status: BTreeMap<&'static str, usize>,
    /// With alerts.
    pub with_alerts: usize,
    /// When the state last changed.
    #[schema(value_type = String, format = DateTime)]
    pub last_updated: Timestamp,
}

/// Types that are infrastructure.
pub const INFRASTRUCTURE: [&str; 6] = ["node", "host", "docker-host", "k8s-cluster", "k8s-node", "pbs"];
/// Types that are workloads.
pub const WORKLOADS: [&str; 6] =
    ["vm", "container", "oci-container", "docker-container", "pod", "k8s-deployment"];

/// Every resource of a snapshot, sorted by type and id.
pub fn all(world: &Snapshot) -> Vec<Resource> {
    let mut out: Vec<Resource> = Vec::new();
    each(world, &mut |resource| out.push(resource));
    out.sort_by(|a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
    out
}

/// Hands out every resource of a snapshot, one by one: all of them at once take much memory.
pub fn each(world: &Snapshot, put: &mut dyn FnMut(Resource)) {
    let alerts = alerts(world);
    let mut put = |mut resource: Resource| {
        if let Some(alerts) = alerts.get(resource.id.as_str()) {
            resource.alerts.clone_from(alerts);
        }
        put(resource);
    };
    for view in world.instances.values() {
        view.nodes.iter().map(node).for_each(&mut put);
        view.guests.iter().filter(|guest| !guest.is_template).map(guest).for_each(&mut put);
        view.storages.iter().map(|storage| build::storage(storage, world.changed_at)).for_each(&mut put);
        view.pbs.as_deref().map(pbs).into_iter().for_each(&mut put);
    }
    world.hosts.values().map(|of| host(of)).for_each(&mut put);
    for of in world.docker_hosts.values() {
        put(docker_host(of));
        of.containers.iter().map(|container| docker_container(of, container)).for_each(&mut put);
    }
    for cluster in world.kubernetes_clusters.values() {
        let mut parts = Vec::new();
        kubernetes(cluster, &mut parts);
        parts.into_iter().for_each(&mut put);
    }
}

/// Alerts by the resource they are on.
fn alerts(world: &Snapshot) -> BTreeMap<&str, Vec<ResourceAlert>> {
    let mut by_resource: BTreeMap<&str, Vec<ResourceAlert>> = BTreeMap::new();
    for alert in world.active_alerts.iter() {
        by_resource.entry(alert.resource_id.as_str()).or_default().push(ResourceAlert {
            id: alert.id.clone(),
            kind: alert.kind.clone(),
            level: alert.level.name(),
            message: alert.message.clone(),
            value: alert.value,
            threshold: alert.threshold,
            start_time: alert.started_at,
        });
    }
    by_resource
}

/// The numbers over a list of resources.
pub fn stats(resources: &[Resource], last_updated: Timestamp) -> ResourceStats {
    let count = |of: fn(&Resource) -> &'static str| {
        resources.iter().fold(BTreeMap::new(), |mut counts, resource| {
            *counts.entry(of(resource)).or_default() += 1;
            counts
        })
    };
    ResourceStats {
        total_resources: resources.len(),
        suppressed_resources: 0,
        by_type: count(|resource| resource.kind),
        by_platform: count(|resource| resource.platform_type),
        by_status: count(|resource| resource.status),
        with_alerts: resources.iter().filter(|resource| !resource.alerts.is_empty()).count(),
        last_updated,
    }
}
