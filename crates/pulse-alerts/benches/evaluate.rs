//! What a cycle costs: 5,000 guests, 1,000 containers and 100 hosts, and what 10,000 raised alerts take in memory.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for people to look at")]

use std::{sync::Arc, time::Instant};

use jiff::{SignedDuration, Timestamp};
use pulse_alerts::{ActivationState, AlertConfig, EngineState, Rules};
use pulse_core::{
    Missing, Reading, Snapshot,
    ids::{DockerHostId, GuestId, HostId, InstanceName, NodeId},
    model::{
        ConnectionHealth, DiskUse, DockerContainer, DockerHost, FileSystem, Guest, GuestKind, GuestStatus,
        Host, InstanceKey, InstanceKind, InstanceView, IoCounters, IoRates, Liveness, MemoryUse, Node,
        NodeStatus,
    },
    report::{
        AgentInfo,
        docker::{Container, DockerHostInfo},
        host::{HostDisk, HostInfo, HostMemory},
    },
};

const CLUSTERS: u32 = 10;
const NODES: u32 = 10;

fn main() {
    let start = Timestamp::from_second(1_800_000_000).unwrap();
    let config = AlertConfig { activation_state: Some(ActivationState::Active), ..AlertConfig::default() };
    let rules = Rules::new(config);

    // First, while nothing that was freed can be used again.
    let crowded = [world(start, 0, 5_000, 100.0), world(start, 1, 5_000, 100.0)];
    // All are kept: what one evaluation frees serves the next, so that the last growth is what alerts take themselves.
    let mut kept = Vec::new();
    let mut growth = 0;
    for _ in 0..4 {
        let mut state = EngineState::new();
        let before = resident();
        for (world, n) in crowded.iter().zip(0i64..) {
            let now = start.checked_add(SignedDuration::from_secs(10 * n)).unwrap();
            let began = Instant::now();
            let changes = state.evaluate(&rules, world, now);
            let milliseconds = began.elapsed().as_secs_f64() * 1_000.0;
            println!("storm: {} notices in {milliseconds:.1} ms", changes.notices.len());
        }
        growth = resident().saturating_sub(before);
        kept.push(state);
    }
    println!("{} raised alerts take {:.1} MB", kept[0].open_count(), growth as f64 / 1e6);
    drop((crowded, kept));

    let mut state = EngineState::new();
    let worlds: Vec<Snapshot> = (0..60).map(|n| world(start, n, 5_000, 0.0)).collect();
    state.evaluate(&rules, &worlds[0], start);
    let mut spent = Vec::new();
    for (world, n) in worlds.iter().zip(0i64..) {
        let now = start.checked_add(SignedDuration::from_secs(10 * (n + 1))).unwrap();
        let began = Instant::now();
        let changes = state.evaluate(&rules, world, now);
        spent.push(began.elapsed().as_secs_f64() * 1_000.0);
        drop(changes);
    }
    spent.sort_by(f64::total_cmp);
    println!(
        "5,000 guests, 1,000 containers, 100 hosts, everything new, {} alerts raised: median {:.2} ms, longest {:.2} ms",
        state.open_count(),
        spent[spent.len() / 2],
        spent[spent.len() - 1]
    );
    let now = start.checked_add(SignedDuration::from_secs(10_000)).unwrap();
    let began = Instant::now();
    for _ in 0..100 {
        state.evaluate(&rules, &worlds[59], now);
    }
    println!("the same with nothing new: {:.3} ms", began.elapsed().as_secs_f64() * 10.0);
}

fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4_096
}

