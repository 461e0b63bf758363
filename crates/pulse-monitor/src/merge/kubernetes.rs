//! A Kubernetes report becomes a cluster.

use std::sync::Arc;

use jiff::Timestamp;
use pulse_core::{
    ids::KubernetesClusterId,
    model::{KubernetesCluster, Liveness, RemovedKubernetesCluster},
    report::kubernetes::KubernetesReport,
};

use super::docker::REMOVAL_BLOCK;
use crate::{
    intake::{IntakeError, KubernetesAccepted, Reporter, check_room},
    world::World,
};

/// Takes a report into the world.
pub fn merge(
    world: &mut World,
    report: KubernetesReport,
    reporter: &Reporter,
    now: Timestamp,
) -> Result<KubernetesAccepted, IntakeError> {
    let candidates =
        [report.cluster.id.as_deref(), Some(report.agent.id.as_str()), report.cluster.name.as_deref()];
    let Some(id) = candidates.into_iter().flatten().map(str::trim).find(|text| !text.is_empty()) else {
        return Err(IntakeError::MissingIdentifier("kubernetes"));
    };
    let id = KubernetesClusterId::from(id);
    if let Some(removed) = world.snapshot.removed_kubernetes_clusters.get(&id) {
        if now.duration_since(removed.removed_at) < REMOVAL_BLOCK {
            let id = id.to_string();
            return Err(IntakeError::Removed {
                what: "kubernetes cluster",
                id,
                removed_at: removed.removed_at,
            });
        }
        world.snapshot.removed_kubernetes_clusters.remove(&id);
    }
    let previous = world.snapshot.kubernetes_clusters.get(&id);
    check_room("kubernetes cluster", previous.is_some(), world.snapshot.kubernetes_clusters.len())?;
    let accepted = KubernetesAccepted {
        id: id.clone(),
        nodes: report.nodes.len(),
        pods: report.pods.len(),
        deployments: report.deployments.len(),
        last_seen: now,
    };
    let cluster = KubernetesCluster {
        id: id.clone(),
        custom_display_name: previous.and_then(|old| old.custom_display_name.clone()),
        is_hidden: previous.is_some_and(|old| old.is_hidden),
        is_pending_uninstall: previous.is_some_and(|old| old.is_pending_uninstall),
        agent: report.agent,
        cluster: report.cluster,
        nodes: report.nodes,
        pods: report.pods,
        deployments: report.deployments,
        liveness: Liveness::Online,
        last_seen: now,
        link: reporter.link().cloned(),
    };
    world.snapshot.kubernetes_clusters.insert(id, Arc::new(cluster));
    Ok(accepted)
}

/// Forgets a cluster and keeps it from reporting for a day; returns whether it was known.
pub fn remove(world: &mut World, id: &KubernetesClusterId, now: Timestamp) -> bool {
    let Some(cluster) = world.snapshot.kubernetes_clusters.remove(id) else { return false };
    let removed = RemovedKubernetesCluster {
        id: id.clone(),
        name: cluster.cluster.name.clone(),
        display_name: Some(cluster.display_name().to_owned()),
        removed_at: now,
    };
    world.snapshot.removed_kubernetes_clusters.insert(id.clone(), Arc::new(removed));
    true
}
