//! Stories of a night, and exactly what people are told of them.

use jiff::SignedDuration;
use pulse_alerts::{
    Action, ActivationState,
    config::{EscalationLevel, MaintenanceWindow, Threshold, ThresholdBlock},
};
use pulse_core::{
    ids::NodeId,
    model::{GuestStatus, Liveness, NodeStatus},
};

use crate::world::{Engine, NAME, POLL, at, guest, host, node, world};

use GuestStatus::{Running, Stopped, Unknown};

/// Polls every ten seconds from one second to another; `show` makes guest 101 of the second.
fn play(engine: &mut Engine, from: i64, to: i64, show: impl Fn(i64) -> (GuestStatus, f64, f64)) {
    for second in (from..to).step_by(10) {
        let now = at(second);
        let (status, cpu, disk) = show(second);
        let guests = vec![guest(101, "n1", status, cpu, disk, now)];
        engine.look(&world(vec![node("n1", NodeStatus::Online, now)], guests, Vec::new(), now), now);
    }
}

#[track_caller]
fn expect(engine: &Engine, lines: &str) {
    let wanted: Vec<&str> = lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let told = engine.told();
    let told: Vec<&str> = told.lines().map(str::trim).collect();
    assert_eq!(told, wanted, "\n{}", engine.told());
}

#[test]
fn a_disk_that_fills_up_and_is_cleaned() {
    let mut engine = Engine::new(|_| {});
    play(&mut engine, 0, 600, |second| (Running, 5.0, 80.0 + second as f64 / 40.0));
    play(&mut engine, 600, 660, |_| (Running, 5.0, 87.0));
    play(&mut engine, 660, 700, |_| (Running, 5.0, 60.0));
    expect(
        &engine,
        "410 s  FIRING    warning  VM disk at 90.2%
         660 s  resolved  warning  VM disk at 87.0%",
    );
}

#[test]
fn a_guest_that_flaps_for_an_hour() {
    let mut engine = Engine::new(|_| {});
    // Half a minute off, half a minute on.
    play(&mut engine, 0, 3_600, |second| (if second % 60 < 30 { Stopped } else { Running }, 5.0, 5.0));
    play(&mut engine, 3_600, 5_400, |_| (Running, 5.0, 5.0));
    expect(
        &engine,
        "10 s  FIRING    warning  VM 'vm101' is powered off
         30 s  resolved  warning  VM 'vm101' is powered off
         370 s  FIRING    warning  VM 'vm101' is powered off (it comes and goes)
         4470 s  resolved  warning  VM 'vm101' is powered off (it comes and goes)",
    );
}

#[test]
fn a_node_that_dies_takes_its_guests_and_its_agent_with_it_in_silence() {
    let mut engine = Engine::new(|_| {});
    for second in (0..1_200).step_by(10) {
        let now = at(second);
        let is_up = !(300..900).contains(&second);
        let (status, of_guests) =
            if is_up { (NodeStatus::Online, Running) } else { (NodeStatus::Offline, Unknown) };
        let guests = (101..121).map(|vmid| guest(vmid, "n1", of_guests, 5.0, 5.0, now)).collect();
        let liveness = if is_up { Liveness::Online } else { Liveness::Offline };
        let agent = host("agent", liveness, Some(NodeId::of(&NAME.into(), None, "n1")), now);
        engine.look(&world(vec![node("n1", status, now)], guests, vec![agent], now), now);
    }
    expect(
        &engine,
        "320 s  FIRING    critical node 'n1' is offline
         900 s  resolved  critical node 'n1' is offline",
    );
}

#[test]
fn a_backup_that_stops_a_guest_says_nothing_and_ends_nothing() {
    let mut engine = Engine::new(|_| {});
    for second in (0..900).step_by(10) {
        let now = at(second);
        let is_backup = (100..500).contains(&second);
        let mut stopped = guest(101, "n1", if is_backup { Stopped } else { Running }, 5.0, 5.0, now);
        stopped.lock = is_backup.then(|| "backup".to_owned());
        // Another one is overloaded before, during and after its own backup.
        let mut busy = guest(102, "n1", Running, if is_backup { 0.0 } else { 99.0 }, 5.0, now);
        busy.lock = is_backup.then(|| "backup".to_owned());
        engine.look(
            &world(vec![node("n1", NodeStatus::Online, now)], vec![stopped, busy], Vec::new(), now),
            now,
        );
    }
    expect(&engine, "10 s  FIRING    critical VM cpu at 99.0%");
    assert_eq!(engine.raised(), ["lab:n1:102-cpu"]);
}

#[test]
fn an_alert_moves_with_its_guest_and_its_override_too() {
    let mut engine = Engine::new(|config| {
        let mut over = ThresholdBlock::default();
        over.cpu = Some(Threshold::new(50.0, 45.0));
        config.overrides.insert("lab:n1:101".into(), over);
    });
    for second in (0..200).step_by(10) {
        let now = at(second);
        let on = if second < 100 { "n1" } else { "n2" };
        let nodes = ["n1", "n2"].map(|name| node(name, NodeStatus::Online, now)).to_vec();
        engine.look(&world(nodes, vec![guest(101, on, Running, 55.0, 5.0, now)], Vec::new(), now), now);
    }
    expect(&engine, "10 s  FIRING    warning  VM cpu at 55.0%");
    let active = engine.state.active();
    assert_eq!((active[0].id.as_str(), active[0].resource_id.as_str()), ("lab:n1:101-cpu", "lab:n2:101"));
}

