//! A source that hangs never delays another: many ways to hang, over real sockets and real TLS, beside sources that are
//! well. Nothing here looks at a watch: the healthy ones are polled again and again while the others are still at their
//! first poll.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use pulse_collectors::{Connect, HttpConnect, PbsApi, PmgApi, PollError, PveApi, Timeouts};
use pulse_config::{NodeConfig, PbsInstance, PmgInstance, PveInstance, Secret, SystemSettings};
use pulse_core::{
    Clock, SystemClock,
    model::{ConnectionHealth, InstanceKey},
};
use pulse_monitor::{Keeper, Scheduler, Supervisor, schedule::RunState};
use pulse_sim::{
    Appliance, BackupServer, BackupServerOptions, Cluster, Effect, EstateOptions, Fault, MailGateway,
    MailGatewayOptions,
};
use tokio::{
    net::{TcpSocket, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::truth::instance;

/// So often each healthy source is polled while the others hang.
const ROUNDS: u64 = 6;
/// Longer than this test may take: what hangs does so until the end.
const PATIENT: Timeouts = Timeouts { connect: Duration::from_secs(600), request: Duration::from_secs(600) };

/// Connections that wait as long as it takes.
struct Patient;

impl Connect for Patient {
    fn pve(&self, instance: &PveInstance, _: Timeouts) -> Result<Arc<dyn PveApi>, PollError> {
        HttpConnect.pve(instance, PATIENT)
    }

    fn pbs(&self, instance: &PbsInstance, _: Timeouts) -> Result<Arc<dyn PbsApi>, PollError> {
        HttpConnect.pbs(instance, PATIENT)
    }

    fn pmg(&self, instance: &PmgInstance, _: Timeouts) -> Result<Arc<dyn PmgApi>, PollError> {
        HttpConnect.pmg(instance, PATIENT)
    }
}

/// A port that takes no connection: its queue is full, and nobody accepts.
struct DeafPort {
    url: String,
    _listener: tokio::net::TcpListener,
    _queue: Vec<TcpStream>,
}

impl DeafPort {
    async fn open() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(connected) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            queue.push(connected.unwrap());
            assert!(queue.len() < 100, "the queue never fills");
        }
        Self { url: format!("https://{address}"), _listener: listener, _queue: queue }
    }
}

async fn cluster(seed: u64, fault: Option<Fault>) -> Cluster {
    let options = EstateOptions { nodes: 1, guests: 6, seed, ..EstateOptions::default() };
    let cluster = Cluster::start(options).await.unwrap();
    if let Some(fault) = fault {
        cluster.add_fault(fault).unwrap();
        cluster.settled().await;
    }
    cluster
}

fn backup_server(name: &str, machine: &Appliance) -> PbsInstance {
    let access = machine.access();
    PbsInstance {
        token_name: Some(access.token_name),
        token_value: Some(Secret::new(access.token_value.as_str())),
        fingerprint: Some(access.fingerprint),
        monitor_datastores: true,
        ..PbsInstance::new(name.into(), access.url)
    }
}

fn mail_gateway(name: &str, machine: &Appliance) -> PmgInstance {
    let access = machine.access();
    PmgInstance {
        user: Some(access.user),
        password: Some(Secret::new(access.password.as_str())),
        fingerprint: Some(access.fingerprint),
        ..PmgInstance::new(name.into(), access.url)
    }
}

/// The server's tasks, and what they poll.
struct Watch {
    keeper: Keeper,
    scheduler: Scheduler,
    stop: CancellationToken,
    _config: watch::Sender<Arc<NodeConfig>>,
    _settings: watch::Sender<Arc<SystemSettings>>,
}

