//! A simulated day with faults at random: every figure of `/api/state`, as the API serves it, against what the
//! simulator says is true. Clusters, a backup server and a mail gateway are polled over HTTPS by the real supervisor with
//! its workers; its timers and the clock are moved by hand, so that a day takes a minute.
//!
//! `PULSE_SOAK_HOURS` and `PULSE_SOAK_SEED` make it longer and other; a failure names the seed and the step.

mod figures;
mod gauge;
mod guests;
mod lists;
mod machines;
mod past;
mod rates;
mod table;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use pulse_config::{NodeConfig, PbsInstance, PmgInstance, PveInstance, Secret, SystemSettings};
use pulse_core::{Clock, ManualClock, model::InstanceKind};
use pulse_monitor::{Scheduler, Supervisor, schedule::RunState};
use pulse_sim::{
    Appliance, BackupServer, BackupServerOptions, Cluster, Effect, EstateOptions, Fault, GuestKind,
    ListedFault, MailGateway, MailGatewayOptions, NamespaceOptions,
};
use serde_json::Value;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{figures::Checks, gauge::Gauge, past::Past, rates::Rates};
use crate::harness::{TOKEN, TestServer};

/// The clock leaps so far at once; the watchdog would take more for a source that hangs.
const LEAP: Duration = Duration::from_secs(29);
/// And then it creeps, so that what pauses for a moment between two questions goes on.
const CREEP: Duration = Duration::from_millis(250);
const CREEPS: u32 = 2;
/// Real time between two looks at whether anything is going on; no more looks than these, which is a minute.
const PAUSE: Duration = Duration::from_micros(150);
const MOST_PAUSES: u32 = 300_000;
/// So many looks in a row must find nothing.
const CALM_LOOKS: u32 = 2;
/// So many looks are spent on a cluster of which some answers never come.
const PATIENCE_WITH_WHAT_HANGS: u32 = 60;
/// After the last fault it goes on for so long, and then everything has to be there.
const CALM_MINUTES: i64 = 100;
/// So long nothing goes wrong: 50 minutes.
const PEACEFUL_STEPS: i64 = 100;
/// Resident memory may grow by so much over the day.
const MOST_GROWTH_BYTES: u64 = 60 << 20;

/// A small generator of numbers, so that a failure can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn of<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len() as u64) as usize]
    }
}

/// What is watched; it lives on threads and timers of its own.
struct Lab {
    cluster: Cluster,
    backup_server: BackupServer,
    mail_gateway: MailGateway,
    /// Backups that were begun by hand: the guest, and when in Unix seconds.
    by_hand: Mutex<Vec<(u32, i64)>>,
    /// Ends its threads when it is dropped.
    _end: mpsc::Sender<()>,
}

