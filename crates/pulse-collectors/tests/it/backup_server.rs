//! Backup servers: the simulated one, whose truth is known, and hand-made ones for every way to fail.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pulse_collectors::{Connect, HttpConnect, PbsApi, PbsConnection, PbsCycle, PollError, Polled, Timeouts};
use pulse_config::{PbsInstance, Secret};
use pulse_core::{
    ManualClock, Missing, Reading,
    model::{ConnectionHealth, FailureClass, PbsBackupGroup, PbsDatastoreState},
};
use pulse_sim::{
    BackedUpGuest, BackupServer, BackupServerOptions, Effect, Fault, GroupTruth, NamespaceOptions,
};

use crate::{
    server::{Reply, Server},
    support::{SECRET, TIMEOUTS},
};

const NOON: i64 = 1_790_683_200;

fn guest(id: &str) -> BackedUpGuest {
    BackedUpGuest {
        kind: "vm".into(),
        id: id.into(),
        name: format!("web{id}"),
        disk: 32 << 30,
        second_of_day: None,
    }
}

pub struct Scene {
    pub server: BackupServer,
    pub clock: Arc<ManualClock>,
}

impl Scene {
    pub async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(NOON).unwrap()));
        let options = BackupServerOptions {
            namespaces: vec![
                NamespaceOptions {
                    owner: "pve@pbs!a".into(),
                    guests: vec![guest("100"), guest("101")],
                    extra_groups: 20,
                    ..NamespaceOptions::default()
                },
                NamespaceOptions {
                    path: "site-b/prod".into(),
                    owner: "pve@pbs!b".into(),
                    guests: vec![guest("100")],
                    extra_groups: 0,
                },
            ],
            ..BackupServerOptions::default()
        };
        Self { server: BackupServer::start_with(options, clock.clone()).await.unwrap(), clock }
    }

    pub fn instance(&self) -> PbsInstance {
        let access = self.server.machine().access();
        PbsInstance {
            token_name: Some(access.token_name),
            token_value: Some(Secret::new(access.token_value)),
            fingerprint: Some(access.fingerprint),
            monitor_datastores: true,
            monitor_sync_jobs: true,
            monitor_verify_jobs: true,
            monitor_prune_jobs: true,
            monitor_garbage_jobs: true,
            ..PbsInstance::new("vault".into(), access.url)
        }
    }

    fn connect(&self) -> PbsConnection {
        PbsConnection::new(&self.instance(), TIMEOUTS).unwrap()
    }

    fn now(&self) -> Timestamp {
        pulse_core::Clock::now(&*self.clock)
    }

    fn advance(&self, hours: i64) {
        self.clock.advance(SignedDuration::from_hours(hours));
    }

    fn calls(&self, path: &str) -> u64 {
        self.server.machine().counters().get(path).copied().unwrap_or(0)
    }
}

/// A backup server at a hand-made address.
fn instance(host: &str) -> PbsInstance {
    PbsInstance {
        token_name: Some("mon@pbs!pulse".into()),
        token_value: Some(Secret::new(SECRET)),
        monitor_datastores: true,
        ..PbsInstance::new("vault".into(), host.into())
    }
}

async fn poll(instance: &PbsInstance) -> Result<PbsCycle, PollError> {
    HttpConnect.pbs(instance, TIMEOUTS)?.poll(Timestamp::UNIX_EPOCH).await
}