impl Watch {
    fn start(config: NodeConfig) -> Self {
        let clock = Arc::new(SystemClock);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let keeper = Keeper::start(clock.clone(), &tasks, stop.clone());
        let config = watch::Sender::new(Arc::new(config));
        let settings = watch::Sender::new(Arc::new(SystemSettings {
            pve_polling_interval_seconds: 1,
            pbs_polling_interval_seconds: 1,
            pmg_polling_interval_seconds: 1,
            connection_timeout_seconds: 600,
            ..SystemSettings::default()
        }));
        let (watched, told) = (config.subscribe(), settings.subscribe());
        let scheduler =
            Supervisor::start(watched, told, Arc::new(Patient), keeper.clone(), clock, &tasks, stop.clone());
        Self { keeper, scheduler, stop, _config: config, _settings: settings }
    }

    /// Waits until it is so; looks whenever something has come in.
    async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let mut world = self.keeper.subscribe();
        let wait = async {
            while !is_so() {
                world.changed().await.unwrap();
            }
        };
        timeout(Duration::from_secs(90), wait).await.unwrap_or_else(|_| {
            panic!("{what} did not come: {:#?}", self.scheduler.health(SystemClock.now()).sources)
        });
    }

    /// Sources that are being polled and were never read.
    fn at_their_first_poll(&self) -> Vec<String> {
        let health = self.scheduler.health(SystemClock.now());
        let is_first = |key: &&InstanceKey| {
            let source = &health.sources[*key];
            matches!(source.run, RunState::Polling { .. })
                && source.last_success.is_none()
                && source.last_error.is_none()
                && source.restarts == 0
        };
        health.sources.keys().filter(is_first).map(|key| key.name.to_string()).collect()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn calls(counters: &BTreeMap<String, u64>, call: &str) -> u64 {
    counters.get(call).copied().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_hang_in_every_way_delay_no_other() {
    // Somebody else may have installed one already: then that one is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let deaf = DeafPort::open().await;
    let well = cluster(1, None).await;
    let mute = cluster(2, Some(Fault::new(Effect::TlsHang))).await;
    let silent = cluster(3, Some(Fault::new(Effect::Hang))).await;
    let halves = cluster(4, Some(Fault::new(Effect::StallBody { percent: 50 }))).await;
    let drips = cluster(5, Some(Fault::new(Effect::SlowBody { bytes_per_second: 1 }))).await;
    // Polls of this one work; every question beside them hangs.
    let beside = cluster(6, Some(Fault::new(Effect::Hang).on_path("/nodes/*/*/*"))).await;
    let (vault, stuck_vault) = (
        BackupServer::start(BackupServerOptions::default()).await.unwrap(),
        BackupServer::start(BackupServerOptions::default()).await.unwrap(),
    );
    let (mx, stuck_mx) = (
        MailGateway::start(MailGatewayOptions::default()).await.unwrap(),
        MailGateway::start(MailGatewayOptions::default()).await.unwrap(),
    );
    stuck_vault.machine().add_fault(Fault::new(Effect::StallBody { percent: 30 }));
    stuck_mx.machine().add_fault(Fault::new(Effect::Hang));
    let hanging = ["deaf", "mute", "silent", "halves", "drips", "stuck-vault", "stuck-mx"];
    let config = NodeConfig {
        // Those that hang stand first, so that whoever did one after the other would never come to the rest.
        pve: vec![
            PveInstance { host: deaf.url.clone(), ..instance("deaf", &well) },
            instance("mute", &mute),
            instance("silent", &silent),
            instance("halves", &halves),
            instance("drips", &drips),
            instance("beside", &beside),
            instance("well", &well),
        ],
        pbs: vec![
            backup_server("stuck-vault", stuck_vault.machine()),
            backup_server("vault", vault.machine()),
        ],
        pmg: vec![mail_gateway("stuck-mx", stuck_mx.machine()), mail_gateway("mx", mx.machine())],
    };
    let watch = Watch::start(config);
    let polls = || {
        [
            calls(&well.counters(), "GET /cluster/status"),
            calls(&beside.counters(), "GET /cluster/status"),
            calls(&vault.machine().counters(), "GET /status/datastore-usage"),
            calls(&mx.machine().counters(), "GET /statistics/mail"),
        ]
    };
    watch
        .until("the others' hanging", || {
            let at_first = watch.at_their_first_poll();
            hanging.iter().all(|name| at_first.iter().any(|one| one == name))
                && polls().iter().all(|polls| *polls > 0)
                && beside.in_flight() > 0
        })
        .await;
    let begin = polls();
    watch
        .until("the healthy sources' polls", || {
            polls().iter().zip(begin).all(|(now, begin)| *now >= begin + ROUNDS)
        })
        .await;
    // All that time those that hang were at their first poll, and each of the others did as many polls as any other.
    let mut at_first = watch.at_their_first_poll();
    at_first.sort();
    let mut expect = hanging.map(str::to_owned);
    expect.sort();
    assert_eq!(at_first, expect);
    assert!(beside.in_flight() > 0, "questions beside the polls hang to the end");
    let done: Vec<u64> = polls().iter().zip(begin).map(|(now, begin)| now - begin).collect();
    let (least, most) = (done.iter().min().unwrap(), done.iter().max().unwrap());
    assert!(most - least <= ROUNDS, "{done:?}");
    let world = watch.keeper.snapshot();
    for (key, view) in &world.instances {
        let is_hanging = hanging.contains(&key.name.as_str());
        assert_eq!(view.health == ConnectionHealth::Healthy, !is_hanging, "{key:?}: {:?}", view.issues);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_hangs_keeps_the_others_of_its_cluster_fresh() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = EstateOptions { nodes: 3, guests: 20, ..EstateOptions::default() };
    let cluster = Cluster::start(options).await.unwrap();
    let config = NodeConfig { pve: vec![instance("lab", &cluster)], ..NodeConfig::default() };
    let clock = Arc::new(SystemClock);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let _end = stop.clone().drop_guard();
    let keeper = Keeper::start(clock.clone(), &tasks, stop.clone());
    let config = watch::Sender::new(Arc::new(config));
    let settings = watch::Sender::new(Arc::new(SystemSettings {
        pve_polling_interval_seconds: 1,
        connection_timeout_seconds: 2,
        ..SystemSettings::default()
    }));
    let connect = Arc::new(HttpConnect);
    Supervisor::start(
        config.subscribe(),
        settings.subscribe(),
        connect,
        keeper.clone(),
        clock,
        &tasks,
        stop.clone(),
    );
    let mut world = keeper.subscribe();
    let mut next = async |is_so: &dyn Fn(&pulse_core::model::InstanceView) -> bool| {
        let wait = async {
            loop {
                let view = world.borrow_and_update().instances.values().next().cloned();
                if let Some(view) = view.filter(|view| is_so(view)) {
                    return view;
                }
                world.changed().await.unwrap();
            }
        };
        timeout(Duration::from_secs(60), wait).await.unwrap()
    };
    let first = next(&|view| view.nodes.len() == 3 && view.health == ConnectionHealth::Healthy).await;
    cluster.add_fault(Fault::new(Effect::Hang).on_path("/nodes/pve2/*"));
    let seen = |view: &pulse_core::model::InstanceView, name: &str| {
        view.nodes.iter().find(|node| node.name == name).unwrap().last_seen
    };
    // The hang is named at its node, and the polls go on: both others get newer figures again and again.
    let named = next(&|view| view.issues.iter().any(|issue| issue.node.as_deref() == Some("pve2"))).await;
    let mut last = named;
    for _ in 0..3 {
        let before = last.clone();
        last = next(&|view| ["pve1", "pve3"].iter().all(|name| seen(view, name) > seen(&before, name))).await;
    }
    assert!(seen(&last, "pve1") > seen(&first, "pve1"));
    assert_eq!(last.guests.len(), first.guests.len());
}