impl Lab {
    fn start(clock: Arc<ManualClock>) -> Self {
        let (tell, told) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            let runtime = runtime.unwrap();
            let lab = runtime.block_on(async {
                let options = EstateOptions {
                    nodes: 3,
                    guests: 14,
                    zfs: true,
                    ceph: true,
                    cifs: true,
                    ..EstateOptions::default()
                };
                let cluster = Cluster::start_with(options, clock.clone()).await.unwrap();
                let backup_server = BackupServer::start_with(
                    BackupServerOptions {
                        namespaces: vec![NamespaceOptions {
                            path: String::new(),
                            owner: "pve@pbs!sim".into(),
                            guests: cluster.backed_up_guests(),
                            extra_groups: 3,
                        }],
                        snapshots_per_group: 4,
                        ..BackupServerOptions::default()
                    },
                    clock.clone(),
                );
                let backup_server = backup_server.await.unwrap();
                let mail_gateway = MailGateway::start_with(MailGatewayOptions::default(), clock.clone());
                (cluster, backup_server, mail_gateway.await.unwrap())
            });
            tell.send(lab).unwrap();
            // Until the lab is dropped.
            let _ = ended.recv();
            runtime.shutdown_background();
        });
        let (cluster, backup_server, mail_gateway) = told.recv().unwrap();
        Self { cluster, backup_server, mail_gateway, by_hand: Mutex::default(), _end: end }
    }

    fn config(&self) -> NodeConfig {
        let (pbs, pmg) = (self.backup_server.machine().access(), self.mail_gateway.machine().access());
        let mut pve = PveInstance::new("lab".into(), self.cluster.url());
        pve.token_name = Some(self.cluster.token_name().to_owned());
        pve.token_value = Some(Secret::new(self.cluster.token_value()));
        pve.fingerprint = Some(self.cluster.fingerprint());
        let mut vault = PbsInstance::new("vault".into(), pbs.url);
        vault.token_name = Some(pbs.token_name);
        vault.token_value = Some(Secret::new(&*pbs.token_value));
        vault.fingerprint = Some(pbs.fingerprint);
        vault.monitor_datastores = true;
        vault.monitor_sync_jobs = true;
        vault.monitor_verify_jobs = true;
        vault.monitor_prune_jobs = true;
        vault.monitor_garbage_jobs = true;
        let mut mx = PmgInstance::new("mx".into(), pmg.url);
        mx.user = Some(pmg.user);
        mx.password = Some(Secret::new(&*pmg.password));
        mx.fingerprint = Some(pmg.fingerprint);
        mx.monitor_queues = true;
        mx.monitor_quarantine = true;
        mx.monitor_domain_stats = true;
        NodeConfig { pve: vec![pve], pbs: vec![vault], pmg: vec![mx] }
    }

    fn machines(&self) -> [&Appliance; 2] {
        [self.backup_server.machine(), self.mail_gateway.machine()]
    }

    fn clear(&self) {
        self.cluster.clear_faults();
        self.machines().iter().for_each(|machine| machine.clear_faults());
    }

    fn has_faults(&self) -> bool {
        !self.cluster.faults().is_empty()
            || self.machines().iter().any(|machine| !machine.faults().is_empty())
    }

    async fn settled(&self) {
        self.cluster.settled().await;
        for machine in self.machines() {
            machine.settled().await;
        }
    }
}

/// The server and its simulated time.
struct Day {
    lab: Lab,
    server: TestServer,
    scheduler: Scheduler,
    chance: Chance,
    /// How often what made another cluster of it.
    upheavals: BTreeMap<&'static str, u32>,
    clock: Arc<ManualClock>,
    stop: CancellationToken,
    gauge: Gauge,
    /// A thread that waits for its end. As long as one waits, the runtime's time does not leap by itself while others wait
    /// for the network.
    _brake: mpsc::Sender<()>,
    _settings: watch::Sender<Arc<SystemSettings>>,
    _config: watch::Sender<Arc<NodeConfig>>,
}

