//! Whether newer images are there: asked rarely, in the background, one registry question after another.
//!
//! Opt-in by nothing, opt-out by the label [`OPT_OUT`] of a container or by the agent's settings.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use pulse_core::report::docker::{Container, UpdateStatus};
use tokio::{sync::Notify, time::Instant};

use super::{
    api::Image,
    credentials,
    engine::{Endpoint, Engine},
    image::ImageName,
    registry::{Latest, Platform, Registry, RegistryError},
};

/// A container with this label set to `false` is not compared with its registry.
pub const OPT_OUT: &str = "io.pulse.update-check";

/// How long an answer holds, and a failure (contract B-10 §3).
const ANSWER_AGE: Duration = Duration::from_hours(6);
const FAILURE_AGE: Duration = Duration::from_mins(15);
/// Between two images: a registry is a shared good.
const PAUSE: Duration = Duration::from_millis(250);
const ENGINE_LIMIT: Duration = Duration::from_secs(10);
/// Images kept in mind.
const MAX_IMAGES: usize = 1000;

/// One image of this machine under one name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    name: String,
    image_id: String,
}

#[derive(Clone)]
struct Checked {
    at: Instant,
    holds: Duration,
    status: Option<UpdateStatus>,
}

#[derive(Default)]
struct Shared {
    known: HashMap<Key, Checked>,
    is_running: bool,
    /// Registries that said "not now", and until when.
    held: HashMap<String, Instant>,
    /// Whether somebody waits for the answers.
    is_urgent: bool,
}

/// Compares images with their registries.
#[derive(Clone, Default)]
pub(super) struct UpdateChecks {
    shared: Arc<Mutex<Shared>>,
    answered: Arc<Notify>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_opted_out(container: &Container) -> bool {
    container.labels.get(OPT_OUT).is_some_and(|value| crate::settings::parse_switch(value) == Some(false))
}

impl UpdateChecks {
    /// The checks of one more engine, with the same bell for their answers.
    pub(super) fn beside(&self) -> Self {
        Self { shared: Arc::default(), answered: Arc::clone(&self.answered) }
    }

    /// Has everything asked anew; until there are new answers, the ones of before are told.
    pub(super) fn forget(&self) {
        let mut shared = lock(&self.shared);
        for checked in shared.known.values_mut() {
            checked.holds = Duration::ZERO;
        }
        shared.held.clear();
        shared.is_urgent = true;
    }

    /// Waits until everything was asked that was to be asked anew.
    pub(super) async fn answered(&self) {
        self.answered.notified().await;
    }

