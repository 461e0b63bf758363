//! A pretended host and what its agent would report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pulse_core::report::{
    AgentInfo,
    host::{DiskIo, HostDisk, HostInfo, HostMemory, HostMetrics, HostNetwork, HostReport, Sensors},
};

use crate::{
    estate::plan::{GIB, MIB, TIB},
    figures::{Counter, derive, derive_text, noise, pick, quantize, time_of_day, unit, wander},
};

/// A pretended host.
pub(super) struct HostMachine {
    key: u64,
    name: String,
    interval_seconds: u32,
    cpus: u32,
    memory: u64,
    disks: Vec<(&'static str, &'static str, u64)>,
    network: [Counter; 2],
    io: [Counter; 2],
}

impl HostMachine {
    pub(super) fn new(seed: u64, index: usize, interval_seconds: u32) -> Self {
        let key = derive(derive_text(seed, "load-host"), index as u64);
        let part = |which: u64| derive(key, which);
        let mut disks = vec![("/dev/nvme0n1p2", "/", pick(part(1), &[60, 120, 240, 480]) * GIB)];
        if unit(part(2)) < 0.4 {
            disks.push(("/dev/sda1", "/srv", pick(part(3), &[1, 2, 4, 8]) * TIB));
        }
        Self {
            key,
            name: format!("sim-host-{:03}", index + 1),
            interval_seconds,
            cpus: pick(part(4), &[4, 8, 8, 16, 32]),
            memory: pick(part(5), &[8, 16, 32, 64]) * GIB,
            disks,
            network: [Counter::new(part(6), 20 << 20, 900), Counter::new(part(7), 12 << 20, 700)],
            io: [Counter::new(part(8), 60 << 20, 0), Counter::new(part(9), 40 << 20, 0)],
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn report(&self, now: Timestamp) -> HostReport {
        let at = now.as_second().max(0).unsigned_abs();
        let id = crate::net::tls::uuid(self.key);
        let cpu = busy(self.key, at);
        let load = cpu * f64::from(self.cpus);
        HostReport {
            agent: agent(&id, &self.name, self.interval_seconds),
            host: HostInfo {
                id: Some(id.clone()),
                hostname: self.name.clone(),
                machine_id: Some(id.replace('-', "")),
                platform: Some("linux".into()),
                os_name: Some("Debian GNU/Linux".into()),
                os_version: Some("13".into()),
                kernel_version: Some("6.12.48+deb13-amd64".into()),
                architecture: Some("amd64".into()),
                cpu_model: Some("AMD EPYC 7313 16-Core Processor".into()),
                cpu_count: Some(self.cpus),
                uptime_seconds: Some(at.saturating_sub(booted(self.key, at))),
                load_average: loads(self.key, load, at),
                report_ip: Some(self.address()),
                ..HostInfo::default()
            },
            metrics: HostMetrics {
                cpu_usage_percent: Some(cpu * 100.0),
                memory: Some(memory(self.key, self.memory, at)),
            },
            disks: self.disks.iter().map(|disk| filesystem(self.key, *disk, at)).collect(),
            disk_io: vec![self.disk_io(at)],
            network: vec![interface(self.key, &self.address(), self.network, at)],
            sensors: Some(Sensors { temperature_celsius: self.temperatures(cpu, at), ..Sensors::default() }),
            tags: vec![pick(derive(self.key, 11), &["lab", "office", "prod"]).to_owned()],
            timestamp: Some(now),
            ..HostReport::default()
        }
    }

    fn address(&self) -> String {
        let [.., a, b, c] = derive(self.key, 12).to_be_bytes();
        format!("10.{}.{}.{}", 100 + a % 100, b, 1 + c % 250)
    }

    fn disk_io(&self, at: u64) -> DiskIo {
        let since = booted(self.key, at);
        let [read, written] = self.io.map(|counter| counter.between(since, at));
        DiskIo {
            device: "nvme0n1".into(),
            read_bytes: Some(read),
            write_bytes: Some(written),
            read_ops: Some(read / 16_384),
            write_ops: Some(written / 16_384),
            read_time_ms: Some(read / MIB),
            write_time_ms: Some(written / MIB),
            io_time_ms: Some((read + written) / MIB / 2),
        }
    }

    fn temperatures(&self, cpu: f64, at: u64) -> BTreeMap<String, f64> {
        let rest = 32.0 + 8.0 * unit(derive(self.key, 13));
        let tenths = |value: f64| (value * 10.0).round() / 10.0;
        BTreeMap::from([
            ("cpu_package".to_owned(), tenths(rest + 35.0 * cpu + noise(derive(self.key, 14), at))),
            ("nvme0".to_owned(), tenths(rest + 3.0 * wander(derive(self.key, 15), at, 900))),
        ])
    }
}

/// How busy a machine is, 0 to 1.
pub(super) fn busy(key: u64, at: u64) -> f64 {
    let taste = unit(derive(key, 20));
    let usual = 0.02 + 0.4 * taste * taste;
    let day = 1.0 + 0.4 * time_of_day(at, 14.0);
    let drift = 0.6 + 0.8 * wander(derive(key, 21), at, 420);
    (usual * day * drift * (0.8 + 0.4 * noise(derive(key, 22), at))).clamp(0.001, 1.0)
}

/// When a machine started last: about once a year.
pub(super) fn booted(key: u64, at: u64) -> u64 {
    let period = (150 + derive(key, 23) % 200) * 86_400;
    let phase = derive(key, 24) % period;
    if at < phase { 0 } else { (at - phase) / period * period + phase }
}

pub(super) fn agent(id: &str, hostname: &str, interval_seconds: u32) -> AgentInfo {
    AgentInfo {
        id: id.to_owned(),
        version: env!("CARGO_PKG_VERSION").into(),
        kind: "unified".into(),
        interval_seconds,
        hostname: Some(hostname.to_owned()),
        ..AgentInfo::default()
    }
}

pub(super) fn loads(key: u64, load: f64, at: u64) -> Vec<f64> {
    [(25, 60), (26, 300), (27, 900)]
        .into_iter()
        .map(|(part, period)| {
            let sway = 0.7 + 0.6 * wander(derive(key, part), at, period);
            (load * sway * 100.0).round() / 100.0
        })
        .collect()
}

pub(super) fn memory(key: u64, total: u64, at: u64) -> HostMemory {
    let usual = 0.25 + 0.4 * unit(derive(key, 28));
    let share = usual + 0.1 * (wander(derive(key, 29), at, 5_400) - 0.5);
    let used = quantize(total as f64 * share, 256 * 1024);
    HostMemory {
        total_bytes: total,
        used_bytes: used,
        free_bytes: total - used,
        usage: used as f64 / total as f64 * 100.0,
        swap_total_bytes: Some(2 * GIB),
        swap_used_bytes: Some(0),
    }
}

pub(super) fn filesystem(key: u64, (device, mount, total): (&str, &str, u64), at: u64) -> HostDisk {
    let own = derive_text(key, mount);
    let share = 0.2 + 0.5 * unit(own) + 0.02 * wander(derive(own, 1), at, 3 * 86_400);
    let used = quantize(total as f64 * share, 4 * MIB);
    HostDisk {
        device: device.to_owned(),
        mountpoint: mount.to_owned(),
        filesystem: Some("ext4".into()),
        kind: Some("ext4".into()),
        total_bytes: total,
        used_bytes: used,
        free_bytes: total - used,
        usage: used as f64 / total as f64 * 100.0,
    }
}

pub(super) fn interface(key: u64, address: &str, counters: [Counter; 2], at: u64) -> HostNetwork {
    let since = booted(key, at);
    let [received, sent] = counters.map(|counter| counter.between(since, at));
    let [.., a, b, c] = derive(key, 30).to_be_bytes();
    HostNetwork {
        name: "eth0".into(),
        mac: Some(format!("52:54:00:{a:02x}:{b:02x}:{c:02x}")),
        addresses: vec![format!("{address}/8")],
        rx_bytes: Some(received),
        tx_bytes: Some(sent),
        speed_mbps: Some(10_000),
    }
}
