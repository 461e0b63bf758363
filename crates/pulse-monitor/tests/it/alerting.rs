//! A night of a simulated cluster, polled over HTTPS, and exactly what a person is told of it: a node is lost, a disk
//! fills up, a guest flaps for an hour, and a backup runs meanwhile. The clock is moved, nothing waits.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pulse_alerts::{ActivationState, AlertConfig, EngineState, Rules, config::Threshold};
use pulse_collectors::{Connect, HttpConnect, PveApi, Timeouts};
use pulse_config::{PveInstance, Secret};
use pulse_core::{
    Clock, ManualClock, Snapshot,
    model::{InstanceKey, InstanceKind},
    notice::{Notice, NoticeKind},
    report::host::{HostDisk, HostInfo, HostReport},
};
use pulse_monitor::{Keeper, Reporter};
use pulse_sim::{Cluster, Effect, EstateOptions, Fault};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Seconds between polls.
const STEP: i64 = 15;

struct Night {
    cluster: Cluster,
    clock: Arc<ManualClock>,
    began: Timestamp,
    keeper: Keeper,
    api: Arc<dyn PveApi>,
    state: EngineState,
    rules: Rules,
    told: Vec<Notice>,
}

fn key() -> InstanceKey {
    InstanceKey { kind: InstanceKind::Pve, name: "lab".into() }
}

