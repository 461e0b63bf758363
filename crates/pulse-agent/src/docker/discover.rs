//! Finding the engine: every socket it may listen on is tried, and what was tried can be told.

use std::{
    collections::BTreeSet,
    env, fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    DockerError, DockerOptions, Runtime,
    api::{Info, Version},
    engine::{Endpoint, Engine},
};

/// A socket that answers at all answers these small questions at once.
const PROBE_LIMIT: Duration = Duration::from_secs(3);

/// One place that was tried, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Where.
    pub endpoint: String,
    /// What was found, or why nothing was.
    pub outcome: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.endpoint, self.outcome)
    }
}

/// An engine that answered.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) endpoint: Endpoint,
    pub(super) is_podman: bool,
    /// Its own id, by which it is known again behind another socket; Podman makes up a new one for each question.
    pub(super) id: Option<String>,
}

/// Where engines listen, in order of preference; the flag tells that the user named the place.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) named: Option<(String, String)>,
    pub(super) usual: Vec<PathBuf>,
}

impl Candidates {
    /// The places of this machine.
    pub(super) fn of_this_machine(options: &DockerOptions) -> Self {
        let variable = |name: &str| env::var(name).ok().filter(|value| !value.trim().is_empty());
        let named = options.host.clone().map(|host| ("the setting".to_owned(), host)).or_else(|| {
            let names: &[&str] = match options.runtime {
                Runtime::Auto => &["DOCKER_HOST", "CONTAINER_HOST", "PODMAN_HOST"],
                Runtime::Docker => &["DOCKER_HOST"],
                Runtime::Podman => &["CONTAINER_HOST", "PODMAN_HOST"],
            };
            names.iter().find_map(|name| Some(((*name).to_owned(), variable(name)?)))
        });
        let mut user_dirs: Vec<PathBuf> =
            variable("XDG_RUNTIME_DIR").map(PathBuf::from).into_iter().collect();
        // Run as root, the engines of all logged-in users count.
        user_dirs.extend(fs::read_dir("/run/user").into_iter().flatten().flatten().map(|e| e.path()));
        let home = variable("HOME").map(PathBuf::from);
        Self { named, usual: usual_sockets(options.runtime, &user_dirs, home.as_deref()) }
    }

    /// Whether any of the places is there, without asking it anything.
    pub(super) fn any_exists(&self) -> bool {
        self.named.is_some() || self.usual.iter().any(|path| path.exists())
    }
}

#[cfg(windows)]
fn usual_sockets(runtime: Runtime, _: &[PathBuf], _: Option<&Path>) -> Vec<PathBuf> {
    let docker = PathBuf::from(r"\\.\pipe\docker_engine");
    let podman = PathBuf::from(r"\\.\pipe\podman-machine-default");
    match runtime {
        Runtime::Auto => vec![docker, podman],
        Runtime::Docker => vec![docker],
        Runtime::Podman => vec![podman],
    }
}

#[cfg(not(windows))]
fn usual_sockets(runtime: Runtime, user_dirs: &[PathBuf], home: Option<&Path>) -> Vec<PathBuf> {
    let mut docker: Vec<PathBuf> = vec!["/var/run/docker.sock".into(), "/run/docker.sock".into()];
    let mut podman: Vec<PathBuf> =
        vec!["/run/podman/podman.sock".into(), "/var/run/podman/podman.sock".into()];
    for dir in user_dirs {
        docker.push(dir.join("docker.sock"));
        podman.push(dir.join("podman/podman.sock"));
    }
    if let Some(home) = home {
        docker.push(home.join(".docker/run/docker.sock"));
        docker.push(home.join(".docker/desktop/docker.sock"));
    }
    match runtime {
        Runtime::Auto => docker.into_iter().chain(podman).collect(),
        Runtime::Docker => docker,
        Runtime::Podman => podman,
    }
}

