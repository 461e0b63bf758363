//! A simulated day with faults at random: nothing gets stuck, nothing is forgotten, and no figure that is shown as
//! fresh is wrong. Polls go over HTTPS; the clock is moved by hand.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use pulse_collectors::{Connect, HttpConnect, Timeouts};
use pulse_core::{
    Clock, ManualClock, Reading,
    model::{
        ConnectionHealth, FailureClass, GuestStatus, InstanceKey, InstanceKind, NodeStatus, SourceIssue,
    },
};
use pulse_monitor::world::World;
use pulse_sim::{Cluster, Effect, EstateOptions, Fault, GuestTruth, ListedFault, Truth};

use crate::truth::instance;

const STEP_SECONDS: i64 = 120;
const STEPS: i64 = 24 * 3600 / STEP_SECONDS;

/// A small generator of numbers, so that a failure can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn some_fault(chance: &mut Chance) -> Fault {
    let node = ["pve1", "pve2", "pve3"][chance.below(3) as usize];
    let path =
        ["*", "/cluster/*", "/nodes/*/status", "/nodes/*/qemu", "/nodes/*/storage"][chance.below(5) as usize];
    let status = |code, text: &str| Effect::Status { code, text: text.into() };
    let fault = match chance.below(18) {
        0 => Fault::new(Effect::NodeOffline).on_node(node),
        1 => Fault::new(Effect::Refuse).on_node(node),
        2 => Fault::new(Effect::WrongCert).on_node(node),
        3 => Fault::new(Effect::RevokeToken),
        4 => Fault::new(Effect::LoseQuorum),
        5 => Fault::new(Effect::HtmlPage).on_path(path),
        6 => Fault::new(Effect::HalfJson { percent: 40, honest_length: chance.below(2) == 0 }).on_path(path),
        7 => Fault::new(Effect::Reset).on_path(path),
        8 => Fault::new(status(500, "got no worker upid")).on_path(path),
        9 => Fault::new(status(596, "Connection timed out")).on_path(path),
        10 => Fault::new(status(403, "Permission check failed (/, Sys.Audit)")).on_path(path),
        11 => Fault::new(Effect::WrongType { field: "mem".into(), value: "n/a".into() }).on_path(path),
        12 => Fault::new(Effect::EmptyBody).on_path(path),
        13 | 14 => Fault::new(Effect::DuplicateVmid { vmid: 100 + chance.below(24) as u32 }),
        15 => Fault::new(Effect::RenameNode { to: node.replace("pve", "hyper-") }).on_node(node),
        _ => {
            let seconds = [-86_400, -90, 3_600, 86_400][chance.below(4) as usize];
            Fault::new(Effect::ClockSkew { seconds }).on_node(node)
        }
    };
    if chance.below(4) == 0 { fault.with_probability(0.5) } else { fault }
}

