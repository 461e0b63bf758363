//! A host report becomes a host: its identity, its file systems, its rates.

use std::{cell::LazyCell, collections::HashMap, sync::Arc};

use jiff::Timestamp;
use pulse_config::store::fleet::AgentKind;
use pulse_core::{
    Missing, Reading,
    ids::HostId,
    model::{DiskTemperature, Host, Liveness, NodeStatus, Temperature, percent},
    report::host::{DiskIo, HostDisk, HostMemory, HostNetwork, HostReport, Sensors},
};

use super::arrival::{Arrival, Verdict, counted_milliseconds, is_gap, is_redundant, judge};
use crate::{
    fleet::{
        identity::{Claim, first_id, hardware, identify, sanitise},
        links,
        text::tidy,
    },
    intake::{HostAccepted, IntakeError, Reporter, check_room},
    late::Before,
    pipeline, rates,
    world::World,
};

/// File systems that say nothing about space a person could run out of.
const VIRTUAL_FILE_SYSTEMS: &[&str] = &[
    "autofs",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fuse.lxcfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "udf",
];

/// The longest host name there is.
const LONGEST_HOSTNAME: usize = 253;

/// Longer is no version.
const LONGEST_WORD: usize = 64;

/// At most so many entries of a list are taken from one report; more is an error of the sender or an attack.
const LIST_CAP: usize = 2_000;

/// Takes a report into the world.
pub fn merge(
    world: &mut World,
    mut report: HostReport,
    reporter: &Reporter,
    now: Timestamp,
) -> Result<HostAccepted, IntakeError> {
    tidy(&mut report.host.hostname, LONGEST_HOSTNAME);
    tidy(&mut report.agent.version, LONGEST_WORD);
    if let Some(name) = &mut report.host.display_name {
        tidy(name, LONGEST_HOSTNAME);
    }
    if report.host.hostname.is_empty() {
        return Err(IntakeError::MissingHostname("host"));
    }
    report.disks.truncate(LIST_CAP);
    report.disk_io.truncate(LIST_CAP);
    report.network.truncate(LIST_CAP);
    report.tags.truncate(LIST_CAP);
    let id = HostId::from(identify(world, claim(&report), reporter, now)?);
    world.check_not_removed(AgentKind::Host, id.as_str(), reporter, now)?;
    let previous = world.snapshot.hosts.get(&id).cloned();
    check_room("host", previous.is_some(), world.snapshot.hosts.len())?;
    let commands_override = world.commands_override(id.as_str());
    let key = (AgentKind::Host, id.to_string());
    let measured = world.reported_at.get(&key).copied().zip(report.timestamp);
    if let Some(old) = &previous {
        let arrival = Arrival {
            kind: AgentKind::Host,
            id: id.as_str(),
            measured_at: report.timestamp,
            last_seen: old.last_seen,
            interval_seconds: report.agent.interval_seconds,
            is_same: old.disk_io == report.disk_io
                && old.network == report.network
                && old.info.uptime_seconds == report.host.uptime_seconds
                && old.cpu_percent.known() == report.metrics.cpu_usage_percent,
        };
        let accepted = HostAccepted { id: id.clone(), last_seen: old.last_seen, commands_override };
        if is_redundant(reporter, old.link.as_ref(), old.liveness) {
            return Ok(accepted);
        }
        match judge(world, &arrival, now) {
            Verdict::Nothing => return Ok(accepted),
            Verdict::Late(at) => {
                let before = world.late.host_before(&key);
                let before =
                    before.as_deref().map(|old| (old, counted_milliseconds(None, (old.last_seen, at))));
                let host = host_of(id, report, before, at);
                let mut samples = Vec::new();
                pipeline::agent_host(&host, &mut samples);
                world.late.put(samples, at, host.agent.interval_seconds);
                world.late.follows(&key, Before::Host(Arc::new(host)), now);
                return Ok(accepted);
            }
            Verdict::News if is_gap(&arrival, now) => {
                world.late.follows(&key, Before::Host(Arc::clone(old)), now);
            }
            Verdict::News => {}
        }
    } else if let Some(measured_at) = report.timestamp {
        world.reported_at.insert(key, measured_at);
    }
    let before = previous.as_deref().map(|old| (old, counted_milliseconds(measured, (old.last_seen, now))));
    let mut host = host_of(id.clone(), report, before, now);
    host.commands_enabled = commands_override.unwrap_or(host.commands_enabled);
    host.link = reporter.link().cloned();
    host.linked_node = previous.as_ref().and_then(|old| old.linked_node.clone());
    link_to_node(world, &mut host);
    world.snapshot.hosts.insert(id.clone(), Arc::new(host));
    Ok(HostAccepted { id, last_seen: now, commands_override })
}

