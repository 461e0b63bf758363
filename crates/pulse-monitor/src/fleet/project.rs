//! Shows in the snapshot what was decided: names, hidden and removed items, commands, switches.

use std::sync::Arc;

use pulse_config::store::fleet::{AgentKind, CommandRecord};
use pulse_core::{
    ids::{DockerHostId, KubernetesClusterId},
    model::{AgentCommand, DockerHost, KubernetesCluster},
};

use super::roster;
use crate::world::World;

/// A command as the state shows it.
pub fn command(it: &CommandRecord) -> AgentCommand {
    AgentCommand {
        id: it.id.clone(),
        kind: it.wish.name().to_owned(),
        status: it.status.name().to_owned(),
        message: it.message.clone(),
        created_at: it.created_at,
        updated_at: it.updated_at,
        dispatched_at: it.dispatched_at,
        acknowledged_at: it.acknowledged_at,
        completed_at: it.completed_at,
        failed_at: it.failed_at,
        failure_reason: it.failure_reason.clone(),
        expires_at: Some(it.expires_at),
    }
}

/// Puts what is decided about a Docker host into it.
pub(crate) fn into_docker_host(world: &World, host: &mut DockerHost) {
    let id = host.id.as_str();
    let section = &world.fleet.docker_hosts;
    host.is_hidden = section.hidden.contains(id);
    host.is_pending_uninstall = section.pending_uninstall.contains(id);
    host.command = world.fleet.commands.get(id).map(command);
    let notes = world.docker_notes.get(id);
    host.custom_display_name =
        notes.map(|notes| notes.custom_display_name.clone()).filter(|name| !name.is_empty());
}

/// Puts what is decided about a cluster into it.
pub(crate) fn into_cluster(world: &World, cluster: &mut KubernetesCluster) {
    let id = cluster.id.as_str();
    let section = &world.fleet.kubernetes_clusters;
    cluster.is_hidden = section.hidden.contains(id);
    cluster.is_pending_uninstall = section.pending_uninstall.contains(id);
    cluster.custom_display_name = section.names.get(id).cloned();
}

/// Shows what is decided about one thing.
pub(crate) fn one(world: &mut World, kind: AgentKind, id: &str) {
    match kind {
        AgentKind::Host => host(world, id),
        AgentKind::Docker => docker_host(world, id),
        AgentKind::Kubernetes => {
            let Some(mut known) = world.snapshot.kubernetes_clusters.get(id).cloned() else { return };
            into_cluster(world, Arc::make_mut(&mut known));
            world.snapshot.kubernetes_clusters.insert(KubernetesClusterId::from(id), known);
        }
    }
}

/// Shows what is decided about a Docker host.
pub(crate) fn docker_host(world: &mut World, id: &str) {
    let Some(mut known) = world.snapshot.docker_hosts.get(id).cloned() else { return };
    into_docker_host(world, Arc::make_mut(&mut known));
    world.snapshot.docker_hosts.insert(DockerHostId::from(id), known);
}

fn host(world: &mut World, id: &str) {
    let wish = world.commands_override(id);
    if let Some(host) = world.snapshot.hosts.get_mut(id) {
        let is_enabled = wish.unwrap_or(host.agent.commands_enabled);
        if host.commands_enabled != is_enabled {
            Arc::make_mut(host).commands_enabled = is_enabled;
        }
    }
}

/// Shows what was removed lately.
pub(crate) fn removed(world: &mut World) {
    world.snapshot.removed_docker_hosts = (world.fleet.docker_hosts.removed.iter())
        .map(|(id, grave)| (id.as_str().into(), Arc::new(roster::removed_docker_host(id, grave))))
        .collect();
    world.snapshot.removed_kubernetes_clusters = (world.fleet.kubernetes_clusters.removed.iter())
        .map(|(id, grave)| (id.as_str().into(), Arc::new(roster::removed_cluster(id, grave))))
        .collect();
}

/// Shows everything: the notes, or all decisions, are new.
pub(crate) fn everything(world: &mut World) {
    let hosts: Vec<String> = world.snapshot.hosts.keys().map(ToString::to_string).collect();
    for id in hosts {
        host(world, &id);
    }
    let names = Arc::clone(&world.docker_notes);
    let stale: Vec<String> = world
        .snapshot
        .docker_hosts
        .values()
        .filter(|host| {
            let wanted = names.get(host.id.as_str()).map(|notes| notes.custom_display_name.as_str());
            host.custom_display_name.as_deref() != wanted.filter(|name| !name.is_empty())
        })
        .map(|host| host.id.to_string())
        .collect();
    for id in stale {
        docker_host(world, &id);
    }
}
