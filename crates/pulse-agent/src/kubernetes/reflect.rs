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
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{KubernetesError, client::KubeClient, objects::Meta};

const PAGE: u32 = 250;
/// The server ends a watch by itself after this; it is then taken up again.
const WATCH_SECONDS: u32 = 290;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// What was known this long before the cluster stopped answering is not told as what is now.
const STALE: Duration = Duration::from_secs(90);
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

    /// At most so many objects, those that come `first` before the others.
    pub(super) fn some(&self, most: usize, first: impl Fn(&T) -> bool) -> Vec<T> {
        let objects = lock(&self.objects);
        let (first, rest): (Vec<&T>, Vec<&T>) = objects.values().partition(|object| first(object));
        first.into_iter().chain(rest).take(most).cloned().collect()
    }

    /// Why the picture is none, where it is none.
    pub(super) fn failure(&self) -> Option<String> {
        match &*self.progress.borrow() {
            Progress::Failed(reason) => Some(reason.clone()),
            Progress::Starting | Progress::Listed => None,
        }
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

/// How a watch went.
struct Followed {
    outcome: Result<(), KubernetesError>,
    /// The place it reached, where it got anywhere.
    reached: Option<String>,
    /// Whether the cluster answered at all.
    was_open: bool,
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
        tasks.spawn(async move { self.keep_up(None, &shared, &said).await });
        Picture { objects, progress }
    }

    /// Begins with a list, or with a watch from a place that is known.
    async fn keep_up(
        &self,
        mut place: Option<String>,
        objects: &Mutex<BTreeMap<String, T>>,
        said: &watch::Sender<Progress>,
    ) {
        let mut pause = FIRST_PAUSE;
        let mut broken_since: Option<Instant> = None;
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
                    let followed = self.follow(from, objects).await;
                    if followed.was_open {
                        broken_since = None;
                    }
                    if followed.reached.is_some() {
                        pause = FIRST_PAUSE;
                        place = followed.reached;
                    }
                    followed.outcome
                }
            };
            match outcome {
                Ok(()) => broken_since = None,
                Err(KubernetesError::Gone) => {
                    tracing::debug!(path = %self.path, "the place in the watch has expired; listing anew");
                    place = None;
                    sleep(FIRST_PAUSE).await;
                }
                Err(error) => {
                    tracing::debug!(path = %self.path, %error, retry_in = ?pause, "the watch broke");
                    let since = *broken_since.get_or_insert_with(Instant::now);
                    if place.is_none() {
                        // What was known is not what is there any more.
                        said.send_replace(Progress::Failed(error.to_string()));
                    } else if matches!(error, KubernetesError::Odd { .. }) || since.elapsed() >= STALE {
                        // An event that cannot be read would be met again and again; and a cluster that does not answer is
                        // asked for a list, whose failure is said.
                        place = None;
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

    /// Follows a watch to its end.
    async fn follow(&self, from: &str, objects: &Mutex<BTreeMap<String, T>>) -> Followed {
        let path = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={}",
            self.path,
            escape(from)
        );
        let mut followed = Followed { outcome: Ok(()), reached: None, was_open: false };
        followed.outcome = async {
            let mut lines = self.client.watch(&path).await?;
            followed.was_open = true;
            while let Some(line) = lines.next().await? {
                if line.iter().all(u8::is_ascii_whitespace) {
                    continue;
                }
                if let Some(version) = self.apply(&line, objects)? {
                    followed.reached = Some(version);
                }
            }
            Ok(())
        }
        .await;
        followed
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        command::SystemCommands,
        kubernetes::access::{Access, Credential},
    };

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_stopped_answering_is_not_told_as_it_was_for_ever() {
        // Bound and not listened to: nobody answers there.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let access = Access {
            server: format!("http://{}", socket.local_addr().unwrap()),
            name: String::new(),
            context: String::new(),
            namespace: None,
            authority: None,
            is_insecure: true,
            server_name: None,
            identity: None,
            credential: Credential::None,
        };
        let reflector = Reflector {
            client: Arc::new(KubeClient::new(access, Arc::new(SystemCommands)).unwrap()),
            path: "/api/v1/nodes".to_owned(),
            keep: Box::new(|raw: Headed| Some(raw.metadata.name)),
            meta: |raw: &Headed| &raw.metadata,
        };
        let objects = Mutex::new(BTreeMap::from([("/node-1".to_owned(), "node-1".to_owned())]));
        let (said, mut progress) = watch::channel(Progress::Listed);
        let begun = Instant::now();
        let failed = async {
            progress.wait_for(|progress| matches!(progress, Progress::Failed(_))).await.unwrap();
        };
        tokio::select! {
            () = reflector.keep_up(Some("7".to_owned()), &objects, &said) => {}
            () = failed => {}
        }
        let took = begun.elapsed();
        assert!(took >= STALE && took < STALE + 3 * LONGEST_PAUSE, "{took:?}");
    }

    #[test]
    fn those_that_matter_come_before_the_cut() {
        let objects = (0..10).map(|n| (format!("ns/{n}"), n)).collect();
        let (_, progress) = watch::channel(Progress::Listed);
        let picture = Picture { objects: Arc::new(Mutex::new(objects)), progress };
        assert_eq!(picture.some(3, |n| *n == 8), [8, 0, 1]);
        assert_eq!(picture.some(50, |_| false).len(), 10);
    }
}
