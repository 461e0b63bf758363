//! All engines of this machine as one: Docker beside Podman, root's engine beside those of users.
//!
//! The one with the most containers describes the host, the others add their containers. An engine that goes away takes
//! its own containers along and nothing else; engines that come later are found within minutes.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use pulse_core::report::{docker::DockerReport, host::HostReport};

use super::{
    Attempt, DockerCollector, DockerControl, DockerError, DockerOptions, Place,
    discover::{self, Candidates},
};

/// Engines watched at one time.
const MAX_ENGINES: usize = 8;
/// Between two searches for engines that were not there before.
const SEARCH_PERIOD: Duration = Duration::from_mins(5);

/// The engines.
#[derive(Debug)]
pub struct Engines {
    options: DockerOptions,
    first: DockerCollector,
    others: Vec<DockerCollector>,
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
        let first = DockerCollector::of(options.clone(), first, None);
        let others = found.map(|found| DockerCollector::of(options.clone(), found, Some(&first))).collect();
        Ok(Self { options, first, others, tried, searched: Instant::now() })
    }

    /// The engines, the one that describes the host first.
    pub fn all(&self) -> impl Iterator<Item = &DockerCollector> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The places tried before these were taken, theirs included.
    pub fn tried(&self) -> &[Attempt] {
        &self.tried
    }

    /// What can be done with these engines.
    pub fn control(&self) -> DockerControl {
        DockerControl { places: self.all().map(DockerCollector::place).collect() }
    }

    /// Reads all engines. Fails only where the first cannot be read.
    pub async fn collect(&mut self) -> Result<DockerReport, DockerError> {
        self.search_again().await;
        let others = join_all(self.others.iter_mut().map(DockerCollector::collect));
        let (report, others) = tokio::join!(self.first.collect(), others);
        let mut report = report?;
        let mut known: HashSet<String> =
            report.containers.iter().map(|container| container.id.clone()).collect();
        let mut is_there = Vec::with_capacity(others.len());
        for more in others {
            is_there.push(more.is_ok());
            match more {
                Ok(more) => {
                    // Two sockets may lead to one engine.
                    let new = more.containers.into_iter();
                    report.containers.extend(new.filter(|container| known.insert(container.id.clone())));
                    report.services.extend(more.services);
                    report.tasks.extend(more.tasks);
                }
                Err(error) => tracing::warn!(%error, "its containers are not reported until it answers"),
            }
        }
        let mut is_there = is_there.into_iter();
        self.others.retain(|_| is_there.next().unwrap_or(true));
        Ok(report)
    }

    /// Adds what the host module knows of the machine, when the first engine runs on it.
    pub fn attach_host(&self, report: &mut DockerReport, host: &HostReport) {
        self.first.attach_host(report, host);
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
        let Ok((found, _)) = discover::find(candidates).await else { return };
        for found in found {
            let is_known = self.all().any(|engine| *engine.endpoint() == found.endpoint);
            if !is_known && self.others.len() + 1 < MAX_ENGINES {
                tracing::info!(endpoint = %found.endpoint, "watching the containers of one more engine");
                self.others.push(DockerCollector::of(self.options.clone(), found, Some(&self.first)));
            }
        }
    }
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
            "/info" => json!({"Containers": ids.len(), "Name": "box"}),
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

        // One that goes takes its own containers along and nothing else.
        podman_task.abort();
        assert!(podman_task.await.unwrap_err().is_cancelled());
        let report = engines.collect().await.unwrap();
        assert_eq!(names(&report), ["docker-a", "docker-b", "docker-c"]);
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
}
