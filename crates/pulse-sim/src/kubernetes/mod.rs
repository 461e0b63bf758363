//! A simulated Kubernetes API server over real HTTPS: lists page by page, watches with bookmarks, expired versions.
//!
//! Its answers are written by hand after the API conventions (no type is shared with what asks it, and the crate with
//! Kubernetes' own types takes longer to compile than all of this workspace): lists carry a version and a continuation,
//! objects in them no kind; events of a watch carry whole objects; an expired version is answered with 410, in a list
//! as a status and in a watch as an event.

mod objects;
mod serve;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::objects::{
    daemon_set, deployment, failed_job, metrics_of, node, pod, stateful_set, waiting_pod,
};
use crate::{
    SimError,
    net::tls::{Authority, Identity, Subject},
    options::check_loopback,
};

/// Events kept for watches that come back; older ones have to list anew.
const MAX_EVENTS: usize = 10_000;

/// What the cluster's API is asked for; each has its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// `/api/v1/nodes`
    Nodes,
    /// `/api/v1/pods`
    Pods,
    /// `/apis/apps/v1/deployments`
    Deployments,
    /// `/apis/apps/v1/statefulsets`
    StatefulSets,
    /// `/apis/apps/v1/daemonsets`
    DaemonSets,
    /// `/apis/batch/v1/jobs`
    Jobs,
}

impl Resource {
    const ALL: [Self; 6] =
        [Self::Nodes, Self::Pods, Self::Deployments, Self::StatefulSets, Self::DaemonSets, Self::Jobs];

    const fn group(self) -> &'static str {
        match self {
            Self::Nodes | Self::Pods => "/api/v1",
            Self::Deployments | Self::StatefulSets | Self::DaemonSets => "/apis/apps/v1",
            Self::Jobs => "/apis/batch/v1",
        }
    }

    const fn plural(self) -> &'static str {
        match self {
            Self::Nodes => "nodes",
            Self::Pods => "pods",
            Self::Deployments => "deployments",
            Self::StatefulSets => "statefulsets",
            Self::DaemonSets => "daemonsets",
            Self::Jobs => "jobs",
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Nodes => "Node",
            Self::Pods => "Pod",
            Self::Deployments => "Deployment",
            Self::StatefulSets => "StatefulSet",
            Self::DaemonSets => "DaemonSet",
            Self::Jobs => "Job",
        }
    }
}

/// Something that happened to an object.
#[derive(Debug, Clone)]
struct Event {
    version: u64,
    resource: Resource,
    kind: &'static str,
    object: Value,
}

type Key = (Resource, String, String);

/// What is true in the cluster.
#[derive(Debug, Default)]
struct World {
    version: u64,
    /// Versions below are forgotten.
    oldest: u64,
    objects: BTreeMap<Key, Value>,
    events: VecDeque<Event>,
    forbidden: BTreeSet<Resource>,
    has_metrics: bool,
    asked: Vec<String>,
    /// Watches that were begun before this number changed are ended.
    watch_round: u64,
}

/// What requests and the test share.
struct Shared {
    world: Mutex<World>,
    changed: watch::Sender<u64>,
    token: String,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}

/// A running API server; it ends when dropped.
pub struct KubernetesApi {
    address: SocketAddr,
    authority: String,
    shared: Arc<Shared>,
    stop: CancellationToken,
}

impl std::fmt::Debug for KubernetesApi {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubernetesApi").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for KubernetesApi {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl KubernetesApi {
    /// An empty cluster at an address of loopback.
    pub async fn start(listen: SocketAddr) -> Result<Self, SimError> {
        check_loopback(listen)?;
        let failed = |source| SimError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let authority = Authority::new(7, "kubernetes")?;
        let subject = Subject {
            organization: "kubernetes",
            unit: "kube-apiserver".to_owned(),
            fqdn: "kubernetes.default.svc.cluster.local".to_owned(),
            name: "kubernetes".to_owned(),
            address: address.ip(),
        };
        let identity = Identity::new(&authority, subject)?;
        let shared = Arc::new(Shared {
            world: Mutex::new(World { version: 100, oldest: 1, ..World::default() }),
            changed: watch::Sender::new(0),
            token: "sim-token".to_owned(),
        });
        let stop = CancellationToken::new();
        let acceptor = identity.current().acceptor;
        tokio::spawn(serve::serve(listener, acceptor, Arc::clone(&shared), TaskTracker::new(), stop.clone()));
        Ok(Self { address, authority: authority.pem().to_owned(), shared, stop })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A kubeconfig for it.
    pub fn kubeconfig(&self) -> String {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: sim\nclusters:\n- name: sim-cluster\n  cluster:\n    server: \
             https://{}\n    certificate-authority-data: {}\ncontexts:\n- name: sim\n  context:\n    cluster: sim-cluster\n    \
             user: sim-user\nusers:\n- name: sim-user\n  user:\n    token: {}\n",
            self.address,
            STANDARD.encode(&self.authority),
            self.shared.token
        )
    }

    /// Makes or changes an object; gives its new version.
    pub fn put(&self, resource: Resource, mut object: Value) -> u64 {
        let mut world = self.shared.lock();
        world.version += 1;
        let version = world.version;
        let key = key(resource, &object);
        object["metadata"]["resourceVersion"] = version.to_string().into();
        let kind = if world.objects.insert(key, object.clone()).is_some() { "MODIFIED" } else { "ADDED" };
        world.add(Event { version, resource, kind, object });
        drop(world);
        self.shared.tell();
        version
    }

    /// Removes an object; whether there was one.
    pub fn remove(&self, resource: Resource, namespace: &str, name: &str) -> bool {
        let mut world = self.shared.lock();
        let key = (resource, namespace.to_owned(), name.to_owned());
        let Some(mut object) = world.objects.remove(&key) else { return false };
        world.version += 1;
        let version = world.version;
        object["metadata"]["resourceVersion"] = version.to_string().into();
        world.add(Event { version, resource, kind: "DELETED", object });
        drop(world);
        self.shared.tell();
        true
    }

    /// Forgets the past, as etcd's compaction does: whoever comes with an older version is told 410.
    pub fn compact(&self) {
        let mut world = self.shared.lock();
        world.version += 10;
        world.oldest = world.version;
        world.events.clear();
        drop(world);
        self.shared.tell();
    }

    /// Ends all watches, as a server does after their time.
    pub fn end_watches(&self) {
        self.shared.lock().watch_round += 1;
        self.shared.tell();
    }

    /// Answers 403 for a kind of object from now on, or no more.
    pub fn forbid(&self, resource: Resource, is_forbidden: bool) {
        let mut world = self.shared.lock();
        if is_forbidden {
            world.forbidden.insert(resource);
        } else {
            world.forbidden.remove(&resource);
        }
    }

    /// Whether the cluster has a metrics server.
    pub fn set_metrics(&self, has_metrics: bool) {
        self.shared.lock().has_metrics = has_metrics;
    }

    /// The paths with queries that were asked since the last call.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().asked)
    }
}

impl World {
    fn add(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS
            && let Some(dropped) = self.events.pop_front()
        {
            self.oldest = dropped.version + 1;
        }
        self.events.push_back(event);
    }
}

fn key(resource: Resource, object: &Value) -> Key {
    let word = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    (resource, word("namespace"), word("name"))
}
