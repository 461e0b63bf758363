//! Every type of alert: raised with its id, level and words, told once, over when its cause is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use pulse_alerts::{
    AlertConfig, Kind,
    config::{SnapshotRules, Threshold},
};
use pulse_core::{
    Missing, Reading, Snapshot,
    ids::{DiskId, DockerHostId, KubernetesClusterId, StorageId},
    model::{
        BackupTask, ConnectionHealth, DiskUse, DockerContainer, DockerHost, FailureClass, FileSystem,
        GuestSnapshot, GuestStatus, Host, InstanceKey, InstanceKind, InstanceView, KubernetesCluster,
        Liveness, MailBucket, MailQueue, MailTotals, MemoryUse, NodeStatus, PbsBackupGroup, PbsBackupType,
        PbsDatastore, PbsDatastoreState, PbsGroupKey, PbsInstance, PbsJobs, PbsSnapshot, PhysicalDisk,
        PmgBackup, PmgInstance, PmgNode, Quarantine, SourceIssue, Storage, StorageBackup, StorageStatus,
        Temperature, ZfsDevice, ZfsPool,
    },
    notice::{BrokenDestination, NoticeKind},
    report::{AgentInfo, docker::DockerHostInfo, kubernetes::ClusterInfo},
};
use serde_json::{Value, json};

use crate::world::{Engine, NAME, at, guest, host, node, world};

/// Seconds between two looks, how many looks it is bad, what the world shows (which look, whether it is bad, when), and the
/// alerts of the last bad look: `id | level | resource | message`.
struct Case {
    what: &'static str,
    step: i64,
    looks: i64,
    config: fn(&mut AlertConfig),
    show: fn(i64, bool, Timestamp) -> Snapshot,
    expect: &'static str,
}

const PLAIN: Case =
    Case { what: "", step: 10, looks: 5, config: |_| {}, show: |_, _, now| Snapshot::empty(now), expect: "" };

fn days(now: Timestamp, days: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_hours(days * 24)).unwrap()
}

/// A cluster with a node and a running guest, changed.
fn pve(now: Timestamp, change: impl FnOnce(&mut InstanceView)) -> Snapshot {
    let nodes = vec![node("n1", NodeStatus::Online, now)];
    let mut world = world(nodes, vec![guest(101, "n1", GuestStatus::Running, 5.0, 5.0, now)], vec![], now);
    change(Arc::make_mut(world.instances.values_mut().next().unwrap()));
    world
}

fn appliance(kind: InstanceKind, now: Timestamp, change: impl FnOnce(&mut InstanceView)) -> Snapshot {
    let key = InstanceKey { kind, name: "box".into() };
    let mut view = InstanceView::unknown(key.clone());
    view.health = ConnectionHealth::Healthy;
    view.last_success = Some(now);
    change(&mut view);
    let mut world = Snapshot::empty(now);
    world.instances.insert(key, Arc::new(view));
    world
}

fn storage(now: Timestamp, change: impl FnOnce(&mut Storage)) -> Snapshot {
    let mut storage = Storage {
        id: StorageId::from("lab-n1-tank"),
        name: "tank".into(),
        node: "n1".into(),
        instance: NAME.into(),
        cluster_name: None,
        nodes: vec!["n1".into()],
        node_ids: vec![],
        kind: "zfspool".into(),
        status: StorageStatus::Available,
        space: Reading::from_option(DiskUse::new(1000, 100), Missing::NotReported),
        content: vec![],
        is_shared: false,
        is_enabled: true,
        is_active: true,
        path: None,
        pool: None,
        zfs_pool: None,
    };
    change(&mut storage);
    pve(now, |view| view.storages = Arc::new(vec![storage]))
}

fn pool(now: Timestamp, change: impl FnOnce(&mut ZfsPool)) -> Snapshot {
    let device = |name: &str| ZfsDevice {
        name: name.into(),
        kind: "disk".into(),
        state: "ONLINE".into(),
        read_errors: 0,
        write_errors: 0,
        checksum_errors: 0,
        message: None,
    };
    let mut pool = ZfsPool {
        name: "tank".into(),
        state: "ONLINE".into(),
        status: String::new(),
        scan: String::new(),
        read_errors: 0,
        write_errors: 0,
        checksum_errors: 0,
        devices: vec![device("sda"), device("sdb")],
    };
    change(&mut pool);
    storage(now, |storage| storage.zfs_pool = Some(pool))
}

fn disk(now: Timestamp, health: &str, life_left: u8, model: &str) -> Snapshot {
    let disk = PhysicalDisk {
        id: DiskId::from("lab-n1-sda"),
        node: "n1".into(),
        instance: NAME.into(),
        device_path: "/dev/sda".into(),
        model: model.into(),
        serial: "S1".into(),
        wwn: String::new(),
        kind: "ssd".into(),
        size_bytes: 1000,
        health: health.into(),
        life_left_percent: Reading::Known(life_left),
        temperature_celsius: Reading::default(),
        rotations_per_minute: None,
        used_as: String::new(),
        checked_at: now,
    };
    pve(now, |view| view.physical_disks = Arc::new(vec![disk]))
}

fn agent(now: Timestamp, change: impl FnOnce(&mut Host)) -> Snapshot {
    let mut host = host("h1", Liveness::Online, None, now);
    change(&mut host);
    world(vec![node("n1", NodeStatus::Online, now)], vec![], vec![host], now)
}

