//! A Kubernetes report becomes a cluster.

use std::sync::Arc;

use jiff::Timestamp;
use pulse_config::store::fleet::AgentKind;
use pulse_core::{
    ids::KubernetesClusterId,
    model::{KubernetesCluster, Liveness},
    report::kubernetes::KubernetesReport,
};

use super::arrival::{Arrival, Verdict, judge};
use crate::{
    fleet::{
        identity::{Claim, identify, plain},
        project,
        text::tidy,
    },
    intake::{IntakeError, KubernetesAccepted, Reporter, check_room},
    pipeline,
    world::World,
};

/// At most so many entries of a list are taken from one report.
const LIST_CAP: usize = 20_000;

/// Longer is no name.
const LONGEST_NAME: usize = 253;

/// Takes a report into the world.
pub fn merge(
    world: &mut World,
    mut report: KubernetesReport,
    reporter: &Reporter,
    now: Timestamp,
) -> Result<KubernetesAccepted, IntakeError> {
    tidy(&mut report.agent.version, LONGEST_NAME);
    let cluster = &mut report.cluster;
    for text in [&mut cluster.name, &mut cluster.server, &mut cluster.context].into_iter().flatten() {
        tidy(text, LONGEST_NAME);
    }
    let candidates =
        [report.cluster.id.as_deref(), Some(report.agent.id.as_str()), report.cluster.name.as_deref()];
    let Some(id) = candidates.into_iter().flatten().map(plain).find(|text| !text.is_empty()) else {
        return Err(IntakeError::MissingIdentifier("kubernetes"));
    };
    let claim = Claim {
        kind: AgentKind::Kubernetes,
        id,
        hostname: String::new(),
        machine_id: None,
        mac_addresses: Vec::new(),
    };
    let id = KubernetesClusterId::from(identify(world, claim, reporter, now)?);
    world.check_not_removed(AgentKind::Kubernetes, id.as_str(), reporter, now)?;
    report.nodes.truncate(LIST_CAP);
    report.pods.truncate(LIST_CAP);
    report.deployments.truncate(LIST_CAP);
    report.workloads.truncate(LIST_CAP);
    let previous = world.snapshot.kubernetes_clusters.get(&id).cloned();
    check_room("kubernetes cluster", previous.is_some(), world.snapshot.kubernetes_clusters.len())?;
    let accepted = KubernetesAccepted {
        id: id.clone(),
        nodes: report.nodes.len(),
        pods: report.pods.len(),
        deployments: report.deployments.len(),
        last_seen: now,
    };
    let arrival = Arrival {
        kind: AgentKind::Kubernetes,
        id: id.as_str(),
        measured_at: report.timestamp,
        last_seen: previous.as_ref().map_or(now, |old| old.last_seen),
        interval_seconds: report.agent.interval_seconds,
        is_same: false,
    };
    let verdict = judge(world, &arrival, now);
    let mut cluster = KubernetesCluster {
        id: id.clone(),
        custom_display_name: None,
        is_hidden: false,
        is_pending_uninstall: false,
        agent: report.agent,
        cluster: report.cluster,
        nodes: report.nodes,
        pods: report.pods,
        deployments: report.deployments,
        workloads: report.workloads,
        liveness: Liveness::Online,
        last_seen: now,
        link: reporter.link().cloned(),
    };
    match verdict {
        Verdict::Nothing if previous.is_some() => return Ok(accepted),
        Verdict::Late(at) if previous.is_some() => {
            cluster.last_seen = at;
            let mut samples = Vec::new();
            pipeline::kubernetes(&cluster, &mut samples);
            world.late.put(samples, at, cluster.agent.interval_seconds);
            return Ok(accepted);
        }
        Verdict::News | Verdict::Late(_) | Verdict::Nothing => {}
    }
    project::into_cluster(world, &mut cluster);
    world.snapshot.kubernetes_clusters.insert(id, Arc::new(cluster));
    Ok(accepted)
}
