//! Updates that wait on what is monitored: newer images of containers, packages of Proxmox nodes (contract B-05).
//!
//! What waits stands in the snapshot. Only since when is remembered here, from the first time somebody asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use pulse_core::{Snapshot, model::DockerHost, report::docker::UpdateStatus};

/// What is remembered at most; the snapshot itself is bounded.
const MOST_REMEMBERED: usize = 100_000;

/// What waits to be updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateKind {
    /// A newer image of a container.
    DockerImage,
    /// Packages of the operating system.
    Package,
}

impl UpdateKind {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::DockerImage => "docker_image",
            Self::Package => "package",
        }
    }
}

/// One update that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct InfraUpdate {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub resource_id: String,
    /// `docker` or `node`.
    pub resource_type: &'static str,
    /// Name of that.
    pub resource_name: String,
    /// The machine.
    pub host_id: String,
    /// Name of the machine.
    pub host_name: String,
    /// What waits.
    pub kind: UpdateKind,
    /// What runs: the image.
    pub current_version: Option<String>,
    /// Digest that runs.
    pub current_digest: Option<String>,
    /// Digest in the registry.
    pub latest_digest: Option<String>,
    /// How many packages.
    pub package_count: Option<u32>,
    /// Since when it is known to wait.
    pub first_detected: Timestamp,
    /// When that was looked at last.
    pub last_checked: Timestamp,
    /// Why it may be wrong.
    pub error: Option<String>,
}

/// Knows what waits, and since when.
#[derive(Debug, Default)]
pub struct InfraUpdates(Mutex<BTreeMap<String, Timestamp>>);

impl InfraUpdates {
    /// All updates that wait, sorted by machine and name.
    pub fn list(&self, snapshot: &Snapshot) -> Vec<InfraUpdate> {
        let mut all: Vec<InfraUpdate> =
            snapshot.docker_hosts.values().flat_map(|host| images(host)).collect();
        all.extend(packages(snapshot));
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let present: BTreeSet<&str> = all.iter().map(|update| update.id.as_str()).collect();
        first.retain(|id, _| present.contains(id.as_str()));
        for update in &mut all {
            if let Some(at) = first.get(&update.id) {
                update.first_detected = *at;
            } else if first.len() < MOST_REMEMBERED {
                first.insert(update.id.clone(), update.first_detected);
            }
        }
        drop(first);
        all.sort_by(|a, b| {
            (&a.host_name, &a.resource_name, &a.id).cmp(&(&b.host_name, &b.resource_name, &b.id))
        });
        all
    }
}

fn images(host: &DockerHost) -> impl Iterator<Item = InfraUpdate> + '_ {
    let waits = |status: &&UpdateStatus| status.update_available;
    host.containers.iter().filter_map(move |container| {
        let report = &container.report;
        let status = report.update_status.as_ref().filter(waits)?;
        let resource_id = format!("docker:{}/{}", host.id, report.id);
        let checked = status.last_checked.unwrap_or(host.last_seen);
        Some(InfraUpdate {
            // Another image is another update.
            id: format!("{resource_id}/{}", status.latest_digest.as_deref().unwrap_or("image")),
            resource_id,
            resource_type: "docker",
            resource_name: report.name.clone(),
            host_id: host.id.to_string(),
            host_name: host.display_name().to_owned(),
            kind: UpdateKind::DockerImage,
            current_version: Some(report.image.clone()).filter(|image| !image.is_empty()),
            current_digest: status.current_digest.clone(),
            latest_digest: status.latest_digest.clone(),
            package_count: None,
            first_detected: checked,
            last_checked: checked,
            error: status.error.clone(),
        })
    })
}

fn packages(snapshot: &Snapshot) -> impl Iterator<Item = InfraUpdate> + '_ {
    snapshot.instances.values().flat_map(|instance| instance.nodes.iter()).filter_map(|node| {
        let count = node.pending_updates.filter(|count| *count > 0)?;
        Some(InfraUpdate {
            id: format!("{}/packages", node.id),
            resource_id: node.id.to_string(),
            resource_type: "node",
            resource_name: node.name.clone(),
            host_id: node.id.to_string(),
            host_name: node.name.clone(),
            kind: UpdateKind::Package,
            current_version: None,
            current_digest: None,
            latest_digest: None,
            package_count: Some(count),
            first_detected: node.last_seen,
            last_checked: node.last_seen,
            error: None,
        })
    })
}
