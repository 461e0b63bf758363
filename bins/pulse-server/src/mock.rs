//! Mock mode: a simulated cluster, backup server, mail gateway and simulated agents in this process, on loopback, polled
//! and taken in as real ones are, into a world of their own that is shown in the place of the real one. Nothing of it is
//! written anywhere.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::{Json, Router, extract::State, routing::post};
use http::StatusCode;
use pulse_api::mock::{MockMode, MockRunning};
use pulse_collectors::HttpConnect;
use pulse_config::{
    MockConfig, NodeConfig, PbsInstance, PmgInstance, PveInstance, Secret, SystemSettingsStore,
};
use pulse_core::{
    Clock,
    ids::InstanceName,
    report::{docker::DockerReport, host::HostReport},
};
use pulse_monitor as monitor;
use pulse_monitor::{Keeper, Reporter, Supervisor, View};
use pulse_sim::{
    BackupServer, BackupServerOptions, Cluster, EstateOptions, MailGateway, MailGatewayOptions,
    NamespaceOptions, load,
};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The name everything invented goes by.
const NAME: &str = "mock-cluster";
const BACKUP_NAME: &str = "mock-vault";
const MAIL_NAME: &str = "mock-mail";

/// The invented world is shown after its first poll, or after this long.
const FIRST_POLL: Duration = Duration::from_secs(10);

/// An invented world gets this long to end.
const GRACE: Duration = Duration::from_secs(5);

/// Time between two reports of an invented agent.
const REPORT_PERIOD: Duration = Duration::from_secs(10);

/// What a mock world is made with.
pub struct Mock {
    /// What is asked for.
    pub mode: Arc<MockMode>,
    /// Where it is shown.
    pub view: Arc<View>,
    /// The real world.
    pub real: Keeper,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How often it is polled.
    pub system: Arc<SystemSettingsStore>,
}

/// An invented world while it runs.
struct World {
    keeper: Keeper,
    cluster: Cluster,
    vault: BackupServer,
    gateway: MailGateway,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Mock {
    /// Does what is asked for, until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut wanted = self.mode.wanted();
        if wanted.borrow().request > 0 {
            // Asked for before this task ran: by the environment.
            wanted.mark_changed();
        }
        let mut world: Option<World> = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                changed = wanted.changed() => if changed.is_err() { break },
            }
            let now = wanted.borrow_and_update().clone();
            // It is always made anew: another size is another world.
            self.real.show_in(&self.view);
            if let Some(world) = world.take() {
                world.end().await;
            }
            let mut problem = None;
            if now.is_on {
                match World::begin(&now.config, &self.view, &self.clock, &self.system).await {
                    Ok(begun) => {
                        begun.keeper.show_in(&self.view);
                        world = Some(begun);
                        tracing::warn!(
                            "mock mode is on: what is shown is invented; the real installation is monitored as before"
                        );
                    }
                    Err(error) => {
                        tracing::warn!(error = %format!("{error:#}"), "mock mode could not be started");
                        problem = Some(format!("{error:#}"));
                    }
                }
            } else {
                tracing::info!("mock mode is off");
            }
            self.mode.report(MockRunning { is_on: world.is_some(), request: now.request, problem });
        }
        if let Some(world) = world {
            world.end().await;
        }
    }
}