/// What a report says of its host at the time `at`. Rates are since the report before, which came so many milliseconds
/// earlier.
fn host_of(id: HostId, report: HostReport, before: Option<(&Host, i64)>, at: Timestamp) -> Host {
    let disk_io = report.disk_io;
    let network = report.network;
    let old_io = before.map(|(old, elapsed)| (old.disk_io.as_slice(), elapsed));
    let old_net = before.map(|(old, elapsed)| (old.network.as_slice(), elapsed));
    let io_rate = |of: fn(&DiskIo) -> Option<u64>| rate(&disk_io, old_io, |disk| &disk.device, of);
    let net_rate = |of: fn(&HostNetwork) -> Option<u64>| rate(&network, old_net, |nic| &nic.name, of);
    Host {
        id,
        commands_enabled: report.agent.commands_enabled,
        cpu_percent: Reading::from_option(
            report
                .metrics
                .cpu_usage_percent
                .filter(|value| value.is_finite())
                .map(|value| value.clamp(0.0, 100.0)),
            Missing::NotReported,
        ),
        memory: report.metrics.memory.and_then(tidy_memory),
        disks: report.disks.into_iter().filter_map(tidy_disk).collect(),
        disk_read_bytes_per_second: io_rate(|disk| disk.read_bytes),
        disk_write_bytes_per_second: io_rate(|disk| disk.write_bytes),
        network_in_bytes_per_second: net_rate(|nic| nic.rx_bytes),
        network_out_bytes_per_second: net_rate(|nic| nic.tx_bytes),
        disk_io,
        network,
        sensors: report.sensors,
        raid: report.raid,
        ceph: report.ceph,
        tags: report.tags,
        liveness: Liveness::Online,
        last_seen: at,
        link: None,
        linked_node: None,
        agent: report.agent,
        info: report.host,
    }
}

/// Who the report is of.
fn claim(report: &HostReport) -> Claim {
    let host = &report.host;
    let candidates =
        [host.id.as_deref(), host.machine_id.as_deref(), Some(&*report.agent.id), Some(&*host.hostname)];
    Claim {
        kind: AgentKind::Host,
        id: first_id(candidates, sanitise, &host.hostname),
        hostname: host.hostname.clone(),
        machine_id: host.machine_id.as_deref().map(sanitise).filter(|id| !id.is_empty()),
        mac_addresses: hardware(report.network.iter().map(|nic| (nic.name.as_str(), nic.mac.as_deref()))),
    }
}

fn tidy_memory(mut memory: HostMemory) -> Option<HostMemory> {
    if memory.total_bytes == 0 {
        return None;
    }
    if memory.used_bytes == 0 && memory.free_bytes > 0 {
        memory.used_bytes = memory.total_bytes.saturating_sub(memory.free_bytes);
    }
    if memory.usage <= 0.0 || !memory.usage.is_finite() {
        memory.usage = percent(memory.used_bytes, memory.total_bytes);
    }
    Some(memory)
}

fn tidy_disk(mut disk: HostDisk) -> Option<HostDisk> {
    let kind = disk.filesystem.as_deref().or(disk.kind.as_deref()).unwrap_or_default();
    let is_virtual = VIRTUAL_FILE_SYSTEMS.contains(&kind)
        || ["/snap/", "/var/lib/docker/", "/var/lib/containers/", "/proc/", "/sys/", "/dev/"]
            .iter()
            .any(|prefix| disk.mountpoint.starts_with(prefix));
    if is_virtual || disk.total_bytes == 0 {
        return None;
    }
    if disk.used_bytes == 0 && disk.free_bytes > 0 {
        disk.used_bytes = disk.total_bytes.saturating_sub(disk.free_bytes);
    }
    if disk.usage <= 0.0 || !disk.usage.is_finite() {
        disk.usage = percent(disk.used_bytes, disk.total_bytes);
    }
    Some(disk)
}

