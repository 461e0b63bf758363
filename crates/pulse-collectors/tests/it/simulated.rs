//! Against the simulated cluster: every figure is what the simulator says is true, in every version, and every fault
//! stays where it belongs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use pulse_collectors::{Connect, HttpConnect, PveApi, PveCycle, Timeouts};
use pulse_config::{PveInstance, Secret};
use pulse_core::{
    ManualClock, Missing, Reading,
    ids::NodeId,
    model::{self, ConnectionHealth, FailureClass, GuestStatus, MemorySource, NodeStatus, StorageStatus},
};
use pulse_sim::{Cluster, Effect, EstateOptions, Fault, GuestKind, GuestTruth, PveVersion, Truth};

use crate::support::{TIMEOUTS, instance};

/// Short, because some faults are only noticed by waiting.
const IMPATIENT: Timeouts =
    Timeouts { connect: Duration::from_millis(800), request: Duration::from_millis(800) };

pub struct Lab {
    pub cluster: Cluster,
    pub clock: Arc<ManualClock>,
}

impl Lab {
    pub async fn start(options: EstateOptions) -> Self {
        let clock = Arc::new(ManualClock::new("2026-02-03T04:05:06Z".parse().unwrap()));
        let cluster = Cluster::start_with(options, clock.clone()).await.unwrap();
        Self { cluster, clock }
    }

    async fn of_three() -> Self {
        Self::start(EstateOptions { nodes: 3, guests: 60, ..EstateOptions::default() }).await
    }

    pub fn instance(&self) -> PveInstance {
        PveInstance {
            token_name: Some(self.cluster.token_name().to_owned()),
            token_value: Some(Secret::new(self.cluster.token_value())),
            fingerprint: Some(self.cluster.fingerprint()),
            ..instance(&self.cluster.url())
        }
    }

    pub fn connect(&self) -> Arc<dyn PveApi> {
        HttpConnect.pve(&self.instance(), TIMEOUTS).unwrap()
    }

    async fn poll(&self) -> PveCycle {
        self.connect().poll(Timestamp::UNIX_EPOCH).await.unwrap()
    }
}

fn messages(cycle: &PveCycle) -> Vec<&str> {
    cycle.issues.iter().map(|issue| issue.message.as_str()).collect()
}

/// Compares all of a poll with the truth.
#[track_caller]
fn compare(cycle: &PveCycle, truth: &Truth, options: &EstateOptions) {
    let cluster = (options.nodes > 1).then_some(options.name.as_str());
    assert_eq!(cycle.cluster_name.as_deref(), cluster);
    assert_eq!(cycle.endpoints.len(), if cluster.is_some() { options.nodes } else { 0 });
    compare_nodes(cycle, truth, cluster);
    let wanted: Vec<&GuestTruth> = truth.guests.iter().filter(|guest| !guest.plan.is_template).collect();
    let guests = cycle.guests.as_ref().unwrap();
    assert_eq!(
        guests.iter().map(|guest| guest.vmid).collect::<BTreeSet<_>>(),
        wanted.iter().map(|guest| guest.plan.vmid).collect::<BTreeSet<_>>()
    );
    assert!(guests.is_sorted_by_key(|guest| guest.vmid));
    let by_vmid: BTreeMap<_, _> = guests.iter().map(|guest| (guest.vmid, guest)).collect();
    for truth in wanted {
        compare_guest(by_vmid[&truth.plan.vmid], truth);
    }
    compare_storages(cycle, truth, cluster);
}

/// Fractions may lose their last bit on the way through JSON.
#[track_caller]
fn same(reading: Reading<f64>, truth: f64) {
    assert!(reading.known().is_some_and(|value| (value - truth).abs() < 1e-12), "{reading:?} is not {truth}");
}