#[tokio::test]
async fn a_poll_brings_what_is_true() {
    let scene = Scene::new().await;
    let truth = scene.server.truth();
    let cycle = scene.connect().poll(scene.now()).await.unwrap();
    assert_eq!(cycle.version.as_deref(), Some("4.2.1"));
    // The last digit of a float is the reader's.
    assert!((cycle.cpu_fraction.known().unwrap() - truth.cpu).abs() < 1e-9);
    let memory = cycle.memory.known().unwrap();
    assert_eq!([memory.total_bytes, memory.used_bytes], truth.memory);
    assert_eq!(cycle.uptime_seconds, Reading::Known(truth.uptime));
    assert!(cycle.load_average.is_some());
    let stores = cycle.datastores.read().unwrap();
    assert_eq!(
        stores.iter().map(|store| store.name.as_str()).collect::<Vec<_>>(),
        ["archive", "cloud", "main", "removable"]
    );
    let main = &stores[2];
    let expect = truth.stores.iter().find(|store| store.name == "main").unwrap();
    let space = main.space.known().unwrap();
    assert_eq!((Some(space.total_bytes), space.used_bytes), (expect.total, expect.used));
    let factor = expect.index_bytes as f64 / expect.disk_bytes as f64;
    assert_eq!(main.deduplication_factor, Some(factor));
    assert_eq!(main.namespaces, ["", "site-b", "site-b/prod"]);
    assert_eq!((main.state, main.comment.as_deref()), (PbsDatastoreState::Available, Some("all guests")));
    assert!(main.full_at.is_some());
    assert_eq!(stores[0].state, PbsDatastoreState::Maintenance);
    assert_eq!(stores[0].maintenance.as_deref(), Some("read-only: moving to new disks"));
    assert_eq!(stores[3].state, PbsDatastoreState::Unmounted);
    assert_eq!(stores[3].space, Reading::Unknown(Missing::Inactive));
    let sync = cycle.sync_jobs.read().unwrap();
    assert_eq!((sync[0].status(), sync[0].remote.as_deref()), ("error", Some("offsite:copy")));
    let cloud = truth.stores.iter().find(|store| store.name == "cloud").unwrap();
    let cache = stores[1].space.known().unwrap();
    assert_eq!((stores[1].backend.as_deref(), main.backend.as_deref()), (Some("s3"), Some("filesystem")));
    assert_eq!((Some(cache.total_bytes), cache.used_bytes), (cloud.total, cloud.used));
    assert_eq!(cycle.garbage_jobs.read().unwrap().len(), 3);
    // A disk that is not there is no failure of the server.
    assert!(cycle.issues.is_empty(), "{:?}", cycle.issues);
    assert_eq!(cycle.health, ConnectionHealth::Healthy);
}

#[tokio::test]
async fn what_hardly_changes_is_not_asked_in_every_poll() {
    let scene = Scene::new().await;
    let connection = scene.connect();
    for _ in 0..5 {
        connection.poll(scene.now()).await.unwrap();
    }
    assert_eq!(scene.calls("GET /status/datastore-usage"), 5);
    assert_eq!(scene.calls("GET /admin/datastore"), 1);
    let counters = scene.server.machine().counters();
    let namespaces: u64 =
        counters.iter().filter(|(path, _)| path.ends_with("/namespace")).map(|(_, count)| count).sum();
    assert_eq!(namespaces, 3, "{counters:?}");
}

#[tokio::test]
async fn what_is_not_wanted_is_not_asked() {
    let scene = Scene::new().await;
    let instance = PbsInstance {
        monitor_datastores: false,
        monitor_sync_jobs: false,
        monitor_verify_jobs: false,
        monitor_prune_jobs: false,
        monitor_garbage_jobs: false,
        ..scene.instance()
    };
    let cycle = PbsConnection::new(&instance, TIMEOUTS).unwrap().poll(scene.now()).await.unwrap();
    assert_eq!((cycle.datastores, cycle.sync_jobs), (Polled::Off, Polled::Off));
    let paths: Vec<_> = scene.server.machine().counters().into_keys().collect();
    assert_eq!(paths, ["GET /nodes/{node}/status", "GET /version"]);
    let excluding = PbsInstance {
        exclude_datastores: vec!["arch*".into(), "cloud".into(), "removable".into()],
        ..scene.instance()
    };
    let cycle = PbsConnection::new(&excluding, TIMEOUTS).unwrap().poll(scene.now()).await.unwrap();
    assert_eq!(cycle.datastores.read().unwrap().len(), 1);
    assert!(cycle.issues.is_empty());
}