#[test]
fn nobody_is_told_before_activation_and_then_of_what_is_critical() {
    let mut engine = Engine::new(|config| config.activation_state = None);
    play(&mut engine, 0, 100, |_| (Running, 95.0, 91.0));
    assert_eq!(engine.notices.len(), 0);
    assert_eq!(engine.raised().len(), 2);
    engine.configure(|config| config.activation_state = Some(ActivationState::Active));
    engine.state.activated();
    play(&mut engine, 100, 200, |_| (Running, 95.0, 91.0));
    play(&mut engine, 200, 300, |_| (Running, 5.0, 5.0));
    expect(
        &engine,
        "100 s  FIRING    critical VM cpu at 95.0%
         200 s  resolved  critical VM cpu at 95.0%",
    );
}

#[test]
fn quiet_hours_hold_back_and_lose_nothing() {
    // The stories begin on 2027-01-15 at 08:00 UTC, a Friday.
    let mut engine = Engine::new(|config| {
        let quiet = &mut config.schedule.quiet_hours;
        quiet.enabled = true;
        "08:05".clone_into(&mut quiet.start);
        "08:30".clone_into(&mut quiet.end);
    });
    let show = |second: i64| {
        let cpu = if (100..600).contains(&second) { 82.0 } else { 5.0 };
        let disk = if second >= 700 { 91.0 } else { 5.0 };
        (Running, cpu, disk)
    };
    play(&mut engine, 0, 1_790, show);
    assert_eq!(engine.notices.len(), 1);
    play(&mut engine, 1_790, 2_000, show);
    // A recovery says when it happened.
    expect(
        &engine,
        "110 s  FIRING    warning  VM cpu at 82.0%
         600 s  resolved  warning  VM cpu at 82.0%
         1800 s  FIRING    warning  VM disk at 91.0%",
    );
}

#[test]
fn escalation_snooze_acknowledgement_and_maintenance() {
    let mut engine = Engine::new(|config| {
        config.schedule.escalation.enabled = true;
        config.schedule.escalation.levels = vec![
            EscalationLevel { after: 5, notify: "email".into() },
            EscalationLevel { after: 10, notify: "all".into() },
        ];
    });
    let busy = |_| (Running, 85.0, 5.0);
    play(&mut engine, 0, 320, busy);
    let until = at(320).checked_add(SignedDuration::from_mins(10)).unwrap();
    assert!(engine.act("lab:n1:101-cpu", &Action::Snooze { until }, at(320)));
    play(&mut engine, 320, 1_000, busy);
    assert!(engine.act("lab:n1:101-cpu", &Action::Acknowledge { user: "eve".into() }, at(1_000)));
    play(&mut engine, 1_000, 5_000, busy);
    play(&mut engine, 5_000, 5_020, |_| (Running, 5.0, 5.0));
    engine.configure(|config| {
        config.maintenance_windows = vec![MaintenanceWindow {
            enabled: true,
            start: Some(at(6_000)),
            end: Some(at(7_000)),
            ..MaintenanceWindow::default()
        }];
    });
    play(&mut engine, 6_000, 6_500, |_| (Running, 5.0, 95.0));
    play(&mut engine, 6_500, 6_600, |_| (Running, 5.0, 5.0));
    play(&mut engine, 6_600, 7_100, |_| (Running, 92.0, 5.0));
    expect(
        &engine,
        "10 s  FIRING    warning  VM cpu at 85.0%
         310 s  escalated warning  VM cpu at 85.0%
         920 s  again     warning  VM cpu at 85.0%
         920 s  escalated warning  VM cpu at 85.0%
         5000 s  resolved  warning  VM cpu at 85.0%
         7000 s  FIRING    critical VM cpu at 92.0%",
    );
}

#[test]
fn a_restart_repeats_nothing_and_forgets_nothing() {
    let mut engine = Engine::new(|_| {});
    play(&mut engine, 0, 100, |_| (Running, 95.0, 5.0));
    engine.restart(at(100));
    // Until the first poll the world is empty: that ends nothing.
    engine.look(&pulse_core::Snapshot::empty(at(110)), at(110));
    assert_eq!(engine.raised(), ["lab:n1:101-cpu"]);
    play(&mut engine, 120, 200, |_| (Running, 95.0, 5.0));
    play(&mut engine, 200, 220, |_| (Running, 5.0, 5.0));
    expect(
        &engine,
        "10 s  FIRING    critical VM cpu at 95.0%
         200 s  resolved  critical VM cpu at 95.0%",
    );
}

#[test]
fn a_guest_that_is_deleted_ends_its_alerts() {
    let mut engine = Engine::new(|_| {});
    play(&mut engine, 0, 100, |_| (Running, 95.0, 5.0));
    let now = at(100);
    engine.look(&world(vec![node("n1", NodeStatus::Online, now)], Vec::new(), Vec::new(), now), now);
    assert!(engine.raised().is_empty());
    assert_eq!(engine.notices[1].alert.metadata["resolvedReason"], "removed");
    assert_eq!(POLL.as_secs(), 10);
}
