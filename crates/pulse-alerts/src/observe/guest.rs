//! VMs and containers of Proxmox VE.

use std::{collections::HashSet, fmt::Write as _};

use pulse_core::{
    Reading,
    model::{FileSystem, Guest, GuestSnapshot, GuestStatus, InstanceView, NodeStatus},
};

use super::MEBIBYTE;
use crate::{
    config::SnapshotRules,
    engine::{
        step::{Confirm, Sight},
        visit::{Finding, Look, Subject, Visit, Words},
    },
    kind::{Kind, Metric},
    rules::{Effective, level},
};

pub(super) fn look(look: &mut Look<'_>, view: &InstanceView) {
    let dead: HashSet<&str> = view
        .nodes
        .iter()
        .filter(|node| node.status == NodeStatus::Offline)
        .map(|node| node.name.as_str())
        .collect();
    for guest in view.guests.iter().filter(|guest| !guest.is_template) {
        one(look, guest, !dead.is_empty() && dead.contains(guest.node.as_str()));
    }
    snapshots(look, view);
}

/// The key of a guest does not name its node, so that its alerts move with it.
fn key(look: &mut Look<'_>, guest: &Guest) {
    look.key.clear();
    // Writing into a string cannot fail.
    let _ = write!(look.key, "guest:{}:{}", guest.instance, guest.vmid);
}

fn one(look: &mut Look<'_>, guest: &Guest, is_node_dead: bool) {
    let rules = look.rules;
    key(look, guest);
    let effective = rules.guest(guest);
    let subject = Subject {
        id: guest.id.as_str(),
        name: &guest.name,
        node: &guest.node,
        instance: guest.instance.as_str(),
        what: if guest.kind.is_vm() { "VM" } else { "Container" },
        tags: &guest.tags,
        is_monitor_only: effective.as_ref().is_ok_and(|effective| effective.is_monitor_only),
    };
    look.resource(subject, |visit| {
        let Ok(effective) = effective else { return };
        // A dead node says nothing of its guests, and its own alert is the one that matters.
        if is_node_dead {
            visit.hold_all();
            return;
        }
        // A backup, a migration or a snapshot stops, freezes or loads a guest on purpose.
        let is_locked = guest.lock.as_deref().is_some_and(|lock| !lock.is_empty());
        no_data(visit, guest, is_locked);
        match guest.status {
            GuestStatus::Unknown => visit.hold_all(),
            _ if is_locked => {
                visit.hold_all();
                if guest.status == GuestStatus::Running {
                    // How full its disks are has nothing to do with that.
                    disks(visit, guest, &effective);
                }
            }
            GuestStatus::Running => {
                powered_off(visit, guest, &effective);
                running(visit, guest, &effective);
            }
            GuestStatus::Stopped | GuestStatus::Paused | GuestStatus::Suspended => {
                powered_off(visit, guest, &effective);
            }
        }
    });
}

fn powered_off(visit: &mut Visit<'_>, guest: &Guest, effective: &Effective) {
    let Some(level) = effective.powered_off else { return };
    let finding = Finding::maybe((guest.status == GuestStatus::Stopped).then_some(level), 0.0, 0.0);
    if visit.is_idle() && !finding.is_bad() {
        return;
    }
    visit.check(Kind::PoweredOff, "", finding, Confirm::checks(2), |subject| {
        let message = format!("{} '{}' is powered off", subject.what, subject.name);
        Words::new(format!("guest-powered-off-{}", subject.id), message)
    });
}

fn running(visit: &mut Visit<'_>, guest: &Guest, effective: &Effective) {
    let rate = |rate: Reading<u64>| rate.known().map(|bytes| bytes as f64 / MEBIBYTE);
    let cpu = guest.cpu_fraction.known().map(|cpu| cpu * 100.0);
    let memory = guest.memory.known().map(|memory| memory.used_percent());
    for (metric, value) in [
        (Metric::Cpu, cpu),
        (Metric::Memory, memory),
        (Metric::DiskRead, rate(guest.rates.disk_read_bytes_per_second)),
        (Metric::DiskWrite, rate(guest.rates.disk_write_bytes_per_second)),
        (Metric::NetworkIn, rate(guest.rates.network_in_bytes_per_second)),
        (Metric::NetworkOut, rate(guest.rates.network_out_bytes_per_second)),
    ] {
        visit.plain_metric(metric, value, effective.get(metric));
    }
    disks(visit, guest, effective);
}

fn disks(visit: &mut Visit<'_>, guest: &Guest, effective: &Effective) {
    let Some(rule) = effective.get(Metric::Disk) else { return };
    let usage = guest.disk.known().map(|disk| disk.used_percent());
    visit.plain_metric(Metric::Disk, usage, Some(rule));
    if guest.file_systems.is_empty() {
        // The guest agent says nothing now: what is raised of its file systems stays.
        if usage.is_none() {
            visit.hold(Kind::Disk);
        }
        return;
    }
    let confirm = Confirm::seconds(rule.delay_seconds);
    for (index, disk) in guest.file_systems.iter().enumerate() {
        let value = (disk.space.total_bytes > 0).then(|| disk.space.used_percent());
        let finding = Finding::metric(value, rule);
        if visit.is_idle() && !finding.is_bad() {
            continue;
        }
        let (label, key) = disk_names(disk, index);
        visit.check(Kind::Disk, &key, finding, confirm, |subject| {
            let resource = format!("{}-disk-{key}", subject.id);
            let shown = Metric::Disk.show(value.unwrap_or_default());
            Words::new(format!("{resource}-disk"), format!("{} disk ({label}) at {shown}", subject.what))
                .about(resource, format!("{} ({label})", subject.name))
                .with("clearThreshold", rule.clear)
                .with("label", label.clone())
                .with("diskIndex", index)
                .with("totalBytes", disk.space.total_bytes)
                .with("usedBytes", disk.space.used_bytes)
                .with("freeBytes", disk.space.free_bytes)
                .with_maybe("mountpoint", disk.mountpoint.clone())
                .with_maybe("device", disk.device.clone())
                .with_maybe("diskType", disk.kind.clone())
        });
    }
}

