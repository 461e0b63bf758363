//! The Docker module: the containers of a Docker or Podman engine.
//!
//! It reads only, asks the engine as little as it can (see `stats`), and treats a container that vanishes
//! meanwhile as what it is: gone. It must never keep the agent from running when the engine is away.

mod api;
mod commands;
mod container;
mod credentials;
mod discover;
mod engine;
mod engines;
mod environment;
mod image;
mod recreate;
mod registry;
mod stats;
mod swarm;
mod update;
mod updates;

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use pulse_core::report::{
    docker::{Container, DockerHostInfo, DockerReport, SwarmService, SwarmTask},
    host::HostReport,
};
use tokio::time::{sleep, timeout_at};

use api::{Info, Inspect, Stats, Summary, Version};
pub(crate) use commands::{Command, CommandKind, commands_of};
use container::{Known, container, word};
pub use discover::Attempt;
use discover::{Candidates, Found};
use engine::Engine;
pub use engine::{Endpoint, EngineError};
pub use engines::Engines;
pub use update::{Probation, UpdateError, Updated};
pub use updates::OPT_OUT;
use updates::UpdateChecks;

use crate::AgentIdentity;

/// For one request.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// For the details of all containers; those not reached by then are reported without them.
const DETAILS_LIMIT: Duration = Duration::from_secs(20);
/// Requests at one time: a few leave the engine its breath. Docker 20.10 answers each question for figures at its next
/// tick only, up to a second later, so that with many containers four would not be enough.
const MIN_LANES: usize = 4;
const MAX_LANES: usize = 16;
/// Between the two readings that the first percentages are made of.
const FIRST_INTERVAL: Duration = Duration::from_millis(250);
/// With more containers the second reading waits for the next report.
const MAX_FIRST_READINGS: usize = 100;
/// An inspection is repeated when the status text changes, and at the latest after this time.
const INSPECT_AGE: Duration = Duration::from_mins(5);

/// Which engine to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Runtime {
    /// Any.
    #[default]
    Auto,
    /// Docker's sockets only.
    Docker,
    /// Podman's sockets only.
    Podman,
}

/// What the Docker module reports and as whom.
#[derive(Debug, Clone, Default)]
pub struct DockerOptions {
    /// The agent.
    pub identity: AgentIdentity,
    /// Engine wanted.
    pub runtime: Runtime,
    /// Address of the engine as in `DOCKER_HOST`; without one the environment is asked, then the usual places.
    pub host: Option<String>,
    /// Whether no registry is asked for newer images.
    pub are_update_checks_disabled: bool,
}

/// Why there is no report of containers.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// No engine answered.
    #[error("no container engine found; tried {}", list(.tried))]
    NotFound {
        /// What was tried.
        tried: Vec<Attempt>,
    },
    /// The engine did not answer what was asked.
    #[error("the container engine at {endpoint} cannot be read: {source}")]
    Engine {
        /// Where it is.
        endpoint: String,
        /// Why.
        source: EngineError,
    },
}

fn list(tried: &[Attempt]) -> String {
    if tried.is_empty() {
        return "nothing".to_owned();
    }
    tried.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Whether an engine is likely to be here: a socket is there or the program is installed. Asks nothing.
pub fn is_likely_present(options: &DockerOptions) -> bool {
    let programs: &[&str] = match options.runtime {
        Runtime::Auto => &["docker", "podman"],
        Runtime::Docker => &["docker"],
        Runtime::Podman => &["podman"],
    };
    Candidates::of_this_machine(options).any_exists()
        || std::env::var_os("PATH").is_some_and(|path| {
            std::env::split_paths(&path).any(|dir| programs.iter().any(|program| dir.join(program).is_file()))
        })
}

struct Inspected {
    status: String,
    at: Instant,
    answer: Inspect,
}

/// Reads one engine.
pub struct DockerCollector {
    options: DockerOptions,
    endpoint: Endpoint,
    /// What the engine calls itself.
    engine_id: Option<String>,
    is_podman: bool,
    cpu: stats::CpuTracker,
    inspected: HashMap<String, Inspected>,
    checks: UpdateChecks,
}

/// What can be done with engines, apart from reading them. Cheap to clone.
#[derive(Clone)]
pub struct DockerControl {
    /// One at least.
    places: Vec<Place>,
}

/// One engine to do something with.
#[derive(Clone)]
struct Place {
    endpoint: Endpoint,
    checks: UpdateChecks,
}

impl std::fmt::Debug for DockerControl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.places.iter().map(|place| &place.endpoint)).finish()
    }
}