/// What is fresh is true. Answers that came before a fault struck may be of the listing instead of the node itself;
/// both are from the same ten seconds here.
#[track_caller]
fn compare(world: &World, truth: &Truth, doubles: &[GuestTruth], now: Timestamp, step: i64) {
    let view = world.snapshot().instances.values().next().unwrap();
    let by_vmid: BTreeMap<u32, _> = truth.guests.iter().map(|guest| (guest.plan.vmid, guest)).collect();
    for guest in view.guests.iter().filter(|guest| guest.last_seen == now) {
        // Of a guest that two nodes list either one is shown, and all of it is of that one.
        let is_it = |double: &&GuestTruth| double.plan.vmid == guest.vmid && *double.node == *guest.node;
        let truth = doubles.iter().find(is_it).unwrap_or(by_vmid[&guest.vmid]);
        assert_eq!(guest.node, *truth.node, "step {step}, guest {}", guest.vmid);
        if guest.status != GuestStatus::Running {
            continue;
        }
        assert!(truth.is_running(), "step {step}, guest {}", guest.vmid);
        if let Reading::Known(memory) = guest.memory {
            assert_eq!(memory.used_bytes, truth.memory_used, "step {step}, guest {}", guest.vmid);
        }
        if let Reading::Known(uptime) = guest.uptime_seconds {
            assert_eq!(uptime, truth.uptime, "step {step}, guest {}", guest.vmid);
        }
    }
    for node in view.nodes.iter().filter(|node| node.last_seen == now && node.status == NodeStatus::Online) {
        let truth = truth.nodes.iter().find(|truth| *truth.name == *node.name).unwrap();
        if let Reading::Known(memory) = node.memory {
            assert_eq!(
                (memory.used_bytes, memory.total_bytes),
                (truth.memory_used, truth.memory_total),
                "step {step}"
            );
        }
        if let Reading::Known(uptime) = node.uptime_seconds {
            assert_eq!(uptime, truth.uptime, "step {step}, {}", node.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_faults_leaves_no_wrong_figure_and_nothing_stuck() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Arc::new(ManualClock::new("2026-02-03T00:00:00Z".parse().unwrap()));
    let options = EstateOptions { nodes: 3, guests: 24, zfs: true, ..EstateOptions::default() };
    let cluster = Cluster::start_with(options, clock.clone()).await.unwrap();
    let timeouts = Timeouts { connect: Duration::from_secs(5), request: Duration::from_secs(5) };
    let api = HttpConnect.pve(&instance("lab", &cluster), timeouts).unwrap();
    let key = InstanceKey { kind: InstanceKind::Pve, name: "lab".into() };
    let mut world = World::new(clock.now());
    world.configure(std::slice::from_ref(&key));
    let mut chance = Chance(7);
    let mut before = None;
    let mut counters: BTreeMap<u32, ([u64; 4], Timestamp)> = BTreeMap::new();
    let (mut failures, mut rates, mut resets) = (0, 0, 0);
    let expected = cluster.truth().guests.iter().filter(|guest| !guest.plan.is_template).count();
    for step in 0..STEPS {
        clock.advance(SignedDuration::from_secs(STEP_SECONDS));
        match chance.below(10) {
            0 => {
                let fault = some_fault(&mut chance);
                // A node has one name at a time.
                let is_renamed = |node: &str| {
                    let renames =
                        |listed: &ListedFault| matches!(listed.fault.effect, Effect::RenameNode { .. });
                    cluster.faults().iter().any(|listed| renames(listed) && listed.fault.node == node)
                };
                if !(matches!(fault.effect, Effect::RenameNode { .. }) && is_renamed(&fault.node)) {
                    cluster.add_fault(fault);
                }
            }
            1..4 => cluster.clear_faults(),
            _ => {}
        }
        cluster.settled().await;
        if chance.below(20) == 0 {
            let guests = cluster.truth().guests.clone();
            let guest = &guests[chance.below(guests.len() as u64) as usize];
            // Some of these are refused, because it is a template or there already: all the same.
            let _ = match chance.below(4) {
                0 => cluster.stop_guest(guest.plan.vmid),
                1 => cluster.start_guest(guest.plan.vmid),
                2 => cluster.restart_node(&guest.node),
                _ => {
                    cluster.migrate_guest(guest.plan.vmid, ["pve1", "pve2", "pve3"][chance.below(3) as usize])
                }
            };
        }
        let now = clock.now();
        let is_clean = cluster.faults().is_empty();
        let outcome = api.poll(now).await;
        let (truth, doubles) = (cluster.truth(), cluster.doubles());
        failures += usize::from(outcome.is_err());
        assert!(!is_clean || outcome.is_ok(), "step {step}: {:?}", outcome.err());
        let outcome = outcome.map_err(|error| SourceIssue {
            at: now,
            class: FailureClass::Connection,
            message: error.to_string(),
            node: None,
        });
        world.merge_pve(&key, outcome, now);
        compare(&world, &truth, &doubles, now, step);
        let view = world.snapshot().instances[&key].clone();
        if before.is_none() && view.health == ConnectionHealth::Healthy {
            before = Some(world.footprint());
        }
        if step > 0 {
            assert!(view.guests.len() >= expected, "step {step}: guests were forgotten");
        }
        if !is_clean {
            continue;
        }
        let is_whole = view.health == ConnectionHealth::Healthy || !view.issues.is_empty();
        assert!(is_whole, "step {step}: {:?}", view.issues);
        // Rates span exactly the time since the last poll that read the counters.
        for truth in truth.guests.iter().filter(|guest| guest.is_running()) {
            let guest = view.guests.iter().find(|guest| guest.vmid == truth.plan.vmid).unwrap();
            let before = counters.insert(truth.plan.vmid, (truth.counters(), now));
            resets += usize::from(before.is_some_and(|(old, _)| truth.counters()[0] < old[0]));
            if let (Some((old, at)), Reading::Known(rate)) = (before, guest.rates.network_in_bytes_per_second)
                && now.as_second() - at.as_second() == STEP_SECONDS
            {
                let Some(moved) = truth.counters()[0].checked_sub(old[0]) else {
                    panic!("step {step}, guest {}: a rate of {rate} over a restart", guest.vmid);
                };
                assert_eq!(
                    rate,
                    (moved as f64 / STEP_SECONDS as f64).round() as u64,
                    "step {step}, guest {}",
                    guest.vmid
                );
                rates += 1;
            }
        }
    }
    assert!(
        failures > 10 && rates > 1000 && resets > 5,
        "{failures} failures, {rates} rates, {resets} restarts: the day was too quiet"
    );
    // And after all of it, everything is there again.
    cluster.clear_faults();
    cluster.settled().await;
    // A new connection: what hung a moment ago is left out for a minute of real time.
    let api = HttpConnect.pve(&instance("lab", &cluster), timeouts).unwrap();
    for _ in 0..3 {
        clock.advance(SignedDuration::from_secs(70));
        let now = clock.now();
        let cycle = api.poll(now).await.unwrap();
        world.merge_pve(&key, Ok(cycle), now);
    }
    let view = &world.snapshot().instances[&key];
    assert_eq!((view.health, view.issues.as_slice()), (ConnectionHealth::Healthy, &[][..]));
    assert!(view.guests.iter().all(|guest| guest.last_seen == clock.now()));
    // And nothing more than there was before the first fault: what is gone was forgotten.
    let before = before.unwrap();
    for (what, count) in world.footprint() {
        // One that was off in the beginning may be on in the end; more than there are is too many.
        let most = if what.starts_with("guests") { expected } else { before[what] };
        assert!(count <= most, "{what}: {count} are more than {most}");
    }
}
