//! A day of five-minute polls with something going wrong in most of them: whatever is said to have been read is true,
//! what could not be read is said, and when nothing goes wrong any more everything is there again.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use pulse_collectors::{PbsApi, PbsConnection, PbsCycle, PmgApi, PmgConnection, Polled, Timeouts};
use pulse_config::{PbsInstance, PmgInstance, Secret};
use pulse_core::{
    Clock, ManualClock, Reading,
    model::{ConnectionHealth, PbsBackupGroup},
};
use pulse_sim::{
    Appliance, BackupServer, BackupServerOptions, Effect, Fault, GroupTruth, MailGateway, MailGatewayOptions,
    NamespaceOptions,
};

const NOON: i64 = 1_790_683_200;
const STEPS: u64 = 288;
const TIMEOUTS: Timeouts =
    Timeouts { connect: Duration::from_millis(1500), request: Duration::from_millis(1500) };

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What goes wrong in this step; nothing in one of four.
fn disturb(machine: &Appliance, dice: &mut Dice, paths: &[&str]) -> bool {
    if dice.roll(4) == 0 {
        return false;
    }
    let status = |code, text: &str| Effect::Status { code, text: text.into() };
    let effect = match dice.roll(60) {
        0..8 => status(500, "something broke"),
        8..14 => status(403, "permission check failed"),
        14..18 => status(502, "bad gateway"),
        18..24 => Effect::HalfJson { percent: 50, honest_length: dice.roll(2) == 0 },
        24..29 => Effect::HtmlPage,
        29..35 => Effect::GarbageJson,
        35..40 => Effect::EmptyBody,
        40..46 => Effect::Reset,
        46..49 => Effect::Refuse,
        49..51 => Effect::WrongCert,
        51..54 => Effect::ExpireTickets,
        54..56 => Effect::RevokeToken,
        56 => Effect::Hang,
        _ => Effect::Delay { ms: 20 },
    };
    let path = paths[dice.roll(paths.len() as u64) as usize];
    let fault = Fault::new(effect).on_path(path);
    machine.add_fault(if dice.roll(3) == 0 { fault.times(1) } else { fault });
    true
}

fn is_true(groups: &[Arc<PbsBackupGroup>], truth: &[GroupTruth]) -> bool {
    groups.len() == truth.len()
        && truth.iter().all(|expect| {
            groups.iter().any(|group| {
                *group.key.datastore == *expect.store
                    && *group.key.namespace == *expect.namespace
                    && group.key.backup_type.name() == expect.kind
                    && *group.key.backup_id == *expect.id
                    && group.snapshots.len() == expect.backups.len()
                    && group.snapshots.iter().zip(&expect.backups).all(|(snapshot, backup)| {
                        snapshot.made_at.as_second() == backup.at as i64
                            && snapshot.size_bytes == Some(backup.size)
                            && snapshot.is_protected == backup.is_protected
                    })
            })
        })
}

#[track_caller]
fn check_cycle(cycle: &PbsCycle, server: &BackupServer) {
    let truth = server.truth();
    if let Reading::Known(cpu) = cycle.cpu_fraction {
        assert!((cpu - truth.cpu).abs() < 1e-9);
    }
    if let Reading::Known(memory) = cycle.memory {
        assert_eq!([memory.total_bytes, memory.used_bytes], truth.memory);
    }
    if let Polled::Read(stores) = &cycle.datastores {
        assert_eq!(stores.len(), truth.stores.len());
        for (name, total, used) in truth.stores.iter().map(|store| (&store.name, store.total, store.used)) {
            let store = stores.iter().find(|store| store.name == *name).unwrap();
            assert_eq!(
                store.space.known().map(|space| (space.total_bytes, space.used_bytes)),
                total.map(|t| (t, used))
            );
        }
    }
    let parts = [&cycle.sync_jobs, &cycle.verify_jobs, &cycle.prune_jobs, &cycle.garbage_jobs];
    let has_failed = parts.iter().any(|part| **part == Polled::Failed)
        || cycle.datastores == Polled::Failed
        || cycle.memory.known().is_none();
    assert!(
        !has_failed || (!cycle.issues.is_empty() && cycle.health == ConnectionHealth::Degraded),
        "{cycle:?}"
    );
}