/// A Docker host with one container `web` and one service, as an agent's report words them.
fn docker(now: Timestamp, container: Value, service: Value) -> Snapshot {
    let mut report =
        json!({"id": "c1", "name": "web", "image": "nginx:1", "state": "running", "status": "Up"});
    report.as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
    let container = DockerContainer {
        report: serde_json::from_value(report).unwrap(),
        read_bytes_per_second: Reading::default(),
        write_bytes_per_second: Reading::default(),
        network_in_bytes_per_second: Reading::default(),
        network_out_bytes_per_second: Reading::default(),
    };
    let mut swarm = json!({"id": "s1", "name": "api", "desiredTasks": 4, "runningTasks": 4});
    swarm.as_object_mut().unwrap().extend(service.as_object().unwrap().clone());
    let host = DockerHost {
        id: DockerHostId::from("d1"),
        agent: AgentInfo::default(),
        custom_display_name: None,
        host: DockerHostInfo { hostname: "dock".into(), ..DockerHostInfo::default() },
        containers: vec![container],
        services: vec![serde_json::from_value(swarm).unwrap()],
        tasks: vec![],
        liveness: Liveness::Online,
        last_seen: now,
        link: None,
        is_hidden: false,
        is_pending_uninstall: false,
        command: None,
    };
    let mut world = Snapshot::empty(now);
    world.docker_hosts.insert(host.id.clone(), Arc::new(host));
    world
}

fn container(now: Timestamp, report: Value) -> Snapshot {
    docker(now, report, json!({}))
}

fn pbs(now: Timestamp, change: impl FnOnce(&mut PbsInstance)) -> Snapshot {
    let mut pbs = PbsInstance {
        id: "pbs-box".into(),
        name: "box".into(),
        host_url: "https://box:8007".into(),
        guest_url: None,
        is_online: true,
        version: None,
        cpu_fraction: Reading::Known(0.1),
        memory: Reading::from_option(MemoryUse::new(100, 10), Missing::NotReported),
        root_disk: Reading::default(),
        load_average: None,
        uptime_seconds: Reading::default(),
        datastores: Some(vec![PbsDatastore {
            name: "main".into(),
            comment: None,
            space: Reading::from_option(DiskUse::new(100, 10), Missing::NotReported),
            error: None,
            state: PbsDatastoreState::Available,
            maintenance: None,
            backend: None,
            namespaces: vec![],
            deduplication_factor: None,
            full_at: None,
        }]),
        jobs: PbsJobs::default(),
        health: ConnectionHealth::Healthy,
        last_seen: now,
    };
    change(&mut pbs);
    appliance(InstanceKind::Pbs, now, |view| {
        view.health = pbs.health;
        view.pbs = Some(Arc::new(pbs));
    })
}

/// A mail gateway of two nodes; the queues of the first.
fn pmg(now: Timestamp, change: impl FnOnce(&mut PmgInstance, &mut MailQueue)) -> Snapshot {
    let mut queue = MailQueue {
        active: 1,
        deferred: 2,
        hold: 3,
        incoming: 0,
        oldest_age_seconds: Some(60),
        updated_at: now,
    };
    let quiet = queue.clone();
    let member = |name: &str, queue: MailQueue| PmgNode {
        name: name.into(),
        is_online: true,
        role: None,
        uptime_seconds: None,
        load_average: None,
        error: None,
        cpu_fraction: Reading::default(),
        memory: Reading::default(),
        root_disk: Reading::default(),
        queue: Some(queue),
    };
    let mut pmg = PmgInstance {
        id: "pmg-box".into(),
        name: "box".into(),
        host_url: "https://box:8006".into(),
        guest_url: None,
        is_online: true,
        version: None,
        nodes: vec![],
        mail: None,
        mail_by_hour: vec![],
        spam_scores: vec![],
        domains: None,
        quarantine: Some(Quarantine { spam: Some(1_000), virus: Some(10) }),
        health: ConnectionHealth::Healthy,
        last_seen: now,
    };
    change(&mut pmg, &mut queue);
    pmg.nodes = vec![member("mx1", queue), member("mx2", quiet)];
    appliance(InstanceKind::Pmg, now, |view| {
        view.health = pmg.health;
        view.pmg = Some(Arc::new(pmg));
    })
}

/// A day of ten mails an hour of each sort; the last two hours are so.
fn hours(now: Timestamp, last_two: f64) -> Vec<MailBucket> {
    let from = |hours_ago: i64| now.checked_sub(SignedDuration::from_hours(hours_ago)).unwrap();
    let mails = |mails: f64| MailTotals {
        spam_in: mails,
        spam_out: mails,
        virus_in: mails,
        virus_out: mails,
        ..MailTotals::default()
    };
    let hour = |ago: i64| MailBucket {
        from: from(ago + 1),
        to: from(ago),
        totals: mails(if ago < 2 { last_two } else { 10.0 }),
    };
    (0..26).rev().map(hour).collect()
}