impl World {
    async fn begin(
        config: &MockConfig,
        view: &Arc<View>,
        clock: &Arc<dyn Clock>,
        system: &SystemSettingsStore,
    ) -> Result<Self> {
        let nodes = config.nodes as usize;
        let cluster = Cluster::start(EstateOptions {
            name: NAME.to_owned(),
            node_prefix: "mock".to_owned(),
            nodes,
            guests: nodes * (config.vms_per_node + config.lxcs_per_node) as usize,
            single_address: true,
            ceph: nodes >= 3,
            cifs: nodes >= 3,
            zfs: true,
            ..EstateOptions::default()
        })
        .await
        .context("start the simulated cluster")?;
        // It has the backups of the cluster's guests.
        let namespaces = vec![NamespaceOptions {
            owner: "pve@pbs!mock".into(),
            guests: cluster.backed_up_guests(),
            extra_groups: 2,
            ..NamespaceOptions::default()
        }];
        let options = BackupServerOptions { name: BACKUP_NAME.into(), namespaces, ..Default::default() };
        let vault = BackupServer::start(options).await.context("start the simulated backup server")?;
        let options = MailGatewayOptions { name: MAIL_NAME.into(), ..Default::default() };
        let gateway = MailGateway::start(options).await.context("start the simulated mail gateway")?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let keeper = Keeper::start_in(
            view,
            monitor::world::World::new(clock.now()),
            clock.clone(),
            &tasks,
            stop.clone(),
        );
        let access = cluster.access();
        let mut instance = PveInstance::new(InstanceName::new(NAME), access.url);
        instance.token_name = Some(access.token_name);
        instance.token_value = Some(Secret::new(access.token_value));
        instance.fingerprint = Some(access.fingerprint);
        let access = vault.machine().access();
        let mut pbs = PbsInstance::new(InstanceName::new(BACKUP_NAME), access.url);
        pbs.token_name = Some(access.token_name);
        pbs.token_value = Some(Secret::new(access.token_value));
        pbs.fingerprint = Some(access.fingerprint);
        pbs.monitor_datastores = true;
        pbs.monitor_sync_jobs = true;
        pbs.monitor_verify_jobs = true;
        pbs.monitor_prune_jobs = true;
        pbs.monitor_garbage_jobs = true;
        // A mail gateway knows no tokens.
        let (user, password) = gateway.machine().administrator();
        let mut pmg = PmgInstance::new(InstanceName::new(MAIL_NAME), gateway.machine().url());
        pmg.user = Some(user.to_owned());
        pmg.password = Some(Secret::new(password));
        pmg.fingerprint = Some(gateway.machine().fingerprint());
        pmg.monitor_queues = true;
        pmg.monitor_quarantine = true;
        pmg.monitor_domain_stats = true;
        let instances = NodeConfig { pve: vec![instance], pbs: vec![pbs], pmg: vec![pmg] };
        let configured = watch::Sender::new(Arc::new(instances));
        Supervisor::start(
            configured.subscribe(),
            system.subscribe(),
            Arc::new(HttpConnect),
            keeper.clone(),
            clock.clone(),
            &tasks,
            stop.clone(),
        );
        // The configuration stays as it is for as long as the world lives.
        let until = stop.clone();
        tasks.spawn(async move {
            until.cancelled().await;
            drop(configured);
        });
        let world = Self { keeper, cluster, vault, gateway, tasks, stop };
        world.report_clusters(config, clock);
        if let Err(error) = world.report(config, clock).await {
            world.end().await;
            return Err(error);
        }
        let mut seen = world.keeper.subscribe();
        let polled = seen.wait_for(|snapshot| !snapshot.instances.is_empty());
        // Shown empty at first where it takes longer: it fills up.
        let _ = tokio::time::timeout(FIRST_POLL, polled).await;
        Ok(world)
    }

