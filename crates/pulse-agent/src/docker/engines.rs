//! All engines of this machine as one: Docker beside Podman, root's engine beside those of users.
//!
//! The one with the most containers describes the host, the others add their containers. An engine that goes away takes
//! its own containers along and nothing else, and not before it has been silent for a while: one that is restarted must not
//! make its containers vanish and come back. Engines that come later are found within minutes.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use jiff::Timestamp;
use pulse_core::report::{docker::DockerReport, host::HostReport};

use super::{
    Attempt, DockerCollector, DockerControl, DockerError, DockerOptions, Endpoint, Place,
    discover::{self, Candidates, Found},
};

/// Engines watched at one time.
const MAX_ENGINES: usize = 8;
/// Between two searches for engines that were not there before.
const SEARCH_PERIOD: Duration = Duration::from_mins(5);
/// What an engine told last is told on for so long while it does not answer: an engine is restarted in less.
const GRACE: Duration = Duration::from_secs(90);
/// An engine that has not answered for so long is asked no more; a later search may find it again.
const FORGET: Duration = Duration::from_mins(10);

/// One engine of several.
#[derive(Debug)]
struct Watched {
    collector: DockerCollector,
    /// What it told last, without figures; kept only where there are several engines.
    last: Option<DockerReport>,
    silent_since: Option<Instant>,
}

impl Watched {
    fn new(options: &DockerOptions, found: Found, beside: Option<&DockerCollector>) -> Self {
        Self {
            collector: DockerCollector::of(options.clone(), found, beside),
            last: None,
            silent_since: None,
        }
    }

    fn is_silent_for(&self, limit: Duration) -> bool {
        self.silent_since.is_some_and(|since| since.elapsed() >= limit)
    }

    /// What it tells now. While it does not answer, what it told last, for a short while and without figures.
    async fn collect(&mut self, is_alone: bool) -> Result<DockerReport, DockerError> {
        let error = match self.collector.collect().await {
            Ok(report) => {
                self.silent_since = None;
                self.last = (!is_alone).then(|| without_figures(&report));
                return Ok(report);
            }
            Err(error) => error,
        };
        if self.silent_since.is_none() {
            self.silent_since = Some(Instant::now());
            tracing::warn!(%error, "an engine does not answer");
        }
        match &self.last {
            Some(last) if !self.is_silent_for(GRACE) => {
                Ok(DockerReport { timestamp: Some(Timestamp::now()), ..last.clone() })
            }
            _ => {
                self.last = None;
                Err(error)
            }
        }
    }
}

/// A report of which only that holds which does not change by the second.
fn without_figures(report: &DockerReport) -> DockerReport {
    let mut report = report.clone();
    for container in &mut report.containers {
        container.cpu_percent = None;
        container.memory_usage_bytes = None;
        container.memory_percent = None;
        container.uptime_seconds = None;
        container.block_io = None;
        container.network_io = None;
    }
    report
}

/// The engines.
#[derive(Debug)]
pub struct Engines {
    options: DockerOptions,
    first: Watched,
    others: Vec<Watched>,
    tried: Vec<Attempt>,
    searched: Instant,
}

impl Engines {
    /// Looks for engines and keeps their places.
    pub async fn discover(options: DockerOptions) -> Result<Self, DockerError> {
        Self::among(Candidates::of_this_machine(&options), options).await
    }

    async fn among(candidates: Candidates, options: DockerOptions) -> Result<Self, DockerError> {
        let (mut found, tried) = discover::find(candidates).await?;
        found.truncate(MAX_ENGINES);
        let mut found = found.into_iter();
        // The search gives one at least, or its own error.
        let Some(first) = found.next() else { return Err(DockerError::NotFound { tried }) };
        let first = Watched::new(&options, first, None);
        let others = found.map(|found| Watched::new(&options, found, Some(&first.collector))).collect();
        Ok(Self { options, first, others, tried, searched: Instant::now() })
    }

    /// The engines, the one that describes the host first.
    pub fn all(&self) -> impl Iterator<Item = &DockerCollector> {
        std::iter::once(&self.first).chain(&self.others).map(|engine| &engine.collector)
    }

    /// The places tried before these were taken, theirs included.
    pub fn tried(&self) -> &[Attempt] {
        &self.tried
    }

    /// What can be done with these engines.
    pub fn control(&self) -> DockerControl {
        DockerControl { places: self.all().map(DockerCollector::place).collect() }
    }