/// A backup on a storage that is so many days old.
fn backup(now: Timestamp, vmid: u32, age: i64) -> StorageBackup {
    StorageBackup {
        id: format!("lab-{vmid}"),
        storage: "nas".into(),
        node: "n1".into(),
        instance: NAME.into(),
        kind: "qemu".into(),
        vmid,
        made_at: days(now, age),
        size_bytes: 1,
        format: "vma".into(),
        notes: None,
        is_protected: false,
        volume_id: "nas:x".into(),
        is_pbs: false,
        is_verified: None,
        verification: None,
    }
}

fn task(now: Timestamp, vmid: u32, hours_ago: i64, status: &str) -> BackupTask {
    let started_at = now.checked_sub(SignedDuration::from_hours(hours_ago)).unwrap();
    BackupTask {
        id: format!("lab-UPID-{vmid}-{hours_ago}"),
        node: "n1".into(),
        instance: NAME.into(),
        kind: "vzdump".into(),
        vmid,
        status: status.into(),
        started_at,
        ended_at: Some(started_at),
        size_bytes: None,
        error: (status != "OK" && !status.starts_with("WARNINGS")).then(|| status.into()),
    }
}

fn snapshot_of(now: Timestamp, age: i64, size_gib: u64) -> Snapshot {
    let snapshot = GuestSnapshot {
        id: "lab-n1-101-before".into(),
        name: "before".into(),
        node: "n1".into(),
        instance: NAME.into(),
        kind: "qemu".into(),
        vmid: 101,
        made_at: days(now, age),
        description: None,
        parent: None,
        has_memory: false,
        size_bytes: Some(size_gib << 30),
    };
    pve(now, |view| view.guest_snapshots = Arc::new(vec![snapshot]))
}

fn watch_snapshots(config: &mut AlertConfig) {
    config.snapshot_defaults = SnapshotRules {
        enabled: true,
        warning_size_gib: 50.0,
        critical_size_gib: 100.0,
        ..SnapshotRules::default()
    };
}

fn watch_backups(config: &mut AlertConfig) {
    config.backup_defaults.enabled = true;
}

/// Everything about guests' rates is off by default.
fn watch_rates(config: &mut AlertConfig) {
    let at = Some(Threshold::new(50.0, 40.0));
    let guests = &mut config.guest_defaults;
    (guests.disk_read, guests.disk_write, guests.network_in, guests.network_out) = (at, at, at, at);
}

fn temperature(celsius: f64) -> Temperature {
    Temperature {
        cpu_package_celsius: Some(celsius),
        cpu_max_celsius: None,
        core_celsius: BTreeMap::new(),
        gpus: vec![],
        nvme: vec![],
        smart: vec![],
        measured_at: at(0),
    }
}

fn cases() -> Vec<Case> {
    let mut all = of_guests_and_nodes();
    all.extend(of_storages_and_disks());
    all.extend(of_agents());
    all.extend(of_containers());
    all.extend(of_appliances());
    all.extend(of_backups());
    all
}

fn of_guests_and_nodes() -> Vec<Case> {
    vec![
        Case {
            what: "a guest's load, memory, file system and rates",
            config: watch_rates,
            show: |_, bad, now| {
                let mut busy = guest(101, "n1", GuestStatus::Running, if bad { 92.0 } else { 5.0 }, 5.0, now);
                let rate = Reading::Known(if bad { 55 << 20 } else { 0 });
                busy.rates.disk_read_bytes_per_second = rate;
                busy.rates.disk_write_bytes_per_second = rate;
                busy.rates.network_in_bytes_per_second = rate;
                busy.rates.network_out_bytes_per_second = rate;
                if bad {
                    busy.memory = Reading::from_option(MemoryUse::new(1000, 880), Missing::NotReported);
                    busy.file_systems = vec![FileSystem {
                        space: DiskUse { total_bytes: 1000, used_bytes: 930, free_bytes: 70 },
                        mountpoint: Some("/srv".into()),
                        kind: None,
                        device: None,
                    }];
                }
                pve(now, |view| view.guests = Arc::new(vec![busy]))
            },
            expect: "
                lab:n1:101-cpu | critical | lab:n1:101 | VM cpu at 92.0%
                lab:n1:101-disk-srv-disk | warning | lab:n1:101-disk-srv | VM disk (/srv) at 93.0%
                lab:n1:101-diskRead | warning | lab:n1:101 | VM diskRead at 55.0 MB/s
                lab:n1:101-diskWrite | warning | lab:n1:101 | VM diskWrite at 55.0 MB/s
                lab:n1:101-memory | warning | lab:n1:101 | VM memory at 88.0%
                lab:n1:101-networkIn | warning | lab:n1:101 | VM networkIn at 55.0 MB/s
                lab:n1:101-networkOut | warning | lab:n1:101 | VM networkOut at 55.0 MB/s",
            ..PLAIN
        },
        Case {
            what: "a guest that is off, and one of which its node knows nothing",
            looks: 40,
            show: |_, bad, now| {
                let (off, unknown) = if bad {
                    (GuestStatus::Stopped, GuestStatus::Unknown)
                } else {
                    (GuestStatus::Running, GuestStatus::Running)
                };
                let guests =
                    vec![guest(101, "n1", off, 0.0, 0.0, now), guest(102, "n1", unknown, 0.0, 0.0, now)];
                pve(now, |view| view.guests = Arc::new(guests))
            },
            expect: "
                guest-powered-off-lab:n1:101 | warning | lab:n1:101 | VM 'vm101' is powered off
                no-data-lab:n1:102 | warning | lab:n1:102 | no figures of VM 'vm102' although its node answers",
            ..PLAIN
        },
        Case {
            what: "a node that is down",
            show: |_, bad, now| {
                let status = if bad { NodeStatus::Offline } else { NodeStatus::Online };
                pve(now, |view| view.nodes = Arc::new(vec![node("n1", status, now)]))
            },
            expect: "node-offline-lab-n1 | critical | lab-n1 | node 'n1' is offline",
            ..PLAIN
        },
        Case {
            what: "a hot node",
            show: |_, bad, now| {
                let mut hot = node("n1", NodeStatus::Online, now);
                hot.temperature = Some(temperature(if bad { 91.0 } else { 50.0 }));
                pve(now, |view| view.nodes = Arc::new(vec![hot]))
            },
            expect: "lab-n1-temperature | critical | lab-n1 | Node temperature at 91.0°C",
            ..PLAIN
        },
        Case {
            what: "a cluster that refuses us",
            looks: 40,
            show: |_, bad, now| {
                pve(now, |view| {
                    if bad {
                        view.health = ConnectionHealth::Error;
                        view.nodes = Arc::default();
                        view.guests = Arc::default();
                        view.issues = Arc::new(vec![SourceIssue {
                            at: now,
                            class: FailureClass::Authentication,
                            message: "the API token is refused".into(),
                            node: None,
                        }]);
                    }
                })
            },
            expect: "no-data-pve:lab | warning | pve:lab | no figures from lab: the API token is refused",
            ..PLAIN
        },
    ]
}

