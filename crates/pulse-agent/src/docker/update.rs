//! Moves a container to its newest image, and back when the newest does not work.
//!
//! The old container is stopped, renamed and kept until the new one has proved itself. Whatever fails from then on,
//! the old one gets its name back and runs again; that also holds when the agent dies halfway ([`recover`]).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    container::timestamp,
    credentials,
    engine::{Endpoint, Engine, EngineError},
    image::{ImageName, Unnamed},
    is_id,
    recreate::recipe,
};

/// Stands between a container's name and the time in the name of its backup (contract B-10 §3).
const BACKUP_MARK: &str = "_pulse_backup_";
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
const PULL_LIMIT: Duration = Duration::from_mins(20);
/// What a container is given to stop by itself, and what the engine needs besides.
const STOP_SECONDS: u64 = 30;
const STOP_LIMIT: Duration = Duration::from_secs(STOP_SECONDS + 30);
/// A backup older than this whose successor runs was left behind.
const ORPHAN_AGE: Duration = Duration::from_mins(15);

/// How long a new container is watched before it counts as working.
#[derive(Debug, Clone, Copy)]
pub struct Probation {
    /// Without a health check: it must run this long without a restart.
    pub settle: Duration,
    /// With one: it must be healthy by then.
    pub healthy: Duration,
    /// Between two looks.
    pub step: Duration,
}

impl Default for Probation {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(5),
            healthy: Duration::from_mins(2),
            step: Duration::from_millis(500),
        }
    }
}

/// Why a container was not updated.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// It must not be done; nothing was touched.
    #[error("the container is not updated: {0}")]
    Refused(&'static str),
    /// It could not be done; nothing was touched or everything was put back.
    #[error("{step} failed: {source}")]
    Step {
        /// What was being done.
        step: &'static str,
        /// Why it failed.
        source: EngineError,
    },
    /// The new one does not work; the old one runs again.
    #[error("the new container does not work ({0}); the old one runs again")]
    RolledBack(String),
    /// The new one does not work, and the old one could not be brought back.
    #[error(
        "the new container does not work ({reason}), and the old one, named {backup}, could not be brought back: {source}"
    )]
    Stranded {
        /// Why the new one was given up.
        reason: String,
        /// The name under which the old one is kept.
        backup: String,
        /// What failed.
        source: EngineError,
    },
}

/// What came of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Updated {
    /// The registry has nothing newer; nothing was touched.
    AlreadyNewest,
    /// The container runs on another image now.
    Replaced {
        /// Id of the new container.
        id: String,
    },
}

struct Old {
    id: String,
    name: String,
    image_id: String,
    image: ImageName,
    image_text: String,
    was_running: bool,
    inspect: Value,
}

/// Updates one container. `step` hears what is being done.
pub(super) async fn update(
    endpoint: &Endpoint,
    id: &str,
    probation: Probation,
    now: Timestamp,
    mut step: impl FnMut(&'static str),
) -> Result<Updated, UpdateError> {
    let mut engine = Engine::new(endpoint.clone(), REQUEST_LIMIT);
    let old = examine(&mut engine, id).await?;
    step("pulling the image");
    let stored = tokio::task::spawn_blocking(credentials::stored).await.unwrap_or_default();
    let auth = credentials::lookup(&stored, &old.image.registry)
        .map(|(user, password)| credentials::pull_header(&old.image.registry, &user, &password));
    let (name, _) = old
        .image_text
        .rsplit_once(':')
        .filter(|(_, tag)| !tag.contains('/'))
        .unwrap_or((&old.image_text, ""));
    let path = format!("/images/create?fromImage={}&tag={}", escape(name), escape(&old.image.tag));
    let failed = |step| move |source| UpdateError::Step { step, source };
    engine.pull(&path, auth, PULL_LIMIT).await.map_err(failed("pulling the image"))?;
    let image: Value = engine
        .get(&format!("/images/{}/json", escape(&old.image_text)))
        .await
        .map_err(failed("reading the image"))?;
    if image["Id"].as_str() == Some(old.image_id.as_str()) {
        return Ok(Updated::AlreadyNewest);
    }
    let old_image: Value =
        engine.get(&format!("/images/{}/json", escape(&old.image_id))).await.unwrap_or_default();
    let recipe = recipe(&old.inspect, &old_image);
    step("stopping the old container");
    let path = format!("/containers/{}/stop?t={STOP_SECONDS}", old.id);
    engine.post(&path, None, STOP_LIMIT).await.map_err(failed("stopping the old container"))?;
    let stamp = now.strftime("%Y%m%d_%H%M%S").to_string();
    let backup = format!("{}{BACKUP_MARK}{stamp}", old.name);
    if let Err(source) = rename(&mut engine, &old.id, &backup).await {
        // It still has its name; it only has to run again.
        restart(&mut engine, &old).await.ok();
        return Err(UpdateError::Step { step: "renaming the old container", source });
    }
    step("creating the new container");
    let mut new_id = None;
    let outcome = replace(&mut engine, &old, &recipe, probation, &mut new_id, &mut step).await;
    match outcome {
        Ok(id) => {
            step("removing the old container");
            if let Err(error) = engine.delete(&format!("/containers/{}?v=false", old.id)).await {
                // Swept up later: the update itself is done.
                tracing::warn!(%error, container = %backup, "the old container could not be removed yet");
            }
            Ok(Updated::Replaced { id })
        }
        Err(reason) => {
            step("rolling back");
            match roll_back(&mut engine, &old, new_id.as_deref()).await {
                Ok(()) => Err(UpdateError::RolledBack(reason)),
                Err(source) => Err(UpdateError::Stranded { reason, backup, source }),
            }
        }
    }
}

/// Whether an engine has a container.
pub(super) async fn has_container(endpoint: &Endpoint, id: &str) -> bool {
    let mut engine = Engine::new(endpoint.clone(), REQUEST_LIMIT);
    is_id(id) && engine.get::<Value>(&format!("/containers/{id}/json")).await.is_ok()
}

/// The container that this program runs in.
fn own_container() -> Option<String> {
    parse_own_container(&std::fs::read_to_string("/proc/self/mountinfo").ok()?)
}

/// Engines keep the file that a container sees as `/etc/hostname` in a folder with the container's id.
fn parse_own_container(mountinfo: &str) -> Option<String> {
    let is_full_id = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    mountinfo.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(3);
        let (root, mountpoint) = (fields.next()?, fields.next()?);
        (mountpoint == "/etc/hostname").then(|| root.split('/').find(is_full_id).map(str::to_owned)).flatten()
    })
}

