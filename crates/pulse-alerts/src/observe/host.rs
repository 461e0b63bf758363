//! Hosts with an agent.

use pulse_core::model::{AlertLevel, Host, Liveness};
use pulse_core::report::host::{HostDisk, RaidArray, SmartDisk};

use super::{Facts, MEBIBYTE};
use crate::{
    config::ThresholdBlock,
    engine::{
        step::Confirm,
        visit::{Finding, Look, Subject, Visit, Words},
    },
    kind::{Kind, Metric},
    rules::{Effective, Origin, ResourceClass},
};

pub(crate) fn look(look: &mut Look<'_>, host: &Host, facts: &Facts) {
    let rules = look.rules;
    let config = &rules.config;
    super::key(look, "host", host.id.as_str());
    let id = format!("host:{}", host.id);
    let subject = Subject {
        id: &id,
        name: host.display_name(),
        node: &host.info.hostname,
        instance: host.info.platform.as_deref().unwrap_or_default(),
        what: "Host",
        tags: &host.tags,
        is_monitor_only: false,
    };
    look.resource(subject, |visit| {
        let effective = rules.resource(ResourceClass::Host, host.id.as_str());
        let (true, Some(effective)) = (config.enabled && !config.disable_all_hosts, effective) else {
            return;
        };
        let over = rules.override_of(host.id.as_str());
        if !config.disable_all_hosts_offline && !over.is_some_and(ThresholdBlock::is_connectivity_disabled) {
            offline(visit, host, facts);
        }
        if host.liveness == Liveness::Offline {
            // An agent that is silent says nothing of the rest.
            visit.hold_metrics();
            visit.hold_kinds(&[Kind::Raid, Kind::DiskHealth, Kind::DiskWearout]);
            return;
        }
        let rate = |rate: pulse_core::Reading<f64>| rate.known().map(|bytes| bytes / MEBIBYTE);
        let memory = host.memory.as_ref().filter(|memory| memory.total_bytes > 0).map(|memory| memory.usage);
        for (metric, value) in [
            (Metric::Cpu, host.cpu_percent.known()),
            (Metric::Memory, memory),
            (Metric::DiskRead, rate(host.disk_read_bytes_per_second)),
            (Metric::DiskWrite, rate(host.disk_write_bytes_per_second)),
            (Metric::NetworkIn, rate(host.network_in_bytes_per_second)),
            (Metric::NetworkOut, rate(host.network_out_bytes_per_second)),
        ] {
            let shown = value.unwrap_or_default();
            visit.metric(metric, value, effective.get(metric), |subject| {
                let name = metric.name();
                Words::new(format!("{}-{name}", subject.id), format!("Host {name} at {}", metric.show(shown)))
                    .with("metric", name)
                    .with("hostId", host.id.to_string())
            });
        }
        for disk in &host.disks {
            file_system(visit, host, disk, &effective);
        }
        for disk in host.sensors.iter().flat_map(|sensors| &sensors.smart) {
            disk_temperature(visit, host, disk, &effective);
            // Of a node's disks its cluster says the same.
            if host.linked_node.is_none() {
                disk_health(visit, host, disk);
            }
        }
        for array in &host.raid {
            raid(visit, host, array);
        }
    });
}

fn offline(visit: &mut Visit<'_>, host: &Host, facts: &Facts) {
    let is_silent = host.liveness == Liveness::Offline;
    if visit.is_idle() && !is_silent {
        return;
    }
    // The node or guest it is on is down: that alert is the one that matters.
    let is_inside_dead = is_silent
        && (host.linked_node.as_ref().is_some_and(|node| facts.dead_nodes.contains(node))
            || host.network.iter().any(|interface| {
                interface
                    .mac
                    .as_ref()
                    .is_some_and(|mac| facts.dead_guest_addresses.contains(&mac.to_lowercase()))
            }));
    let finding = if is_inside_dead {
        Finding::HELD
    } else {
        Finding::maybe(is_silent.then_some(AlertLevel::Critical), 0.0, 0.0)
    };
    visit.check(Kind::HostOffline, "", finding, super::SILENCE, |subject| {
        let message =
            format!("host '{}' is offline: its agent is silent since {}", subject.name, host.last_seen);
        Words::new(format!("host-offline-{}", host.id), message)
            .with("hostId", host.id.to_string())
            .with("lastSeen", host.last_seen.to_string())
    });
}

fn file_system(visit: &mut Visit<'_>, host: &Host, disk: &HostDisk, effective: &Effective) {
    let value = (disk.total_bytes > 0).then_some(disk.usage);
    let rules = visit.rules;
    let default = effective.get(Metric::Disk).copied();
    let has_override = !rules.config.overrides.is_empty();
    let is_bad = default.is_some_and(|rule| Finding::metric(value, &rule).is_bad());
    if visit.is_idle() && !is_bad && !has_override {
        return;
    }
    let label = disk_label(disk);
    let resource = format!("host:{}/disk:{label}", host.id);
    let rule = match rules.override_of(&resource) {
        Some(over) if over.is_disabled() => None,
        Some(over) => match over.disk.as_ref().or(over.usage.as_ref()) {
            Some(threshold) => rules.rule(ResourceClass::HostDisk, Metric::Disk, threshold, Origin::Override),
            None => default,
        },
        None => default,
    };
    let Some(rule) = rule else { return };
    let confirm = Confirm::seconds(rule.delay_seconds);
    visit.check(Kind::Disk, &label, Finding::metric(value, &rule), confirm, |subject| {
        let message = format!("Host Disk disk at {}", Metric::Disk.show(value.unwrap_or_default()));
        Words::new(format!("{resource}-disk"), message)
            .about(resource.clone(), format!("{} ({label})", subject.name))
            .with("clearThreshold", rule.clear)
            .with("metric", "disk")
            .with("hostId", host.id.to_string())
            .with("mountpoint", disk.mountpoint.clone())
            .with("device", disk.device.clone())
            .with("totalBytes", disk.total_bytes)
            .with("usedBytes", disk.used_bytes)
            .with("freeBytes", disk.free_bytes)
    });
}