/// Asks all candidates; gives those that answer, most containers first, and what was tried. A place that the user named
/// is the only one where it answers.
pub(super) async fn find(candidates: Candidates) -> Result<(Vec<Found>, Vec<Attempt>), DockerError> {
    let mut tried = Vec::new();
    if let Some((origin, text)) = candidates.named {
        match Endpoint::parse(&text) {
            Ok(endpoint) => {
                if let Some((found, _)) = probe(endpoint, &mut tried).await {
                    return Ok((vec![found], tried));
                }
            }
            Err(reason) => {
                tried.push(Attempt { endpoint: format!("{text} (from {origin})"), outcome: reason });
            }
        }
    }
    let mut found: Vec<(u64, Found)> = Vec::new();
    let mut seen = BTreeSet::new();
    for path in candidates.usual {
        // The name of a pipe is the only one it has.
        let real = if cfg!(windows) { Ok(path.clone()) } else { fs::canonicalize(&path) };
        let Ok(real) = real else {
            tried.push(Attempt {
                endpoint: Endpoint::Local(path).to_string(),
                outcome: "not there".to_owned(),
            });
            continue;
        };
        if !seen.insert(real) {
            continue;
        }
        let Some((engine, containers)) = probe(Endpoint::Local(path), &mut tried).await else { continue };
        // A socket that is bound to another place is another file.
        if engine.id.is_none() || found.iter().all(|(_, other)| other.id != engine.id) {
            found.push((containers, engine));
        }
    }
    if found.is_empty() {
        return Err(DockerError::NotFound { tried });
    }
    // Of equals, the one that was named first stays first.
    found.sort_by_key(|(containers, _)| std::cmp::Reverse(*containers));
    Ok((found.into_iter().map(|(_, found)| found).collect(), tried))
}

/// The engine and the number of its containers, when it answers.
async fn probe(endpoint: Endpoint, tried: &mut Vec<Attempt>) -> Option<(Found, u64)> {
    let mut engine = Engine::new(endpoint.clone(), PROBE_LIMIT);
    let answer = async {
        let version: Version = engine.get("/version").await?;
        let info: Info = engine.get("/info").await?;
        Ok::<_, super::EngineError>((version, info))
    }
    .await;
    let place = endpoint.to_string();
    let (answer, outcome) = match answer {
        Ok((version, info)) => {
            let is_podman = is_podman(&version);
            let containers = info.containers.unwrap_or(0);
            let outcome = format!(
                "{} {}, {containers} containers",
                if is_podman { "podman" } else { "docker" },
                version.version.unwrap_or_default()
            );
            let id = info.id.filter(|id| !id.is_empty());
            (Some((Found { endpoint, is_podman, id }, containers)), outcome)
        }
        Err(error) => (None, error.to_string()),
    };
    tried.push(Attempt { endpoint: place, outcome });
    answer
}

/// Podman answers Docker's API and tells itself by its component's name.
pub(super) fn is_podman(version: &Version) -> bool {
    version.components.iter().any(|part| part.name.to_ascii_lowercase().contains("podman"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_places_depend_on_the_runtime_wanted() {
        let dirs = [PathBuf::from("/run/user/1000")];
        let all = usual_sockets(Runtime::Auto, &dirs, Some(Path::new("/home/me")));
        for path in [
            "/var/run/docker.sock",
            "/run/podman/podman.sock",
            "/run/user/1000/docker.sock",
            "/run/user/1000/podman/podman.sock",
            "/home/me/.docker/run/docker.sock",
        ] {
            assert!(all.contains(&path.into()), "{path}");
        }
        let podman = usual_sockets(Runtime::Podman, &dirs, None);
        assert!(podman.iter().all(|path| path.to_string_lossy().contains("podman")));
    }

    #[tokio::test]
    async fn what_was_tried_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("no.sock");
        fs::write(&file, "a file, not a socket").unwrap();
        let error = find(Candidates {
            named: Some(("DOCKER_HOST".into(), "ssh://me@there".into())),
            usual: vec![file, "/no/such.sock".into()],
        })
        .await
        .unwrap_err();
        let text = error.to_string();
        for part in
            ["ssh://me@there (from DOCKER_HOST)", "no.sock: cannot connect", "/no/such.sock: not there"]
        {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
    }
}
