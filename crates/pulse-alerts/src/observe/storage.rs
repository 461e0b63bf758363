//! Storages of Proxmox VE with the pools under them, and datastores of backup servers.

use pulse_core::model::{
    AlertLevel, ConnectionHealth, DiskUse, InstanceView, Node, NodeStatus, PbsDatastoreState, Storage,
    StorageStatus, ZfsPool,
};

use crate::{
    config::ThresholdBlock,
    engine::{
        step::Confirm,
        visit::{Finding, Look, Subject, Visit, Words},
    },
    kind::{Kind, Metric},
    rules::ResourceClass,
};

pub(super) fn look(look: &mut Look<'_>, view: &InstanceView) {
    let any_node =
        |name: &str, is_so: fn(&Node) -> bool| view.nodes.iter().any(|node| node.name == name && is_so(node));
    let is_dead = |name: &str| any_node(name, |node| node.status == NodeStatus::Offline);
    // A node that has just gone still counts as online for a minute, but its storages are out of reach at once.
    let is_doubtful = |name: &str| any_node(name, |node| node.health != ConnectionHealth::Healthy);
    for storage in view.storages.iter() {
        // A shared storage is out of sight only when every node that has it is.
        let of_all = |is_so: &dyn Fn(&str) -> bool| {
            if storage.is_shared && !storage.nodes.is_empty() {
                storage.nodes.iter().all(|node| is_so(node))
            } else {
                is_so(&storage.node)
            }
        };
        let is_blind = of_all(&is_dead) || view.health == ConnectionHealth::Error;
        one(look, storage, is_blind, of_all(&is_doubtful));
    }
}

fn one(look: &mut Look<'_>, storage: &Storage, is_blind: bool, is_node_doubtful: bool) {
    let rules = look.rules;
    let config = &rules.config;
    super::key(look, "storage", storage.id.as_str());
    let subject = Subject {
        id: storage.id.as_str(),
        name: &storage.name,
        node: &storage.node,
        instance: storage.instance.as_str(),
        what: "Storage",
        tags: &[],
        is_monitor_only: false,
    };
    look.resource(subject, |visit| {
        let effective = rules.resource(ResourceClass::Storage, storage.id.as_str());
        let (true, Some(effective)) = (config.enabled && !config.disable_all_storage, effective) else {
            return;
        };
        if is_blind {
            visit.hold_all();
            return;
        }
        let over = rules.override_of(storage.id.as_str());
        if storage.is_enabled && !over.is_some_and(ThresholdBlock::is_connectivity_disabled) {
            let is_down = storage.status == StorageStatus::Inactive;
            let finding = if is_down && is_node_doubtful {
                Finding::HELD
            } else {
                Finding::maybe(is_down.then_some(AlertLevel::Warning), 0.0, 0.0)
            };
            visit.check(Kind::Offline, "", finding, Confirm::checks(2), |subject| {
                let message = format!("storage '{}' on {} cannot be reached", subject.name, subject.node);
                Words::new(format!("storage-offline-{}", subject.id), message)
            });
        }
        usage(
            visit,
            storage.space.known(),
            storage.status == StorageStatus::Available,
            effective.get(Metric::Usage),
        );
        if let Some(pool) = &storage.zfs_pool {
            zfs(visit, pool);
        }
    });
}

fn usage(
    visit: &mut Visit<'_>,
    space: Option<DiskUse>,
    is_available: bool,
    rule: Option<&crate::rules::Rule>,
) {
    let value = space.filter(|space| is_available && space.total_bytes > 0).map(|space| space.used_percent());
    visit.metric(Metric::Usage, value, rule, |subject| {
        let message = format!("Storage at {:.1}%", value.unwrap_or_default());
        Words::new(format!("{}-usage", subject.id), message)
            .with_maybe("totalBytes", space.map(|space| space.total_bytes))
            .with_maybe("usedBytes", space.map(|space| space.used_bytes))
    });
}

