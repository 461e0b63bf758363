//! A pretended Docker host with its containers and what its agent would report.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pulse_core::report::docker::{
    BlockIo, Container, ContainerNetwork, ContainerPort, DockerHostInfo, DockerReport, NetworkIo,
};

use super::host::{agent, booted, busy, filesystem, interface, loads, memory};
use crate::{
    estate::plan::{GIB, MIB},
    figures::{Counter, derive, derive_text, noise, pick, quantize, unit, wander},
};

/// Name, image, whether it shows a web page.
const IMAGES: [(&str, &str, Option<u32>); 8] = [
    ("web", "nginx:1.29", Some(80)),
    ("cache", "redis:8", None),
    ("db", "postgres:18", Some(5432)),
    ("app", "ghcr.io/example/app:2.4.1", Some(8080)),
    ("worker", "ghcr.io/example/worker:2.4.1", None),
    ("proxy", "traefik:3.5", Some(443)),
    ("queue", "rabbitmq:4", Some(5672)),
    ("grafana", "grafana/grafana:12", Some(3000)),
];

/// A pretended Docker host.
pub(super) struct DockerMachine {
    key: u64,
    name: String,
    interval_seconds: u32,
    cpus: u32,
    memory: u64,
    network: [Counter; 2],
    containers: Vec<ContainerPlan>,
}

struct ContainerPlan {
    key: u64,
    number: usize,
    io: [Counter; 4],
}