impl DockerControl {
    /// Moves a container to its newest image, and back when that one does not work. `step` hears what is being done.
    pub async fn update(
        &self,
        id: &str,
        probation: Probation,
        step: impl FnMut(&'static str) + Send,
    ) -> Result<Updated, UpdateError> {
        let place = self.place_of(id).await.ok_or(UpdateError::Refused("there is no engine"))?;
        let outcome = update::update(&place.endpoint, id, probation, Timestamp::now(), step).await;
        place.checks.forget();
        outcome
    }

    /// Has all registries asked anew with the next report.
    pub fn forget_checks(&self) {
        for place in &self.places {
            place.checks.forget();
        }
    }

    /// Waits until registries have answered what was asked anew: it is worth a report before its time.
    pub(crate) async fn checked(&self) {
        match self.places.first() {
            // One bell for all of them.
            Some(place) => place.checks.answered().await,
            None => std::future::pending().await,
        }
    }

    /// Tidies up behind an update that an earlier run of the agent did not finish. One engine's trouble does not keep
    /// the others from it.
    pub async fn recover(&self) -> Result<(), EngineError> {
        let mut outcome = Ok(());
        for place in &self.places {
            outcome = outcome.and(update::recover(&place.endpoint, Timestamp::now()).await);
        }
        outcome
    }
}

impl std::fmt::Debug for DockerCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DockerCollector").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// What the lanes share while they fetch.
#[derive(Default)]
struct Fetched {
    inspects: Vec<(usize, Inspect)>,
    stats: Vec<(usize, Stats, Instant)>,
    gone: HashSet<usize>,
    failure: Option<EngineError>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl DockerCollector {
    /// Looks for the engine with the most containers and keeps its place.
    pub async fn discover(options: DockerOptions) -> Result<Self, DockerError> {
        let (found, tried) = discover::find(Candidates::of_this_machine(&options)).await?;
        let found = found.into_iter().next().ok_or(DockerError::NotFound { tried })?;
        Ok(Self::of(options, found, None))
    }

    /// A collector for an engine that was found, beside another one where there is one.
    fn of(options: DockerOptions, found: Found, beside: Option<&Self>) -> Self {
        Self {
            options,
            endpoint: found.endpoint,
            engine_id: found.id,
            is_podman: found.is_podman,
            cpu: stats::CpuTracker::default(),
            inspected: HashMap::new(),
            checks: beside.map_or_else(UpdateChecks::default, |other| other.checks.beside()),
        }
    }

    /// What can be done with this engine.
    pub fn control(&self) -> DockerControl {
        DockerControl { places: vec![self.place()] }
    }

    fn place(&self) -> Place {
        Place { endpoint: self.endpoint.clone(), checks: self.checks.clone() }
    }

    /// Where the engine is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether this is the engine that was found, there or behind another socket.
    fn is_at(&self, found: &Found) -> bool {
        self.endpoint == found.endpoint || (found.id.is_some() && self.engine_id == found.id)
    }

    /// `docker` or `podman`.
    pub fn runtime(&self) -> &'static str {
        if self.is_podman { "podman" } else { "docker" }
    }

    /// Reads the engine and all its containers.
    pub async fn collect(&mut self) -> Result<DockerReport, DockerError> {
        self.read()
            .await
            .map_err(|source| DockerError::Engine { endpoint: self.endpoint.to_string(), source })
    }