#[track_caller]
fn compare_nodes(cycle: &PveCycle, truth: &Truth, cluster: Option<&str>) {
    assert_eq!(cycle.nodes.len(), truth.nodes.len());
    for truth in &truth.nodes {
        let node = cycle.nodes.iter().find(|node| *node.name == *truth.name).unwrap();
        assert_eq!(node.id, NodeId::of(&"lab".into(), cluster, &truth.name));
        if !truth.is_online {
            assert_eq!(node.status, NodeStatus::Offline);
            assert_eq!(node.memory, Reading::Unknown(Missing::Offline));
            assert_eq!(node.uptime_seconds, Reading::Unknown(Missing::Offline));
            continue;
        }
        assert_eq!((node.status, node.health), (NodeStatus::Online, ConnectionHealth::Healthy));
        same(node.cpu_fraction, truth.cpu);
        assert_eq!(node.cpu_count, Some(truth.cpus));
        let memory = node.memory.known().unwrap();
        assert_eq!((memory.used_bytes, memory.total_bytes), (truth.memory_used, truth.memory_total));
        assert_eq!(memory.swap_used_bytes, Some(truth.swap_used));
        assert_eq!(memory.swap_total_bytes, Some(truth.swap_total));
        let root = node.root_disk.known().unwrap();
        assert_eq!((root.used_bytes, root.total_bytes), (truth.root_used, truth.root_total));
        assert_eq!(node.uptime_seconds, Reading::Known(truth.uptime));
        let load = node.load_average.unwrap();
        assert!(load.iter().zip(truth.load).all(|(a, b)| (a - b).abs() < 0.006), "{load:?} {:?}", truth.load);
        assert!(node.pve_version.is_some() && node.kernel_version.is_some() && node.cpu_info.is_some());
        assert_eq!(node.certificate_fingerprint.as_ref().map(String::len), Some(95));
    }
}

#[track_caller]
fn compare_guest(guest: &model::Guest, truth: &GuestTruth) {
    let plan = &truth.plan;
    let is_vm = plan.kind == GuestKind::Qemu;
    assert_eq!(guest.id.as_str(), format!("lab:{}:{}", truth.node, plan.vmid));
    assert_eq!((guest.kind.is_vm(), guest.node.as_str()), (is_vm, &*truth.node));
    assert_eq!(guest.tags, plan.tags);
    assert_eq!((guest.pool.as_deref(), guest.lock.as_deref()), (plan.pool, truth.lock));
    assert_eq!(guest.ha_state.is_some(), plan.is_ha);
    let status = match truth.status {
        pulse_sim::GuestStatus::Running => GuestStatus::Running,
        pulse_sim::GuestStatus::Paused => GuestStatus::Paused,
        pulse_sim::GuestStatus::Stopped => GuestStatus::Stopped,
        pulse_sim::GuestStatus::Unknown => GuestStatus::Unknown,
    };
    assert_eq!(guest.status, status, "{}", guest.id);
    if status != GuestStatus::Unknown {
        assert_eq!(guest.name, plan.name);
        assert_eq!(guest.cpu_count, Some(plan.cpus));
        assert_eq!(guest.allocated_disk_bytes, Some(plan.disk));
    }
    let why_not = match status {
        GuestStatus::Running | GuestStatus::Paused => None,
        GuestStatus::Unknown => Some(Missing::Offline),
        _ => Some(Missing::Stopped),
    };
    if let Some(why) = why_not {
        assert_eq!(guest.cpu_fraction, Reading::Unknown(why));
        assert_eq!(guest.memory, Reading::Unknown(why));
        assert_eq!(guest.disk, Reading::Unknown(why));
        assert_eq!(guest.uptime_seconds, Reading::Unknown(why));
        assert_eq!(guest.counters, model::IoCounters::default());
        return;
    }
    same(guest.cpu_fraction, truth.cpu);
    let memory = guest.memory.known().unwrap();
    assert_eq!((memory.used_bytes, memory.total_bytes), (truth.memory_used, plan.memory));
    let source = match (is_vm, plan.has_balloon) {
        (true, true) => MemorySource::Balloon,
        (true, false) => MemorySource::StatusCurrent,
        (false, _) => MemorySource::Listing,
    };
    assert_eq!(guest.memory_source, Some(source));
    assert_eq!(memory.balloon_bytes, is_vm.then_some(plan.memory));
    if is_vm {
        assert_eq!(guest.disk, Reading::Unknown(Missing::NotReported));
    } else {
        assert_eq!(
            guest.disk.known().map(|disk| (disk.used_bytes, disk.total_bytes)),
            Some((truth.disk_used, plan.disk))
        );
    }
    assert_eq!(guest.uptime_seconds, Reading::Known(truth.uptime));
    let counters = guest.counters;
    let counted = [
        counters.network_in_bytes,
        counters.network_out_bytes,
        counters.disk_read_bytes,
        counters.disk_write_bytes,
    ];
    assert_eq!(counted, truth.counters().map(Some));
}

