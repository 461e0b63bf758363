//! What the poller and the state make of faults that change what a cluster is: restarts, wrong clocks, numbers that
//! are there twice, other names, a cluster in two halves. Polls go over HTTPS; the clock is moved by hand.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use pulse_collectors::{Connect, HttpConnect, PveApi, Timeouts};
use pulse_core::{
    Clock, ManualClock, Missing, Reading,
    model::{
        ConnectionHealth, FailureClass, GuestStatus, InstanceKey, InstanceKind, InstanceView, NodeStatus,
        SourceIssue,
    },
};
use pulse_monitor::world::World;
use pulse_sim::{Cluster, Effect, EstateOptions, Fault, Preset, PveVersion};

use crate::truth::instance;

const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(5), request: Duration::from_secs(10) };

/// A cluster, its connection and the world that is made of its polls.
struct Scene {
    cluster: Cluster,
    clock: Arc<ManualClock>,
    api: Arc<dyn PveApi>,
    key: InstanceKey,
    world: World,
}

impl Scene {
    async fn new(options: EstateOptions) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Arc::new(ManualClock::new("2026-02-03T14:05:00Z".parse().unwrap()));
        let cluster = Cluster::start_with(options, clock.clone()).await.unwrap();
        let api = HttpConnect.pve(&instance("lab", &cluster), TIMEOUTS).unwrap();
        let key = InstanceKey { kind: InstanceKind::Pve, name: "lab".into() };
        let mut world = World::new(clock.now());
        world.configure(std::slice::from_ref(&key));
        Self { cluster, clock, api, key, world }
    }

    async fn of_three() -> Self {
        Self::new(EstateOptions { nodes: 3, guests: 40, ..EstateOptions::default() }).await
    }

    /// Polls so many seconds later.
    async fn poll_after(&mut self, seconds: i64) -> Arc<InstanceView> {
        self.clock.advance(SignedDuration::from_secs(seconds));
        self.cluster.settled().await;
        let now = self.clock.now();
        let outcome = self.api.poll(now).await.map_err(|error| SourceIssue {
            at: now,
            class: error.class(),
            message: error.to_string(),
            node: None,
        });
        self.world.merge_pve(&self.key, outcome, now);
        self.world.snapshot().instances[&self.key].clone()
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn rates(view: &InstanceView, vmid: u32) -> [Reading<u64>; 4] {
    let guest = view.guests.iter().find(|guest| guest.vmid == vmid).unwrap();
    let rates = guest.rates;
    [
        rates.network_in_bytes_per_second,
        rates.network_out_bytes_per_second,
        rates.disk_read_bytes_per_second,
        rates.disk_write_bytes_per_second,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_restarts_gives_no_negative_and_no_gigantic_rate() {
    let mut scene = Scene::of_three().await;
    scene.poll_after(0).await;
    scene.poll_after(60).await;
    scene.cluster.add_fault(Fault::new(Effect::Restart).on_node("pve2"));
    let before = scene.cluster.truth();
    // Long enough for some counters to be beyond what they were.
    let view = scene.poll_after(3_600).await;
    let mut restarted = 0;
    for truth in before.guests.iter().filter(|guest| guest.is_running() && !guest.plan.is_template) {
        let rates = rates(&view, truth.plan.vmid);
        if &*truth.node == "pve2" {
            restarted += 1;
            assert_eq!(rates, [Reading::Unknown(Missing::FirstSample); 4], "{}", truth.plan.vmid);
        } else {
            assert!(rates.iter().all(|rate| rate.known().is_some()), "{}", truth.plan.vmid);
        }
    }
    assert!(restarted > 3);
    // From the next poll on there are rates again, and they are what was counted.
    let old = scene.cluster.truth();
    let view = scene.poll_after(60).await;
    let new = scene.cluster.truth();
    for (old, new) in old.guests.iter().zip(&new.guests).filter(|(_, new)| new.is_running()) {
        let expect: Vec<_> = old
            .counters()
            .iter()
            .zip(new.counters())
            .map(|(old, new)| Reading::Known(((new - old) as f64 / 60.0).round() as u64))
            .collect();
        assert_eq!(rates(&view, new.plan.vmid).as_slice(), expect, "{}", new.plan.vmid);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_makes_nothing_stale_and_nothing_from_the_future() {
    for seconds in [-86_400, 86_400, 30 * 86_400] {
        let mut scene = Scene::of_three().await;
        scene.cluster.add_fault(Fault::new(Effect::ClockSkew { seconds }));
        scene.poll_after(0).await;
        let view = scene.poll_after(10).await;
        assert_eq!((view.health, view.issues.as_slice()), (ConnectionHealth::Healthy, &[][..]), "{seconds}");
        assert!(
            view.nodes.iter().all(|node| node.status == NodeStatus::Online && node.last_seen == scene.now())
        );
        let truth = scene.cluster.truth();
        for truth in truth.guests.iter().filter(|guest| guest.is_running()) {
            let guest = view.guests.iter().find(|guest| guest.vmid == truth.plan.vmid).unwrap();
            assert_eq!(guest.last_seen, scene.now());
            assert_eq!(guest.uptime_seconds, Reading::Known(truth.uptime));
            assert!(rates(&view, guest.vmid).iter().all(|rate| rate.known().is_some()), "{}", guest.vmid);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_two_nodes_list_stays_one_guest_and_mixes_no_counters() {
    let mut scene = Scene::of_three().await;
    scene.poll_after(0).await;
    let first = scene.poll_after(60).await;
    let running: Vec<u32> = first
        .guests
        .iter()
        .filter(|guest| guest.status == GuestStatus::Running)
        .map(|guest| guest.vmid)
        .collect();
    for vmid in &running {
        scene.cluster.add_fault(Fault::new(Effect::DuplicateVmid { vmid: *vmid }));
    }
    // What a rate may be at most: the guest's own bursts, not the difference between two guests.
    let most = |from: &[u64; 4], to: &[u64; 4]| -> Vec<u64> {
        from.iter().zip(to).map(|(from, to)| (to - from).div_ceil(60) * 3 + 1).collect()
    };
    for _ in 0..3 {
        let before = scene.cluster.truth();
        let view = scene.poll_after(60).await;
        let after = scene.cluster.truth();
        assert_eq!(view.guests.len(), first.guests.len());
        for vmid in &running {
            let bound =
                most(&before.guest(*vmid).unwrap().counters(), &after.guest(*vmid).unwrap().counters());
            for (rate, bound) in rates(&view, *vmid).iter().zip(bound) {
                assert!(
                    rate.known().is_none_or(|rate| rate <= bound),
                    "{vmid}: {rate:?} is more than {bound}"
                );
            }
        }
        let said = view.issues.iter().filter(|issue| issue.message.contains("is listed by")).count();
        assert!(said > 0, "{:?}", view.issues);
    }
    scene.cluster.clear_faults();
    scene.poll_after(60).await;
    let view = scene.poll_after(60).await;
    assert_eq!(view.issues.as_slice(), []);
    assert!(running.iter().all(|vmid| rates(&view, *vmid).iter().all(|rate| rate.known().is_some())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_node_is_one_node_and_its_guests_come_along() {
    let mut scene = Scene::of_three().await;
    let first = scene.poll_after(0).await;
    let rename = Fault::new(Effect::RenameNode { to: "hyper-2".into() }).on_node("pve2");
    scene.cluster.add_fault(rename);
    let view = scene.poll_after(10).await;
    let where_is = |view: &InstanceView| -> BTreeMap<u32, String> {
        view.guests.iter().map(|guest| (guest.vmid, guest.node.clone())).collect()
    };
    let expect: BTreeMap<_, _> = where_is(&first)
        .into_iter()
        .map(|(vmid, node)| (vmid, if node == "pve2" { "hyper-2".to_owned() } else { node }))
        .collect();
    assert_eq!(where_is(&view), expect);
    // The old name is kept for the time a node may be silent, and goes.
    let view = scene.poll_after(70).await;
    let nodes: Vec<_> = view.nodes.iter().map(|node| (node.name.as_str(), node.status)).collect();
    let online = NodeStatus::Online;
    assert_eq!(nodes, [("hyper-2", online), ("pve1", online), ("pve3", online)]);
    assert_eq!((view.health, view.issues.as_slice()), (ConnectionHealth::Healthy, &[][..]));
    assert!(view.guests.iter().all(|guest| guest.last_seen == scene.now()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_cut_off_is_gone_around_to_the_majority() {
    let mut scene = Scene::of_three().await;
    let first = scene.poll_after(0).await;
    scene.cluster.add_fault(Fault::new(Effect::ClusterSplit).on_node("pve1"));
    let view = scene.poll_after(70).await;
    let status = |name: &str| view.nodes.iter().find(|node| node.name == name).unwrap().status;
    // The majority sees the two of them, and takes the one that was configured for dead.
    assert_eq!(
        ["pve1", "pve2", "pve3"].map(status),
        [NodeStatus::Offline, NodeStatus::Online, NodeStatus::Online]
    );
    assert_eq!(view.health, ConnectionHealth::Degraded);
    let message = &view.issues[0].message;
    assert!(
        message.contains("cut off from the majority") && message.contains("cluster network"),
        "{message}"
    );
    assert_eq!(view.guests.len(), first.guests.len());
    for guest in view.guests.iter() {
        assert_eq!(guest.status == GuestStatus::Unknown, guest.node == "pve1", "{}", guest.vmid);
        assert!(guest.node == "pve1" || guest.last_seen == scene.now(), "{}", guest.vmid);
    }
    // And when it is whole again, everything is there.
    scene.cluster.clear_faults();
    let view = scene.poll_after(70).await;
    assert!(view.nodes.iter().all(|node| node.status == NodeStatus::Online));
    assert!(view.guests.iter().all(|guest| guest.last_seen == scene.now()));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_cluster_of_which_only_the_minority_answers_the_rest_is_kept_and_said_to_be_old() {
    let mut scene = Scene::of_three().await;
    let first = scene.poll_after(0).await;
    scene.cluster.add_fault(Fault::new(Effect::ClusterSplit).on_node("pve1"));
    for node in ["pve2", "pve3"] {
        scene.cluster.add_fault(Fault::new(Effect::Refuse).on_node(node));
    }
    let soon = scene.poll_after(30).await;
    assert!(soon.nodes.iter().all(|node| node.status == NodeStatus::Online), "within the time of grace");
    let view = scene.poll_after(60).await;
    assert_eq!(view.health, ConnectionHealth::Degraded);
    let is_said = view
        .issues
        .iter()
        .any(|issue| issue.class == FailureClass::Server && issue.message.contains("has lost its quorum"));
    assert!(is_said, "{:?}", view.issues);
    let begin = first.last_success.unwrap();
    for old in first.guests.iter() {
        let new = view.guests.iter().find(|guest| guest.vmid == old.vmid).unwrap();
        assert_eq!((&new.name, new.cpu_count), (&old.name, old.cpu_count), "{}", old.vmid);
        if new.node == "pve1" {
            assert_eq!(new.last_seen, scene.now());
        } else {
            assert_eq!((new.status, new.last_seen), (GuestStatus::Unknown, begin), "{}", old.vmid);
        }
    }
    scene.cluster.clear_faults();
    let view = scene.poll_after(70).await;
    assert_eq!((view.health, view.issues.as_slice()), (ConnectionHealth::Healthy, &[][..]));
    assert!(view.guests.iter().all(|guest| guest.status != GuestStatus::Unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_from_8_to_9_loses_no_guest_and_no_figure() {
    let options =
        EstateOptions { nodes: 3, guests: 30, version: PveVersion::V8_4, ..EstateOptions::default() };
    let mut scene = Scene::new(options).await;
    let first = scene.poll_after(0).await;
    let mut play = scene.cluster.play(Preset::Upgrade8To9);
    for _ in 0..30 {
        let view = scene.poll_after(20).await;
        scene.cluster.play_on(&mut play);
        assert_eq!(view.guests.len(), first.guests.len());
        let truth = scene.cluster.truth();
        for guest in view.guests.iter().filter(|guest| guest.last_seen == scene.now()) {
            let truth = truth.guest(guest.vmid).unwrap();
            if let Reading::Known(memory) = guest.memory {
                assert_eq!(memory.total_bytes, truth.plan.memory, "{}", guest.vmid);
                assert!(memory.used_bytes <= memory.total_bytes);
            }
        }
    }
    let view = scene.poll_after(60).await;
    assert_eq!((view.health, view.issues.as_slice()), (ConnectionHealth::Healthy, &[][..]));
    let versions: Vec<_> = view.nodes.iter().filter_map(|node| node.pve_version.as_deref()).collect();
    assert!(versions.iter().all(|version| version.starts_with("9.1")), "{versions:?}");
}