impl DockerMachine {
    pub(super) fn new(seed: u64, index: usize, containers: usize, interval_seconds: u32) -> Self {
        let key = derive(derive_text(seed, "load-docker"), index as u64);
        let part = |which: u64| derive(key, which);
        let plan = |number: usize| {
            let key = derive(derive_text(key, "container"), number as u64);
            let part = |which: u64| derive(key, which);
            ContainerPlan {
                key,
                number,
                io: [
                    Counter::new(part(1), 8 << 20, 0),
                    Counter::new(part(2), 6 << 20, 0),
                    Counter::new(part(3), 4 << 20, 60),
                    Counter::new(part(4), 3 << 20, 50),
                ],
            }
        };
        Self {
            key,
            name: format!("sim-docker-{:03}", index + 1),
            interval_seconds,
            cpus: pick(part(1), &[8, 16, 16, 32]),
            memory: pick(part(2), &[16, 32, 64, 128]) * GIB,
            network: [Counter::new(part(3), 30 << 20, 2_000), Counter::new(part(4), 25 << 20, 1_500)],
            containers: (0..containers).map(plan).collect(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn report(&self, now: Timestamp) -> DockerReport {
        let at = now.as_second().max(0).unsigned_abs();
        let id = crate::net::tls::uuid(self.key);
        let cpu = busy(self.key, at);
        let [.., a, b] = derive(self.key, 12).to_be_bytes();
        let address = format!("10.200.{a}.{}", 1 + b % 250);
        DockerReport {
            agent: agent(&id, &self.name, self.interval_seconds),
            host: DockerHostInfo {
                hostname: self.name.clone(),
                name: Some(self.name.clone()),
                machine_id: Some(id.replace('-', "")),
                os: Some("Debian GNU/Linux 13 (trixie)".into()),
                runtime: Some("docker".into()),
                runtime_version: Some("28.5.1".into()),
                kernel_version: Some("6.12.48+deb13-amd64".into()),
                architecture: Some("x86_64".into()),
                docker_version: Some("28.5.1".into()),
                total_cpu: Some(self.cpus),
                total_memory_bytes: Some(self.memory),
                uptime_seconds: Some(at.saturating_sub(booted(self.key, at))),
                cpu_usage_percent: Some(cpu * 100.0),
                load_average: loads(self.key, cpu * f64::from(self.cpus), at),
                memory: Some(memory(self.key, self.memory, at)),
                disks: vec![filesystem(self.key, ("/dev/vda1", "/", 200 * GIB), at)],
                network: vec![interface(self.key, &address, self.network, at)],
                ..DockerHostInfo::default()
            },
            containers: self.containers.iter().map(|plan| plan.container(self.memory, now, at)).collect(),
            timestamp: Some(now),
            ..DockerReport::default()
        }
    }
}

impl ContainerPlan {
    fn container(&self, host_memory: u64, now: Timestamp, at: u64) -> Container {
        let part = |which: u64| derive(self.key, which);
        let (role, image, port) = pick(part(10), &IMAGES);
        let since = booted(self.key, at);
        let up = at.saturating_sub(since);
        let before = |seconds: u64| now.checked_sub(SignedDuration::from_secs(seconds as i64)).ok();
        let mut container = Container {
            id: hex(&[part(40), part(41), part(42), part(43)]),
            name: format!("{role}-{}", self.number + 1),
            image: image.to_owned(),
            image_digest: Some(digest(image)),
            created_at: before(up + 60),
            labels: BTreeMap::from([
                ("com.docker.compose.project".to_owned(), format!("stack-{}", part(11) % 5)),
                ("com.docker.compose.service".to_owned(), role.to_owned()),
            ]),
            networks: vec![ContainerNetwork {
                name: "bridge".into(),
                ipv4: Some(format!("172.17.{}.{}", self.number / 250, 2 + self.number % 250)),
                ipv6: None,
            }],
            writable_layer_bytes: Some(quantize(50.0 * unit(part(12)) * MIB as f64, 4_096)),
            root_filesystem_bytes: Some((150 + part(13) % 600) * MIB),
            ..Container::default()
        };
        if unit(part(14)) < 0.1 {
            let ago = 3_600 + part(15) % 900_000;
            container.state = "exited".into();
            container.status = format!("Exited (0) {} hours ago", ago / 3_600);
            container.exit_code = Some(0);
            container.finished_at = before(ago);
            return container;
        }
        let limit = if unit(part(16)) < 0.5 { (512 * MIB) << (part(17) % 3) } else { host_memory };
        let usual = limit.min(2 * GIB) as f64 * (0.1 + 0.5 * unit(part(18)));
        let used = quantize(usual * (0.9 + 0.2 * wander(part(19), at, 3_600)), 64 * 1024);
        let [read, written, received, sent] = self.io.map(|counter| counter.between(since, at));
        container.state = "running".into();
        container.status = format!("Up {} days", up / 86_400);
        container.health = (unit(part(31)) < 0.4).then(|| "healthy".to_owned());
        container.cpu_percent = Some(busy(self.key, at) * 60.0 * (0.7 + 0.6 * noise(part(32), at)));
        container.memory_usage_bytes = Some(used);
        container.memory_limit_bytes = Some(limit);
        container.memory_percent = Some(used as f64 / limit as f64 * 100.0);
        container.uptime_seconds = Some(up);
        container.restart_count = Some((part(33) % 20 / 17) as u32);
        container.started_at = before(up);
        container.block_io = Some(BlockIo { read_bytes: Some(read), write_bytes: Some(written) });
        container.network_io = Some(NetworkIo { rx_bytes: Some(received), tx_bytes: Some(sent) });
        container.ports = port
            .map(|private| ContainerPort {
                private_port: private,
                public_port: Some(20_000 + self.number as u32 % 40_000),
                protocol: "tcp".into(),
                ip: Some("0.0.0.0".into()),
            })
            .into_iter()
            .collect();
        container
    }
}

fn digest(image: &str) -> String {
    let part = |which: u64| derive(derive_text(2, image), which);
    format!("sha256:{}", hex(&[part(1), part(2), part(3), part(4)]))
}

fn hex(parts: &[u64]) -> String {
    let words: Vec<_> = parts.iter().map(|part| format!("{part:016x}")).collect();
    words.concat()
}