#[track_caller]
fn check_groups(groups: &[Arc<PbsBackupGroup>], truth: &[GroupTruth]) {
    assert_eq!(groups.len(), truth.len());
    for expect in truth {
        let group = groups
            .iter()
            .find(|group| {
                *group.key.datastore == *expect.store
                    && *group.key.namespace == *expect.namespace
                    && group.key.backup_type.name() == expect.kind
                    && *group.key.backup_id == *expect.id
            })
            .unwrap_or_else(|| panic!("{expect:?}"));
        assert_eq!(group.owner.as_deref(), Some(expect.owner.as_str()));
        assert_eq!(group.snapshots.len(), expect.backups.len());
        for (snapshot, backup) in group.snapshots.iter().zip(&expect.backups) {
            assert_eq!(snapshot.made_at.as_second(), i64::try_from(backup.at).unwrap());
            assert_eq!(snapshot.size_bytes, Some(backup.size));
            assert_eq!(snapshot.is_verified, backup.verification.map(|state| state == "ok"));
            assert_eq!(snapshot.is_protected, backup.is_protected);
            assert_eq!(snapshot.is_encrypted, expect.is_encrypted);
            assert_eq!(snapshot.comment.as_deref(), backup.comment.as_deref());
            assert_eq!(snapshot.files.iter().map(|file| &**file).collect::<Vec<_>>(), expect.files);
        }
    }
}

#[tokio::test]
async fn backups_are_read_once_and_then_only_where_something_happened() {
    let scene = Scene::new().await;
    let connection = scene.connect();
    let first = connection.backups(&[], scene.now()).await.unwrap();
    let truth = scene.server.truth();
    check_groups(&first.groups, &truth.groups);
    assert_eq!((first.read_groups, first.issues.len()), (truth.groups.len(), 0));
    // Texts are shared.
    let web = |index: usize| &first.groups[index].snapshots[0];
    assert!(
        first.groups.iter().filter(|group| Arc::ptr_eq(&group.snapshots[0].files, &web(2).files)).count() > 1
    );

    // Nothing happens: each group is read once in twelve rounds, and all are the same as before.
    let mut groups = first.groups;
    let mut read = 0;
    for _ in 0..12 {
        let next = connection.backups(&groups, scene.now()).await.unwrap();
        read += next.read_groups;
        assert!(next.groups.iter().zip(&groups).all(|(a, b)| Arc::ptr_eq(a, b)));
        groups = next.groups;
    }
    assert_eq!(read, truth.groups.len());

    // A night later every guest has a new backup, and the day before's was verified.
    scene.advance(24);
    let next = connection.backups(&groups, scene.now()).await.unwrap();
    check_groups(&next.groups, &scene.server.truth().groups);
}

#[tokio::test]
async fn what_cannot_be_read_stays_as_it_was() {
    let scene = Scene::new().await;
    let connection = scene.connect();
    let first = connection.backups(&[], scene.now()).await.unwrap().groups;
    scene.advance(24);
    let machine = scene.server.machine();
    for (path, part) in [
        ("/admin/datastore/main/groups", "namespace"),
        ("/admin/datastore/main/namespace", "main"),
        ("/admin/datastore/main/snapshots", "shown as they were"),
    ] {
        machine
            .add_fault(Fault::new(Effect::Status { code: 500, text: "disk is slow".into() }).on_path(path));
        let next = connection.backups(&first, scene.now()).await.unwrap();
        let of_main = |groups: &[Arc<PbsBackupGroup>]| {
            groups.iter().filter(|group| &*group.key.datastore == "main").cloned().collect::<Vec<_>>()
        };
        assert_eq!(of_main(&next.groups), of_main(&first), "{path}");
        assert!(next.issues.iter().any(|issue| issue.message.contains(part)), "{path}: {:?}", next.issues);
        machine.clear_faults();
    }
    machine.add_fault(Fault::new(Effect::GarbageJson).on_path("/status/datastore-usage"));
    assert_eq!(connection.backups(&first, scene.now()).await.unwrap_err().class(), FailureClass::Decode);
}

