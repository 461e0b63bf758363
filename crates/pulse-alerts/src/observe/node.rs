//! Nodes of Proxmox VE and their physical disks.

use pulse_core::model::{ConnectionHealth, InstanceView, Node, NodeStatus, PhysicalDisk};

use super::{Facts, instance::is_our_fault};
use crate::{
    engine::{
        step::Confirm,
        visit::{Finding, Look, Subject, Visit, Words},
    },
    kind::{Kind, Metric},
    rules::ResourceClass,
};
use pulse_core::model::AlertLevel;

pub(super) fn look(look: &mut Look<'_>, view: &InstanceView, facts: &Facts) {
    let is_blind = is_our_fault(view);
    for node in view.nodes.iter() {
        one(look, node, facts, is_blind);
    }
    for disk in view.physical_disks.iter() {
        let is_dead =
            view.nodes.iter().any(|node| node.name == disk.node && node.status == NodeStatus::Offline);
        physical_disk(look, disk, is_dead);
    }
}

fn one(look: &mut Look<'_>, node: &Node, facts: &Facts, is_blind: bool) {
    let rules = look.rules;
    let config = &rules.config;
    super::key(look, "node", node.id.as_str());
    let subject = Subject {
        id: node.id.as_str(),
        name: &node.name,
        node: &node.name,
        instance: node.instance.as_str(),
        what: "Node",
        tags: &[],
        is_monitor_only: false,
    };
    look.resource(subject, |visit| {
        let effective = rules.resource(ResourceClass::Node, node.id.as_str());
        let (true, Some(effective)) = (config.enabled && !config.disable_all_nodes, effective) else {
            return;
        };
        let over = rules.override_of(node.id.as_str());
        if !config.disable_all_nodes_offline
            && !over.is_some_and(crate::config::ThresholdBlock::is_connectivity_disabled)
        {
            connectivity(visit, node, is_blind);
        }
        if node.status == NodeStatus::Offline || is_blind {
            visit.hold_metrics();
            return;
        }
        // The agent on the node measures better; its alerts are the host's.
        if facts.is_reporting(&node.name) {
            return;
        }
        let temperature = node.temperature.as_ref();
        for (metric, value) in [
            (Metric::Cpu, node.cpu_fraction.known().map(|cpu| cpu * 100.0)),
            (Metric::Memory, node.memory.known().map(|memory| memory.used_percent())),
            (Metric::Disk, node.root_disk.known().map(|disk| disk.used_percent())),
            (Metric::Temperature, temperature.and_then(|t| t.cpu_package_celsius.or(t.cpu_max_celsius))),
        ] {
            visit.plain_metric(metric, value, effective.get(metric));
        }
    });
}

fn connectivity(visit: &mut Visit<'_>, node: &Node, is_blind: bool) {
    let is_down = node.status == NodeStatus::Offline || node.health == ConnectionHealth::Error;
    let finding = if is_blind {
        Finding::HELD
    } else {
        Finding::maybe(is_down.then_some(AlertLevel::Critical), 0.0, 0.0)
    };
    visit.check(Kind::Connectivity, "", finding, Confirm::checks(3), |subject| {
        let message = if node.status == NodeStatus::Offline {
            format!("node '{}' is offline", subject.name)
        } else {
            format!("node '{}' does not answer", subject.name)
        };
        Words::new(format!("node-offline-{}", subject.id), message)
            .with("lastSeen", node.last_seen.to_string())
            .with("connectionHealth", node.health.name())
    });
}

/// Models whose firmware reports a failing health while nothing is wrong.
fn has_false_alarms(model: &str) -> bool {
    let model = model.to_lowercase();
    model.contains("samsung") && (model.contains("980") || model.contains("990"))
}

/// What SMART's word in upper case says.
pub(super) fn health(word: &str, model: &str) -> Finding {
    match word {
        "" | "UNKNOWN" => Finding::HELD,
        "PASSED" | "OK" => Finding::FINE,
        _ if has_false_alarms(model) => Finding::FINE,
        _ => Finding::bad(AlertLevel::Critical, 0.0, 0.0),
    }
}

/// Percent of a disk's life that are left.
pub(super) fn wearout(life_left: Option<f64>) -> Finding {
    life_left.map_or(Finding::HELD, |life| {
        Finding::maybe((life < 10.0).then_some(AlertLevel::Warning), life, 10.0)
    })
}

fn physical_disk(look: &mut Look<'_>, disk: &PhysicalDisk, is_node_dead: bool) {
    let rules = look.rules;
    let config = &rules.config;
    super::key(look, "disk", disk.id.as_str());
    let resource = format!("{}-{}", disk.node, disk.device_path);
    let name = if disk.model.is_empty() {
        disk.device_path.clone()
    } else {
        format!("{} ({})", disk.model, disk.device_path)
    };
    let subject = Subject {
        id: &resource,
        name: &name,
        node: &disk.node,
        instance: disk.instance.as_str(),
        what: "Disk",
        tags: &[],
        is_monitor_only: false,
    };
    look.resource(subject, |visit| {
        if !config.enabled || config.disable_all_nodes {
            return;
        }
        if is_node_dead {
            visit.hold_all();
            return;
        }
        let words = |kind: Kind, message: String| {
            Words::new(format!("{kind}-{}-{}-{}", disk.instance, disk.node, disk.device_path), message)
                .with("diskModel", disk.model.clone())
                .with("diskSerial", disk.serial.clone())
                .with("diskDevPath", disk.device_path.clone())
                .with("diskType", disk.kind.clone())
                .with("diskHealth", disk.health.clone())
        };
        let health = disk.health.trim().to_uppercase();
        visit.check(Kind::DiskHealth, "", self::health(&health, &disk.model), Confirm::AT_ONCE, |_| {
            words(Kind::DiskHealth, format!("disk {} on {} reports {health}", disk.device_path, disk.node))
        });
        let life = disk.life_left_percent.known().map(f64::from);
        visit.check(Kind::DiskWearout, "", wearout(life), Confirm::AT_ONCE, |_| {
            let left = life.unwrap_or_default();
            let message =
                format!("disk {} on {} has {left:.0}% of its life left", disk.device_path, disk.node);
            words(Kind::DiskWearout, message).with("wearout", left)
        });
    });
}