fn share(seed: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5851_F42D;
    x ^= x >> 31;
    x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

/// A world; `load` is the least that every guest shows.
fn world(start: Timestamp, poll: u64, guests: u32, load: f64) -> Snapshot {
    let now = start.checked_add(SignedDuration::from_secs(10 * poll as i64)).unwrap();
    let mut world = Snapshot::empty(now);
    for cluster in 0..CLUSTERS {
        let name = InstanceName::from(format!("cluster{cluster}"));
        let key = InstanceKey { kind: InstanceKind::Pve, name: name.clone() };
        let mut view = InstanceView::unknown(key.clone());
        view.health = ConnectionHealth::Healthy;
        view.last_success = Some(now);
        view.nodes = Arc::new((0..NODES).map(|n| node(&name, n, now)).collect());
        let per_cluster = guests / CLUSTERS;
        view.guests = Arc::new((0..per_cluster).map(|n| guest(&name, n, poll, load, now)).collect());
        world.instances.insert(key, Arc::new(view));
    }
    for n in 0..100 {
        let host = host(n, poll, now);
        world.hosts.insert(host.id.clone(), Arc::new(host));
        if n < 20 {
            let docker = docker(n, poll, now);
            world.docker_hosts.insert(docker.id.clone(), Arc::new(docker));
        }
    }
    world
}

fn node(instance: &InstanceName, n: u32, now: Timestamp) -> Node {
    let name = format!("node{n}");
    Node {
        id: NodeId::of(instance, Some(instance.as_str()), &name),
        instance: instance.clone(),
        name,
        host_url: None,
        guest_url: None,
        status: NodeStatus::Online,
        health: ConnectionHealth::Healthy,
        cpu_fraction: Reading::Known(0.3),
        cpu_count: Some(32),
        memory: Reading::from_option(MemoryUse::new(100, 50), Missing::NotReported),
        root_disk: Reading::from_option(DiskUse::new(100, 20), Missing::NotReported),
        uptime_seconds: Reading::Known(10),
        load_average: None,
        kernel_version: None,
        pve_version: None,
        cpu_info: None,
        temperature: None,
        cluster_name: Some(instance.to_string()),
        pending_updates: None,
        certificate_fingerprint: None,
        linked_host: None,
        last_seen: now,
    }
}

fn guest(instance: &InstanceName, n: u32, poll: u64, load: f64, now: Timestamp) -> Guest {
    let node = format!("node{}", n % NODES);
    let noise = share(u64::from(n) << 20 | poll);
    let used = |noise: f64| (load.max(noise * 75.0) * 1e7) as u64;
    let disk = DiskUse::new(1_000_000_000, used(noise));
    let file_system = |mountpoint: &str| FileSystem {
        space: disk.unwrap_or_default(),
        mountpoint: (load == 0.0).then(|| mountpoint.to_owned()),
        kind: Some("ext4".into()),
        device: None,
    };
    Guest {
        id: GuestId::of(instance, &node, 100 + n),
        kind: GuestKind::Vm,
        vmid: 100 + n,
        name: format!("guest-{n}"),
        node,
        instance: instance.clone(),
        status: GuestStatus::Running,
        is_template: false,
        lock: None,
        tags: vec!["prod".into()],
        pool: None,
        ha_state: None,
        cpu_fraction: Reading::Known(noise * 0.82),
        cpu_count: Some(4),
        memory: Reading::from_option(MemoryUse::new(1_000_000_000, used(noise)), Missing::NotReported),
        memory_source: None,
        disk: Reading::from_option(disk, Missing::NotReported),
        allocated_disk_bytes: None,
        file_systems: if load == 0.0 { vec![file_system("/"), file_system("/srv")] } else { Vec::new() },
        counters: IoCounters::default(),
        rates: IoRates {
            network_in_bytes_per_second: Reading::Known(1_000),
            network_out_bytes_per_second: Reading::Known(1_000),
            disk_read_bytes_per_second: Reading::Known(1_000),
            disk_write_bytes_per_second: Reading::Known(1_000),
        },
        uptime_seconds: Reading::Known(5),
        os_name: None,
        os_version: None,
        agent_version: None,
        os_template: None,
        network_interfaces: Vec::new(),
        ip_addresses: Vec::new(),
        last_backup: None,
        last_seen: now,
    }
}

fn host(n: u64, poll: u64, now: Timestamp) -> Host {
    let disk = |mountpoint: &str| HostDisk {
        mountpoint: mountpoint.into(),
        total_bytes: 100,
        used_bytes: 40,
        usage: 40.0,
        ..HostDisk::default()
    };
    Host {
        id: HostId::from(format!("host-{n}")),
        agent: AgentInfo::default(),
        info: HostInfo { hostname: format!("host{n}"), ..HostInfo::default() },
        cpu_percent: Reading::Known(share(n << 8 | poll) * 70.0),
        memory: Some(HostMemory { total_bytes: 100, used_bytes: 30, usage: 30.0, ..HostMemory::default() }),
        disks: vec![disk("/"), disk("/srv"), disk("/boot")],
        disk_io: Vec::new(),
        network: Vec::new(),
        disk_read_bytes_per_second: Reading::default(),
        disk_write_bytes_per_second: Reading::default(),
        network_in_bytes_per_second: Reading::default(),
        network_out_bytes_per_second: Reading::default(),
        sensors: None,
        raid: Vec::new(),
        ceph: None,
        tags: Vec::new(),
        liveness: Liveness::Online,
        last_seen: now,
        link: None,
        linked_node: None,
        commands_enabled: false,
    }
}

fn docker(n: u64, poll: u64, now: Timestamp) -> DockerHost {
    let container = |c: u64| DockerContainer {
        report: Container {
            id: format!("{:064x}", n << 16 | c),
            name: format!("container-{c}"),
            state: "running".into(),
            cpu_percent: Some(share(c << 24 | n << 8 | poll) * 70.0),
            memory_percent: Some(30.0),
            memory_usage_bytes: Some(30),
            memory_limit_bytes: Some(100),
            ..Container::default()
        },
        read_bytes_per_second: Reading::default(),
        write_bytes_per_second: Reading::default(),
        network_in_bytes_per_second: Reading::default(),
        network_out_bytes_per_second: Reading::default(),
    };
    DockerHost {
        id: DockerHostId::from(format!("docker-{n}")),
        agent: AgentInfo::default(),
        custom_display_name: None,
        is_hidden: false,
        host: DockerHostInfo { hostname: format!("docker{n}"), ..DockerHostInfo::default() },
        containers: (0..50).map(container).collect(),
        services: Vec::new(),
        tasks: Vec::new(),
        liveness: Liveness::Online,
        last_seen: now,
        link: None,
        is_pending_uninstall: false,
        command: None,
    }
}