fn of_storages_and_disks() -> Vec<Case> {
    vec![
        Case {
            what: "a full storage",
            show: |_, bad, now| {
                let used = if bad { 970 } else { 100 };
                storage(now, |storage| {
                    storage.space = Reading::from_option(DiskUse::new(1000, used), Missing::NotReported);
                })
            },
            expect: "lab-n1-tank-usage | critical | lab-n1-tank | Storage at 97.0%",
            ..PLAIN
        },
        Case {
            what: "a storage that is not there",
            show: |_, bad, now| {
                let status = if bad { StorageStatus::Inactive } else { StorageStatus::Available };
                storage(now, |storage| storage.status = status)
            },
            expect: "storage-offline-lab-n1-tank | warning | lab-n1-tank | storage 'tank' on n1 cannot be reached",
            ..PLAIN
        },
        Case {
            what: "a degraded pool with a dead device",
            show: |_, bad, now| {
                pool(now, |pool| {
                    if bad {
                        pool.state = "DEGRADED".into();
                        pool.devices[1].state = "FAULTED".into();
                    }
                })
            },
            expect: "
                zfs-device-lab-n1-tank-sdb | critical | lab-n1-tank | device 'sdb' of ZFS pool 'tank' is FAULTED: 0 read, 0 write, 0 checksum errors
                zfs-pool-state-lab-n1-tank | warning | lab-n1-tank | ZFS pool 'tank' is DEGRADED",
            ..PLAIN
        },
        Case {
            what: "a pool that cannot be used",
            show: |_, bad, now| {
                pool(now, |pool| {
                    if bad {
                        pool.state = "UNAVAIL".into();
                    }
                })
            },
            expect: "zfs-pool-state-lab-n1-tank | critical | lab-n1-tank | ZFS pool 'tank' is UNAVAIL",
            ..PLAIN
        },
        Case {
            what: "a pool with errors",
            show: |_, bad, now| pool(now, |pool| pool.checksum_errors = if bad { 3 } else { 0 }),
            expect: "zfs-pool-errors-lab-n1-tank | warning | lab-n1-tank | ZFS pool 'tank' has errors: 0 read, 0 write, 3 checksum",
            ..PLAIN
        },
        Case {
            what: "a disk that fails",
            show: |_, bad, now| disk(now, if bad { "FAILED" } else { "PASSED" }, 90, "WD Red"),
            expect: "disk-health-lab-n1-/dev/sda | critical | n1-/dev/sda | disk /dev/sda on n1 reports FAILED",
            ..PLAIN
        },
        Case {
            what: "a disk whose firmware is known to lie",
            show: |_, bad, now| disk(now, if bad { "FAILED" } else { "PASSED" }, 90, "Samsung SSD 980 PRO"),
            ..PLAIN
        },
        Case {
            what: "a disk that is worn out",
            show: |_, bad, now| disk(now, "PASSED", if bad { 9 } else { 11 }, "WD Red"),
            expect: "disk-wearout-lab-n1-/dev/sda | warning | n1-/dev/sda | disk /dev/sda on n1 has 9% of its life left",
            ..PLAIN
        },
    ]
}