#[track_caller]
fn compare_storages(cycle: &PveCycle, truth: &Truth, cluster: Option<&str>) {
    let storages = cycle.storages.as_ref().unwrap();
    let mut wanted = BTreeSet::new();
    for truth in &truth.storages {
        let id = if truth.is_shared {
            format!("lab-cluster-{}", truth.name)
        } else {
            format!("lab-{}-{}", truth.node, truth.name)
        };
        let found = storages.iter().find(|storage| storage.id.as_str() == id);
        // What a node may not use is nothing there, whatever it lists.
        if !truth.is_here {
            assert!(
                found.is_none_or(|storage| storage.nodes.iter().all(|node| **node != *truth.node)),
                "{id}"
            );
            continue;
        }
        let is_new = wanted.insert(id.clone());
        let Some(storage) = found else {
            // A storage that is switched off is only known to a node that is there.
            assert!(!truth.is_enabled, "{id} is missing");
            continue;
        };
        assert_eq!((storage.kind.as_str(), storage.is_shared), (truth.kind, truth.is_shared));
        assert_eq!(
            storage.content.iter().map(String::as_str).collect::<BTreeSet<_>>(),
            truth.content.split(',').collect()
        );
        if truth.is_shared {
            assert!(!truth.is_active || storage.nodes.iter().any(|node| **node == *truth.node));
            assert!(storage.node_ids.contains(&NodeId::of(&"lab".into(), cluster, &storage.nodes[0])));
            if !truth.is_active && !is_new {
                continue;
            }
        }
        if truth.is_active {
            assert_eq!(storage.status, StorageStatus::Available);
            let space = storage.space.known().unwrap();
            assert_eq!((space.used_bytes, space.total_bytes), (truth.used, truth.total), "{id}");
        } else if !truth.is_shared {
            let (status, why) = if truth.is_enabled {
                (StorageStatus::Inactive, Missing::Offline)
            } else {
                (StorageStatus::Disabled, Missing::Disabled)
            };
            assert_eq!((storage.status, storage.space), (status, Reading::Unknown(why)));
        }
    }
    assert!(storages.iter().all(|storage| wanted.contains(storage.id.as_str())), "{storages:?}");
}

#[tokio::test]
async fn every_figure_of_every_version_is_true() {
    for version in [PveVersion::V7_4, PveVersion::V8_4, PveVersion::V9_1, PveVersion::V9_2] {
        for (nodes, guests) in [(1, 30), (4, 200)] {
            let ceph = nodes > 1;
            let lab = Lab::start(EstateOptions {
                nodes,
                guests,
                version,
                ceph,
                cifs: ceph,
                zfs: ceph,
                ..EstateOptions::default()
            })
            .await;
            let api = lab.connect();
            for _ in 0..3 {
                let cycle = api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
                assert_eq!(
                    (messages(&cycle), cycle.health),
                    (Vec::new(), ConnectionHealth::Healthy),
                    "{version}"
                );
                compare(&cycle, &lab.cluster.truth(), lab.cluster.options());
                lab.clock.advance(SignedDuration::from_secs(30));
            }
            let test = api.test().await.unwrap();
            assert_eq!((test.node_count, test.is_cluster), (nodes, nodes > 1));
            assert!(test.version.is_some_and(|text| text.starts_with(version.release())));
        }
    }
}

#[tokio::test]
async fn a_poll_stays_within_its_budget_of_calls() {
    let lab = Lab::start(EstateOptions { nodes: 12, guests: 150, ..EstateOptions::default() }).await;
    let api = lab.connect();
    api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
    lab.cluster.forget_requests();
    api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
    let calls = lab.cluster.counters();
    assert!(calls.values().sum::<u64>() <= 2 + 3 * 12, "{calls:?}");
    let refused: Vec<_> =
        lab.cluster.requests().into_iter().filter(|request| request.status != Some(200)).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let most = lab.cluster.most_per_target();
    assert!(most.values().all(|most| *most <= 3), "{most:?}");
}