fn disk_label(disk: &HostDisk) -> String {
    let label = if disk.mountpoint.trim().is_empty() { &disk.device } else { &disk.mountpoint };
    if label.trim().is_empty() { "disk".to_owned() } else { super::guest::sanitise(label) }
}

fn disk_temperature(visit: &mut Visit<'_>, host: &Host, disk: &SmartDisk, effective: &Effective) {
    let Some(rule) = effective.get(Metric::DiskTemperature) else { return };
    // A sleeping disk shows an old temperature.
    let value = disk.temperature.filter(|celsius| !disk.standby && *celsius > 0.0);
    let finding = Finding::metric(value, rule);
    if visit.is_idle() && !finding.is_bad() {
        return;
    }
    let device = disk.device.trim_start_matches("/dev/");
    let confirm = Confirm::seconds(rule.delay_seconds);
    visit.check(Kind::DiskTemperature, device, finding, confirm, |subject| {
        let resource = format!("host:{}/disk_temp:{device}", host.id);
        let shown = Metric::DiskTemperature.show(value.unwrap_or_default());
        Words::new(format!("{resource}-diskTemperature"), format!("Host Disk diskTemperature at {shown}"))
            .about(resource, format!("{} ({device})", subject.name))
            .with("clearThreshold", rule.clear)
            .with("unit", "°C")
            .with("hostId", host.id.to_string())
            .with("device", device)
            .with_maybe("model", disk.model.clone())
            .with_maybe("serial", disk.serial.clone())
    });
}

/// What SMART says of a disk. Pulse v5 looks at the disks of Proxmox nodes only.
fn disk_health(visit: &mut Visit<'_>, host: &Host, disk: &SmartDisk) {
    let device = disk.device.trim_start_matches("/dev/");
    let health = disk.health.as_deref().unwrap_or_default().trim().to_uppercase();
    let life_left = disk.wear_percent.map(|wear| 100_u32.saturating_sub(wear));
    let words = |kind: Kind, message: String| {
        Words::new(format!("{kind}-host:{}-{device}", host.id), message)
            .about(format!("host:{}/disk:{device}", host.id), format!("{} ({device})", host.display_name()))
            .with("hostId", host.id.to_string())
            .with("device", device)
            .with("diskHealth", health.clone())
            .with_maybe("model", disk.model.clone())
            .with_maybe("serial", disk.serial.clone())
    };
    let finding = match super::node::health(&health, disk.model.as_deref().unwrap_or_default()) {
        // A sleeping disk was not asked.
        _ if disk.standby => Finding::HELD,
        finding => finding,
    };
    visit.check(Kind::DiskHealth, device, finding, Confirm::AT_ONCE, |subject| {
        words(Kind::DiskHealth, format!("disk {device} of {} reports {health}", subject.name))
    });
    let finding = super::node::wearout(life_left.map(f64::from));
    visit.check(Kind::DiskWearout, device, finding, Confirm::AT_ONCE, |subject| {
        let left = life_left.unwrap_or_default();
        words(Kind::DiskWearout, format!("disk {device} of {} has {left}% of its life left", subject.name))
            .with("wearout", left)
    });
}

/// A Synology's system arrays span all bays and are degraded whenever one is empty.
fn is_system_array(host: &Host, device: &str) -> bool {
    // Pulse v5: md0 and md1 are left out on every machine, where they are most often the only arrays.
    let is_synology = [host.info.os_name.as_deref(), host.info.platform.as_deref()]
        .into_iter()
        .flatten()
        .any(|text| text.to_lowercase().contains("synology") || text.to_lowercase().contains("dsm"));
    is_synology && matches!(device.trim_start_matches("/dev/"), "md0" | "md1")
}

fn raid(visit: &mut Visit<'_>, host: &Host, array: &RaidArray) {
    let device = array.device.trim_start_matches("/dev/");
    if is_system_array(host, device) {
        return;
    }
    let state = array.state.to_lowercase();
    let level = if state.contains("degraded") || array.failed_devices > 0 {
        Some(AlertLevel::Critical)
    } else if state.contains("recover") || state.contains("resync") || state.contains("rebuild") {
        Some(AlertLevel::Warning)
    } else {
        None
    };
    let finding = Finding::maybe(level, f64::from(array.failed_devices), 0.0);
    visit.check(Kind::Raid, device, finding, Confirm::AT_ONCE, |subject| {
        let id = format!("host-{}-raid-{device}", host.id);
        let what = match level {
            Some(AlertLevel::Critical) => {
                format!("is degraded: {} of {} devices failed", array.failed_devices, array.total_devices)
            }
            Some(AlertLevel::Warning) => format!("rebuilds: {:.0}% done", array.rebuild_percent),
            None => "is fine".to_owned(),
        };
        Words::new(id.clone(), format!("RAID array {} ({}) {what}", array.device, array.level))
            .about(id, format!("{} ({device})", subject.name))
            .with("hostId", host.id.to_string())
            .with("raidDevice", array.device.clone())
            .with("raidLevel", array.level.clone())
            .with("raidState", array.state.clone())
            .with("failedDevices", array.failed_devices)
            .with("totalDevices", array.total_devices)
            .with("rebuildPercent", array.rebuild_percent)
    });
}
