//! What an agent measured while it could not reach the server is in history afterwards, once, and nowhere else.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pulse_config::{Metadata, store::fleet::FleetStore};
use pulse_core::{
    ManualClock, Reading,
    metric::{Metric, ResourceType},
    report::{
        AgentInfo,
        docker::{BlockIo, Container, DockerHostInfo, DockerReport},
        host::{DiskIo, HostInfo, HostMetrics, HostReport},
        kubernetes::{ClusterInfo, KubernetesReport},
    },
};
use pulse_monitor::{
    Keeper, Reporter,
    fleet::{Fleet, KnownTokens},
    late, pipeline,
    world::World,
};
use pulse_store::{MetricStore, RangeQuery, Selector, SqliteStore, StoreOptions};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const START: i64 = 1_795_420_800;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(START + second).unwrap()
}

/// A server without its routes: the fleet, the keeper and history.
struct Server {
    clock: Arc<ManualClock>,
    keeper: Keeper,
    fleet: Fleet,
    store: Arc<SqliteStore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    fn start(folder: &std::path::Path, second: i64) -> Self {
        let clock = Arc::new(ManualClock::new(at(second)));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let store = SqliteStore::open(&folder.join("metrics.db"), StoreOptions::default(), clock.clone());
        let store = Arc::new(store.unwrap());
        let (decisions, record) = FleetStore::open(folder).unwrap();
        let metadata = Arc::new(Metadata::open(folder).unwrap());
        let world = World::with_decisions(at(second), record, &metadata, KnownTokens::default());
        let keeper = Keeper::start_with(world, clock.clone(), &tasks, stop.clone());
        let (late, late_reports) = late::channel();
        let fleet = Fleet::new(keeper.clone(), Arc::new(decisions), metadata, late);
        tasks.spawn(pipeline::run(keeper.subscribe(), store.clone(), stop.clone()));
        tasks.spawn(late::fill(late_reports, store.clone(), stop.clone()));
        Self { clock, keeper, fleet, store, tasks, stop }
    }

    /// Stops, as the server does: what was taken last is kept.
    async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.store.close().await;
    }

    async fn wait(&self, seconds: i64) {
        // The reports that are there become samples of this moment.
        tokio::task::yield_now().await;
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    async fn points(&self, resource_type: ResourceType, id: &str, metric: Metric) -> Vec<(i64, f64)> {
        self.store.flush().await.unwrap();
        let selector = Selector { resource_type, resource_id: Some(id.into()), metrics: vec![metric] };
        let query = RangeQuery { selector, from: at(-3_600), to: at(3_600), max_points: None };
        let series = self.store.query(query).await.unwrap();
        let points = series.first().map(|series| series.points.clone()).unwrap_or_default();
        points.iter().map(|point| (point.at / 1000 - START, point.value)).collect()
    }
}

fn agent() -> AgentInfo {
    AgentInfo { id: "m-1".into(), interval_seconds: 10, ..AgentInfo::default() }
}

/// A host's report: it reads a hundred bytes a second, and its processor is as busy as the clock says.
fn host(measured: i64) -> HostReport {
    HostReport {
        agent: agent(),
        host: HostInfo { hostname: "nas".into(), id: Some("m-1".into()), ..HostInfo::default() },
        metrics: HostMetrics {
            cpu_usage_percent: Some(measured.rem_euclid(100) as f64),
            ..HostMetrics::default()
        },
        disk_io: vec![DiskIo {
            device: "sda".into(),
            read_bytes: Some((100_000 + measured * 100) as u64),
            ..DiskIo::default()
        }],
        timestamp: Some(at(measured)),
        ..HostReport::default()
    }
}