    /// Adds to the containers what is known, and has the rest asked in the background.
    pub(super) fn apply(&self, containers: &mut [Container], endpoint: &Endpoint) {
        let mut wanted: BTreeSet<Key> = BTreeSet::new();
        {
            let mut shared = lock(&self.shared);
            let mut used: BTreeSet<Key> = BTreeSet::new();
            for container in containers.iter_mut().filter(|container| !has_opted_out(container)) {
                if ImageName::parse(&container.image).is_err() {
                    continue;
                }
                let Some(image_id) = container.image_digest.clone() else { continue };
                let key = Key { name: container.image.clone(), image_id };
                let checked = shared.known.get(&key);
                container.update_status = checked.and_then(|checked| checked.status.clone());
                if checked.is_none_or(|checked| checked.at.elapsed() > checked.holds) {
                    wanted.insert(key.clone());
                }
                used.insert(key);
            }
            shared.known.retain(|key, _| used.contains(key));
            if wanted.is_empty() || shared.is_running {
                return;
            }
            shared.is_running = true;
        }
        let (checks, endpoint) = (self.clone(), endpoint.clone());
        tokio::spawn(async move {
            check_all(&checks.shared, wanted.into_iter().take(MAX_IMAGES), endpoint).await;
            let mut shared = lock(&checks.shared);
            shared.is_running = false;
            if std::mem::take(&mut shared.is_urgent) {
                checks.answered.notify_one();
            }
        });
    }
}

async fn check_all(shared: &Mutex<Shared>, wanted: impl Iterator<Item = Key> + Send, endpoint: Endpoint) {
    // Made for this round and dropped after it: trusted roots are a good part of a small agent's memory.
    let client = match crate::link::outside_client("pulse-docker-agent") {
        Ok(client) => client,
        Err(error) => {
            tracing::warn!(%error, "no registry can be asked for newer images");
            return;
        }
    };
    let stored = tokio::task::spawn_blocking(credentials::stored).await.unwrap_or_default();
    let lookup = move |registry: &str| credentials::lookup(&stored, registry);
    let mut registry = Registry::new(&client, &lookup);
    let mut engine = Engine::new(endpoint, ENGINE_LIMIT);
    let mut answers: BTreeMap<(String, String), Result<Latest, RegistryError>> = BTreeMap::new();
    for key in wanted {
        let Ok(name) = ImageName::parse(&key.name) else { continue };
        if lock(shared).held.get(&name.registry).is_some_and(|until| Instant::now() < *until) {
            continue;
        }
        let (checked, error) = check(&mut engine, &mut registry, &name, &key, &mut answers).await;
        {
            let mut shared = lock(shared);
            if let Some(RegistryError::RateLimited { after }) = error {
                tracing::info!(registry = %name.registry, wait = ?after, "the registry's rate limit is reached");
                shared.held.insert(name.registry.clone(), Instant::now() + after);
            }
            shared.known.insert(key, checked);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn check(
    engine: &mut Engine,
    registry: &mut Registry<'_>,
    name: &ImageName,
    key: &Key,
    answers: &mut BTreeMap<(String, String), Result<Latest, RegistryError>>,
) -> (Checked, Option<RegistryError>) {
    let checked = |holds, status| Checked { at: Instant::now(), holds, status };
    let image: Image = match engine.get(&format!("/images/{}/json", key.image_id)).await {
        Ok(image) => image,
        Err(error) => {
            tracing::debug!(%error, image = %key.name, "an image cannot be read");
            return (checked(FAILURE_AGE, None), None);
        }
    };
    let repo_digests: Vec<String> = image
        .repo_digests
        .iter()
        .filter_map(|digest| digest.split_once('@').map(|(_, digest)| digest.to_owned()))
        .collect();
    if repo_digests.is_empty() {
        // Made on this machine: no registry has ever had it.
        return (checked(ANSWER_AGE, None), None);
    }
    let mut current: BTreeSet<String> = repo_digests.iter().cloned().collect();
    current.insert(image.id.clone());
    let platform = Platform {
        os: image.os.unwrap_or_else(|| "linux".to_owned()),
        architecture: image.architecture.unwrap_or_default(),
        variant: image.variant.filter(|variant| !variant.is_empty()),
    };
    // Several containers of one name may run different images; the registry is asked once for all of them.
    let question = (key.name.clone(), format!("{platform:?}"));
    let answer = match answers.get(&question) {
        Some(Ok(latest))
            if latest.known_as.len() == 1 && !latest.known_as.iter().any(|d| current.contains(d)) =>
        {
            // That answer stopped at a digest which another container's image has.
            registry.latest(name, &platform, &current).await
        }
        Some(answer) => answer.clone(),
        None => registry.latest(name, &platform, &current).await,
    };
    answers.insert(question, answer.clone());
    let now = Some(Timestamp::now());
    match answer {
        Ok(latest) => {
            let is_current = latest.known_as.iter().any(|digest| current.contains(digest));
            let current_digest = repo_digests.into_iter().next();
            let latest_digest = if is_current { current_digest.clone() } else { Some(latest.digest) };
            let status = UpdateStatus {
                update_available: !is_current,
                current_digest,
                latest_digest,
                last_checked: now,
                error: None,
            };
            (checked(ANSWER_AGE, Some(status)), None)
        }
        Err(error) => {
            let status = UpdateStatus {
                update_available: false,
                current_digest: repo_digests.into_iter().next(),
                latest_digest: None,
                last_checked: now,
                error: Some(error.to_string()),
            };
            (checked(FAILURE_AGE, Some(status)), Some(error))
        }
    }
}
