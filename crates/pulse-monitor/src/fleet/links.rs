//! Which host is which Proxmox node: by name where that is certain, else as a person decided, with a trail of who decided
//! what and when.

use std::sync::Arc;

use jiff::Timestamp;
use pulse_config::store::fleet::{LinkDecision, LinkEvent, MOST_LINK_EVENTS};
use pulse_core::{
    ids::{HostId, NodeId},
    model::{Host, Liveness, Node},
};

use crate::world::World;

/// Why a link is not made or undone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No such host.
    #[error("there is no host {0:?}")]
    UnknownHost(String),
    /// No such node.
    #[error("there is no node {0:?}")]
    UnknownNode(String),
    /// A person gave the node to another host.
    #[error("node {node:?} is linked to host {host:?}; unlink that one first")]
    Taken {
        /// The node.
        node: String,
        /// The host it is linked to.
        host: String,
    },
    /// There is nothing to undo.
    #[error("host {0:?} is not linked to a node")]
    NotLinked(String),
}

/// Links a host to a node, whatever their names are.
pub fn link(world: &mut World, host: &str, node: &str, by: &str, now: Timestamp) -> Result<(), LinkError> {
    if !world.snapshot.hosts.contains_key(host) {
        return Err(LinkError::UnknownHost(host.to_owned()));
    }
    if !nodes(world).any(|known| known.id.as_str() == node) {
        return Err(LinkError::UnknownNode(node.to_owned()));
    }
    let other = world
        .fleet
        .links
        .iter()
        .find(|(other, decision)| other.as_str() != host && decision.node_id.as_deref() == Some(node));
    if let Some((other, _)) = other {
        return Err(LinkError::Taken { node: node.to_owned(), host: other.clone() });
    }
    decide(world, host, Some(node), node, by, now);
    // A host that was there by its name alone gives way.
    for other in world.snapshot.hosts.values_mut() {
        let is_there = other.linked_node.as_ref().is_some_and(|linked| linked.as_str() == node);
        if is_there && other.id.as_str() != host {
            Arc::make_mut(other).linked_node = None;
        }
    }
    relink(world, host);
    Ok(())
}

/// Undoes the link of a host, and keeps it from being made by name again.
pub fn unlink(world: &mut World, host: &str, by: &str, now: Timestamp) -> Result<NodeId, LinkError> {
    let Some(known) = world.snapshot.hosts.get(host) else {
        return Err(LinkError::UnknownHost(host.to_owned()));
    };
    let decided = world.fleet.links.get(host).and_then(|decision| decision.node_id.clone()).map(NodeId::from);
    let Some(node) = known.linked_node.clone().or(decided) else {
        return Err(LinkError::NotLinked(host.to_owned()));
    };
    decide(world, host, None, node.as_str(), by, now);
    relink(world, host);
    Ok(node)
}

fn decide(world: &mut World, host: &str, node_id: Option<&str>, node: &str, by: &str, now: Timestamp) {
    let record = world.decide();
    let decision = LinkDecision { node_id: node_id.map(str::to_owned), at: now, by: by.to_owned() };
    record.links.insert(host.to_owned(), decision);
    record.link_events.push_back(LinkEvent {
        at: now,
        by: by.to_owned(),
        host_id: host.to_owned(),
        node_id: node.to_owned(),
        is_linked: node_id.is_some(),
    });
    while record.link_events.len() > MOST_LINK_EVENTS {
        record.link_events.pop_front();
    }
}

fn relink(world: &mut World, host: &str) {
    let Some(mut known) = world.snapshot.hosts.get(host).cloned() else { return };
    let node = node_of(world, &known);
    Arc::make_mut(&mut known).linked_node.clone_from(&node);
    world.snapshot.hosts.insert(HostId::from(host), known);
    release_nodes(world, host, node.as_ref());
    if let Some(node) = node {
        with_node(world, &node, |node| node.linked_host = Some(HostId::from(host)));
    }
}

fn nodes(world: &World) -> impl Iterator<Item = &Node> {
    world.snapshot.instances.values().flat_map(|view| view.nodes.iter())
}

/// The node that is the same machine as a host: the one a person chose, else the only one of its name that no other
/// host is.
pub(crate) fn node_of(world: &World, host: &Host) -> Option<NodeId> {
    if let Some(decision) = world.fleet.links.get(host.id.as_str()) {
        // A node that is not there now (its cluster was not polled yet) is linked when it comes.
        let chosen = decision.node_id.as_deref()?;
        return nodes(world).find(|node| node.id.as_str() == chosen).map(|node| node.id.clone());
    }
    let short = short_name(&host.info.hostname);
    let mut candidates = nodes(world).filter(|node| short_name(&node.name) == short);
    let (Some(node), None) = (candidates.next(), candidates.next()) else { return None };
    let is_decided = |host: &str| {
        world
            .fleet
            .links
            .get(host)
            .is_some_and(|decision| decision.node_id.as_deref() == Some(node.id.as_str()))
    };
    let is_taken = world.snapshot.hosts.values().any(|other| {
        other.id != host.id
            && other.linked_node.as_ref() == Some(&node.id)
            && (other.liveness == Liveness::Online || is_decided(other.id.as_str()))
    });
    (!is_taken).then(|| node.id.clone())
}

/// Changes a node, where it is there.
pub(crate) fn with_node(world: &mut World, id: &NodeId, change: impl FnOnce(&mut Node)) {
    for view in world.snapshot.instances.values_mut() {
        if let Some(place) = view.nodes.iter().position(|node| node.id == *id) {
            change(&mut Arc::make_mut(&mut Arc::make_mut(view).nodes)[place]);
            return;
        }
    }
}

/// Takes a host from all nodes but the one it is now.
pub(crate) fn release_nodes(world: &mut World, host: &str, except: Option<&NodeId>) {
    let is_stale = |node: &Node| {
        node.linked_host.as_ref().is_some_and(|linked| linked.as_str() == host) && Some(&node.id) != except
    };
    for view in world.snapshot.instances.values_mut() {
        if !view.nodes.iter().any(is_stale) {
            continue;
        }
        for node in Arc::make_mut(&mut Arc::make_mut(view).nodes).iter_mut().filter(|node| is_stale(node)) {
            node.linked_host = None;
            node.temperature = None;
        }
    }
}

pub(crate) fn short_name(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}
