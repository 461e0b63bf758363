//! The whole way from a simulated cluster over HTTPS to the published state: every figure is what the simulator says is
//! true, and no guest agent is asked at a moment when it must be left alone.

use std::{collections::HashMap, sync::Arc, time::Duration};

use pulse_collectors::HttpConnect;
use pulse_config::{NodeConfig, PveInstance, Secret, SystemSettings};
use pulse_core::{
    ManualClock, Missing, Reading,
    metric::{ResourceType, Sample},
    model::{Guest, GuestStatus, InstanceView, MemorySource},
    report::host::{HostInfo, HostMemory, HostMetrics, HostNetwork, HostReport},
};
use pulse_monitor::{Keeper, Reporter, Supervisor, pipeline};
use pulse_sim::{Cluster, Effect, EstateOptions, Fault, GuestKind, GuestTruth, Rights, Truth};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A cluster and a server that watches it. The clock stands still unless a test moves it; the tasks do not.
struct Watched {
    cluster: Cluster,
    clock: Arc<ManualClock>,
    keeper: Keeper,
    config: watch::Sender<Arc<NodeConfig>>,
    stop: CancellationToken,
}

impl Watched {
    async fn start(options: EstateOptions, before: impl FnOnce(&Cluster)) -> Self {
        // Somebody else may have installed one already: then that one is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(ManualClock::new("2026-02-03T14:05:00Z".parse().unwrap()));
        let cluster = Cluster::start_with(options, clock.clone()).await.unwrap();
        before(&cluster);
        let config = Arc::new(NodeConfig { pve: vec![instance("lab", &cluster)], ..NodeConfig::default() });
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let keeper = Keeper::start(clock.clone(), &tasks, stop.clone());
        let config = watch::Sender::new(config);
        let settings = SystemSettings {
            pve_polling_interval_seconds: 1,
            connection_timeout_seconds: 20,
            ..SystemSettings::default()
        };
        // Settings that nobody changes any more go on holding.
        let settings = watch::Sender::new(Arc::new(settings)).subscribe();
        let connect = Arc::new(HttpConnect);
        let clock_of = clock.clone();
        Supervisor::start(
            config.subscribe(),
            settings,
            connect,
            keeper.clone(),
            clock_of,
            &tasks,
            stop.clone(),
        );
        Self { cluster, clock, keeper, config, stop }
    }

