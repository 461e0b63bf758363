//! What polls find out about a cluster outlives a restart: with the configured host away, another member is asked.

use std::{path::Path, sync::Arc, time::Duration};

use pulse_collectors::HttpConnect;
use pulse_config::{NodeStore, SealKey, SystemSettings};
use pulse_core::{SystemClock, model::InstanceView};
use pulse_monitor::{Keeper, Supervisor, members};
use pulse_sim::{Cluster, Effect, EstateOptions, Fault};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::truth::instance;

/// A run of the server, as far as this goes.
struct Run {
    nodes: Arc<NodeStore>,
    keeper: Keeper,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Run {
    fn start(data_dir: &Path) -> Self {
        let nodes = Arc::new(NodeStore::open(data_dir, SealKey::open(data_dir).unwrap()).unwrap());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let clock = Arc::new(SystemClock);
        let keeper = Keeper::start(clock.clone(), &tasks, stop.clone());
        let settings = SystemSettings {
            pve_polling_interval_seconds: 1,
            connection_timeout_seconds: 5,
            ..SystemSettings::default()
        };
        let settings = watch::Sender::new(Arc::new(settings)).subscribe();
        let connect = Arc::new(HttpConnect);
        Supervisor::start(nodes.subscribe(), settings, connect, keeper.clone(), clock, &tasks, stop.clone());
        tasks.spawn(members::keep(keeper.subscribe(), nodes.clone(), stop.clone()));
        Self { nodes, keeper, tasks, stop }
    }

    async fn until(&self, what: &str, is_so: impl Fn(&InstanceView) -> bool) {
        let mut world = self.keeper.subscribe();
        let is_there = world.wait_for(|world| world.instances.values().any(|view| is_so(view)));
        let waited = tokio::time::timeout(Duration::from_secs(60), is_there).await;
        waited.unwrap_or_else(|_| panic!("{what} did not come")).unwrap();
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_while_the_configured_host_is_away_finds_the_others() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let data = tempfile::tempdir().unwrap();
    let options = EstateOptions { nodes: 3, guests: 12, ..EstateOptions::default() };
    let cluster = Cluster::start(options).await.unwrap();
    let run = Run::start(data.path());
    assert!(cluster.options().nodes == 3 && instance("lab", &cluster).cluster_endpoints.is_empty());
    let added: Result<(), pulse_config::UpdateError<std::convert::Infallible>> = run.nodes.update(|config| {
        config.pve.push(instance("lab", &cluster));
        Ok(())
    });
    added.unwrap();
    let mut changes = run.nodes.subscribe();
    let is_whole = changes.wait_for(|config| config.pve[0].cluster_endpoints.len() == 3);
    let written = tokio::time::timeout(Duration::from_secs(60), is_whole).await.expect("written").unwrap();
    let pve = written.pve[0].clone();
    drop(written);
    assert_eq!(pve.cluster_name.as_deref(), Some(cluster.options().name.as_str()));
    for (member, endpoint) in pve.cluster_endpoints.iter().zip(cluster.endpoints()) {
        assert_eq!((&member.node_name, &member.host), (&endpoint.node, &endpoint.url));
        assert_eq!(member.fingerprint.as_ref(), Some(&endpoint.fingerprint));
    }
    run.stop().await;

    let first = cluster.endpoints()[0].node.clone();
    cluster.add_fault(Fault::new(Effect::NodeOffline).on_node(&first));
    cluster.settled().await;
    let run = Run::start(data.path());
    run.until("the guests, by way of another member", |view| {
        !view.guests.is_empty() && view.last_success.is_some()
    })
    .await;
    // What is written down did not suffer from the member that is away.
    assert_eq!(run.nodes.current().pve[0].cluster_endpoints, pve.cluster_endpoints);
    run.stop().await;
}