#[tokio::test]
async fn a_server_that_was_away_gets_the_history_that_it_missed_once() {
    let folder = tempfile::tempdir().unwrap();
    // The machine's clock is two minutes behind.
    let behind = 120;
    let server = Server::start(folder.path(), 0);
    for second in [0, 10, 20] {
        server.fleet.report_host(host(second - behind), Reporter::Anonymous).await.unwrap().unwrap();
        server.wait(10).await;
    }
    server.stop().await;

    let server = Server::start(folder.path(), 60);
    // The newest first, then what was kept; the report of second 20 was taken, but its answer was lost.
    for measured in [60, 20, 30, 40, 50] {
        let accepted =
            server.fleet.report_host(host(measured - behind), Reporter::Anonymous).await.unwrap().unwrap();
        assert_eq!(accepted.last_seen, at(60));
    }
    let snapshot = server.keeper.snapshot();
    let shown = snapshot.hosts.values().next().unwrap();
    assert_eq!((shown.last_seen, shown.cpu_percent), (at(60), Reading::Known(40.0)), "the newest");
    server.wait(10).await;
    // Somebody sends one of them again, and the machine goes on.
    for measured in [70, 30, 40] {
        server.fleet.report_host(host(measured - behind), Reporter::Anonymous).await.unwrap().unwrap();
    }
    server.wait(10).await;
    server.stop().await;

    let server = Server::start(folder.path(), 80);
    let cpu = server.points(ResourceType::Host, "m-1", Metric::Cpu).await;
    let measured = |second: i64| (second, (second - behind).rem_euclid(100) as f64);
    assert_eq!(cpu, [0, 10, 20, 30, 40, 50, 60, 70].map(measured));
    // Counters need the report before: the first one after each start has none.
    let rates = server.points(ResourceType::Host, "m-1", Metric::DiskRead).await;
    assert!(rates.iter().all(|(_, rate)| *rate == 100.0), "{rates:?}");
    let seconds: Vec<_> = rates.iter().map(|(second, _)| *second).collect();
    assert_eq!(seconds, [10, 20, 30, 40, 50, 70]);
    server.stop().await;
}

#[tokio::test]
async fn a_network_that_was_away_leaves_no_gap_either() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), 0);
    for second in [0, 10] {
        server.fleet.report_host(host(second), Reporter::Anonymous).await.unwrap().unwrap();
        server.wait(10).await;
    }
    server.wait(30).await;
    for measured in [50, 20, 30, 40] {
        server.fleet.report_host(host(measured), Reporter::Anonymous).await.unwrap().unwrap();
    }
    server.wait(0).await;
    server.stop().await;
    let server = Server::start(folder.path(), 60);
    let rates = server.points(ResourceType::Host, "m-1", Metric::DiskRead).await;
    assert_eq!(rates, [10, 20, 30, 40, 50].map(|second| (second, 100.0)));
    server.stop().await;
}

#[tokio::test]
async fn containers_and_clusters_get_theirs_too() {
    let docker = |measured: i64| DockerReport {
        agent: agent(),
        host: DockerHostInfo {
            hostname: "dock".into(),
            cpu_usage_percent: Some(1.0),
            ..DockerHostInfo::default()
        },
        containers: vec![Container {
            id: "c1".into(),
            state: "running".into(),
            cpu_percent: Some(measured as f64),
            block_io: Some(BlockIo { read_bytes: Some(measured as u64 * 10), write_bytes: None }),
            ..Container::default()
        }],
        timestamp: Some(at(measured)),
        ..DockerReport::default()
    };
    let cluster = |measured: i64| KubernetesReport {
        agent: agent(),
        cluster: ClusterInfo { id: Some("k1".into()), ..ClusterInfo::default() },
        timestamp: Some(at(measured)),
        ..KubernetesReport::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), 50);
    let mut command = None;
    for measured in [50, 20, 30, 40] {
        let accepted = server.fleet.report_docker(docker(measured), Reporter::Anonymous).await.unwrap();
        command = accepted.unwrap().command;
        server.fleet.report_kubernetes(cluster(measured), Reporter::Anonymous).await.unwrap().unwrap();
    }
    assert!(command.is_none());
    server.wait(0).await;
    server.stop().await;
    let server = Server::start(folder.path(), 60);
    let busy = server.points(ResourceType::DockerContainer, "m-1/c1", Metric::Cpu).await;
    assert_eq!(busy, [20, 30, 40, 50].map(|second| (second, second as f64)));
    let read = server.points(ResourceType::DockerContainer, "m-1/c1", Metric::DiskRead).await;
    assert_eq!(read, [(30, 10.0), (40, 10.0)]);
    let pods = server.points(ResourceType::KubernetesCluster, "k1", Metric::Pods).await;
    assert_eq!(pods, [20, 30, 40, 50].map(|second| (second, 0.0)));
    server.stop().await;
}