fn of_agents() -> Vec<Case> {
    vec![
        Case {
            what: "a silent host agent",
            show: |_, bad, now| {
                agent(now, |host| {
                    host.liveness = if bad { Liveness::Offline } else { Liveness::Online };
                    host.last_seen = at(0);
                })
            },
            expect: "host-offline-h1 | critical | host:h1 | host 'h1' is offline: its agent is silent since 2027-01-15T08:00:00Z",
            ..PLAIN
        },
        Case {
            what: "arrays that are degraded and that rebuild",
            show: |_, bad, now| {
                let array = |device: &str, state: &str, failed: u32| {
                    json!({"device": device, "level": "raid1", "state": state, "totalDevices": 2, "failedDevices": failed, "rebuildPercent": 41.6})
                };
                let arrays = if bad {
                    json!([array("/dev/md0", "clean, degraded", 1), array("/dev/md1", "active, recovering", 0)])
                } else {
                    json!([array("/dev/md0", "clean", 0), array("/dev/md1", "clean", 0)])
                };
                agent(now, |host| host.raid = serde_json::from_value(arrays).unwrap())
            },
            expect: "
                host-h1-raid-md0 | critical | host-h1-raid-md0 | RAID array /dev/md0 (raid1) is degraded: 1 of 2 devices failed
                host-h1-raid-md1 | warning | host-h1-raid-md1 | RAID array /dev/md1 (raid1) rebuilds: 42% done",
            ..PLAIN
        },
        Case {
            what: "disks of a host: hot, failing, worn out; one sleeps",
            show: |_, bad, now| {
                let disks = if bad {
                    json!([{"device": "/dev/sda", "temperature": 66.0, "health": "FAILED"},
                        {"device": "nvme0", "temperature": 40.0, "health": "PASSED", "wearPercent": 96},
                        {"device": "sdb", "temperature": 70.0, "health": "FAILED", "standby": true}])
                } else {
                    json!([{"device": "/dev/sda", "temperature": 30.0, "health": "PASSED"},
                        {"device": "nvme0", "temperature": 40.0, "health": "PASSED", "wearPercent": 1}])
                };
                agent(now, |host| host.sensors = Some(serde_json::from_value(json!({"smart": disks})).unwrap()))
            },
            expect: "
                disk-health-host:h1-sda | critical | host:h1/disk:sda | disk sda of h1 reports FAILED
                disk-wearout-host:h1-nvme0 | warning | host:h1/disk:nvme0 | disk nvme0 of h1 has 4% of its life left
                host:h1/disk_temp:sda-diskTemperature | critical | host:h1/disk_temp:sda | Host Disk diskTemperature at 66.0°C",
            ..PLAIN
        },
        Case {
            what: "a silent Kubernetes agent",
            looks: 40,
            show: |_, bad, now| {
                let cluster = KubernetesCluster {
                    id: KubernetesClusterId::from("k1"),
                    agent: AgentInfo::default(),
                    cluster: ClusterInfo { name: Some("prod".into()), ..ClusterInfo::default() },
                    custom_display_name: None,
                    nodes: vec![],
                    pods: vec![],
                    deployments: vec![],
                    workloads: vec![],
                    liveness: if bad { Liveness::Offline } else { Liveness::Online },
                    last_seen: at(0),
                    link: None,
                    is_hidden: false,
                    is_pending_uninstall: false,
                };
                let mut world = Snapshot::empty(now);
                world.kubernetes_clusters.insert(cluster.id.clone(), Arc::new(cluster));
                world
            },
            expect: "no-data-kubernetes:k1 | warning | kubernetes:k1 | no reports from the agent of prod since 2027-01-15T08:00:00Z",
            ..PLAIN
        },
    ]
}