#[tokio::test]
async fn a_password_becomes_a_ticket_that_is_renewed_when_it_is_refused() {
    let scene = Scene::new().await;
    let access = scene.server.machine().access();
    let instance = PbsInstance {
        token_name: None,
        token_value: None,
        user: Some("pulse-monitor".into()),
        password: Some(Secret::new(access.password)),
        ..scene.instance()
    };
    let connection = PbsConnection::new(&instance, TIMEOUTS).unwrap();
    connection.poll(scene.now()).await.unwrap();
    assert_eq!(scene.calls("POST /access/ticket"), 1);
    scene.server.machine().expire_tickets();
    connection.poll(scene.now()).await.unwrap();
    assert_eq!(scene.calls("POST /access/ticket"), 2);
    let wrong = PbsInstance { password: Some(Secret::new(SECRET)), ..instance };
    let error = poll(&wrong).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Authentication);
    let text = error.to_string();
    assert!(text.contains("the password of pulse-monitor@pbs") && !text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn an_administrator_makes_a_token_that_may_only_read() {
    let scene = Scene::new().await;
    let (user, password) = scene.server.machine().administrator();
    let administrator = PbsInstance {
        token_name: None,
        token_value: None,
        user: Some(user.into()),
        password: Some(Secret::new(password)),
        ..scene.instance()
    };
    let connection = PbsConnection::new(&administrator, TIMEOUTS).unwrap();
    let made = connection.make_token("pulse-lab").await.unwrap();
    assert_eq!(made.id, "pulse-monitor@pbs!pulse-lab");
    let with_token =
        PbsInstance { token_name: Some(made.id), token_value: Some(made.value), ..scene.instance() };
    poll(&with_token).await.unwrap();
    // A second time the name is taken.
    assert!(matches!(connection.make_token("pulse-lab").await, Err(PollError::Status { status: 400, .. })));
    // Somebody who may only read cannot.
    let error = scene.connect().make_token("other").await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Permission, "{error}");
}

#[tokio::test]
async fn a_test_tells_how_many_datastores_there_are() {
    let scene = Scene::new().await;
    let test = scene.connect().test().await.unwrap();
    assert_eq!((test.datastore_count, test.version.as_deref()), (4, Some("4.2.1")));
}

/// What a person reads for each way to fail, and that no secret is in it.
#[tokio::test]
async fn every_way_to_fail_is_told_in_words() {
    let scene = Scene::new().await;
    let machine = scene.server.machine();
    let cases: [(Effect, FailureClass, &str); 8] = [
        (Effect::RevokeToken, FailureClass::Authentication, "the API token pulse-monitor@pbs!pulse"),
        (
            Effect::Status { code: 403, text: "permission check failed".into() },
            FailureClass::Permission,
            "role Audit on /",
        ),
        (Effect::WrongCert, FailureClass::Certificate, "shows another certificate"),
        (Effect::HtmlPage, FailureClass::Decode, "a web page"),
        (Effect::HalfJson { percent: 50, honest_length: true }, FailureClass::Decode, "ends in the middle"),
        (Effect::EmptyBody, FailureClass::Decode, "it is empty"),
        (Effect::Reset, FailureClass::Connection, "broke off the connection"),
        (Effect::Refuse, FailureClass::Connection, "connection refused"),
    ];
    for (effect, class, part) in cases {
        machine.add_fault(Fault::new(effect.clone()));
        machine.settled().await;
        let error = poll(&scene.instance()).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.class(), class, "{effect:?}: {text}");
        assert!(text.contains(part) && text.contains(&scene.server.machine().url()[8..]), "{text}");
        assert!(!text.contains(&scene.server.machine().access().token_value), "{text}");
        machine.clear_faults();
        machine.settled().await;
    }
}