/// Bytes per second over all devices that have counted on since the report before. One that is new, or whose counter was
/// reset or wrapped, is left out until the next report: what it has counted in its life is no traffic of this moment.
fn rate<T>(
    now: &[T],
    before: Option<(&[T], i64)>,
    name: fn(&T) -> &str,
    of: fn(&T) -> Option<u64>,
) -> Reading<f64> {
    if now.iter().all(|device| of(device).is_none()) {
        return Reading::Unknown(Missing::NotReported);
    }
    let Some((before, elapsed)) = before else { return Reading::Unknown(Missing::FirstSample) };
    // As a rule the same devices come in the same order.
    let by_name =
        LazyCell::new(|| before.iter().map(|device| (name(device), device)).collect::<HashMap<_, _>>());
    let counted = now.iter().enumerate().filter_map(|(place, device)| {
        let same_place = before.get(place).filter(|old| name(old) == name(device));
        let old = same_place.or_else(|| by_name.get(name(device)).copied())?;
        of(device)?.checked_sub(of(old)?)
    });
    match counted.reduce(u64::saturating_add) {
        Some(bytes) => rates::per_second(bytes, 0, elapsed).map(|rate| rate as f64),
        None => Reading::Unknown(Missing::FirstSample),
    }
}

/// Links the host to the Proxmox node that is the same machine, and gives the node its temperatures.
fn link_to_node(world: &mut World, host: &mut Host) {
    let node_id = links::node_of(world, host);
    if node_id != host.linked_node {
        links::release_nodes(world, host.id.as_str(), node_id.as_ref());
    }
    host.linked_node.clone_from(&node_id);
    let Some(node_id) = node_id else { return };
    links::with_node(world, &node_id, |node| {
        node.linked_host = Some(host.id.clone());
        if node.status == NodeStatus::Online {
            node.temperature = host.sensors.as_ref().and_then(|sensors| temperature(sensors, host.last_seen));
        }
    });
}

fn temperature(sensors: &Sensors, at: Timestamp) -> Option<Temperature> {
    let is_core = |name: &str| name.starts_with("cpu_core_") || name.starts_with("core_");
    let package = sensors
        .temperature_celsius
        .iter()
        .find(|(name, _)| name.contains("package") || name.contains("tctl"));
    let core_celsius: std::collections::BTreeMap<u32, f64> = sensors
        .temperature_celsius
        .iter()
        .filter(|(name, _)| is_core(name))
        .filter_map(|(name, value)| Some((name.rsplit('_').next()?.parse().ok()?, *value)))
        .collect();
    let disk = |name: &str, celsius: f64| DiskTemperature {
        device: name.to_owned(),
        serial: None,
        wwn: None,
        model: None,
        kind: None,
        celsius,
        standby: false,
    };
    let nvme: Vec<_> = sensors
        .temperature_celsius
        .iter()
        .filter(|(name, _)| name.starts_with("nvme"))
        .map(|(name, value)| disk(name, *value))
        .collect();
    let smart: Vec<_> = sensors
        .smart
        .iter()
        .filter_map(|smart| {
            Some(DiskTemperature {
                serial: smart.serial.clone(),
                wwn: smart.wwn.clone(),
                model: smart.model.clone(),
                kind: smart.kind.clone(),
                standby: smart.standby,
                ..disk(&smart.device, smart.temperature?)
            })
        })
        .collect();
    if package.is_none() && core_celsius.is_empty() && nvme.is_empty() && smart.is_empty() {
        return None;
    }
    let cpu_max_celsius =
        core_celsius.values().copied().chain(package.map(|(_, value)| *value)).reduce(f64::max);
    Some(Temperature {
        cpu_package_celsius: package.map(|(_, value)| *value),
        cpu_max_celsius,
        core_celsius,
        gpus: Vec::new(),
        nvme,
        smart,
        measured_at: at,
    })
}

#[cfg(test)]
mod tests {
    use pulse_core::report::host::HostInfo;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn report(read_bytes: u64) -> HostReport {
        HostReport {
            host: HostInfo { hostname: "nas.lan".into(), id: Some("m-1".into()), ..HostInfo::default() },
            disk_io: vec![DiskIo { device: "sda".into(), read_bytes: Some(read_bytes), ..DiskIo::default() }],
            ..HostReport::default()
        }
    }

    fn disk(kind: &str, mountpoint: &str, total: u64, used: u64, free: u64) -> HostDisk {
        HostDisk {
            device: "d".into(),
            mountpoint: mountpoint.into(),
            filesystem: Some(kind.into()),
            total_bytes: total,
            used_bytes: used,
            free_bytes: free,
            ..HostDisk::default()
        }
    }