fn of_containers() -> Vec<Case> {
    vec![
        Case {
            what: "a silent Docker agent, and not its containers",
            show: |_, bad, now| {
                let mut world = container(now, json!({"state": if bad { "exited" } else { "running" }}));
                for host in world.docker_hosts.values_mut() {
                    let host = Arc::make_mut(host);
                    host.liveness = if bad { Liveness::Offline } else { Liveness::Online };
                    host.last_seen = at(0);
                }
                world
            },
            expect: "docker-host-offline-d1 | critical | docker:d1 | Docker host 'dock' is offline: its agent is silent since 2027-01-15T08:00:00Z",
            ..PLAIN
        },
        Case {
            what: "a container that ended",
            show: |_, bad, now| {
                container(now, if bad { json!({"state": "exited", "exitCode": 1}) } else { json!({}) })
            },
            expect: "docker-container-state-docker:d1/c1 | warning | docker:d1/c1 | container 'web' is exited",
            ..PLAIN
        },
        Case {
            what: "a container that is ill, busy, full and near its limit",
            show: |_, bad, now| {
                let ill = json!({"health": "unhealthy", "cpuPercent": 85.0, "memoryPercent": 96.0, "memoryUsageBytes": 96,
                    "memoryLimitBytes": 100, "writableLayerBytes": 90, "rootFilesystemBytes": 100});
                let well = json!({"health": "healthy", "cpuPercent": 5.0, "memoryPercent": 6.0, "memoryUsageBytes": 6,
                    "memoryLimitBytes": 100, "writableLayerBytes": 1, "rootFilesystemBytes": 100});
                container(now, if bad { ill } else { well })
            },
            expect: "
                docker-container-health-docker:d1/c1 | critical | docker:d1/c1 | container 'web' is unhealthy
                docker-container-memory-limit-docker:d1/c1 | critical | docker:d1/c1 | container 'web' uses 96.0% of its memory limit
                docker:d1/c1-cpu | warning | docker:d1/c1 | Docker Container cpu at 85.0%
                docker:d1/c1-disk | warning | docker:d1/c1 | Docker Container disk at 90.0%
                docker:d1/c1-memory | critical | docker:d1/c1 | Docker Container memory at 96.0%",
            ..PLAIN
        },
        Case {
            what: "a container that restarts again and again",
            looks: 4,
            show: |look, bad, now| container(now, json!({"restartCount": if bad { look } else { 3 }})),
            expect: "docker-container-restart-loop-docker:d1/c1 | critical | docker:d1/c1 | container 'web' restarted 4 times within 300 s",
            ..PLAIN
        },
        Case {
            what: "a container that was killed, as an old agent says it",
            show: |_, bad, now| {
                container(now, if bad { json!({"state": "exited", "exitCode": 137}) } else { json!({}) })
            },
            expect: "
                docker-container-oom-docker:d1/c1 | critical | docker:d1/c1 | container 'web' was killed (exit code 137), likely for memory
                docker-container-state-docker:d1/c1 | warning | docker:d1/c1 | container 'web' is exited",
            ..PLAIN
        },
        Case {
            what: "a container that a person killed",
            show: |_, bad, now| {
                let killed = json!({"state": "exited", "exitCode": 137, "oomKilled": false});
                container(now, if bad { killed } else { json!({}) })
            },
            expect: "docker-container-state-docker:d1/c1 | warning | docker:d1/c1 | container 'web' is exited",
            ..PLAIN
        },
        Case {
            what: "an update that is known for a day",
            step: 3_600,
            looks: 26,
            show: |_, bad, now| {
                let status = json!({"updateStatus": {"updateAvailable": bad, "currentDigest": "a", "latestDigest": "b"}});
                container(now, status)
            },
            expect: "docker-container-update-docker:d1/c1 | warning | docker:d1/c1 | a newer image of container 'web' (nginx:1) is there",
            ..PLAIN
        },
        Case {
            what: "a service that lacks replicas",
            show: |_, bad, now| docker(now, json!({}), json!({"runningTasks": if bad { 1 } else { 4 }})),
            expect: "docker-service-health-docker:d1/service/s1 | critical | docker:d1/service/s1 | service 'api' runs 1 of 4 tasks",
            ..PLAIN
        },
        Case {
            what: "a service whose update was rolled back",
            show: |_, bad, now| {
                let state = if bad { "rollback_started" } else { "completed" };
                docker(now, json!({}), json!({"updateStatus": {"state": state}}))
            },
            expect: "docker-service-health-docker:d1/service/s1 | warning | docker:d1/service/s1 | service 'api' runs 4 of 4 tasks; its update is rollback_started",
            ..PLAIN
        },
    ]
}

fn of_appliances() -> Vec<Case> {
    vec![
        Case {
            what: "a backup server that is down",
            show: |_, bad, now| {
                pbs(now, |pbs| {
                    pbs.is_online = !bad;
                    pbs.health = if bad { ConnectionHealth::Error } else { ConnectionHealth::Healthy };
                })
            },
            expect: "pbs-offline-pbs-box | critical | pbs-box | PBS 'box' is offline",
            ..PLAIN
        },
        Case {
            what: "a busy backup server with a full and a failed datastore",
            show: |_, bad, now| {
                pbs(now, |pbs| {
                    let stores = pbs.datastores.as_mut().unwrap();
                    let mut other = stores[0].clone();
                    other.name = "other".into();
                    if bad {
                        pbs.cpu_fraction = Reading::Known(0.85);
                        pbs.memory = Reading::from_option(MemoryUse::new(100, 96), Missing::NotReported);
                        stores[0].space = Reading::from_option(DiskUse::new(100, 88), Missing::NotReported);
                        other.state = PbsDatastoreState::Failed;
                        other.error = Some("chunk store is gone".into());
                    }
                    stores.push(other);
                })
            },
            expect: "
                pbs-box-cpu | warning | pbs-box | PBS cpu at 85.0%
                pbs-box-main-usage | warning | pbs-box-main | Storage at 88.0%
                pbs-box-memory | critical | pbs-box | PBS memory at 96.0%
                storage-offline-pbs-box-other | warning | pbs-box-other | datastore 'other' of box cannot be used: chunk store is gone",
            ..PLAIN
        },
        Case {
            what: "a mail gateway that is down",
            show: |_, bad, now| {
                pmg(now, |pmg, _| {
                    pmg.is_online = !bad;
                    pmg.health = if bad { ConnectionHealth::Error } else { ConnectionHealth::Healthy };
                })
            },
            expect: "pmg-offline-pmg-box | critical | pmg-box | PMG 'box' is offline",
            ..PLAIN
        },
        Case {
            what: "queues that grow on one of two nodes",
            show: |_, bad, now| {
                pmg(now, |_, queue| {
                    if bad {
                        (queue.active, queue.deferred, queue.hold) = (700, 220, 301);
                        queue.oldest_age_seconds = Some(45 * 60);
                    }
                })
            },
            expect: "
                pmg-box-mx1-oldest-message | warning | pmg-box | the oldest mail on mx1 waits for 45 minutes
                pmg-box-mx1-queue-deferred | warning | pmg-box | 220 deferred mails on mx1; far more than on the other nodes
                pmg-box-mx1-queue-hold | critical | pmg-box | 301 held mails on mx1; far more than on the other nodes
                pmg-box-mx1-queue-total | critical | pmg-box | 1221 mails in the queues on mx1; far more than on the other nodes
                pmg-box-oldest-message | warning | pmg-box | the oldest mail waits for 45 minutes
                pmg-box-queue-deferred | warning | pmg-box | 222 deferred mails
                pmg-box-queue-hold | critical | pmg-box | 304 held mails
                pmg-box-queue-total | critical | pmg-box | 1227 mails in the queues",
            ..PLAIN
        },
        Case {
            what: "much in quarantine",
            show: |_, bad, now| {
                pmg(now, |pmg, _| {
                    if bad {
                        pmg.quarantine = Some(Quarantine { spam: Some(2_500), virus: Some(6_000) });
                    }
                })
            },
            expect: "
                pmg-box-quarantine-spam | warning | pmg-box | 2500 spam mails in quarantine
                pmg-box-quarantine-virus | critical | pmg-box | 6000 mails with viruses in quarantine",
            ..PLAIN
        },
        Case {
            what: "a quarantine that grows by half within two hours",
            step: 60,
            looks: 125,
            show: |look, bad, now| {
                let spam = if bad && look >= 121 { 1_600 } else { 1_000 };
                pmg(now, |pmg, _| pmg.quarantine = Some(Quarantine { spam: Some(spam), virus: Some(10) }))
            },
            expect: "pmg-box-quarantine-spam | critical | pmg-box | 1600 spam mails in quarantine, 600 more than two hours ago",
            ..PLAIN
        },
        Case {
            what: "two unusual hours of mail",
            show: |_, bad, now| pmg(now, |pmg, _| pmg.mail_by_hour = hours(now, if bad { 80.0 } else { 12.0 })),
            expect: "
                pmg-box-anomaly-spamIn | warning | pmg-box | 80 incoming spam mails in an hour, usually 10
                pmg-box-anomaly-spamOut | warning | pmg-box | 80 outgoing spam mails in an hour, usually 10
                pmg-box-anomaly-virusIn | warning | pmg-box | 80 incoming mails with viruses in an hour, usually 10
                pmg-box-anomaly-virusOut | warning | pmg-box | 80 outgoing mails with viruses in an hour, usually 10",
            ..PLAIN
        },
    ]
}