#[tokio::test]
async fn guests_that_start_stop_and_move_are_followed() {
    let lab = Lab::of_three().await;
    let api = lab.connect();
    let truth = lab.cluster.truth();
    let find = |is_running: bool| {
        truth.guests.iter().find(|g| g.is_running() == is_running && !g.plan.is_template).unwrap().clone()
    };
    let (running, stopped) = (find(true), find(false));
    lab.cluster.start_guest(stopped.plan.vmid).unwrap();
    let target = truth.nodes.iter().find(|node| node.name != running.node).unwrap();
    lab.cluster.migrate_guest(running.plan.vmid, &target.name).unwrap();
    lab.clock.advance(SignedDuration::from_secs(60));
    compare(&api.poll(Timestamp::UNIX_EPOCH).await.unwrap(), &lab.cluster.truth(), lab.cluster.options());
    lab.cluster.stop_guest(stopped.plan.vmid).unwrap();
    lab.clock.advance(SignedDuration::from_secs(60));
    compare(&api.poll(Timestamp::UNIX_EPOCH).await.unwrap(), &lab.cluster.truth(), lab.cluster.options());
}

#[tokio::test]
async fn a_node_that_goes_away_takes_only_its_own_figures_with_it() {
    for effect in [Effect::NodeOffline, Effect::NodeBlackhole] {
        let lab = Lab::of_three().await;
        let api = lab.connect();
        api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
        lab.cluster.add_fault(Fault::new(effect).on_node("pve2"));
        lab.clock.advance(SignedDuration::from_secs(10));
        let cycle = api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
        compare(&cycle, &lab.cluster.truth(), lab.cluster.options());
        assert_eq!(messages(&cycle), Vec::<&str>::new());
        assert_eq!(cycle.endpoints[1].reachable, Some(false));
        lab.cluster.clear_faults();
        lab.clock.advance(SignedDuration::from_secs(10));
        compare(&api.poll(Timestamp::UNIX_EPOCH).await.unwrap(), &lab.cluster.truth(), lab.cluster.options());
    }
}

#[tokio::test]
async fn the_next_member_is_asked_with_the_certificate_the_cluster_published() {
    for effect in [Effect::Refuse, Effect::TlsHang] {
        let lab = Lab::of_three().await;
        let timeouts = Timeouts { connect: Duration::from_secs(2), ..TIMEOUTS };
        let api = HttpConnect.pve(&lab.instance(), timeouts).unwrap();
        api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
        lab.cluster.add_fault(Fault::new(effect).on_node("pve1"));
        lab.cluster.settled().await;
        let cycle = api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
        compare(&cycle, &lab.cluster.truth(), lab.cluster.options());
        assert_eq!(cycle.health, ConnectionHealth::Degraded);
        assert!(messages(&cycle)[0].contains("polled through 127.0.0."), "{:?}", cycle.issues);
        // A member that shows another certificate than the cluster publishes is not believed.
        lab.cluster.add_fault(Fault::new(Effect::WrongCert).on_node("pve2"));
        lab.cluster.settled().await;
        let cycle = api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
        let third = lab.cluster.endpoints()[2].address.to_string();
        assert!(messages(&cycle)[0].contains(&third), "{:?}", cycle.issues);
    }
}

#[tokio::test]
async fn faults_of_the_only_host_have_their_class() {
    let half = |honest_length| Effect::HalfJson { percent: 50, honest_length };
    let status = |code, text: &str| Effect::Status { code, text: text.into() };
    for (effect, class) in [
        (Effect::Refuse, FailureClass::Connection),
        (Effect::TlsHang, FailureClass::Timeout),
        (Effect::Hang, FailureClass::Timeout),
        (Effect::WrongCert, FailureClass::Certificate),
        (Effect::RevokeToken, FailureClass::Authentication),
        (Effect::HtmlPage, FailureClass::Decode),
        (Effect::GarbageJson, FailureClass::Decode),
        (Effect::EmptyBody, FailureClass::Decode),
        (Effect::HugeBody { mebibytes: 70 }, FailureClass::Decode),
        (Effect::SlowBody { bytes_per_second: 3 }, FailureClass::Timeout),
        (half(true), FailureClass::Decode),
        (half(false), FailureClass::Connection),
        (Effect::Reset, FailureClass::Connection),
        (status(403, "Permission check failed (/, Sys.Audit)"), FailureClass::Permission),
        (status(500, "got no worker upid"), FailureClass::Server),
        (status(595, "No route to host"), FailureClass::Server),
    ] {
        let lab = Lab::start(EstateOptions { nodes: 1, guests: 3, ..EstateOptions::default() }).await;
        let api = lab.connect();
        api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
        lab.cluster.add_fault(Fault::new(effect.clone()));
        lab.cluster.settled().await;
        let outcome = if class == FailureClass::Timeout {
            HttpConnect.pve(&lab.instance(), IMPATIENT).unwrap().poll(Timestamp::UNIX_EPOCH).await
        } else {
            api.poll(Timestamp::UNIX_EPOCH).await
        };
        let error = outcome.unwrap_err();
        assert_eq!(error.class(), class, "{effect:?}: {error}");
        assert!(!error.to_string().contains(lab.cluster.token_value()), "{error}");
        lab.cluster.clear_faults();
        lab.cluster.settled().await;
        let cycle = api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(messages(&cycle), Vec::<&str>::new(), "{effect:?}");
    }
}