/// What a file system is called, and its key in ids.
fn disk_names(disk: &FileSystem, index: usize) -> (String, String) {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let (mountpoint, device) = (given(&disk.mountpoint), given(&disk.device));
    let label = mountpoint.or_else(|| device.clone()).unwrap_or_else(|| format!("Disk {}", index + 1));
    let key = match device {
        Some(device) if device != label => format!("{label}-{device}"),
        _ => label.clone(),
    };
    let key = if label == "/" && key.starts_with('/') { format!("root{}", &key[1..]) } else { key };
    (label, sanitise(&key))
}

/// Lower case, everything but letters, digits and dots a dash.
pub(super) fn sanitise(text: &str) -> String {
    let lower = text.trim().to_lowercase();
    let key: String =
        lower.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let key = key.trim_matches('-');
    if key.is_empty() { "root".to_owned() } else { key.to_owned() }
}

/// The node is there but does not know what its guest does.
fn no_data(visit: &mut Visit<'_>, guest: &Guest, is_locked: bool) {
    let config = &visit.rules.config.no_data_defaults;
    if !config.enabled {
        return;
    }
    let sight = match guest.status {
        _ if is_locked => Sight::Held,
        GuestStatus::Unknown => Sight::Bad,
        _ => Sight::Fine,
    };
    if visit.is_idle() && sight != Sight::Bad {
        return;
    }
    let finding = Finding::of(sight, level(Some(&config.severity)), 0.0, 0.0);
    visit.check(Kind::NoData, "", finding, Confirm::seconds(config.minutes * 60), |subject| {
        let message = format!("no figures of {} '{}' although its node answers", subject.what, subject.name);
        Words::new(format!("no-data-{}", subject.id), message).with("lastSeen", guest.last_seen.to_string())
    });
}

fn snapshots(look: &mut Look<'_>, view: &InstanceView) {
    let rules = look.rules;
    if !rules.config.enabled || view.guest_snapshots.is_empty() {
        return;
    }
    for snapshot in view.guest_snapshots.iter() {
        let guest = view.guests.iter().find(|guest| guest.vmid == snapshot.vmid);
        let effective = match guest {
            Some(guest) => rules.guest(guest).ok(),
            None => continue,
        };
        let Some((guest, effective)) = guest.zip(effective) else { continue };
        let limits = effective.snapshot.unwrap_or(rules.config.snapshot_defaults);
        if limits.enabled {
            one_snapshot(look, guest, snapshot, &limits, effective.is_monitor_only);
        }
    }
}

fn one_snapshot(
    look: &mut Look<'_>,
    guest: &Guest,
    snapshot: &GuestSnapshot,
    limits: &SnapshotRules,
    is_monitor_only: bool,
) {
    super::key(look, "snapshot", &snapshot.id);
    let subject = Subject {
        id: &snapshot.id,
        name: &guest.name,
        node: &guest.node,
        instance: guest.instance.as_str(),
        what: "Snapshot",
        tags: &guest.tags,
        is_monitor_only,
    };
    let hours = look.now.duration_since(snapshot.made_at).as_secs_f64() / 3_600.0;
    let days = hours / 24.0;
    let size = snapshot.size_bytes.map(|bytes| bytes as f64 / (1024.0 * 1024.0 * 1024.0));
    let by_age = Finding::limits(days.max(0.0), limits.warning_days as f64, limits.critical_days as f64);
    let by_size = size.map_or(Finding::FINE, |size| {
        Finding::limits(size, limits.warning_size_gib, limits.critical_size_gib)
    });
    let mut triggered = Vec::new();
    if by_age.is_bad() {
        triggered.push("age");
    }
    if by_size.is_bad() {
        triggered.push("size");
    }
    let is_size_first = by_size.is_bad() && (!by_age.is_bad() || by_size.level > by_age.level);
    let finding = if is_size_first { by_size } else { by_age };
    let (days_limit, size_limit) =
        (by_age.is_bad().then_some(by_age.threshold), by_size.is_bad().then_some(by_size.threshold));
    look.resource(subject, |visit| {
        visit.check(Kind::SnapshotAge, "", finding, Confirm::AT_ONCE, |_| {
            let what = if is_size_first {
                format!("takes {:.1} GiB", size.unwrap_or_default())
            } else {
                format!("is {days:.0} days old")
            };
            let message = format!("snapshot '{}' of {} {what}", snapshot.name, guest.name);
            Words::new(format!("snapshot-age-{}", snapshot.id), message)
                .with("snapshotName", snapshot.name.clone())
                .with("snapshotCreatedAt", snapshot.made_at.to_string())
                .with("snapshotAgeDays", round(days))
                .with("snapshotAgeHours", round(hours))
                .with_maybe("snapshotSizeBytes", snapshot.size_bytes)
                .with_maybe("snapshotSizeGiB", size.map(round))
                .with("guestName", guest.name.clone())
                .with("guestType", guest.kind.name())
                .with("guestInstance", guest.instance.to_string())
                .with("guestNode", guest.node.clone())
                .with("guestVmid", guest.vmid)
                .with("triggeredMetrics", triggered.clone())
                .with("primaryMetric", if is_size_first { "size" } else { "age" })
                .with_maybe("thresholdDays", days_limit)
                .with_maybe("thresholdSizeGiB", size_limit)
        });
    });
}

/// To hundredths.
pub(super) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