fn of_backups() -> Vec<Case> {
    vec![
        Case {
            what: "an old snapshot",
            config: watch_snapshots,
            show: |_, bad, now| snapshot_of(now, if bad { 46 } else { 1 }, 1),
            expect: "snapshot-age-lab-n1-101-before | critical | lab-n1-101-before | snapshot 'before' of vm101 is 46 days old",
            ..PLAIN
        },
        Case {
            what: "a large snapshot",
            config: watch_snapshots,
            show: |_, bad, now| snapshot_of(now, 1, if bad { 60 } else { 10 }),
            expect: "snapshot-age-lab-n1-101-before | warning | lab-n1-101-before | snapshot 'before' of vm101 takes 60.0 GiB",
            ..PLAIN
        },
        Case {
            what: "an old backup, of a guest and of one that is gone",
            config: watch_backups,
            show: |_, bad, now| {
                let (of_guest, orphan) = if bad { (8, 15) } else { (0, 0) };
                pve(now, |view| {
                    view.storage_backups =
                        Arc::new(vec![backup(now, 101, of_guest), backup(now, 101, 30), backup(now, 777, orphan)]);
                })
            },
            expect: "
                backup-age-lab-777 | critical | lab-777 | the newest backup of lab/777 is 15 days old
                backup-age-lab-n1-101 | warning | lab-n1-101 | the newest backup of vm101 is 8 days old",
            ..PLAIN
        },
        Case {
            what: "an old backup on a backup server, and the configuration of a mail gateway",
            config: watch_backups,
            show: |_, bad, now| {
                let age = if bad { 9 } else { 0 };
                let group = PbsBackupGroup {
                    key: PbsGroupKey {
                        instance: "box".into(),
                        datastore: "main".into(),
                        namespace: "".into(),
                        backup_type: PbsBackupType::Vm,
                        backup_id: "101".into(),
                    },
                    owner: None,
                    comment: None,
                    snapshots: vec![PbsSnapshot {
                        made_at: days(now, age),
                        size_bytes: None,
                        is_protected: false,
                        is_verified: None,
                        is_encrypted: false,
                        comment: None,
                        files: Arc::default(),
                    }],
                };
                let of_mail = PmgBackup {
                    id: "b".into(),
                    instance: "box".into(),
                    node: "mx1".into(),
                    file_name: "pmg.tgz".into(),
                    made_at: days(now, age),
                    size_bytes: 1,
                };
                let mut world = pve(now, |_| {});
                let mut pbs = pbs(now, |_| {});
                for view in pbs.instances.values_mut() {
                    Arc::make_mut(view).pbs_backups = Arc::new(vec![Arc::new(group.clone())]);
                }
                let mut pmg = pmg(now, |_, _| {});
                for view in pmg.instances.values_mut() {
                    Arc::make_mut(view).pmg_backups = Arc::new(vec![of_mail.clone()]);
                }
                world.instances.extend(pbs.instances);
                world.instances.extend(pmg.instances);
                world
            },
            expect: "
                backup-age-box-pmg-mx1 | warning | box-pmg-mx1 | the newest backup of box/pmg/mx1 is 9 days old
                backup-age-lab-n1-101 | warning | lab-n1-101 | the newest backup of vm101 is 9 days old",
            ..PLAIN
        },
        Case {
            what: "backups that failed: of a guest until one succeeds, of a job for a day",
            config: watch_backups,
            show: |_, bad, now| {
                let tasks = if bad {
                    vec![
                        task(now, 101, 30, "OK"),
                        task(now, 101, 2, "command 'vzdump' failed: no space left"),
                        task(now, 0, 5, "job errors"),
                        // Another job on the same node; of a guest that is gone nobody wants to hear.
                        task(now, 0, 1, "OK"),
                        task(now, 999, 1, "unable to find VM"),
                    ]
                } else {
                    vec![task(now, 101, 0, "OK"), task(now, 0, 30, "job errors"), task(now, 0, 1, "WARNINGS: 2")]
                };
                pve(now, |view| view.backup_tasks = Arc::new(tasks))
            },
            expect: "
                backup-failed-lab-n1 | warning | lab:n1 | a backup job on n1 failed: job errors
                backup-failed-lab-n1-101 | warning | lab:n1:101 | the last backup of vm101 failed: command 'vzdump' failed: no space left",
            ..PLAIN
        },
    ]
}