    #[test]
    fn rates_are_summed_over_devices_and_need_two_reports() {
        let mut world = World::new(at(0));
        let id = merge(&mut world, report(1_000), &Reporter::Local, at(0)).unwrap().id;
        let read = |world: &World| world.snapshot.hosts[&id].disk_read_bytes_per_second;
        assert_eq!(read(&world), Reading::Unknown(Missing::FirstSample));
        merge(&mut world, report(2_000), &Reporter::Local, at(10)).unwrap();
        assert_eq!(read(&world), Reading::Known(100.0));
        merge(&mut world, report(500), &Reporter::Local, at(20)).unwrap();
        assert_eq!(read(&world), Reading::Unknown(Missing::FirstSample));
    }

    #[test]
    fn a_device_that_comes_goes_or_begins_anew_makes_no_spike() {
        let mut world = World::new(at(0));
        let mut second = 0;
        let mut read = |counters: &[(&str, u64)]| {
            second += 10;
            let mut report = report(0);
            report.network = counters
                .iter()
                .map(|(name, bytes)| HostNetwork {
                    name: (*name).into(),
                    rx_bytes: Some(*bytes),
                    ..HostNetwork::default()
                })
                .collect();
            let id = merge(&mut world, report, &Reporter::Local, at(second)).unwrap().id;
            world.snapshot.hosts[&id].network_in_bytes_per_second
        };
        let wrap = u64::from(u32::MAX);
        assert_eq!(read(&[("eno1", 1_000)]), Reading::Unknown(Missing::FirstSample));
        assert_eq!(read(&[("docker0", 1 << 40), ("eno1", 2_000)]), Reading::Known(100.0), "one is new");
        assert_eq!(read(&[("docker0", (1 << 40) + 500), ("eno1", 2_500)]), Reading::Known(100.0));
        assert_eq!(read(&[("eno1", 3_500), ("wg0", wrap)]), Reading::Known(100.0), "one is gone");
        assert_eq!(read(&[("eno1", 4_500), ("wg0", 7)]), Reading::Known(100.0), "one has wrapped");
        assert_eq!(read(&[("eno1", 0), ("wg0", 1_007)]), Reading::Known(100.0), "one was reset");
        assert_eq!(read(&[("eno1", 0), ("wg0", 0)]), Reading::Known(0.0), "nothing came over the other");
        assert_eq!(read(&[("wlan0", 9)]), Reading::Unknown(Missing::FirstSample));
        assert_eq!(read(&[]), Reading::Unknown(Missing::NotReported));
    }

    #[test]
    fn a_report_that_was_held_up_makes_no_spike_of_the_next_one() {
        let mut world = World::new(at(0));
        let mut take = |measured: i64, arrived: i64, bytes: u64| {
            let report = HostReport { timestamp: Some(at(measured)), ..report(bytes) };
            let id = merge(&mut world, report, &Reporter::Local, at(arrived)).unwrap().id;
            world.snapshot.hosts[&id].disk_read_bytes_per_second
        };
        take(0, 0, 1_000);
        assert_eq!(take(10, 19, 2_000), Reading::Known(100.0));
        assert_eq!(take(20, 20, 3_000), Reading::Known(100.0));
    }

    #[test]
    fn only_file_systems_that_can_fill_up_are_shown_and_their_use_is_completed() {
        assert!(tidy_disk(disk("overlay", "/var/lib/docker/overlay2/x", 10, 1, 9)).is_none());
        assert!(tidy_disk(disk("squashfs", "/snap/core/1", 10, 10, 0)).is_none());
        assert!(tidy_disk(disk("ext4", "/", 0, 0, 0)).is_none());
        let root = tidy_disk(disk("ext4", "/", 100, 0, 60)).unwrap();
        assert_eq!((root.used_bytes, root.usage), (40, 40.0));
    }

    #[test]
    fn hostile_figures_become_unknown_or_bounded() {
        let mut world = World::new(at(0));
        let mut hostile = report(0);
        hostile.metrics.cpu_usage_percent = Some(f64::NAN);
        let id = merge(&mut world, hostile, &Reporter::Local, at(0)).unwrap().id;
        assert_eq!(world.snapshot.hosts[&id].cpu_percent, Reading::Unknown(Missing::NotReported));
        let mut hostile = report(0);
        hostile.metrics.cpu_usage_percent = Some(1e9);
        merge(&mut world, hostile, &Reporter::Local, at(1)).unwrap();
        assert_eq!(world.snapshot.hosts[&id].cpu_percent, Reading::Known(100.0));
    }
}