async fn examine(engine: &mut Engine, id: &str) -> Result<Old, UpdateError> {
    if !is_id(id) {
        return Err(UpdateError::Refused("this is no id of a container"));
    }
    if own_container().is_some_and(|own| own.starts_with(id) || id.starts_with(&own)) {
        return Err(UpdateError::Refused(
            "the agent itself runs in it and would end halfway; update it from outside",
        ));
    }
    let step = "reading the container";
    let inspect: Value = engine
        .get(&format!("/containers/{id}/json"))
        .await
        .map_err(|source| UpdateError::Step { step, source })?;
    let name = inspect["Name"].as_str().unwrap_or_default().trim_start_matches('/').to_owned();
    let image_text = inspect["Config"]["Image"].as_str().unwrap_or_default().to_owned();
    let labels = &inspect["Config"]["Labels"];
    if name.contains(BACKUP_MARK) {
        return Err(UpdateError::Refused("it is the backup of an earlier update"));
    }
    if inspect["HostConfig"]["AutoRemove"] == true {
        return Err(UpdateError::Refused("it was started with --rm and would be gone once stopped"));
    }
    if labels["com.docker.swarm.task.id"].is_string() {
        return Err(UpdateError::Refused("it belongs to a swarm service; update the service"));
    }
    let image = ImageName::parse(&image_text).map_err(|why| match why {
        Unnamed::Pinned => UpdateError::Refused("its image is named by its digest and cannot become newer"),
        Unnamed::NoName => UpdateError::Refused("its image has no name that a registry knows"),
    })?;
    Ok(Old {
        id: inspect["Id"].as_str().unwrap_or(id).to_owned(),
        name,
        image_id: inspect["Image"].as_str().unwrap_or_default().to_owned(),
        image,
        image_text,
        was_running: inspect["State"]["Running"] == true,
        inspect,
    })
}

