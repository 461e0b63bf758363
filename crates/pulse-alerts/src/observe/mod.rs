//! What the world shows, resource by resource: one module per kind of source. Each gives its conditions to the engine;
//! none decides whether that raises anything.

mod backup;
mod delivery;
mod docker;
mod explain;
mod guest;
mod host;
mod instance;
mod mail;
mod node;
mod storage;

use std::collections::HashSet;

use pulse_core::{
    Snapshot,
    ids::NodeId,
    model::{InstanceKind, InstanceView, KubernetesCluster, Liveness, NodeStatus},
};

pub use explain::{ResourceThresholds, effective_thresholds};

use crate::{
    engine::{
        step::{Confirm, Sight},
        visit::{Finding, Look, Subject, Words},
    },
    kind::Kind,
    rules::level,
};

pub(crate) use backup::look as backups;
pub(crate) use delivery::look as delivery;
pub(crate) use docker::look as docker;
pub(crate) use host::look as host;

/// Silence counts while time passes, not with polls.
pub(crate) const SILENCE: Confirm = Confirm { checks: 3, delay: jiff::SignedDuration::from_secs(20) };

pub(crate) const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// What one source must know of the others: who is down, so that what depends on it stays silent.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    /// Host names, in lower case, that an agent reports.
    reporting: HashSet<String>,
    /// Nodes that are down.
    dead_nodes: HashSet<NodeId>,
    /// Hardware addresses, in lower case, of guests that are on dead nodes or do not run.
    dead_guest_addresses: HashSet<String>,
    /// Ids and machine ids of hosts whose agent is silent.
    silent_hosts: HashSet<String>,
}

impl Facts {
    pub(crate) fn of(world: &Snapshot) -> Self {
        let mut facts = Self::default();
        let mut is_any_host_silent = false;
        for host in world.hosts.values() {
            if host.liveness == Liveness::Online {
                facts.reporting.insert(host.info.hostname.to_lowercase());
            } else {
                is_any_host_silent = true;
                facts.silent_hosts.insert(host.id.to_string());
                facts.silent_hosts.extend(host.info.machine_id.clone());
            }
        }
        for view in world.instances.values().filter(|view| view.key.kind == InstanceKind::Pve) {
            let dead = view.nodes.iter().filter(|node| node.status == NodeStatus::Offline);
            facts.dead_nodes.extend(dead.map(|node| node.id.clone()));
            // Only a silent host can be inside of a dead guest; without one nobody asks.
            if is_any_host_silent {
                let is_dead =
                    |node: &str| view.nodes.iter().any(|n| n.name == node && n.status == NodeStatus::Offline);
                let guests = view.guests.iter().filter(|guest| {
                    guest.status != pulse_core::model::GuestStatus::Running || is_dead(&guest.node)
                });
                let addresses = guests.flat_map(|guest| &guest.network_interfaces);
                facts.dead_guest_addresses.extend(
                    addresses.filter_map(|interface| interface.mac.as_deref()).map(str::to_lowercase),
                );
            }
        }
        facts
    }

    pub(crate) fn is_reporting(&self, hostname: &str) -> bool {
        !self.reporting.is_empty() && self.reporting.contains(&hostname.to_lowercase())
    }
}

pub(crate) fn instance(look: &mut Look<'_>, view: &InstanceView, facts: &Facts) {
    instance::look(look, view);
    match view.key.kind {
        InstanceKind::Pve => {
            node::look(look, view, facts);
            guest::look(look, view);
            storage::look(look, view);
        }
        InstanceKind::Pbs => storage::look_pbs(look, view),
        // Everything of a gateway belongs to the gateway itself.
        InstanceKind::Pmg => {}
    }
}

/// A cluster whose agent is silent. Pulse v5 has no alerts of Kubernetes at all.
pub(crate) fn kubernetes(look: &mut Look<'_>, cluster: &KubernetesCluster) {
    let rules = look.rules;
    let config = &rules.config;
    key(look, "kubernetes", cluster.id.as_str());
    let id = format!("kubernetes:{}", cluster.id);
    let subject = Subject {
        id: &id,
        name: cluster.display_name(),
        node: "",
        instance: "Kubernetes",
        what: "Kubernetes cluster",
        tags: &[],
        is_monitor_only: false,
    };
    look.resource(subject, |visit| {
        if !config.enabled || !config.no_data_defaults.enabled {
            return;
        }
        let sight = if cluster.liveness == Liveness::Offline { Sight::Bad } else { Sight::Fine };
        let severity = level(Some(&config.no_data_defaults.severity));
        let confirm = Confirm::seconds(config.no_data_defaults.minutes * 60);
        visit.check(Kind::NoData, "", Finding::of(sight, severity, 0.0, 0.0), confirm, |subject| {
            let message =
                format!("no reports from the agent of {} since {}", subject.name, cluster.last_seen);
            Words::new(format!("no-data-{}", subject.id), message)
                .with("lastSeen", cluster.last_seen.to_string())
        });
    });
}

/// Puts the stable key of a resource where the look wants it.
pub(crate) fn key(look: &mut Look<'_>, kind: &str, name: &str) {
    look.key.clear();
    look.key.push_str(kind);
    look.key.push(':');
    look.key.push_str(name);
}