impl Night {
    async fn begin() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let began: Timestamp = "2026-02-03T22:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(began));
        let options = EstateOptions { nodes: 3, guests: 12, workers: 2, ..EstateOptions::default() };
        let cluster = Cluster::start_with(options, clock.clone()).await.unwrap();
        let instance = PveInstance {
            token_name: Some(cluster.token_name().to_owned()),
            token_value: Some(Secret::new(cluster.token_value())),
            fingerprint: Some(cluster.fingerprint()),
            ..PveInstance::new("lab".into(), cluster.url())
        };
        let api = HttpConnect.pve(&instance, Timeouts::default()).unwrap();
        let keeper = Keeper::start(clock.clone(), &TaskTracker::new(), CancellationToken::new());
        keeper.change(|world, _| world.configure(&[key()])).await.unwrap();
        // What the simulator's figures do by chance is not the story.
        let mut config =
            AlertConfig { activation_state: Some(ActivationState::Active), ..AlertConfig::default() };
        let off = Some(Threshold { off: true, ..Threshold::new(80.0, 75.0) });
        for block in [&mut config.guest_defaults, &mut config.node_defaults] {
            (block.cpu, block.memory, block.disk, block.temperature) = (off, off, off, off);
        }
        config.storage_default.off = true;
        let (state, rules) = (EngineState::new(), Rules::new(config));
        Self { cluster, clock, began, keeper, api, state, rules, told: Vec::new() }
    }

    /// One interval: the clock moves, the cluster is polled, the machine with the disk reports, the engine looks.
    async fn step(&mut self, disk_percent: f64) {
        self.clock.advance(SignedDuration::from_secs(STEP));
        let now = self.clock.now();
        let outcome = self.api.poll(now).await.map_err(|error| panic!("{error}"));
        self.keeper.change(move |world, _| world.merge_pve(&key(), outcome, now)).await.unwrap();
        let report = HostReport {
            host: HostInfo { hostname: "nas".into(), id: Some("nas".into()), ..HostInfo::default() },
            disks: vec![HostDisk {
                mountpoint: "/srv".into(),
                device: "/dev/sdb1".into(),
                total_bytes: 1_000,
                used_bytes: (disk_percent * 10.0) as u64,
                usage: disk_percent,
                ..HostDisk::default()
            }],
            ..HostReport::default()
        };
        self.keeper.report_host(report, Reporter::Local).await.unwrap().unwrap();
        // Published a little after the report was answered; the poll before it is in there too.
        let mut world = self.keeper.subscribe();
        let is_new = |world: &Arc<Snapshot>| world.hosts.values().any(|host| host.last_seen == now);
        let world = world.wait_for(is_new).await.unwrap().clone();
        let said = self.state.evaluate(&self.rules, &world, now);
        self.told.extend(said.notices);
    }

    fn list(&self) -> String {
        let line = |notice: &Notice| {
            let seconds = notice.at.duration_since(self.began).as_secs();
            let kind = match notice.kind {
                NoticeKind::Firing => "firing",
                NoticeKind::Reminder => "again",
                NoticeKind::Escalated { .. } => "escalated",
                NoticeKind::Resolved => "resolved",
            };
            format!(
                "{:02}:{:02} {kind} {}: {}\n",
                seconds / 60,
                seconds % 60,
                notice.alert.level.name(),
                notice.alert.message
            )
        };
        self.told.iter().map(line).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_notices_of_a_night_are_those_a_person_wants() {
    let mut night = Night::begin().await;
    let truth = night.cluster.truth();
    let lost = truth.nodes.last().unwrap().name.to_string();
    let mut here = truth
        .guests
        .iter()
        .filter(|guest| guest.is_running() && !guest.plan.is_template && *guest.node != *lost);
    let (flapping, backed_up) = (here.next().unwrap().plan.vmid, here.next().unwrap().plan.vmid);
    let were_off: Vec<u32> = truth
        .guests
        .iter()
        .filter(|guest| !guest.is_running() && !guest.plan.is_template)
        .map(|guest| guest.plan.vmid)
        .collect();
    // Whoever was off before the night is started, so that the night begins in peace.
    for vmid in were_off {
        let _ = night.cluster.lock_guest(vmid, None);
        let _ = night.cluster.pause_guest(vmid, false);
        let _ = night.cluster.start_guest(vmid);
    }
    let mut outage = None;
    for second in (0..90 * 60).step_by(STEP as usize) {
        let minute = second / 60;
        // The node is gone from minute 10 to 25, with its guests.
        if minute == 10 && outage.is_none() {
            outage = night.cluster.add_fault(Fault::new(Effect::NodeOffline).on_node(&lost));
            night.cluster.settled().await;
        }
        if minute == 25
            && let Some(fault) = outage
        {
            night.cluster.remove_fault(fault);
            night.cluster.settled().await;
        }
        // From minute 5 to 65 a guest goes off and on every minute.
        if (5..=65).contains(&minute) && second % 60 == 0 {
            let turned = if minute % 2 == 1 && minute < 65 {
                night.cluster.stop_guest(flapping)
            } else {
                night.cluster.start_guest(flapping)
            };
            let _ = turned;
        }
        // A backup stops another guest from minute 30 to 40.
        if second == 30 * 60 {
            night.cluster.lock_guest(backed_up, Some("backup")).unwrap();
            let _ = night.cluster.stop_guest(backed_up);
        }
        if second == 40 * 60 {
            let _ = night.cluster.start_guest(backed_up);
            night.cluster.lock_guest(backed_up, None).unwrap();
        }
        // The disk fills up from 60 to 97 percent and is cleaned in minute 80.
        let disk = if minute < 80 { (60.0 + f64::from(second) / 60.0 * 0.5).min(97.0) } else { 40.0 };
        night.step(disk).await;
    }
    let name = |vmid: u32| {
        truth
            .guests
            .iter()
            .find(|guest| guest.plan.vmid == vmid)
            .map(|guest| guest.plan.name.clone())
            .unwrap()
    };
    let told = night.list().replace(&name(flapping), "FLAPPING").replace(&lost, "LOST");
    assert!(!told.contains(&name(backed_up)), "{told}");
    assert_eq!(told, EXPECTED, "\n{told}");
}

const EXPECTED: &str = "\
05:30 firing warning: VM 'FLAPPING' is powered off
06:15 resolved warning: VM 'FLAPPING' is powered off
11:30 firing critical: node 'LOST' is offline
13:15 firing warning: VM 'FLAPPING' is powered off (it comes and goes)
25:15 resolved critical: node 'LOST' is offline
60:30 firing warning: Host Disk disk at 90.1%
79:15 resolved warning: VM 'FLAPPING' is powered off (it comes and goes)
80:15 resolved warning: Host Disk disk at 97.0%
";
