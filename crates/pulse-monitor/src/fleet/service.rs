//! The fleet as the routes reach it: changes of the world, written down where they decide something.

use std::sync::Arc;

use jiff::Timestamp;
use pulse_config::{ConfigError, Metadata, store::fleet::FleetRecord, store::fleet::FleetStore};
use pulse_core::{
    Snapshot,
    report::{docker::DockerReport, host::HostReport, kubernetes::KubernetesReport},
};

use crate::{
    intake::{DockerAccepted, HostAccepted, IntakeError, KubernetesAccepted, Reporter},
    keeper::{Keeper, KeeperClosed},
    late::{LateReport, LateSender},
    merge,
    world::World,
};

/// Why a decision does not stand.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The server is shutting down.
    #[error(transparent)]
    Closed(#[from] KeeperClosed),
    /// It stands now and will be forgotten at the next start.
    #[error("it is done, but cannot be kept across a restart: {0}")]
    Keep(ConfigError),
    /// A task died.
    #[error("the decision could not be written down: {0}")]
    Task(#[from] tokio::task::JoinError),
}

/// Reaches the fleet. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fleet {
    keeper: Keeper,
    store: Arc<FleetStore>,
    metadata: Arc<Metadata>,
    late: LateSender,
}

/// Decisions that are to be written down, and as of which revision.
type Unsaved = (u64, Arc<FleetRecord>);

impl Fleet {
    /// The fleet of a keeper whose world was made with what `store` held; reports that come late go to `late`.
    pub fn new(keeper: Keeper, store: Arc<FleetStore>, metadata: Arc<Metadata>, late: LateSender) -> Self {
        Self { keeper, store, metadata, late }
    }

    /// Changes the world, and returns when what that decided is on the disk.
    pub async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut World, Timestamp) -> T + Send + 'static,
    ) -> Result<T, FleetError> {
        let (outcome, unsaved) = self.change_only(change).await?;
        if let Some(unsaved) = unsaved {
            self.save(unsaved).await?;
        }
        Ok(outcome)
    }

    async fn change_only<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut World, Timestamp) -> T + Send + 'static,
    ) -> Result<(T, Option<Unsaved>), KeeperClosed> {
        self.keeper
            .change(move |world, now| {
                let before = world.fleet_revision;
                let outcome = change(world, now);
                let unsaved = (world.fleet_revision != before)
                    .then(|| (world.fleet_revision, Arc::clone(&world.fleet)));
                (outcome, unsaved)
            })
            .await
    }

    async fn save(&self, (revision, record): Unsaved) -> Result<(), FleetError> {
        let store = Arc::clone(&self.store);
        let saved = tokio::task::spawn_blocking(move || store.save(revision, &record)).await?;
        saved.map_err(FleetError::Keep)
    }

    /// Writes down what a report taught. It is taken all the same where that fails: the next one teaches it again.
    async fn keep(&self, unsaved: Option<Unsaved>) {
        let Some(unsaved) = unsaved else { return };
        if let Err(error) = self.save(unsaved).await {
            tracing::error!(%error, "what is known of agents cannot be written down");
        }
    }

    /// Hands a late report to history. Where that is busy, the agent waits: it sends the next one after the answer.
    async fn hand_over(&self, late: Option<LateReport>) {
        if let Some(late) = late {
            // History is closed: the server is shutting down, and the agent's next report says so.
            drop(self.late.send(late).await);
        }
    }

    /// Takes a host report.
    pub async fn report_host(
        &self,
        report: HostReport,
        reporter: Reporter,
    ) -> Result<Result<HostAccepted, IntakeError>, KeeperClosed> {
        let merge = move |world: &mut World, now| {
            let accepted = merge::host::merge(world, report, &reporter, now);
            (accepted, world.take_late())
        };
        let ((accepted, late), unsaved) = self.change_only(merge).await?;
        self.keep(unsaved).await;
        self.hand_over(late).await;
        Ok(accepted)
    }

    /// Takes a Docker report, and gives the agent the command that waits for it: once, and not before it is on the disk
    /// that it was given.
    pub async fn report_docker(
        &self,
        report: DockerReport,
        reporter: Reporter,
    ) -> Result<Result<DockerAccepted, IntakeError>, KeeperClosed> {
        let merge = move |world: &mut World, now: Timestamp| {
            let mut accepted = merge::docker::merge(world, report, &reporter, now)?;
            let late = world.take_late();
            // An agent does not look at the answer to a report that it kept for later.
            if accepted.last_seen == now {
                accepted.command = world.take_command(accepted.id.as_str(), now);
            }
            Ok((accepted, late))
        };
        let (accepted, unsaved) = self.change_only(merge).await?;
        let mut accepted: DockerAccepted = match accepted {
            Ok((accepted, late)) => {
                self.hand_over(late).await;
                accepted
            }
            Err(refused) => {
                self.keep(unsaved).await;
                return Ok(Err(refused));
            }
        };
        let (Some(command), Some(unsaved)) = (&accepted.command, unsaved.clone()) else {
            self.keep(unsaved).await;
            return Ok(Ok(accepted));
        };
        if let Err(error) = self.save(unsaved).await {
            tracing::error!(%error, command = command.id, "a command is not given: that could not be written down");
            let (host, id) = (accepted.id.to_string(), command.id.clone());
            self.keeper.change(move |world, _| world.put_command_back(&host, &id)).await?;
            accepted.command = None;
        }
        Ok(Ok(accepted))
    }

    /// Takes a Kubernetes report.
    pub async fn report_kubernetes(
        &self,
        report: KubernetesReport,
        reporter: Reporter,
    ) -> Result<Result<KubernetesAccepted, IntakeError>, KeeperClosed> {
        let merge = move |world: &mut World, now| {
            let accepted = merge::kubernetes::merge(world, report, &reporter, now);
            (accepted, world.take_late())
        };
        let ((accepted, late), unsaved) = self.change_only(merge).await?;
        self.keep(unsaved).await;
        self.hand_over(late).await;
        Ok(accepted)
    }

    /// What people noted about hosts and Docker hosts changed: names and switches show at once.
    pub async fn notes_changed(&self) -> Result<(), KeeperClosed> {
        let (hosts, docker_hosts) = (self.metadata.hosts.all(), self.metadata.docker_hosts.all());
        self.keeper.change(move |world, _| world.set_notes(hosts, docker_hosts)).await
    }

    /// The real world as last published, whatever is shown to people.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.keeper.snapshot()
    }

    /// Everything that is decided.
    pub async fn decisions(&self) -> Result<Arc<FleetRecord>, KeeperClosed> {
        self.keeper.change(|world, _| Arc::clone(&world.fleet)).await
    }
}