fn zfs(visit: &mut Visit<'_>, pool: &ZfsPool) {
    let state = pool.state.trim().to_uppercase();
    let level = match state.as_str() {
        "" | "ONLINE" => None,
        "FAULTED" | "UNAVAIL" => Some(AlertLevel::Critical),
        _ => Some(AlertLevel::Warning),
    };
    visit.check(Kind::ZfsPoolState, "", Finding::maybe(level, 0.0, 0.0), Confirm::AT_ONCE, |subject| {
        let message = format!("ZFS pool '{}' is {state}", pool.name);
        Words::new(format!("zfs-pool-state-{}", subject.id), message)
            .with("poolName", pool.name.clone())
            .with("poolState", state.clone())
    });
    let total = pool.read_errors.saturating_add(pool.write_errors).saturating_add(pool.checksum_errors);
    let finding = Finding::maybe((total > 0).then_some(AlertLevel::Warning), total as f64, 0.0);
    visit.check(Kind::ZfsPoolErrors, "", finding, Confirm::AT_ONCE, |subject| {
        let message = format!(
            "ZFS pool '{}' has errors: {} read, {} write, {} checksum",
            pool.name, pool.read_errors, pool.write_errors, pool.checksum_errors
        );
        Words::new(format!("zfs-pool-errors-{}", subject.id), message)
            .with("poolName", pool.name.clone())
            .with("readErrors", pool.read_errors)
            .with("writeErrors", pool.write_errors)
            .with("checksumErrors", pool.checksum_errors)
    });
    for device in &pool.devices {
        let state = device.state.trim().to_uppercase();
        let errors =
            device.read_errors.saturating_add(device.write_errors).saturating_add(device.checksum_errors);
        let level = match state.as_str() {
            "" | "ONLINE" | "SPARE" | "AVAIL" if errors == 0 => None,
            "FAULTED" | "UNAVAIL" => Some(AlertLevel::Critical),
            _ => Some(AlertLevel::Warning),
        };
        let finding = Finding::maybe(level, errors as f64, 0.0);
        visit.check(Kind::ZfsDevice, &device.name, finding, Confirm::AT_ONCE, |subject| {
            let message = format!(
                "device '{}' of ZFS pool '{}' is {state}: {} read, {} write, {} checksum errors",
                device.name, pool.name, device.read_errors, device.write_errors, device.checksum_errors
            );
            Words::new(format!("zfs-device-{}-{}", subject.id, device.name), message)
                .with("poolName", pool.name.clone())
                .with("deviceName", device.name.clone())
                .with("deviceState", state.clone())
        });
    }
}

/// Datastores are storages on the wire, and their alerts are a storage's.
pub(super) fn look_pbs(look: &mut Look<'_>, view: &InstanceView) {
    let Some(pbs) = &view.pbs else { return };
    let rules = look.rules;
    let config = &rules.config;
    let instance = format!("pbs-{}", pbs.name);
    for datastore in pbs.datastores.iter().flatten() {
        let id = format!("pbs-{}-{}", pbs.name, datastore.name);
        super::key(look, "storage", &id);
        let subject = Subject {
            id: &id,
            name: &datastore.name,
            node: pbs.name.as_str(),
            instance: &instance,
            what: "Storage",
            tags: &[],
            is_monitor_only: false,
        };
        look.resource(subject, |visit| {
            let effective = rules.resource(ResourceClass::Storage, &id);
            let (true, Some(effective)) = (config.enabled && !config.disable_all_storage, effective) else {
                return;
            };
            if !pbs.is_online || pbs.health == ConnectionHealth::Error {
                visit.hold_all();
                return;
            }
            let finding = match datastore.state {
                PbsDatastoreState::Available => Finding::FINE,
                PbsDatastoreState::Maintenance => Finding::HELD,
                PbsDatastoreState::Unmounted | PbsDatastoreState::Failed => {
                    Finding::bad(AlertLevel::Warning, 0.0, 0.0)
                }
            };
            visit.check(Kind::Offline, "", finding, Confirm::checks(2), |subject| {
                let why = datastore.error.as_deref().unwrap_or(datastore.state.name());
                let message =
                    format!("datastore '{}' of {} cannot be used: {why}", subject.name, subject.node);
                Words::new(format!("storage-offline-{}", subject.id), message)
            });
            usage(visit, datastore.space.known(), true, effective.get(Metric::Usage));
        });
    }
}