impl Day {
    fn begin(seed: u64) -> Self {
        let (brake, end) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || end.recv());
        let server = TestServer::set_up();
        let clock = server.clock.clone();
        let lab = Lab::start(clock.clone());
        let gauge = Gauge::default();
        let config = watch::Sender::new(Arc::new(lab.config()));
        let settings = watch::Sender::new(Arc::new(SystemSettings {
            pve_polling_interval_seconds: 240,
            pbs_polling_interval_seconds: 300,
            pmg_polling_interval_seconds: 300,
            connection_timeout_seconds: 60,
            ..SystemSettings::default()
        }));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let scheduler = Supervisor::start(
            config.subscribe(),
            settings.subscribe(),
            Arc::new(gauge.clone()),
            server.state.keeper.clone(),
            clock.clone(),
            &tasks,
            stop.clone(),
        );
        let chance = Chance(seed);
        Self {
            lab,
            server,
            scheduler,
            chance,
            upheavals: BTreeMap::new(),
            clock,
            stop,
            gauge,
            _brake: brake,
            _settings: settings,
            _config: config,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// When each source was last read.
    fn last(&self, kind: InstanceKind) -> Option<Timestamp> {
        let health = self.scheduler.health(self.now());
        health.sources.iter().find(|(key, _)| key.kind == kind).and_then(|(_, source)| source.last_success)
    }

    /// Lets time pass, and everything that is due be done.
    async fn pass(&self, time: Duration) {
        self.clock.advance(SignedDuration::try_from(time).unwrap());
        tokio::time::advance(time).await;
        self.quiet().await;
    }

    /// Waits, in real time, until nobody asks anybody anything; not for those that wait for an answer that never comes.
    async fn quiet(&self) {
        let hangs = self.lab.cluster.faults().iter().any(|fault| {
            matches!(
                fault.fault.effect,
                Effect::Hang | Effect::StallBody { .. } | Effect::TlsHang | Effect::NodeBlackhole
            )
        });
        let (mut calm, mut waited) = (0, 0);
        for _ in 0..MOST_PAUSES {
            real_pause(PAUSE).await;
            let health = self.scheduler.health(self.now());
            let polls = |is_cluster: bool| {
                let of_kind = |kind: InstanceKind| (kind == InstanceKind::Pve) == is_cluster;
                let mut sources = health.sources.iter().filter(|(key, _)| of_kind(key.kind));
                sources.any(|(_, source)| matches!(source.run, RunState::Polling { .. }))
            };
            if self.gauge.open() > 0 || polls(false) {
                calm = 0;
            } else if self.gauge.open_at_cluster() > 0 || self.lab.cluster.in_flight() > 0 || polls(true) {
                calm = 0;
                waited += 1;
                if hangs && waited > PATIENCE_WITH_WHAT_HANGS {
                    return;
                }
            } else if calm == CALM_LOOKS {
                return;
            } else {
                calm += 1;
            }
        }
        panic!("nothing came to an end for a minute");
    }

    /// Something happens, or nothing.
    async fn upset(&mut self, step: i64) {
        let chance = &mut self.chance;
        match chance.below(40) {
            0 => {
                self.lab.cluster.add_fault(some_fault(chance));
            }
            1 => {
                let machine = *chance.of(&self.lab.machines());
                machine.add_fault(some_machine_fault(chance));
            }
            2..6 => self.lab.clear(),
            6 => self.change_a_guest(step),
            7 => {
                let fault = some_upheaval(chance, &self.lab.cluster);
                let is_known = |listed: &ListedFault| {
                    // A node has one name and one clock at a time.
                    let is_same =
                        std::mem::discriminant(&listed.fault.effect) == std::mem::discriminant(&fault.effect);
                    is_same && listed.fault.node == fault.node && fault.node != "*"
                };
                if !self.lab.cluster.faults().iter().any(is_known) {
                    *self.upheavals.entry(name_of(&fault.effect)).or_default() += 1;
                    self.lab.cluster.add_fault(fault);
                }
            }
            _ => {}
        }
        // Faults may last for a quarter of an hour; whoever recovers has the time for it.
        if step % 60 == 0 {
            self.lab.clear();
        }
        self.lab.settled().await;
    }

    fn change_a_guest(&mut self, step: i64) {
        let cluster = &self.lab.cluster;
        let truth = cluster.truth();
        let (guest, node) = (self.chance.of(&truth.guests), self.chance.of(&truth.nodes).name.clone());
        let (vmid, node) = (guest.plan.vmid, figures::began_as(&node));
        // Some of these are refused, because it is a template or there already: all the same.
        let _ = match self.chance.below(9) {
            0 => cluster.stop_guest(vmid),
            1 | 2 => cluster.start_guest(vmid),
            3 => cluster.migrate_guest(vmid, node),
            4 => cluster.restart_node(node),
            5 => cluster.lock_guest(vmid, Some("backup")),
            6 => cluster.lock_guest(vmid, None),
            // Of containers nobody tells that they are halted.
            7 if guest.plan.kind == GuestKind::Qemu => cluster.pause_guest(vmid, step % 2 == 0),
            _ => cluster.begin_task("vzdump", Some(vmid), node).map(|id| {
                cluster.end_task(id, "OK");
                let began = self.clock.now().as_second() + cluster.clock_skew(node);
                self.lab.by_hand.lock().unwrap().push((vmid, began));
            }),
        };
    }

    /// How polling goes, for whoever reads a failure.
    fn sources(&self) -> String {
        let health = self.scheduler.health(self.now());
        let issues: Vec<_> =
            self.server.state.keeper.snapshot().instances.values().map(|view| view.issues.clone()).collect();
        format!("{:#?}\n{issues:#?}", health.sources)
    }

    async fn state(&self) -> Value {
        // Where rendering takes long, as it does without optimisation, readers get the last one for some real seconds:
        // a whole hour of this day.
        let world = self.server.state.keeper.snapshot();
        self.server.state.published.get_fresh(world).await.unwrap();
        let answer = self.server.call(Method::GET, "/api/state", Some(TOKEN), "").await;
        assert_eq!(answer.status, StatusCode::OK);
        answer.json()
    }
}

impl Drop for Day {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Real time, in a runtime whose own stands still.
async fn real_pause(time: Duration) {
    tokio::task::spawn_blocking(move || std::thread::sleep(time)).await.unwrap();
}

fn some_fault(chance: &mut Chance) -> Fault {
    let node = *chance.of(&["pve1", "pve2", "pve3"]);
    let path = *chance.of(&[
        "*",
        "/cluster/*",
        "/nodes/*/status",
        "/nodes/*/qemu",
        "/nodes/*/storage",
        "/nodes/*/agent/*",
        "/nodes/*/content",
        "/nodes/*/snapshot",
        "/nodes/*/disks/*",
        "/nodes/*/replication",
        "/cluster/ceph/*",
        "/nodes/*/tasks",
    ]);
    let status = |code, text: &str| Effect::Status { code, text: text.into() };
    let fault = match chance.below(24) {
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
        13 => Fault::new(Effect::GarbageJson).on_path(path),
        14 => Fault::new(Effect::Hang).on_path(path).on_node(node),
        15 => Fault::new(Effect::TlsHang).on_node(node),
        16 => Fault::new(Effect::ClusterSplit).on_node(node),
        17 => Fault::new(Effect::Restart).on_node(node),
        18 => Fault::new(Effect::ExpireTickets),
        19 => Fault::new(Effect::StorageHang { storage: "nas".into(), ms: 20 }).on_node(node),
        20 => Fault::new(Effect::StallBody { percent: 40 }).on_path(path).on_node(node),
        // Packages have no names of their own here, so that many would be as many as it says.
        21 if path != "*" => Fault::new(Effect::HugeList { entries: 2_000 }).on_path(path),
        22 => Fault::new(Effect::DelayTail { median_ms: 1, most_ms: 30 }).on_path(path),
        _ => Fault::new(Effect::Delay { ms: 2 }).on_path(path),
    };
    // Some strike a share of the calls, or every third one.
    match chance.below(4) {
        0 => fault.with_probability(0.4),
        1 => fault.every(3),
        _ => fault,
    }
}

/// What makes of a cluster another one.
fn some_upheaval(chance: &mut Chance, cluster: &Cluster) -> Fault {
    let (node, name) = *chance.of(&figures::NAMES);
    match chance.below(5) {
        0 | 1 => {
            let guests = cluster.truth();
            Fault::new(Effect::DuplicateVmid { vmid: chance.of(&guests.guests).plan.vmid })
        }
        2 => Fault::new(Effect::RenameNode { to: name.to_owned() }).on_node(node),
        _ => {
            let seconds = *chance.of(&[-86_400, -7_200, -90, 45, 3_600, 86_400]);
            Fault::new(Effect::ClockSkew { seconds }).on_node(node)
        }
    }
}

fn name_of(effect: &Effect) -> &'static str {
    match effect {
        Effect::DuplicateVmid { .. } => "duplicate_vmid",
        Effect::RenameNode { .. } => "rename_node",
        _ => "clock_skew",
    }
}

fn some_machine_fault(chance: &mut Chance) -> Fault {
    let status = |code, text: &str| Effect::Status { code, text: text.into() };
    let path = *chance.of(&["*", "/nodes/*", "/status/*", "/admin/*", "/statistics/*", "/quarantine/*"]);
    let effect = match chance.below(12) {
        0 => status(500, "something broke"),
        1 => status(403, "permission check failed"),
        2 => status(502, "bad gateway"),
        3 => Effect::HalfJson { percent: 50, honest_length: chance.below(2) == 0 },
        4 => Effect::HtmlPage,
        5 => Effect::GarbageJson,
        6 => Effect::Reset,
        7 => Effect::Refuse,
        8 => Effect::ExpireTickets,
        9 => Effect::ClockSkew { seconds: *chance.of(&[-86_400, -90, 3_600, 86_400]) },
        10 => Effect::HugeList { entries: 500 },
        _ => Effect::RevokeToken,
    };
    Fault::new(effect).on_path(path)
}

/// How many there are of all that must not become more: entries of maps, lists of the state, tasks, open files.
#[derive(Debug, PartialEq)]
struct Census {
    world: BTreeMap<&'static str, usize>,
    lists: BTreeMap<&'static str, usize>,
    sources: usize,
    tasks: usize,
    open_files: usize,
}

impl Census {
    async fn take(day: &Day) -> Self {
        let state = day.state().await;
        let lists = ["nodes", "vms", "containers", "storage", "physicalDisks", "cephClusters", "pbs", "pmg"];
        let lists = lists.map(|list| (list, figures::rows(&state, list).len()));
        Self {
            world: day.server.state.keeper.change(|world, _| world.footprint()).await.unwrap(),
            lists: lists.into(),
            sources: day.scheduler.health(day.now()).sources.len(),
            tasks: tokio::runtime::Handle::current().metrics().num_alive_tasks(),
            open_files: std::fs::read_dir("/proc/self/fd").unwrap().count(),
        }
    }

