//! Keeps a picture of one kind of object: a list, page by page, then a watch from there.
//!
//! As the API's conventions demand: bookmarks move the place from which a watch is taken up again, an expired place
//! (410 Gone) means a new list, and a list whose continuation expired begins anew.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use tokio::{sync::watch, time::sleep};

use super::{KubernetesError, client::KubeClient, objects::Meta};

const PAGE: u32 = 250;
/// The server ends a watch by itself after this; it is then taken up again.
const WATCH_SECONDS: u32 = 290;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Objects kept of one kind.
const MAX_OBJECTS: usize = 50_000;
/// A list that expires again and again is given up for a while.
const MAX_LIST_TRIES: u32 = 5;

/// How far the picture of a kind is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    /// The first list is not there yet.
    Starting,
    /// There is a picture.
    Listed,
    /// There is none, for this reason.
    Failed(String),
}

/// What is known of one kind in one scope.
pub(super) struct Picture<T> {
    objects: Arc<Mutex<BTreeMap<String, T>>>,
    progress: watch::Receiver<Progress>,
}

impl<T: Clone> Picture<T> {
    /// All objects, by namespace and name.
    pub(super) fn all(&self) -> Vec<T> {
        lock(&self.objects).values().cloned().collect()
    }

    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize)]
#[serde(bound = "R: DeserializeOwned")]
struct List<R> {
    #[serde(default)]
    metadata: ListMeta,
    items: Option<Vec<R>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    resource_version: String,
    #[serde(rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Headed {
    metadata: Meta,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
    message: String,
}

/// Reads one kind. `R` is what is decoded, `T` what is kept.
pub(super) struct Reflector<R, T> {
    pub(super) client: Arc<KubeClient>,
    /// Path of the list, without a query.
    pub(super) path: String,
    /// What of an object is kept; `None` for objects of no interest.
    pub(super) keep: Box<dyn Fn(R) -> Option<T> + Send + Sync>,
    /// Namespace and name of an object.
    pub(super) meta: fn(&R) -> &Meta,
}

impl<R, T> Reflector<R, T>
where
    R: DeserializeOwned + Send + 'static,
    T: Clone + Send + 'static,
{
    /// Starts; the picture is kept for as long as the task lives.
    pub(super) fn start(self, tasks: &mut tokio::task::JoinSet<()>) -> Picture<T> {
        let objects = Arc::new(Mutex::new(BTreeMap::new()));
        let (said, progress) = watch::channel(Progress::Starting);
        let shared = Arc::clone(&objects);
        tasks.spawn(async move { self.keep_up(&shared, &said).await });
        Picture { objects, progress }
    }

    async fn keep_up(&self, objects: &Mutex<BTreeMap<String, T>>, said: &watch::Sender<Progress>) {
        let mut pause = FIRST_PAUSE;
        let mut place: Option<String> = None;
        loop {
            let outcome = match &place {
                None => match self.list().await {
                    Ok((found, version)) => {
                        *lock(objects) = found;
                        said.send_replace(Progress::Listed);
                        place = Some(version);
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                Some(from) => {
                    let (outcome, reached) = self.follow(from, objects).await;
                    if reached.is_some() {
                        pause = FIRST_PAUSE;
                        place = reached;
                    }
                    outcome
                }
            };
            match outcome {
                Ok(()) => {}
                Err(KubernetesError::Gone) => {
                    tracing::debug!(path = %self.path, "the place in the watch has expired; listing anew");
                    place = None;
                    sleep(FIRST_PAUSE).await;
                }
                Err(error) => {
                    tracing::debug!(path = %self.path, %error, retry_in = ?pause, "the watch broke");
                    if place.is_none() {
                        // What was known is not what is there any more.
                        said.send_replace(Progress::Failed(error.to_string()));
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// All objects and the version of the picture.
    async fn list(&self) -> Result<(BTreeMap<String, T>, String), KubernetesError> {
        for _ in 0..MAX_LIST_TRIES {
            match self.list_once().await {
                // The pages took longer than the server keeps them.
                Err(KubernetesError::Gone) => {}
                outcome => return outcome,
            }
        }
        Err(KubernetesError::Gone)
    }

    async fn list_once(&self) -> Result<(BTreeMap<String, T>, String), KubernetesError> {
        let mut found = BTreeMap::new();
        let mut next: Option<String> = None;
        loop {
            let mut path = format!("{}?limit={PAGE}", self.path);
            if let Some(next) = &next {
                path.push_str("&continue=");
                path.push_str(&escape(next));
            }
            let page: List<R> = self.client.get(&path).await?;
            for raw in page.items.unwrap_or_default() {
                if found.len() >= MAX_OBJECTS {
                    break;
                }
                let key = key((self.meta)(&raw));
                if let Some(kept) = (self.keep)(raw) {
                    found.insert(key, kept);
                }
            }
            next = page.metadata.next.filter(|next| !next.is_empty());
            if next.is_none() {
                return Ok((found, page.metadata.resource_version));
            }
        }
    }

    /// Follows a watch to its end; gives the place it reached, where it got anywhere.
    async fn follow(
        &self,
        from: &str,
        objects: &Mutex<BTreeMap<String, T>>,
    ) -> (Result<(), KubernetesError>, Option<String>) {
        let path = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={}",
            self.path,
            escape(from)
        );
        let mut reached = None;
        let outcome = async {
            let mut lines = self.client.watch(&path).await?;
            while let Some(line) = lines.next().await? {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                if let Some(version) = self.apply(&line, objects)? {
                    reached = Some(version);
                }
            }
            Ok(())
        }
        .await;
        (outcome, reached)
    }

    /// Takes one event in; gives its version.
    fn apply(
        &self,
        line: &[u8],
        objects: &Mutex<BTreeMap<String, T>>,
    ) -> Result<Option<String>, KubernetesError> {
        let odd = |reason: &str| KubernetesError::odd(&self.path, reason);
        let event: Event<'_> = serde_json::from_slice(line).map_err(|error| odd(&error.to_string()))?;
        let text = event.object.get();
        match event.kind {
            "ERROR" => {
                let status: Status = serde_json::from_str(text).unwrap_or_default();
                Err(match status.code {
                    410 => KubernetesError::Gone,
                    code => KubernetesError::Status {
                        path: format!("{} ({})", self.path, status.message),
                        status: code,
                    },
                })
            }
            "ADDED" | "MODIFIED" => {
                let raw: R = serde_json::from_str(text).map_err(|error| odd(&error.to_string()))?;
                let meta = (self.meta)(&raw);
                let (key, version) = (key(meta), meta.resource_version.clone());
                let kept = (self.keep)(raw);
                let mut objects = lock(objects);
                match kept {
                    Some(kept) if objects.len() < MAX_OBJECTS || objects.contains_key(&key) => {
                        objects.insert(key, kept);
                    }
                    Some(_) => {}
                    None => {
                        objects.remove(&key);
                    }
                }
                Ok(Some(version))
            }
            "DELETED" | "BOOKMARK" => {
                let headed: Headed = serde_json::from_str(text).map_err(|error| odd(&error.to_string()))?;
                if event.kind == "DELETED" {
                    lock(objects).remove(&key(&headed.metadata));
                }
                Ok(Some(headed.metadata.resource_version))
            }
            // A kind of event that does not exist yet.
            _ => Ok(None),
        }
    }
}

fn key(meta: &Meta) -> String {
    format!("{}/{}", meta.namespace, meta.name)
}

/// Text as a part of a query.
pub(super) fn escape(text: &str) -> String {
    crate::text::escape(text, b"")
}