    /// Waits until the state is as it should be.
    async fn until(&self, what: &str, is_so: impl Fn(&InstanceView) -> bool) -> Arc<InstanceView> {
        let mut world = self.keeper.subscribe();
        let wait = async {
            loop {
                let view = world.borrow_and_update().instances.values().next().cloned();
                if let Some(view) = view.filter(|view| is_so(view)) {
                    return view;
                }
                world.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(90), wait)
            .await
            .unwrap_or_else(|_| panic!("{what} did not come; requests: {:?}", self.cluster.counters()))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub fn instance(name: &str, cluster: &Cluster) -> PveInstance {
    PveInstance {
        token_name: Some(cluster.token_name().to_owned()),
        token_value: Some(Secret::new(cluster.token_value())),
        fingerprint: Some(cluster.fingerprint()),
        ..PveInstance::new(name.into(), cluster.url())
    }
}

fn options() -> EstateOptions {
    EstateOptions {
        nodes: 3,
        guests: 26,
        zfs: true,
        ceph: true,
        cifs: true,
        workers: 3,
        ..EstateOptions::default()
    }
}

fn guest(view: &InstanceView, vmid: u32) -> &Guest {
    view.guests.iter().find(|guest| guest.vmid == vmid).unwrap()
}

/// Whether the guest's agent has been asked for all that it is asked for.
fn is_complete(view: &InstanceView, truth: &Truth) -> bool {
    truth.guests.iter().filter(|guest| !guest.plan.is_template).all(|truth| {
        let Some(guest) = view.guests.iter().find(|guest| guest.vmid == truth.plan.vmid) else {
            return false;
        };
        if truth.has_agent() {
            guest.agent_version.is_some()
        } else if truth.plan.kind == GuestKind::Lxc {
            guest.os_name.is_some()
        } else {
            truth.lock.is_some() || !truth.is_running() || guest.disk.missing() != Some(Missing::NotAskedYet)
        }
    })
}

#[track_caller]
fn compare(guest: &Guest, truth: &GuestTruth) {
    let plan = &truth.plan;
    assert_eq!(guest.lock.as_deref(), truth.lock);
    if !truth.is_running() {
        assert!(guest.disk.missing().is_some());
        return;
    }
    let space = guest.disk.map(|disk| (disk.used_bytes, disk.total_bytes));
    match plan.kind {
        GuestKind::Lxc => {
            assert_eq!(space, Reading::Known((truth.disk_used, plan.disk)));
            assert_eq!(guest.kind.name(), if plan.is_oci { "oci" } else { "lxc" });
            assert_eq!(guest.memory_source, Some(MemorySource::Listing));
            assert_eq!(guest.ip_addresses, [plan.address()]);
        }
        GuestKind::Qemu if truth.has_agent() => {
            assert_eq!(space, Reading::Known((truth.disk_used, plan.disk)), "{}", plan.vmid);
            assert!(!guest.file_systems.is_empty());
            assert_eq!(guest.ip_addresses, [plan.address()]);
            assert!(guest.os_name.is_some() && guest.os_version.is_some());
            let is_windows = plan.os_type.starts_with("win");
            let memory = guest.memory.known().unwrap();
            let expect = if is_windows { truth.memory_used } else { truth.memory_inside };
            assert_eq!((memory.used_bytes, memory.total_bytes), (expect, plan.memory));
            let source = match (is_windows, plan.has_balloon) {
                (false, _) => MemorySource::GuestAgent,
                (true, true) => MemorySource::Balloon,
                (true, false) => MemorySource::StatusCurrent,
            };
            assert_eq!(guest.memory_source, Some(source));
        }
        GuestKind::Qemu => {
            let reason = guest.disk.missing().unwrap().disk_status_reason();
            let expect = match truth.agent {
                _ if truth.lock.is_some() => "no-status",
                pulse_sim::AgentState::Off => "agent-disabled",
                pulse_sim::AgentState::Dead => "agent-not-running",
                pulse_sim::AgentState::Slow => "agent-timeout",
                pulse_sim::AgentState::Running => panic!("an agent that answers has a figure"),
            };
            assert_eq!(reason, expect, "{}", plan.vmid);
            assert_eq!(guest.memory.known().unwrap().used_bytes, truth.memory_used);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_of_the_state_is_true_and_no_agent_is_disturbed() {
    let mut held = Vec::new();
    let watched = Watched::start(options(), |cluster| {
        let truth = cluster.truth();
        let with_agent: Vec<_> = truth.guests.iter().filter(|guest| guest.has_agent()).collect();
        // One of each: locked, being migrated, on a node where a backup of many runs, paused.
        cluster.lock_guest(with_agent[0].plan.vmid, Some("backup")).unwrap();
        cluster.begin_task("qmigrate", Some(with_agent[1].plan.vmid), &with_agent[1].node).unwrap();
        cluster.begin_task("vzdump", None, "pve3").unwrap();
        cluster.pause_guest(with_agent[2].plan.vmid, true).unwrap();
        held = vec![with_agent[0].plan.vmid, with_agent[1].plan.vmid, with_agent[2].plan.vmid];
    })
    .await;
    let truth = watched.cluster.truth();
    let on_busy_node = |guest: &&GuestTruth| &*guest.node == "pve3" && guest.plan.kind == GuestKind::Qemu;
    held.extend(truth.guests.iter().filter(on_busy_node).map(|guest| guest.plan.vmid));
    let free = Truth {
        guests: truth.guests.iter().filter(|guest| !held.contains(&guest.plan.vmid)).cloned().collect(),
        ..(*truth).clone()
    };
    let view = watched
        .until("the first round of everything", |view| {
            is_complete(view, &free)
                && view.nodes.iter().all(|node| node.pending_updates.is_some())
                && view.storage_backups.len() == watched.cluster.backups().len()
                && view.guest_snapshots.len() == watched.cluster.snapshots().len()
                && view.replication_jobs.len() == watched.cluster.replication().len()
                && !view.ceph.is_empty()
                && view.physical_disks.len() == 9
                && view.storages.iter().filter(|storage| storage.zfs_pool.is_some()).count() == 3
        })
        .await;
    for truth in free.guests.iter().filter(|guest| !guest.plan.is_template) {
        compare(guest(&view, truth.plan.vmid), truth);
    }
    let newest = |vmid: u32| {
        let all = watched.cluster.backups();
        all.iter().filter(|backup| backup.vmid == vmid).map(|backup| backup.at).max()
    };
    for guest in view.guests.iter() {
        assert_eq!(guest.last_backup.map(|at| at.as_second().unsigned_abs()), newest(guest.vmid));
    }
    assert!(view.replication_jobs.iter().all(|job| job.guest_name.is_some()));
    assert_eq!(view.hidden.as_slice(), []);
    assert_eq!(view.issues.as_slice(), []);
    // The guests that are worked on were left alone.
    assert_eq!(watched.cluster.violations(), Vec::<String>::new());
    let asked = |vmid: u32| {
        let part = format!("/qemu/{vmid}/agent/");
        watched.cluster.requests().iter().filter(|request| request.path.contains(&part)).count()
    };
    for vmid in held {
        assert_eq!(asked(vmid), 0, "guest agent of {vmid}");
    }
    let most = watched.cluster.most_per_target();
    assert!(most.values().all(|most| *most <= 3), "{most:?}");
    let odd: Vec<_> = watched
        .cluster
        .requests()
        .into_iter()
        .filter(|request| request.status == Some(400) || request.status == Some(501))
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_missing_right_hides_is_named_once() {
    let watched = Watched::start(EstateOptions { rights: Rights::NoAgent, ..options() }, |_| {}).await;
    let truth = watched.cluster.truth();
    let view = watched
        .until("the reasons", |view| {
            view.hidden.len() == 3
                && truth.guests.iter().filter(|guest| guest.has_agent()).all(|truth| {
                    guest(view, truth.plan.vmid).disk == Reading::Unknown(Missing::PermissionDenied)
                })
        })
        .await;
    let all: Vec<_> = view.hidden.iter().map(|issue| issue.message.as_str()).collect();
    assert!(all[0].starts_with("backups") && all[0].contains("Datastore.AllocateSpace"), "{all:?}");
    assert!(all[1].starts_with("file systems") && all[1].contains("VM.GuestAgent.Audit"), "{all:?}");
    assert!(all[2].starts_with("pending updates") && all[2].contains("Sys.Modify"), "{all:?}");
    // Asked for once, not once per guest; three nodes may have been at it at the same time.
    let asked = watched.cluster.requests().into_iter().filter(|r| r.path.contains("/agent/")).count();
    assert!(asked <= 3, "{asked} guest agents were asked without the right to");
    assert_eq!(view.issues.as_slice(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_inside_a_guest_goes_before_all_other_sources() {
    let watched = Watched::start(options(), |_| {}).await;
    let truth = watched.cluster.truth();
    let truth = truth.guests.iter().find(|guest| guest.has_agent()).unwrap();
    let report = |hostname: &str| HostReport {
        host: HostInfo { hostname: hostname.into(), id: Some("m-1".into()), ..HostInfo::default() },
        metrics: HostMetrics {
            memory: Some(HostMemory {
                total_bytes: truth.plan.memory - 1000,
                used_bytes: 12_345,
                ..HostMemory::default()
            }),
            ..HostMetrics::default()
        },
        network: vec![HostNetwork {
            name: "eth0".into(),
            mac: Some(truth.plan.mac()),
            ..HostNetwork::default()
        }],
        ..HostReport::default()
    };
    // The address alone is no proof: a cloned disk has it too.
    watched.keeper.report_host(report("another"), Reporter::Local).await.unwrap().unwrap();
    watched
        .until("the guest agent's figure", |view| {
            view.guests.iter().any(|guest| {
                guest.vmid == truth.plan.vmid
                    && guest.memory_source == Some(MemorySource::GuestAgent)
                    && !guest.network_interfaces.is_empty()
            }) || truth.plan.os_type.starts_with("win")
        })
        .await;
    watched.keeper.change(|world, _| world.remove_host(&"m-1".into())).await.unwrap();
    watched.keeper.report_host(report(&truth.plan.name), Reporter::Local).await.unwrap().unwrap();
    let view = watched
        .until("the agent's figure", |view| {
            view.guests.iter().any(|guest| {
                guest.vmid == truth.plan.vmid && guest.memory_source == Some(MemorySource::LinkedAgent)
            })
        })
        .await;
    let memory = guest(&view, truth.plan.vmid).memory.known().unwrap();
    assert_eq!((memory.used_bytes, memory.total_bytes), (12_345, truth.plan.memory));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clusters_with_the_same_names_and_numbers_stay_two() {
    let watched = Watched::start(options(), |_| {}).await;
    let other =
        Cluster::start_with(EstateOptions { seed: 99, ..options() }, watched.clock.clone()).await.unwrap();
    watched.config.send_modify(|config| {
        let mut both = (**config).clone();
        // As the store of the configuration marks it: both clusters have the same name.
        both.pve.push(PveInstance { is_namesake: true, ..instance("site2", &other) });
        *config = Arc::new(both);
    });
    let mut world = watched.keeper.subscribe();
    let both = |world: &pulse_core::Snapshot| {
        world.instances.values().all(|view| view.guests.len() > 20) && world.instances.len() == 2
    };
    tokio::time::timeout(Duration::from_secs(30), world.wait_for(|world| both(world)))
        .await
        .unwrap()
        .unwrap();
    let world = watched.keeper.snapshot();
    let mut ids: Vec<_> =
        world.instances.values().flat_map(|view| view.guests.iter()).map(|guest| guest.id.clone()).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
    let nodes = world.instances.values().flat_map(|view| view.nodes.iter());
    let mut nodes: Vec<_> = nodes.map(|node| node.id.as_str()).collect();
    nodes.sort_unstable();
    assert_eq!(nodes, ["sim-pve1", "sim-pve2", "sim-pve3", "site2-pve1", "site2-pve2", "site2-pve3"]);
    let (_, site2) = world.instances.iter().find(|(key, _)| key.name.as_str() == "site2").unwrap();
    assert!(site2.storages.iter().flat_map(|one| &one.node_ids).all(|id| id.as_str().starts_with("site2-")));
    for (name, cluster) in [("lab", &watched.cluster), ("site2", &other)] {
        let view = world.instances.iter().find(|(key, _)| key.name.as_str() == name).unwrap().1;
        for truth in cluster.truth().guests.iter().filter(|guest| guest.is_running()) {
            let guest = guest(view, truth.plan.vmid);
            assert_eq!((guest.name.as_str(), guest.node.as_str()), (truth.plan.name.as_str(), &*truth.node));
            assert_eq!(guest.uptime_seconds, Reading::Known(truth.uptime));
        }
    }
    // The newest figures of one resource are those that it has among all.
    let mut newest: HashMap<_, Vec<Sample>> = HashMap::new();
    for sample in pipeline::current(&world) {
        let key = (sample.series.resource_type, sample.series.resource_id.clone());
        newest.entry(key).or_default().push(sample);
    }
    for kind in [ResourceType::Vm, ResourceType::Container, ResourceType::Node, ResourceType::Storage] {
        assert!(newest.keys().any(|(of, _)| *of == kind), "nothing of {kind:?} was measured");
    }
    for ((kind, id), samples) in newest {
        assert_eq!(pipeline::current_of(&world, kind, &id), samples);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_node_takes_nothing_else_with_it_and_its_guests_are_kept() {
    let watched = Watched::start(options(), |_| {}).await;
    let first = watched.until("the first poll", |view| view.guests.len() > 20).await;
    watched.cluster.add_fault(Fault::new(Effect::NodeOffline).on_node("pve1"));
    watched.cluster.settled().await;
    watched.clock.advance(jiff::SignedDuration::from_secs(70));
    // The configured host is the one that is gone: another member is asked.
    let view = watched
        .until("the detour", |view| {
            view.last_success > first.last_success
                && view.guests.iter().any(|guest| guest.status == GuestStatus::Unknown)
                && view.issues.first().is_some_and(|issue| issue.message.contains("polled through"))
        })
        .await;
    assert_eq!(view.guests.len(), first.guests.len());
    for old in first.guests.iter() {
        let new = guest(&view, old.vmid);
        assert_eq!((&new.name, new.node == "pve1"), (&old.name, new.status == GuestStatus::Unknown));
    }
    watched.cluster.clear_faults();
    watched.cluster.settled().await;
    watched.clock.advance(jiff::SignedDuration::from_secs(70));
    watched
        .until("the return", |view| view.guests.iter().all(|guest| guest.status != GuestStatus::Unknown))
        .await;
}