    /// What is more than before; files and tasks may be a few more, as connections come and go.
    fn grown(&self, before: &Self) -> Vec<String> {
        let mut grown = Vec::new();
        let mut note = |what: &str, now: usize, then: usize, leeway: usize| {
            if now > then + leeway {
                grown.push(format!("{what}: {then} before, {now} after"));
            }
        };
        let guests = self.lists["vms"] + self.lists["containers"];
        for (what, count) in &self.world {
            // One that was off in the beginning may be on in the end; more than there are is too many.
            let most = if what.starts_with("guests") { guests } else { before.world[what] };
            note(what, *count, most, 0);
        }
        for (list, count) in &self.lists {
            note(list, *count, before.lists[list], 0);
        }
        note("sources", self.sources, before.sources, 0);
        note("tasks", self.tasks, before.tasks, 8);
        note("open files", self.open_files, before.open_files, 16);
        grown
    }
}

/// Bytes of memory that this process holds.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) * 1024
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Names the seed and the step of whatever fails inside.
struct Witness {
    seed: u64,
    step: i64,
}

impl Drop for Witness {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed at step {} of PULSE_SOAK_SEED={}", self.step, self.seed);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_day_of_faults_leaves_no_wrong_figure_in_the_state_that_is_served() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let seed = number("PULSE_SOAK_SEED", 1);
    let hours = number("PULSE_SOAK_HOURS", 24) as i64;
    let mut day = Day::begin(seed);
    let (mut past, mut rates, mut checks) = (Past::default(), Rates::default(), Checks::default());
    let mut witness = Witness { seed, step: 0 };
    let begin = day.now();
    let step_seconds = LEAP.as_secs() as i64 + 1;
    let (steps, calm) = (hours * 3_600 / step_seconds, CALM_MINUTES * 60 / step_seconds);
    let mut last_pve = None;
    let (mut polls, mut prompt, mut resident_at_first, mut clean_steps) = (0_u32, 0_u32, 0, 0_i64);
    let mut before = None;
    for step in 0..steps + calm {
        witness.step = step;
        if step < PEACEFUL_STEPS {
            // Everything is read once before anything goes wrong.
        } else if step == PEACEFUL_STEPS {
            before = Some(Census::take(&day).await);
        } else if step < steps {
            day.upset(step).await;
        } else if step == steps {
            day.lab.clear();
            for guest in &day.lab.cluster.truth().guests {
                let _ = day.lab.cluster.lock_guest(guest.plan.vmid, None);
                let _ = day.lab.cluster.pause_guest(guest.plan.vmid, false);
            }
            day.lab.settled().await;
        }
        clean_steps = if day.lab.has_faults() { 0 } else { clean_steps + 1 };
        past.note(&day.lab, day.now());
        for pass in 0..=CREEPS {
            day.pass(if pass == 0 { LEAP } else { CREEP }).await;
            past.note_slot(&day.lab, day.now());
            let read = day.last(InstanceKind::Pve);
            if read == last_pve {
                continue;
            }
            let state = day.state().await;
            let look = figures::Look {
                now: day.now(),
                is_prompt: read == Some(day.now()),
                is_clean: clean_steps > 20,
                is_calm: step > steps + calm * 4 / 5,
                past: &past,
                lab: &day.lab,
                sources: &|| day.sources(),
            };
            checks.compare(&state, &look);
            rates.compare(&state, &look);
            prompt += u32::from(look.is_prompt);
            polls += 1;
            last_pve = read;
        }
        if step == steps / 4 {
            resident_at_first = resident();
        }
    }
    // No source is stuck, none was ended by the watchdog, and all of it is fresh.
    let health = day.scheduler.health(day.now());
    assert_eq!(health.sources.len(), 3);
    for (key, source) in &health.sources {
        let age = source.last_success.map(|at| day.now().duration_since(at).as_secs());
        assert!(age.is_some_and(|age| age <= 360), "{key:?} was read {age:?} s ago: {source:?}");
        assert_eq!((source.restarts, source.breaker.failures), (0, 0), "{key:?}: {source:?}");
    }
    // No leak: nothing is more than it was before the first fault.
    let (after, before) = (Census::take(&day).await, before.unwrap());
    assert_eq!(after.grown(&before), Vec::<String>::new(), "{before:#?}\n{after:#?}");
    let grown = resident().saturating_sub(resident_at_first);
    assert!(grown < MOST_GROWTH_BYTES, "{} MB more than after the first quarter", grown >> 20);
    // No guest agent was asked while it must not be.
    assert_eq!(day.lab.cluster.violations(), Vec::<String>::new());
    // The day was no quiet one.
    let minimum = u32::try_from(hours * 9).unwrap();
    assert!(
        prompt > polls / 2 && polls > minimum && rates.known > 20 * polls,
        "{polls} polls, {prompt} of them prompt, {} rates",
        rates.known
    );
    let kinds = ["duplicate_vmid", "rename_node", "clock_skew"];
    let is_varied = kinds.iter().all(|kind| day.upheavals.contains_key(kind));
    assert!(hours < 24 || is_varied, "only {:?}", day.upheavals);
    assert!(rates.unknown > 10, "{} rates were unknown after a restart or a move", rates.unknown);
    assert!(day.now().duration_since(begin).as_hours() >= hours);
    let untouched: BTreeSet<String> =
        table::compared().filter(|field| !checks.compared.contains(field)).collect();
    assert!(untouched.is_empty(), "fields of the table that nothing compared: {untouched:#?}");
}