/// Makes and proves the new container; the error is a reason to go back.
async fn replace(
    engine: &mut Engine,
    old: &Old,
    recipe: &super::recreate::Recipe,
    probation: Probation,
    new_id: &mut Option<String>,
    step: &mut impl FnMut(&'static str),
) -> Result<String, String> {
    let path = format!("/containers/create?name={}", escape(&old.name));
    let made =
        engine.post(&path, Some(&recipe.create), REQUEST_LIMIT).await.map_err(|error| error.to_string())?;
    let made: Value = serde_json::from_slice(&made).map_err(|error| error.to_string())?;
    let id = made["Id"].as_str().filter(|id| is_id(id)).ok_or("the engine gave no id")?.to_owned();
    *new_id = Some(id.clone());
    for (network, settings) in &recipe.networks {
        let body = json!({"Container": id, "EndpointConfig": settings});
        let path = format!("/networks/{}/connect", escape(network));
        engine.post(&path, Some(&body), REQUEST_LIMIT).await.map_err(|error| error.to_string())?;
    }
    if !old.was_running {
        return Ok(id);
    }
    step("starting the new container");
    engine
        .post(&format!("/containers/{id}/start"), None, REQUEST_LIMIT)
        .await
        .map_err(|error| error.to_string())?;
    step("checking the new container");
    prove(engine, &id, probation).await?;
    Ok(id)
}

/// Watches a new container until it is clear whether it works.
async fn prove(engine: &mut Engine, id: &str, probation: Probation) -> Result<(), String> {
    let begin = Instant::now();
    loop {
        let seen: Value =
            engine.get(&format!("/containers/{id}/json")).await.map_err(|error| error.to_string())?;
        let state = &seen["State"];
        if seen["RestartCount"].as_u64().unwrap_or(0) > 0 || state["Restarting"] == true {
            return Err("it keeps restarting".to_owned());
        }
        if state["Running"] != true {
            return Err(match state["ExitCode"].as_i64() {
                Some(code) => format!("it ended with exit code {code}"),
                None => "it ended".to_owned(),
            });
        }
        match state["Health"]["Status"].as_str() {
            Some("unhealthy") => return Err("it is unhealthy".to_owned()),
            Some("starting") if begin.elapsed() >= probation.healthy => {
                return Err("it did not become healthy in time".to_owned());
            }
            Some("starting") => {}
            _ if begin.elapsed() >= probation.settle => return Ok(()),
            _ => {}
        }
        sleep(probation.step).await;
    }
}

async fn roll_back(engine: &mut Engine, old: &Old, new_id: Option<&str>) -> Result<(), EngineError> {
    if let Some(id) = new_id {
        match engine.delete(&format!("/containers/{id}?force=true")).await {
            Ok(()) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    rename(engine, &old.id, &old.name).await?;
    restart(engine, old).await
}

async fn restart(engine: &mut Engine, old: &Old) -> Result<(), EngineError> {
    if !old.was_running {
        return Ok(());
    }
    engine.post(&format!("/containers/{}/start", old.id), None, REQUEST_LIMIT).await.map(drop)
}

async fn rename(engine: &mut Engine, id: &str, name: &str) -> Result<(), EngineError> {
    engine
        .post(&format!("/containers/{id}/rename?name={}", escape(name)), None, REQUEST_LIMIT)
        .await
        .map(drop)
}

/// Tidies up behind updates that an earlier run of the agent did not finish: a backup whose successor runs is removed,
/// one without a running successor takes its place again.
pub(super) async fn recover(endpoint: &Endpoint, now: Timestamp) -> Result<(), EngineError> {
    let mut engine = Engine::new(endpoint.clone(), REQUEST_LIMIT);
    let all: Vec<Value> = engine.get("/containers/json?all=true").await?;
    let name_of = |container: &Value| {
        container["Names"][0].as_str().unwrap_or_default().trim_start_matches('/').to_owned()
    };
    for backup in &all {
        let backup_name = name_of(backup);
        let Some((name, stamp)) = backup_name.split_once(BACKUP_MARK) else { continue };
        let Some(id) = backup["Id"].as_str().filter(|id| is_id(id)) else { continue };
        let made = jiff::civil::DateTime::strptime("%Y%m%d_%H%M%S", stamp).ok();
        let made = made.and_then(|made| made.to_zoned(jiff::tz::TimeZone::UTC).ok());
        let Some(age) = made.map(|made| now.as_second() - made.timestamp().as_second()) else { continue };
        let successor = all.iter().find(|container| name_of(container) == name);
        let started = successor.and_then(|container| container["State"].as_str());
        match (successor, started) {
            (Some(_), Some("running")) => {
                if age > ORPHAN_AGE.as_secs() as i64 {
                    tracing::info!(container = %backup_name, "removing what an earlier update left behind");
                    engine.delete(&format!("/containers/{id}?v=false")).await?;
                }
            }
            // The successor was never proved, or was never made.
            (successor, _) => {
                tracing::warn!(container = %name, "an update was not finished; the old container takes its place again");
                if let Some(id) =
                    successor.and_then(|container| container["Id"].as_str()).filter(|id| is_id(id))
                {
                    engine.delete(&format!("/containers/{id}?force=true")).await?;
                }
                rename(&mut engine, id, name).await?;
                let inspect: Value = engine.get(&format!("/containers/{id}/json")).await?;
                let has_run = inspect["State"]["StartedAt"].as_str().and_then(timestamp).is_some();
                if has_run {
                    engine.post(&format!("/containers/{id}/start"), None, REQUEST_LIMIT).await?;
                }
            }
        }
    }
    Ok(())
}

/// Text as a part of a path or a query.
fn escape(text: &str) -> String {
    crate::text::escape(text, b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agents_own_container_is_told_by_its_mounts() {
        let id = "0123456789abcdef".repeat(4);
        let docker = format!(
            "22 1 0:21 / /proc rw - proc proc rw\n\
             30 27 254:0 /var/lib/docker/containers/{id}/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda rw\n\
             31 27 254:0 /var/lib/docker/containers/{id}/hostname /etc/hostname rw - ext4 /dev/vda rw\n"
        );
        assert_eq!(parse_own_container(&docker).as_deref(), Some(id.as_str()));
        let podman = format!(
            "31 27 0:25 /containers/overlay-containers/{id}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw\n"
        );
        assert_eq!(parse_own_container(&podman).as_deref(), Some(id.as_str()));
        // The host sees its containers' mounts, and is in none of them.
        let host = format!("40 27 0:44 / /var/lib/docker/containers/{id}/mounts/shm rw - tmpfs shm rw\n");
        assert_eq!(parse_own_container(&host), None);
        assert_eq!(
            parse_own_container("31 27 254:0 /etc/hostname /etc/hostname rw - ext4 /dev/vda rw\n"),
            None
        );
    }
}
