//! What holds for every resource of a world and why, for the API.

use std::borrow::Cow;

use pulse_core::{Snapshot, model::AlertLevel};

use crate::rules::{Effective, EffectiveMetric, ResourceClass, Rules, Skip};

/// What holds for one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceThresholds {
    /// Its id, as overrides name it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub class: ResourceClass,
    /// Its node.
    pub node: String,
    /// Its instance.
    pub instance: String,
    /// Why it raises nothing, where that is so.
    pub skip: Option<Skip>,
    /// Metric by metric.
    pub metrics: Vec<EffectiveMetric>,
    /// How bad it is when it does not run; `None` for no alert.
    pub powered_off: Option<AlertLevel>,
    /// Whether nobody is told.
    pub is_monitor_only: bool,
    /// Whether an override names it.
    pub has_override: bool,
}

/// What holds for every resource, sorted as the world is; `wanted` for one of them.
pub fn effective_thresholds(
    rules: &Rules,
    world: &Snapshot,
    wanted: Option<&str>,
) -> Vec<ResourceThresholds> {
    let mut out = Vec::new();
    let is_wanted = |id: &str| wanted.is_none_or(|wanted| wanted == id);
    let simple = |class: ResourceClass, id: &str, name: &str, node: &str, instance: &str| {
        let effective = rules.resource(class, id);
        let skip = if rules.config.enabled {
            effective.is_none().then_some(Skip::Override)
        } else {
            Some(Skip::AlertsOff)
        };
        let effective = effective.unwrap_or(Cow::Borrowed(rules.defaults_of(class)));
        entry(rules, class, id, name, node, instance, skip, &effective)
    };
    for view in world.instances.values() {
        for node in view.nodes.iter().filter(|node| is_wanted(node.id.as_str())) {
            out.push(simple(
                ResourceClass::Node,
                node.id.as_str(),
                &node.name,
                &node.name,
                node.instance.as_str(),
            ));
        }
        for guest in view.guests.iter().filter(|guest| !guest.is_template && is_wanted(guest.id.as_str())) {
            let (skip, effective) = match rules.guest(guest) {
                Ok(effective) => (None, effective),
                Err(skip) => (Some(skip), Cow::Borrowed(rules.defaults_of(ResourceClass::Guest))),
            };
            let (id, instance) = (guest.id.as_str(), guest.instance.as_str());
            let mut entry =
                entry(rules, ResourceClass::Guest, id, &guest.name, &guest.node, instance, skip, &effective);
            entry.has_override = rules.override_of_guest(guest).is_some();
            out.push(entry);
        }
        for storage in view.storages.iter().filter(|storage| is_wanted(storage.id.as_str())) {
            let (id, instance) = (storage.id.as_str(), storage.instance.as_str());
            out.push(simple(ResourceClass::Storage, id, &storage.name, &storage.node, instance));
        }
        if let Some(pbs) = view.pbs.as_ref().filter(|pbs| is_wanted(&pbs.id)) {
            out.push(simple(
                ResourceClass::Pbs,
                &pbs.id,
                pbs.name.as_str(),
                &pbs.host_url,
                pbs.name.as_str(),
            ));
        }
    }
    for host in world.hosts.values().filter(|host| is_wanted(host.id.as_str())) {
        let platform = host.info.platform.as_deref().unwrap_or_default();
        out.push(simple(
            ResourceClass::Host,
            host.id.as_str(),
            host.display_name(),
            &host.info.hostname,
            platform,
        ));
    }
    for host in world.docker_hosts.values() {
        let instance = format!("Docker:{}", host.display_name());
        for container in &host.containers {
            let id = format!("docker:{}/{}", host.id, container.report.id);
            if is_wanted(&id) {
                let name = &container.report.name;
                out.push(simple(ResourceClass::DockerContainer, &id, name, &host.host.hostname, &instance));
            }
        }
    }
    out
}

#[expect(clippy::too_many_arguments, reason = "the fields of the entry")]
fn entry(
    rules: &Rules,
    class: ResourceClass,
    id: &str,
    name: &str,
    node: &str,
    instance: &str,
    skip: Option<Skip>,
    effective: &Effective,
) -> ResourceThresholds {
    ResourceThresholds {
        id: id.to_owned(),
        name: name.to_owned(),
        class,
        node: node.to_owned(),
        instance: instance.to_owned(),
        skip,
        metrics: rules.explain(class, id, effective),
        powered_off: effective.powered_off,
        is_monitor_only: effective.is_monitor_only,
        has_override: rules.override_of(id).is_some(),
    }
}