    /// Agents report to a listener of their own: the real one would put them into the real world.
    async fn report(&self, config: &MockConfig, clock: &Arc<dyn Clock>) -> Result<()> {
        if config.hosts + config.docker_hosts == 0 {
            return Ok(());
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen for simulated agents")?;
        let address = listener.local_addr().context("listen for simulated agents")?;
        let app = Router::new()
            .route("/api/agents/host/report", post(host))
            .route("/api/agents/docker/report", post(docker))
            .with_state(self.keeper.clone());
        self.tasks.spawn(pulse_api::serve::serve(listener, None, app, self.stop.clone(), GRACE));
        let options = load::LoadOptions {
            server: format!("http://{address}"),
            token: "mock".to_owned(),
            hosts: config.hosts as usize,
            docker_hosts: config.docker_hosts as usize,
            containers: (config.docker_hosts * config.docker_containers) as usize,
            interval: REPORT_PERIOD,
            seed: 1,
        };
        let (clock, stop) = (clock.clone(), self.stop.clone());
        self.tasks.spawn(async move {
            if let Err(error) = load::run(options, clock, stop).await {
                tracing::warn!(%error, "the simulated agents stopped");
            }
        });
        Ok(())
    }

    /// Kubernetes clusters report straight into the world: their agent speaks of one cluster in one message.
    fn report_clusters(&self, config: &MockConfig, clock: &Arc<dyn Clock>) {
        for index in 0..config.k8s_clusters {
            let options = load::ClusterOptions {
                seed: 1,
                index,
                nodes: config.k8s_nodes,
                pods: config.k8s_pods,
                deployments: config.k8s_deployments,
                interval_seconds: u32::try_from(REPORT_PERIOD.as_secs()).unwrap_or(u32::MAX),
            };
            let (keeper, clock, stop) = (self.keeper.clone(), clock.clone(), self.stop.clone());
            self.tasks.spawn(async move {
                let mut turns = tokio::time::interval(REPORT_PERIOD);
                turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
                loop {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        _ = turns.tick() => {}
                    }
                    let report = load::kubernetes_report(&options, clock.now());
                    match keeper.report_kubernetes(report, Reporter::Local).await {
                        Ok(Ok(_)) => {}
                        Ok(Err(error)) => tracing::warn!(%error, "an invented cluster was refused"),
                        Err(_) => return,
                    }
                }
            });
        }
    }

    async fn end(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!("the invented world did not end in time");
        }
        self.cluster.stop().await;
        self.vault.stop().await;
        self.gateway.stop().await;
    }
}

async fn host(State(keeper): State<Keeper>, Json(report): Json<HostReport>) -> StatusCode {
    answer(keeper.report_host(report, Reporter::Local).await)
}

async fn docker(State(keeper): State<Keeper>, Json(report): Json<DockerReport>) -> StatusCode {
    answer(keeper.report_docker(report, Reporter::Local).await)
}

fn answer<T, E, C>(outcome: Result<Result<T, E>, C>) -> StatusCode {
    match outcome {
        Ok(Ok(_)) => StatusCode::OK,
        Ok(Err(_)) => StatusCode::BAD_REQUEST,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use pulse_core::SystemClock;

    use super::*;

    #[tokio::test]
    async fn an_invented_world_is_shown_and_leaves_the_real_one_as_it_is() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let no_vars = std::collections::HashMap::<String, String>::new();
        let system = Arc::new(SystemSettingsStore::open(dir.path(), &no_vars).unwrap());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let view = View::new(clock.now());
        let real = Keeper::start_in(
            &view,
            monitor::world::World::new(clock.now()),
            clock.clone(),
            &tasks,
            stop.clone(),
        );
        let seen = real.through(&view);
        let mode = MockMode::new(MockConfig::default());
        let mock = Mock { mode: mode.clone(), view, real: real.clone(), clock, system };
        tasks.spawn(mock.run(stop.clone()));

        let config = MockConfig { nodes: 2, hosts: 1, docker_hosts: 1, ..MockConfig::default() };
        while mode.set(true, config.clone()).await.is_err() {
            // The task has not begun to listen yet.
            tokio::task::yield_now().await;
        }
        let mut worlds = seen.subscribe();
        let whole = worlds.wait_for(|world| {
            world.instances.len() >= 3
                && !world.hosts.is_empty()
                && !world.docker_hosts.is_empty()
                && world.kubernetes_clusters.len() == 2
        });
        let whole = tokio::time::timeout(Duration::from_secs(60), whole).await.unwrap().unwrap().clone();
        assert!(
            whole.instances.keys().all(|key| format!("{key:?}").contains("mock-")),
            "{:?}",
            whole.instances.keys()
        );
        let before = whole.version;
        assert!(real.snapshot().instances.is_empty() && real.snapshot().hosts.is_empty());

        mode.set(false, config).await.unwrap();
        let world = seen.snapshot();
        assert!(world.instances.is_empty() && world.hosts.is_empty() && world.version > before);
        stop.cancel();
        tasks.close();
        tasks.wait().await;
    }
}