#[tokio::test]
async fn a_field_of_a_wrong_type_costs_itself_and_nothing_else() {
    let lab = Lab::start(EstateOptions { nodes: 2, guests: 12, ..EstateOptions::default() }).await;
    let api = lab.connect();
    let count = api.poll(Timestamp::UNIX_EPOCH).await.unwrap().guests.unwrap().len();
    for value in
        [serde_json::json!("n/a"), serde_json::json!(null), serde_json::json!([1]), serde_json::json!({})]
    {
        for field in
            ["mem", "cpu", "uptime", "status", "name", "memory", "maxdisk", "lock", "tags", "content"]
        {
            lab.cluster
                .add_fault(Fault::new(Effect::WrongType { field: field.into(), value: value.clone() }));
            let cycle = api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
            let guests = cycle.guests.unwrap();
            assert_eq!(guests.len(), count, "{field} {value}");
            // A cluster that names its members otherwise is believed.
            assert!(field == "name" || cycle.nodes.len() == 2, "{field} {value}");
            assert!(
                guests.iter().all(|guest| guest.memory.known().is_none_or(|memory| memory.used_bytes > 0))
            );
            lab.cluster.clear_faults();
        }
    }
}

#[tokio::test]
async fn a_password_works_and_survives_expired_tickets() {
    let lab = Lab::of_three().await;
    let instance = PveInstance {
        token_name: None,
        token_value: None,
        user: Some(lab.cluster.user().to_owned()),
        password: Some(Secret::new(lab.cluster.password())),
        ..lab.instance()
    };
    let api = HttpConnect.pve(&instance, TIMEOUTS).unwrap();
    for _ in 0..2 {
        let cycle = api.poll(Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(messages(&cycle), Vec::<&str>::new());
        compare(&cycle, &lab.cluster.truth(), lab.cluster.options());
        lab.cluster.expire_tickets();
    }
    assert_eq!(lab.cluster.counters().get("POST /access/ticket"), Some(&2));
    let wrong = PveInstance { password: Some(Secret::new("wrong")), ..instance };
    let error = HttpConnect.pve(&wrong, TIMEOUTS).unwrap().poll(Timestamp::UNIX_EPOCH).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Authentication);
}

#[tokio::test]
async fn a_call_of_one_node_that_fails_marks_that_node() {
    let lab = Lab::of_three().await;
    for (path, call) in
        [("/nodes/pve2/storage", "storages"), ("/nodes/pve2/qemu", "VMs"), ("/nodes/pve2/status", "node")]
    {
        lab.cluster.add_fault(
            Fault::new(Effect::Status { code: 596, text: "Connection timed out".into() }).on_path(path),
        );
        let cycle = lab.poll().await;
        let [issue] = cycle.issues.as_slice() else { panic!("{:?}", cycle.issues) };
        assert_eq!(issue.node.as_deref(), Some("pve2"));
        assert!(
            issue.message.contains(call) && issue.message.contains("Connection timed out"),
            "{}",
            issue.message
        );
        let health: Vec<_> =
            cycle.nodes.iter().map(|node| node.health == ConnectionHealth::Healthy).collect();
        assert_eq!((health, cycle.health), (vec![true, false, true], ConnectionHealth::Degraded));
        assert_eq!(cycle.guests.unwrap().len(), guest_count(&lab));
        lab.cluster.clear_faults();
    }
}

fn guest_count(lab: &Lab) -> usize {
    lab.cluster.truth().guests.iter().filter(|guest| !guest.plan.is_template).count()
}