#[tokio::test]
async fn a_backup_server_through_a_bad_day() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(NOON).unwrap()));
    let namespaces = vec![NamespaceOptions { extra_groups: 12, ..NamespaceOptions::default() }];
    let options =
        BackupServerOptions { namespaces, snapshots_per_group: 5, ..BackupServerOptions::default() };
    let server = BackupServer::start_with(options, clock.clone()).await.unwrap();
    let access = server.machine().access();
    let instance = PbsInstance {
        token_name: Some(access.token_name.clone()),
        token_value: Some(Secret::new(access.token_value.as_str())),
        fingerprint: Some(access.fingerprint),
        monitor_datastores: true,
        monitor_sync_jobs: true,
        monitor_verify_jobs: true,
        monitor_prune_jobs: true,
        monitor_garbage_jobs: true,
        ..PbsInstance::new("vault".into(), access.url)
    };
    let connection = PbsConnection::new(&instance, TIMEOUTS).unwrap();
    let mut dice = Dice(7);
    let mut groups: Vec<Arc<PbsBackupGroup>> = Vec::new();
    let (mut failed, mut whole) = (0, 0);
    let paths =
        ["*", "*", "/status/*", "/admin/*", "/nodes/*", "/version", "*/groups", "*/snapshots", "*/namespace"];
    for step in 0..STEPS {
        let machine = server.machine();
        let is_disturbed = disturb(machine, &mut dice, &paths);
        machine.settled().await;
        let now = clock.now();
        match connection.poll(now).await {
            Ok(cycle) => check_cycle(&cycle, &server),
            Err(error) => {
                failed += 1;
                assert!(is_disturbed, "step {step}: {error}");
                assert!(!error.to_string().contains(&access.token_value), "{error}");
            }
        }
        if step % 3 == 0 {
            match connection.backups(&groups, now).await {
                Ok(found) => {
                    let is_right = is_true(&found.groups, &server.truth().groups);
                    assert!(is_right || !found.issues.is_empty(), "step {step}: wrong and not said");
                    whole += u32::from(is_right);
                    groups = found.groups;
                }
                Err(error) => assert!(is_disturbed, "step {step}: {error}"),
            }
        }
        machine.clear_faults();
        machine.settled().await;
        clock.advance(SignedDuration::from_mins(5));
    }
    assert!(failed > STEPS / 20 && whole > 20, "{failed} {whole}");
    // The storm is over.
    let cycle = connection.poll(clock.now()).await.unwrap();
    assert_eq!((cycle.health, cycle.issues.len()), (ConnectionHealth::Healthy, 0), "{:?}", cycle.issues);
    let found = connection.backups(&groups, clock.now()).await.unwrap();
    assert!(is_true(&found.groups, &server.truth().groups) && found.issues.is_empty());
}

#[tokio::test]
async fn a_mail_gateway_through_a_bad_day() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(NOON).unwrap()));
    let gateway = MailGateway::start_with(MailGatewayOptions::default(), clock.clone()).await.unwrap();
    let access = gateway.machine().access();
    let instance = PmgInstance {
        user: Some(access.user),
        password: Some(Secret::new(access.password.as_str())),
        fingerprint: Some(access.fingerprint),
        monitor_queues: true,
        monitor_quarantine: true,
        monitor_domain_stats: true,
        ..PmgInstance::new("mx".into(), access.url)
    };
    let connection = PmgConnection::new(&instance, TIMEOUTS).unwrap();
    let mut dice = Dice(11);
    let paths =
        ["*", "*", "/statistics/*", "/quarantine/*", "/config/*", "*/qshape", "/version", "/access/ticket"];
    let mut failed = 0;
    for step in 0..STEPS {
        let machine = gateway.machine();
        let is_disturbed = disturb(machine, &mut dice, &paths);
        machine.settled().await;
        match connection.poll(clock.now()).await {
            Ok(cycle) => {
                let truth = gateway.truth();
                if let Polled::Read(mail) = &cycle.mail {
                    assert_eq!(
                        (mail.count_in as u64, mail.spam_in as u64),
                        (truth.day.count_in, truth.day.spam_in)
                    );
                }
                if let Polled::Read(nodes) = &cycle.nodes {
                    for (node, expect) in nodes.iter().zip(&truth.nodes) {
                        let queue = node.queue.as_ref();
                        let seen =
                            queue.map(|queue| [queue.active, queue.deferred, queue.hold, queue.incoming]);
                        assert!(seen.is_none_or(|seen| seen == expect.queues), "step {step}");
                        assert!(seen.is_some() || !cycle.issues.is_empty(), "step {step}");
                    }
                }
                assert!(cycle.mail != Polled::Failed || !cycle.issues.is_empty(), "step {step}");
            }
            Err(error) => {
                failed += 1;
                assert!(is_disturbed, "step {step}: {error}");
                assert!(!error.to_string().contains(&access.password), "{error}");
            }
        }
        machine.clear_faults();
        machine.settled().await;
        clock.advance(SignedDuration::from_mins(5));
    }
    assert!(failed > STEPS / 20, "{failed}");
    let cycle = connection.poll(clock.now()).await.unwrap();
    assert_eq!((cycle.health, cycle.issues.len()), (ConnectionHealth::Healthy, 0), "{:?}", cycle.issues);
}