    async fn read(&mut self) -> Result<DockerReport, EngineError> {
        let mut engine = Engine::new(self.endpoint.clone(), REQUEST_LIMIT);
        let version: Version = engine.get("/version").await?;
        let info: Info = engine.get("/info").await?;
        let summaries: Vec<serde_json::Value> = engine.get("/containers/json?all=true").await?;
        let is_manager = info.swarm.as_ref().is_some_and(|swarm| swarm.is_manager == Some(true));
        let (services, tasks) = if is_manager {
            // A swarm without quorum answers with an error; its containers are reported all the same.
            swarm::read(&mut engine).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "the swarm's services cannot be read");
                (Vec::new(), Vec::new())
            })
        } else {
            (Vec::new(), Vec::new())
        };
        drop(engine);
        self.is_podman = discover::is_podman(&version);
        // One entry at a time, so that an entry that is no object does not hide the others.
        let mut summaries: Vec<Summary> = summaries
            .into_iter()
            .filter_map(|value| serde_json::from_value::<Summary>(value).ok())
            .filter(|summary| is_id(&summary.id))
            .collect();
        summaries.sort_by(|a, b| a.id.cmp(&b.id));
        summaries.dedup_by(|a, b| a.id == b.id);
        let mut containers = self.details(summaries, info.memory).await?;
        if !self.options.are_update_checks_disabled {
            self.checks.apply(&mut containers, &self.endpoint);
        }
        Ok(self.report(version, info, containers, (services, tasks), Timestamp::now()))
    }

    /// Adds what the list does not say.
    async fn details(
        &mut self,
        summaries: Vec<Summary>,
        host_memory: Option<u64>,
    ) -> Result<Vec<Container>, EngineError> {
        let ids: HashSet<&str> = summaries.iter().map(|summary| summary.id.as_str()).collect();
        self.cpu.retain(&ids);
        self.inspected.retain(|id, _| ids.contains(id.as_str()));
        let running: Vec<usize> =
            (0..summaries.len()).filter(|at| summaries[*at].state == "running").collect();
        let to_inspect: Vec<usize> =
            (0..summaries.len()).filter(|at| self.needs_inspection(&summaries[*at])).collect();

        let deadline = Instant::now() + DETAILS_LIMIT;
        // Containers seen for the first time get their first of two readings before all else.
        let new: Vec<usize> =
            running.iter().copied().filter(|at| !self.cpu.knows(&summaries[*at].id)).collect();
        if !new.is_empty() && new.len() <= MAX_FIRST_READINGS {
            let first = self.fetch(&summaries, &[], &new, deadline).await?;
            for (at, stats, received) in first.stats {
                self.cpu.update(&summaries[at].id, &stats, received);
            }
            sleep(FIRST_INTERVAL).await;
        }
        let fetched = self.fetch(&summaries, &to_inspect, &running, deadline).await?;
        let now = Timestamp::now();
        for (at, answer) in fetched.inspects {
            let Summary { id, status, .. } = &summaries[at];
            let entry = Inspected { status: status.clone(), at: Instant::now(), answer };
            self.inspected.insert(id.clone(), entry);
        }
        let mut stats_of: HashMap<usize, (Stats, Instant)> =
            fetched.stats.into_iter().map(|(at, stats, received)| (at, (stats, received))).collect();
        let mut containers = Vec::with_capacity(summaries.len());
        for (at, summary) in summaries.into_iter().enumerate() {
            if fetched.gone.contains(&at) {
                continue;
            }
            let read = stats_of.remove(&at);
            let cpu_percent =
                read.as_ref().and_then(|(stats, received)| self.cpu.update(&summary.id, stats, *received));
            containers.push(container(Known {
                inspect: self.inspected.get(&summary.id).map(|inspected| &inspected.answer),
                stats: read.as_ref().map(|(stats, _)| stats),
                cpu_percent,
                host_memory,
                is_podman: self.is_podman,
                now,
                summary,
            }));
        }
        Ok(containers)
    }

    fn needs_inspection(&self, summary: &Summary) -> bool {
        // A start, a stop, a crash and a change of health all change the status text.
        self.inspected.get(&summary.id).is_none_or(|inspected| {
            inspected.status != summary.status
                || inspected.at.elapsed() > INSPECT_AGE
                || summary.state == "restarting"
        })
    }

    /// Fetches inspections and statistics over a few connections at once.
    async fn fetch(
        &self,
        summaries: &[Summary],
        to_inspect: &[usize],
        to_measure: &[usize],
        deadline: Instant,
    ) -> Result<Fetched, EngineError> {
        enum Job {
            Inspect(usize),
            Measure(usize),
        }
        let jobs = to_inspect
            .iter()
            .map(|at| Job::Inspect(*at))
            .chain(to_measure.iter().map(|at| Job::Measure(*at)));
        let jobs = Mutex::new(jobs);
        let fetched = Mutex::new(Fetched::default());
        let lane = || async {
            let mut engine = Engine::new(self.endpoint.clone(), REQUEST_LIMIT);
            loop {
                let Some(job) = lock(&jobs).next() else { return };
                let (at, result) = match job {
                    Job::Inspect(at) => {
                        let path = format!("/containers/{}/json", summaries[at].id);
                        let answer = engine.get(&path).await;
                        (at, answer.map(|answer| lock(&fetched).inspects.push((at, answer))))
                    }
                    Job::Measure(at) => {
                        let id = &summaries[at].id;
                        let path = format!("/containers/{id}/stats?stream=false&one-shot=true");
                        let answer = engine.get(&path).await;
                        let now = Instant::now();
                        (at, answer.map(|answer| lock(&fetched).stats.push((at, answer, now))))
                    }
                };
                match result {
                    Ok(()) => {}
                    Err(error) if error.is_not_found() => {
                        lock(&fetched).gone.insert(at);
                    }
                    Err(error @ EngineError::Connect { .. }) => {
                        lock(&fetched).failure.get_or_insert(error);
                        return;
                    }
                    // One container the engine cannot describe: it is reported without these values.
                    Err(error) => tracing::debug!(%error, "a container could not be read"),
                }
            }
        };
        let count = to_inspect.len().max(to_measure.len()).div_ceil(2).clamp(MIN_LANES, MAX_LANES);
        let lanes = futures_util::future::join_all(std::iter::repeat_with(lane).take(count));
        if timeout_at(deadline.into(), lanes).await.is_err() {
            tracing::warn!("the container engine is slow; some containers are reported without details");
        }
        let mut fetched = fetched.into_inner().unwrap_or_else(PoisonError::into_inner);
        fetched.failure.take().map_or(Ok(fetched), Err)
    }

    fn report(
        &self,
        version: Version,
        info: Info,
        containers: Vec<Container>,
        (services, tasks): (Vec<SwarmService>, Vec<SwarmTask>),
        now: Timestamp,
    ) -> DockerReport {
        let identity = &self.options.identity;
        let hostname = identity
            .hostname
            .clone()
            .or_else(|| word(info.name.clone()))
            .unwrap_or_else(|| "localhost".to_owned());
        let engine_version = word(version.version);
        DockerReport {
            agent: identity.describe(None, &hostname),
            host: DockerHostInfo {
                // The name that its owner gave the machine, before the one that the engine read.
                name: identity
                    .hostname
                    .clone()
                    .or_else(|| word(info.name))
                    .or_else(|| Some(hostname.clone())),
                hostname,
                machine_id: None,
                os: word(info.operating_system),
                runtime: Some(self.runtime().to_owned()),
                runtime_version: engine_version.clone(),
                kernel_version: word(info.kernel_version),
                architecture: word(info.architecture),
                docker_version: engine_version,
                total_cpu: info.cpus.filter(|cpus| *cpus > 0),
                total_memory_bytes: info.memory.filter(|bytes| *bytes > 0),
                swarm: info.swarm.and_then(swarm::place),
                ..DockerHostInfo::default()
            },
            containers,
            services,
            tasks,
            timestamp: Some(now),
        }
    }

    /// Adds what the host module knows of the machine, when the engine runs on it.
    pub fn attach_host(&self, report: &mut DockerReport, host: &HostReport) {
        if self.options.identity.agent_id.is_none() {
            report.agent.id.clone_from(&host.agent.id);
        }
        if !matches!(self.endpoint, Endpoint::Local(_)) {
            return;
        }
        let info = &mut report.host;
        info.machine_id.clone_from(&host.host.machine_id);
        info.uptime_seconds = host.host.uptime_seconds;
        info.cpu_usage_percent = host.metrics.cpu_usage_percent;
        info.load_average.clone_from(&host.host.load_average);
        info.memory.clone_from(&host.metrics.memory);
        info.disks.clone_from(&host.disks);
        info.network.clone_from(&host.network);
    }
}

/// Ids go into paths: only what engines make passes.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 128 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_leave_their_path() {
        assert!(is_id("0123abcdef"));
        assert!(!is_id("../info") && !is_id("a/b") && !is_id("a?b") && !is_id("") && !is_id("a b"));
    }
}
