//! Members of clusters, as polls find them, are written down: after a restart while the configured host is away there
//! is still a way in.

use std::{sync::Arc, time::Duration};

use pulse_config::{ClusterEndpointConfig, NodeConfig, NodeStore};
use pulse_core::{
    Snapshot,
    ids::InstanceName,
    model::{ClusterEndpoint, InstanceKind},
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

/// After a failure to write, nothing is tried for this long.
const REST: Duration = Duration::from_mins(5);

/// A cluster whose members are not those that are written down.
#[derive(Debug)]
struct Found {
    instance: InstanceName,
    cluster_name: String,
    members: Vec<ClusterEndpointConfig>,
}

/// Keeps the configuration's members like those of the world until `stop`.
pub async fn keep(mut world: watch::Receiver<Arc<Snapshot>>, nodes: Arc<NodeStore>, stop: CancellationToken) {
    let mut rest_until = Instant::now();
    loop {
        let snapshot = world.borrow_and_update().clone();
        if Instant::now() >= rest_until {
            for found in compare(&snapshot, &nodes.current()) {
                let (name, nodes) = (found.instance.clone(), nodes.clone());
                let members = found.members.len();
                match tokio::task::spawn_blocking(move || write(&nodes, found)).await {
                    Ok(Ok(())) => {
                        tracing::info!(instance.name = %name, members, "the members of a cluster were written down");
                    }
                    Ok(Err(error)) => {
                        tracing::error!(instance.name = %name, %error, "the members of a cluster were not written down");
                        rest_until = Instant::now() + REST;
                    }
                    // It panicked or the runtime ends; the next change tries again.
                    Err(_) => rest_until = Instant::now() + REST,
                }
            }
        }
        drop(snapshot);
        tokio::select! {
            () = stop.cancelled() => return,
            changed = world.changed() => if changed.is_err() { return },
        }
    }
}

/// The clusters that were read and are not written down as they are.
fn compare(snapshot: &Snapshot, config: &NodeConfig) -> Vec<Found> {
    let clusters = snapshot.instances.values().filter(|view| view.key.kind == InstanceKind::Pve);
    let clusters = clusters.filter_map(|view| {
        let cluster_name = view.cluster_name.clone()?;
        let known = config.pve.iter().find(|pve| pve.name == view.key.name)?;
        let members: Vec<_> = view.endpoints.iter().map(as_configured).collect();
        let mut changed = known.clone();
        changed.take_members(&cluster_name, members.clone());
        (changed != *known).then(|| Found { instance: known.name.clone(), cluster_name, members })
    });
    clusters.collect()
}

fn as_configured(member: &ClusterEndpoint) -> ClusterEndpointConfig {
    ClusterEndpointConfig {
        node_id: member.node_id.clone(),
        node_name: member.node_name.clone(),
        host: member.host.clone(),
        ip: member.ip.clone(),
        fingerprint: member.fingerprint.clone(),
    }
}

fn write(nodes: &NodeStore, found: Found) -> Result<(), String> {
    let Found { instance, cluster_name, members } = found;
    let updated = nodes.update(|config| {
        // It may have been removed or renamed in the meantime: then there is nothing to write down.
        if let Some(pve) = config.pve.iter_mut().find(|pve| pve.name == instance) {
            pve.take_members(&cluster_name, members);
        }
        Ok::<_, std::convert::Infallible>(())
    });
    updated.map_err(|error| error.to_string())
}