    /// Reads all engines. Fails where the first cannot be read, unless there are others and it will soon be back.
    pub async fn collect(&mut self) -> Result<DockerReport, DockerError> {
        self.search_again().await;
        let is_alone = self.others.is_empty();
        let others = join_all(self.others.iter_mut().map(|engine| engine.collect(false)));
        let (report, others) = tokio::join!(self.first.collect(is_alone), others);
        let mut report = report?;
        // Two sockets may lead to one engine, and two engines to one swarm.
        let mut known: HashSet<String> = ids(&report).map(str::to_owned).collect();
        for more in others.into_iter().flatten() {
            report.containers.extend(more.containers.into_iter().filter(|it| known.insert(it.id.clone())));
            report.services.extend(more.services.into_iter().filter(|it| known.insert(it.id.clone())));
            report.tasks.extend(more.tasks.into_iter().filter(|it| known.insert(it.id.clone())));
        }
        self.others.retain(|engine| {
            let is_kept = !engine.is_silent_for(FORGET);
            if !is_kept {
                tracing::info!(endpoint = %engine.collector.endpoint(), "an engine is watched no more");
            }
            is_kept
        });
        Ok(report)
    }

    /// Adds what the host module knows of the machine, when the first engine runs on it.
    pub fn attach_host(&self, report: &mut DockerReport, host: &HostReport) {
        self.first.collector.attach_host(report, host);
    }

    /// Finds engines that were started, or that answer again.
    async fn search_again(&mut self) {
        if self.searched.elapsed() < SEARCH_PERIOD {
            return;
        }
        self.searched = Instant::now();
        self.add_from(Candidates::of_this_machine(&self.options)).await;
    }

    async fn add_from(&mut self, candidates: Candidates) {
        let is_first = |text: &str| Endpoint::parse(text).as_ref() == Ok(self.first.collector.endpoint());
        if candidates.named.as_ref().is_some_and(|(_, text)| is_first(text)) {
            // The one that its owner named is the only one, also where it does not answer at this moment.
            return;
        }
        let Ok((found, _)) = discover::find(candidates).await else { return };
        for found in found {
            let is_known = self.all().any(|engine| engine.is_at(&found));
            if !is_known && self.others.len() + 1 < MAX_ENGINES {
                tracing::info!(endpoint = %found.endpoint, "watching the containers of one more engine");
                let engine = Watched::new(&self.options, found, Some(&self.first.collector));
                self.others.push(engine);
            }
        }
    }
}

/// Ids of all that a report tells of.
fn ids(report: &DockerReport) -> impl Iterator<Item = &str> {
    let containers = report.containers.iter().map(|it| it.id.as_str());
    let services = report.services.iter().map(|it| it.id.as_str());
    containers.chain(services).chain(report.tasks.iter().map(|it| it.id.as_str()))
}

impl DockerControl {
    /// The engine that has a container; the first where none says so, for its error tells why.
    pub(super) async fn place_of(&self, id: &str) -> Option<&Place> {
        if self.places.len() > 1 {
            for place in &self.places {
                if super::update::has_container(&place.endpoint, id).await {
                    return Some(place);
                }
            }
        }
        self.places.first()
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::path::{Path, PathBuf};

    use axum::{
        Json, Router,
        extract::State,
        http::{StatusCode, Uri},
    };
    use serde_json::{Value, json};
    use tokio::{net::UnixListener, task::JoinHandle};

    use super::*;

    async fn answer(State((name, ids)): State<(&'static str, Vec<&'static str>)>, uri: Uri) -> Json<Value> {
        let list = |id: &&str| json!({"Id": id, "Names": [format!("/{name}-{id}")], "State": "exited"});
        Json(match uri.path() {
            "/version" => json!({"Version": "1", "Components": [{"Name": name}]}),
            "/info" => json!({"ID": format!("engine of {ids:?}"), "Containers": ids.len(), "Name": "box"}),
            "/containers/json" => ids.iter().map(list).collect(),
            path if ids.iter().any(|id| path == format!("/containers/{id}/json")) => json!({"Id": "x"}),
            _ => Value::Null,
        })
    }

    async fn gone() -> StatusCode {
        StatusCode::NOT_FOUND
    }

    /// An engine at a socket below `dir`.
    fn engine(dir: &Path, name: &'static str, ids: &[&'static str]) -> (PathBuf, JoinHandle<()>) {
        let path = dir.join(format!("{name}.sock"));
        let listener = UnixListener::bind(&path).unwrap();
        let router = ids.iter().fold(Router::new(), |router, id| {
            router.route(&format!("/containers/{id}/json"), axum::routing::get(answer))
        });
        let router = ["/version", "/info", "/containers/json"]
            .iter()
            .fold(router, |router, path| router.route(path, axum::routing::get(answer)))
            .fallback(gone)
            .with_state((name, ids.to_vec()));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (path, task)
    }

    fn names(report: &DockerReport) -> Vec<&str> {
        report.containers.iter().map(|container| container.name.as_str()).collect()
    }