#[tokio::test]
async fn a_part_that_fails_costs_only_that_part() {
    let scene = Scene::new().await;
    let machine = scene.server.machine();
    machine.add_fault(
        Fault::new(Effect::Status { code: 403, text: "permission check failed".into() }).on_path("/nodes/*"),
    );
    machine.add_fault(Fault::new(Effect::Status { code: 500, text: "broken".into() }).on_path("/admin/sync"));
    let cycle = scene.connect().poll(scene.now()).await.unwrap();
    assert_eq!(cycle.cpu_fraction, Reading::Unknown(Missing::PermissionDenied));
    assert_eq!(cycle.sync_jobs, Polled::Failed);
    assert!(matches!(cycle.datastores, Polled::Read(_)) && matches!(cycle.verify_jobs, Polled::Read(_)));
    assert_eq!(cycle.health, ConnectionHealth::Degraded);
    let text: String = cycle.issues.iter().map(|issue| issue.message.as_str()).collect();
    assert!(
        text.contains("role Audit on /") && text.contains("the sync jobs are shown as they were"),
        "{text}"
    );
}

#[tokio::test]
async fn datastores_that_are_hidden_for_want_of_a_right_are_not_taken_for_none() {
    for (rights, expect) in [
        (r#"{"data":{}}"#, Some("lack Datastore.Audit on /datastore")),
        (r#"{"data":{"/system":{"Sys.Audit":true}}}"#, Some("lack Datastore.Audit on /datastore")),
        (r#"{"data":{"/datastore":{"Datastore.Audit":true}}}"#, None),
    ] {
        let server = Server::start(move |request| match request.path.as_str() {
            "/version" => Reply::json(r#"{"data":{"version":"4.2"}}"#),
            "/access/permissions" => Reply::json(rights),
            "/nodes/localhost/status" => Reply::json(r#"{"data":{"cpu":0.1}}"#),
            _ => Reply::json(r#"{"data":[]}"#),
        })
        .await;
        let cycle = poll(&instance(&server.url())).await.unwrap();
        assert_eq!(cycle.datastores, Polled::Read(Vec::new()));
        let issue = cycle.issues.first();
        assert_eq!(issue.map(|issue| issue.class), expect.map(|_| FailureClass::Permission), "{rights}");
        let test = HttpConnect.pbs(&instance(&server.url()), TIMEOUTS).unwrap().test().await.unwrap();
        if let Some(part) = expect {
            assert!(issue.unwrap().message.contains(part) && test.warnings[0].contains(part), "{rights}");
        }
    }
}

#[tokio::test]
async fn plain_text_errors_are_repeated_as_they_are() {
    let server = Server::start(|request| match request.path.as_str() {
        "/version" => Reply::status(400, "Bad Request", "no such thing 'x'"),
        _ => Reply::json("{}"),
    })
    .await;
    let text = poll(&instance(&server.url())).await.unwrap_err().to_string();
    assert!(text.ends_with("answers /version with 400 no such thing 'x'"), "{text}");
}

#[tokio::test]
async fn hostile_and_odd_answers_break_nothing() {
    let long = "x".repeat(10_000);
    let name = format!("<b>\u{1f4be}\"{long}");
    let server = Server::start(move |request| match request.path.as_str() {
        "/version" => Reply::json(r#"{"data":{"version":4,"release":null}}"#),
        "/nodes/localhost/status" => Reply::json(r#"{"data":{"cpu":"nan","memory":[],"loadavg":7,"uptime":-3}}"#),
        "/status/datastore-usage" => Reply::json(format!(
            r#"{{"data":[{{"store":"{}","total":"100","used":"40"}},null,7,{{"store":null}},{{"store":".."}},{{"store":"a/../b","total":1}}]}}"#,
            name.replace('"', "\\\"")
        )),
        "/admin/datastore/a%2F..%2Fb/namespace" => Reply::json(r#"{"data":[{"ns":null},{"ns":3}]}"#),
        path if path.contains("/groups") => Reply::json(
            r#"{"data":[{"backup-type":"vm","backup-id":"1?x=#","backup-count":1,"last-backup":99},{"backup-type":"odd","backup-id":"1"},[]]}"#,
        ),
        path if path.contains("/snapshots") => Reply::json(
            r#"{"data":[{"backup-time":"99","files":"none","verification":"ok","protected":"yes"},{"backup-time":0},{"backup-time":1e300}]}"#,
        ),
        _ => Reply::json(r#"{"data":[]}"#),
    })
    .await;
    let connection = PbsConnection::new(&instance(&server.url()), TIMEOUTS).unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let cycle = connection.poll(now).await.unwrap();
    assert_eq!(cycle.version.as_deref(), Some("4"));
    assert_eq!(cycle.memory, Reading::Unknown(Missing::NotReported));
    let stores = cycle.datastores.read().unwrap();
    assert_eq!(stores.len(), 3);
    let backups = connection.backups(&[], now).await.unwrap();
    let group = backups.groups.iter().find(|group| &*group.key.datastore == "a/../b").unwrap();
    assert_eq!(group.snapshots.len(), 1);
    assert!(group.snapshots[0].is_protected && group.snapshots[0].is_verified.is_none());
    // Nobody was led out of the folder of its datastore.
    assert!(
        server.paths().iter().all(|path| !path.contains("..") || path.contains("%2F..%2F")),
        "{:?}",
        server.paths()
    );
}

#[tokio::test]
async fn a_document_without_end_is_not_taken() {
    let server = Server::start(|request| match request.path.as_str() {
        "/version" => Reply::json(r#"{"data":{"version":"4.2"}}"#),
        "/status/datastore-usage" => {
            Reply::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n{\"data\":[".to_vec())
        }
        _ => Reply::json(r#"{"data":[]}"#),
    })
    .await;
    let cycle = poll(&instance(&server.url())).await.unwrap();
    assert_eq!(cycle.datastores, Polled::Failed);
    assert!(
        cycle.issues.iter().any(|issue| issue.message.contains("more than 64 MiB")),
        "{:?}",
        cycle.issues
    );
}

#[tokio::test]
async fn a_server_of_version_1_has_the_root_only() {
    let server = Server::start(|request| match request.path.as_str() {
        "/version" => Reply::json(r#"{"data":{"version":"1.1","release":"14"}}"#),
        "/status/datastore-usage" => Reply::json(r#"{"data":[{"store":"old","total":100,"used":40,"avail":60}]}"#),
        "/admin/datastore/old/groups" => Reply::json(
            r#"{"data":[{"backup-type":"vm","backup-id":"100","backup-count":1,"last-backup":1600000000,"owner":"root@pam"}]}"#,
        ),
        "/admin/datastore/old/snapshots?backup-type=vm&backup-id=100" => {
            Reply::json(r#"{"data":[{"backup-time":1600000000,"size":5,"files":["a.fidx"]}]}"#)
        }
        path => Reply::status(404, "Not Found", format!("Path '/api2/json{path}' not found.")),
    })
    .await;
    let mut instance = instance(&server.url());
    instance.monitor_prune_jobs = true;
    let connection = PbsConnection::new(&instance, TIMEOUTS).unwrap();
    let cycle = connection.poll(Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(cycle.prune_jobs, Polled::Read(Vec::new()));
    assert_eq!(cycle.datastores.read().unwrap()[0].namespaces, [""]);
    let backups = connection.backups(&[], Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(backups.groups.len(), 1, "{:?}", backups.issues);
    assert_eq!(backups.groups[0].snapshots[0].files.len(), 1);
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let server = Server::start(|_| Reply::Hang).await;
    let limit = std::time::Duration::from_millis(300);
    let timeouts = Timeouts { connect: std::time::Duration::from_secs(5), request: limit };
    let connection = PbsConnection::new(&instance(&server.url()), timeouts).unwrap();
    assert_eq!(connection.poll(Timestamp::UNIX_EPOCH).await.unwrap_err().class(), FailureClass::Timeout);
}

#[tokio::test]
async fn what_is_wrong_with_the_configuration_is_said_before_anything_is_sent() {
    let fail = |change: fn(&mut PbsInstance)| {
        let mut instance = instance("https://vault.example:8007");
        change(&mut instance);
        PbsConnection::new(&instance, TIMEOUTS).err().unwrap()
    };
    assert!(matches!(fail(|it| it.token_value = None), PollError::NoCredentials { .. }));
    assert!(matches!(fail(|it| it.fingerprint = Some("AA:BB".into())), PollError::BadFingerprint { .. }));
    assert!(matches!(fail(|it| it.host = "ftp://x".into()), PollError::Address { .. }));
}