fn kinds(case: &Case) -> BTreeSet<String> {
    let mut engine = Engine::new(case.config);
    let mut look = 0;
    let mut play = |engine: &mut Engine, looks: i64, bad: bool| {
        for _ in 0..looks {
            look += 1;
            let now = at(look * case.step);
            engine.look(&(case.show)(look, bad, now), now);
        }
    };
    play(&mut engine, 3, false);
    assert!(engine.raised().is_empty(), "{}: in peace: {:?}", case.what, engine.raised());
    play(&mut engine, case.looks, true);
    let active = engine.state.active();
    let shown: Vec<String> = active
        .iter()
        .map(|it| format!("{} | {} | {} | {}", it.id, it.level.name(), it.resource_id, it.message))
        .collect();
    let wanted: Vec<&str> = case.expect.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(shown, wanted, "{}:\n{}", case.what, shown.join("\n"));
    let kinds = active.iter().map(|alert| alert.kind.clone()).collect();

    // What is remembered of restarts and growth lasts for hours.
    play(&mut engine, 200, false);
    assert!(engine.raised().is_empty(), "{}: afterwards: {:?}", case.what, engine.raised());
    let told = |kind: NoticeKind| {
        let mut ids: Vec<_> =
            engine.notices.iter().filter(|it| it.kind == kind).map(|it| it.alert.id.clone()).collect();
        ids.sort();
        ids
    };
    let ids: Vec<String> = active.iter().map(|alert| alert.id.clone()).collect();
    assert_eq!(told(NoticeKind::Firing), ids, "{}: each is told once", case.what);
    assert_eq!(told(NoticeKind::Resolved), ids, "{}: and its end once", case.what);
    kinds
}

#[test]
fn every_type_is_raised_told_once_and_over_when_its_cause_is() {
    let mut raised: BTreeSet<String> = cases().iter().flat_map(kinds).collect();
    // It has a story of its own below.
    raised.insert(Kind::NotificationDelivery.name().to_owned());
    let all: BTreeSet<String> = Kind::ALL.iter().map(|kind| kind.name().to_owned()).collect();
    assert_eq!(raised, all, "a type without a case");
}

#[test]
fn a_destination_at_which_nothing_arrives_is_an_alert_that_waits_for_the_truth() {
    let mut engine = Engine::new(|_| {});
    let broken = |name: &str| BrokenDestination {
        destination: format!("webhook:{name}"),
        name: name.into(),
        since: at(0),
        error: "the receiver answered HTTP 404".into(),
    };
    let mut second = 0;
    let mut play = |engine: &mut Engine, seconds: i64, broken: Option<Vec<BrokenDestination>>| {
        for _ in 0..seconds / 10 {
            second += 10;
            engine.state.set_broken_destinations(broken.clone());
            engine.look(&Snapshot::empty(at(second)), at(second));
        }
    };
    // Half a minute is an accident.
    play(&mut engine, 30, Some(vec![broken("ops")]));
    play(&mut engine, 30, Some(vec![]));
    assert!(engine.notices.is_empty());
    play(&mut engine, 300, Some(vec![broken("ops"), broken("sms")]));
    assert_eq!(engine.raised(), ["notification-delivery-webhook:ops", "notification-delivery-webhook:sms"]);
    let alert = engine.state.active()[0].clone();
    assert_eq!(alert.message, "notifications do not arrive at 'ops': the receiver answered HTTP 404");
    assert_eq!(alert.metadata["destination"], "webhook:ops");
    // After a restart nobody knows until the log was read.
    engine.restart(at(400));
    play(&mut engine, 300, None);
    assert_eq!(engine.raised().len(), 2);
    play(&mut engine, 60, Some(vec![broken("ops")]));
    assert_eq!(engine.raised(), ["notification-delivery-webhook:ops"]);
    play(&mut engine, 60, Some(vec![]));
    assert!(engine.raised().is_empty());
    let told = |kind: NoticeKind| engine.notices.iter().filter(|notice| notice.kind == kind).count();
    assert_eq!((told(NoticeKind::Firing), told(NoticeKind::Resolved)), (2, 2));
    assert_eq!(engine.notices[3].alert.metadata["resolvedReason"], "recovered");
}