    #[tokio::test]
    async fn the_containers_of_all_engines_are_reported_each_once() {
        let dir = tempfile::tempdir().unwrap();
        let (podman, podman_task) = engine(dir.path(), "podman", &["c", "d"]);
        let (docker, _task) = engine(dir.path(), "docker", &["a", "b", "c"]);
        let usual = vec![podman, docker.clone(), dir.path().join("none.sock")];
        let mut engines =
            Engines::among(Candidates { named: None, usual }, DockerOptions::default()).await.unwrap();
        let runtimes: Vec<&str> = engines.all().map(DockerCollector::runtime).collect();
        assert_eq!(runtimes, ["docker", "podman"], "the one with the most containers is the first");
        assert_eq!(engines.tried().len(), 3);
        let report = engines.collect().await.unwrap();
        assert_eq!(names(&report), ["docker-a", "docker-b", "docker-c", "podman-d"]);
        assert_eq!(report.host.runtime.as_deref(), Some("docker"));

        let place = |control: DockerControl, id: &'static str| async move {
            control.place_of(id).await.unwrap().endpoint.to_string()
        };
        assert!(place(engines.control(), "d").await.ends_with("podman.sock"));
        assert!(place(engines.control(), "b").await.ends_with("docker.sock"));
        assert!(place(engines.control(), "nobodys").await.ends_with("docker.sock"));

        // One that goes takes its own containers along and nothing else, once it has been silent for a while.
        podman_task.abort();
        assert!(podman_task.await.unwrap_err().is_cancelled());
        let report = engines.collect().await.unwrap();
        assert_eq!(names(&report), ["docker-a", "docker-b", "docker-c", "podman-d"]);
        engines.others[0].silent_since = Instant::now().checked_sub(GRACE);
        let report = engines.collect().await.unwrap();
        assert_eq!(names(&report), ["docker-a", "docker-b", "docker-c"]);
        assert_eq!(engines.all().count(), 2, "it is still asked");
        engines.others[0].silent_since = Instant::now().checked_sub(FORGET);
        engines.collect().await.unwrap();
        assert_eq!(engines.all().count(), 1);

        // Found again with a later search; a place that is known stays what it is.
        std::fs::remove_file(dir.path().join("podman.sock")).unwrap();
        let (podman, _task) = engine(dir.path(), "podman", &["e"]);
        engines.add_from(Candidates { named: None, usual: vec![docker, podman] }).await;
        assert_eq!(
            names(&engines.collect().await.unwrap()),
            ["docker-a", "docker-b", "docker-c", "podman-e"]
        );
    }
    #[tokio::test]
    async fn an_engine_that_is_restarted_keeps_its_containers_and_loses_their_figures() {
        let dir = tempfile::tempdir().unwrap();
        let (podman, _task) = engine(dir.path(), "podman", &["d"]);
        let (docker, docker_task) = engine(dir.path(), "docker", &["a", "b"]);
        let usual = vec![docker.clone(), podman];
        let candidates = Candidates { named: None, usual };
        let mut engines = Engines::among(candidates, DockerOptions::default()).await.unwrap();
        let before = engines.collect().await.unwrap().timestamp;
        docker_task.abort();
        assert!(docker_task.await.unwrap_err().is_cancelled());
        let mut told = DockerReport::default();
        for _ in 0..3 {
            told = engines.collect().await.unwrap();
        }
        assert_eq!(names(&told), ["docker-a", "docker-b", "podman-d"], "also those of the first");
        assert_eq!((told.host.runtime.as_deref(), told.timestamp > before), (Some("docker"), true));
        std::fs::remove_file(&docker).unwrap();
        let (_, docker_task) = engine(dir.path(), "docker", &["a", "e"]);
        assert_eq!(names(&engines.collect().await.unwrap()), ["docker-a", "docker-e", "podman-d"]);
        assert!(engines.first.silent_since.is_none());
        // Gone for good: the others are found anew without it.
        docker_task.abort();
        assert!(docker_task.await.unwrap_err().is_cancelled());
        engines.first.silent_since = Instant::now().checked_sub(GRACE);
        assert!(engines.collect().await.is_err());
    }

    #[tokio::test]
    async fn one_engine_behind_two_sockets_is_watched_once() {
        let dir = tempfile::tempdir().unwrap();
        let (socket, _task) = engine(dir.path(), "docker", &["a"]);
        let link = dir.path().join("link.sock");
        std::os::unix::fs::symlink(&socket, &link).unwrap();
        // As a socket that is bound into a container: another file, the same engine behind it.
        let other = dir.path().join("other");
        std::fs::create_dir(&other).unwrap();
        let (bound, _second) = engine(&other, "docker", &["a"]);
        let usual = vec![link.clone(), bound.clone(), socket];
        let candidates = Candidates { named: None, usual };
        let mut engines = Engines::among(candidates, DockerOptions::default()).await.unwrap();
        assert_eq!(engines.all().count(), 1);
        assert_eq!(names(&engines.collect().await.unwrap()), ["docker-a"]);
        // Also where a later search comes upon the other way to it.
        engines.add_from(Candidates { named: None, usual: vec![bound] }).await;
        assert_eq!(engines.all().count(), 1);
        // And where its owner named it, nothing else is looked for.
        let (podman, _task) = engine(dir.path(), "podman", &["p"]);
        let named = Some(("DOCKER_HOST".to_owned(), format!("unix://{}", link.display())));
        engines.add_from(Candidates { named, usual: vec![podman] }).await;
        assert_eq!(engines.all().count(), 1);
    }
}
