//! The Kubernetes module: nodes, pods and workloads of one cluster, kept up to date by watches.
//!
//! It reads only. What its role does not let it see is left out of the report; only nodes, pods and deployments must
//! be readable.

mod access;
mod client;
mod objects;
mod quantity;
mod reflect;
mod usage;

use std::{path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use pulse_core::report::kubernetes::{
    ClusterInfo, Deployment, KubernetesNode, KubernetesReport, Pod, Workload,
};
use serde::Deserialize;
use tokio::{sync::watch, task::JoinSet, time::timeout};

use crate::{
    AgentIdentity,
    command::{RunCommand, SystemCommands},
    settings::KubeSettings,
};
use client::KubeClient;
use objects::{RawDaemonSet, RawJob, RawNode, RawPod, RawReplicas};
use reflect::{Picture, Progress, Reflector};
use usage::UsageSource;

/// For the first lists of a large cluster.
const FIRST_LIST_LIMIT: Duration = Duration::from_mins(1);
/// Namespaces that are watched one by one; with more, the whole cluster is watched and sorted out here.
const MAX_SCOPES: usize = 20;
const MAX_WORKLOADS: usize = 2000;

/// Why there is no report of a cluster.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// There is no cluster to be found.
    #[error(
        "no cluster found: this is no pod with a service account, and there is no kubeconfig at {tried}; give --kubeconfig"
    )]
    NoCluster {
        /// Where it was looked for.
        tried: String,
    },
    /// The kubeconfig or the account's token is of no use.
    #[error("{path} cannot be used: {reason}")]
    Config {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The program that gives the credentials failed.
    #[error("{program}, which the kubeconfig names for credentials, failed: {reason}")]
    Plugin {
        /// The program.
        program: String,
        /// Why.
        reason: String,
    },
    /// The connection cannot be set up.
    #[error("the cluster's API cannot be used: {0}")]
    Setup(String),
    /// No connection.
    #[error("the cluster's API cannot be reached for {path}: {reason}")]
    Unreachable {
        /// What was asked.
        path: String,
        /// Why.
        reason: String,
    },
    /// Nobody knows us.
    #[error("the cluster's API does not accept the credentials (401)")]
    Unauthorized,
    /// No right.
    #[error(
        "the cluster's API does not let the agent read {path} (403); give its account the agent's ClusterRole"
    )]
    Forbidden {
        /// What was asked.
        path: String,
    },
    /// The place in a list or a watch has expired.
    #[error("the cluster's API has forgotten this version (410)")]
    Gone,
    /// Another status.
    #[error("the cluster's API answered {status} for {path}")]
    Status {
        /// What was asked.
        path: String,
        /// The status.
        status: u16,
    },
    /// Not the answer that was to be expected.
    #[error("the answer for {path} is not understood: {reason}")]
    Odd {
        /// What was asked.
        path: String,
        /// Why.
        reason: String,
    },
    /// The first lists did not come.
    #[error("the cluster's objects could not be listed: {0}")]
    NotListed(String),
}

impl KubernetesError {
    fn config(path: &Path, reason: &str) -> Self {
        Self::Config { path: path.display().to_string(), reason: reason.to_owned() }
    }

    fn odd(path: &str, reason: &str) -> Self {
        let path = path.split('?').next().unwrap_or_default().to_owned();
        Self::Odd { path, reason: reason.to_owned() }
    }
}

/// Reads one cluster.
pub struct KubernetesCollector {
    identity: AgentIdentity,
    settings: KubeSettings,
    client: Arc<KubeClient>,
    version: Option<String>,
    usage: UsageSource,
    nodes: Picture<KubernetesNode>,
    pods: Vec<Picture<Pod>>,
    deployments: Vec<Picture<Deployment>>,
    workloads: Vec<Picture<Workload>>,
    // Watches end with it.
    _watches: JoinSet<()>,
}

impl std::fmt::Debug for KubernetesCollector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KubernetesCollector")
            .field("server", &self.client.access().server)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionAnswer {
    git_version: Option<String>,
}

impl KubernetesCollector {
    /// Finds the cluster and waits for its first lists.
    pub async fn connect(settings: &KubeSettings, identity: AgentIdentity) -> Result<Self, KubernetesError> {
        let runner: Arc<dyn RunCommand> = Arc::new(SystemCommands);
        let wanted = settings.clone();
        let access = tokio::task::spawn_blocking(move || access::find(&wanted))
            .await
            .map_err(|error| KubernetesError::Setup(error.to_string()))??;
        let client = Arc::new(KubeClient::new(access, runner)?);
        // Also shows whether anybody is there, and whether they know us.
        let version: VersionAnswer = client.get("/version").await?;
        let mut watches = JoinSet::new();
        let collector = Self {
            identity,
            usage: UsageSource::new(are_namespaces_named(settings)),
            nodes: nodes(&client).start(&mut watches),
            pods: start(
                &client,
                settings,
                "api/v1",
                "pods",
                pod_keeper(settings),
                |raw: &RawPod| &raw.metadata,
                &mut watches,
            ),
            deployments: start(
                &client,
                settings,
                "apis/apps/v1",
                "deployments",
                deployment_keeper(settings),
                |raw: &RawReplicas| &raw.metadata,
                &mut watches,
            ),
            workloads: workloads(&client, settings, &mut watches),
            settings: settings.clone(),
            client,
            version: version.git_version,
            _watches: watches,
        };
        collector.wait_for_lists().await?;
        tracing::info!(server = %collector.client.access().server, "watching a cluster");
        Ok(collector)
    }

    /// The lists that a report cannot do without.
    async fn wait_for_lists(&self) -> Result<(), KubernetesError> {
        let mut needed = vec![self.nodes.progress()];
        needed.extend(self.pods.iter().map(Picture::progress));
        needed.extend(self.deployments.iter().map(Picture::progress));
        let wait = async {
            for progress in &mut needed {
                settled(progress).await?;
            }
            Ok(())
        };
        let slow = || KubernetesError::NotListed("it took too long".to_owned());
        timeout(FIRST_LIST_LIMIT, wait).await.map_err(|_| slow())??;
        // The others are waited for as well, but may fail.
        for picture in &self.workloads {
            let mut progress = picture.progress();
            if let Ok(Err(error)) = timeout(FIRST_LIST_LIMIT / 6, settled(&mut progress)).await {
                tracing::info!(%error, "some workloads are not reported");
            }
        }
        Ok(())
    }

    /// The cluster as it is now.
    pub async fn collect(&mut self) -> Result<KubernetesReport, KubernetesError> {
        let failures = std::iter::once(self.nodes.failure())
            .chain(self.pods.iter().map(Picture::failure))
            .chain(self.deployments.iter().map(Picture::failure));
        if let Some(reason) = failures.flatten().next() {
            return Err(KubernetesError::NotListed(reason));
        }
        let mut nodes = self.nodes.all();
        let most = self.settings.max_pods as usize;
        // Where there are more, those in trouble are the ones to tell of.
        let mut pods: Vec<Pod> =
            self.pods.iter().flat_map(|pods| pods.some(most, objects::is_in_trouble)).collect();
        pods.sort_by_key(|pod| !objects::is_in_trouble(pod));
        pods.truncate(most);
        let mut deployments: Vec<Deployment> = self.deployments.iter().flat_map(Picture::all).collect();
        // Of a kind that cannot be read any more, nothing is told.
        let readable = self.workloads.iter().filter(|picture| picture.failure().is_none());
        let mut workloads: Vec<Workload> = readable.flat_map(Picture::all).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        deployments.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        workloads.sort_by(|a, b| (&a.kind, &a.namespace, &a.name).cmp(&(&b.kind, &b.namespace, &b.name)));
        workloads.truncate(MAX_WORKLOADS);
        self.usage.add(&self.client, &mut nodes, &mut pods).await;
        Ok(self.report(nodes, pods, deployments, workloads, Timestamp::now()))
    }

    fn report(
        &self,
        nodes: Vec<KubernetesNode>,
        pods: Vec<Pod>,
        deployments: Vec<Deployment>,
        workloads: Vec<Workload>,
        now: Timestamp,
    ) -> KubernetesReport {
        let access = self.client.access();
        let id = cluster_id(&access.server, &access.context, &access.name);
        let hostname = self.identity.hostname.clone().unwrap_or_else(|| access.name.clone());
        KubernetesReport {
            agent: self.identity.describe(Some(&id), &hostname),
            cluster: ClusterInfo {
                id: Some(id),
                name: Some(access.name.clone()),
                server: Some(access.server.clone()),
                context: Some(access.context.clone()),
                provider: provider(self.version.as_deref(), &nodes),
                version: self.version.clone(),
                namespace: access.namespace.clone(),
            },
            nodes,
            pods,
            deployments,
            workloads,
            timestamp: Some(now),
        }
    }
}

async fn settled(progress: &mut watch::Receiver<Progress>) -> Result<(), KubernetesError> {
    let seen = progress.wait_for(|progress| *progress != Progress::Starting).await;
    match seen.as_deref() {
        Ok(Progress::Failed(reason)) => Err(KubernetesError::NotListed(reason.clone())),
        Ok(_) => Ok(()),
        Err(_) => Err(KubernetesError::NotListed("the watch ended".to_owned())),
    }
}

/// Hex SHA-256 of `server|context|name` (contract B-10 §3).
fn cluster_id(server: &str, context: &str, name: &str) -> String {
    crate::text::sha256_hex(format!("{server}|{context}|{name}").as_bytes())
}

/// Who made the cluster, where its version says so.
fn provider(version: Option<&str>, nodes: &[KubernetesNode]) -> Option<String> {
    let versions = version.into_iter().chain(nodes.iter().filter_map(|node| node.kubelet_version.as_deref()));
    let known = [
        ("+k3s", "k3s"),
        ("+rke2", "rke2"),
        ("-eks-", "eks"),
        ("-gke.", "gke"),
        ("+k0s", "k0s"),
        ("-aliyun", "ack"),
    ];
    let mut found = versions.filter_map(|version| known.iter().find(|(mark, _)| version.contains(mark)));
    found.next().map(|(_, name)| (*name).to_owned())
}

fn nodes(client: &Arc<KubeClient>) -> Reflector<RawNode, KubernetesNode> {
    Reflector {
        client: Arc::clone(client),
        path: "/api/v1/nodes".to_owned(),
        keep: Box::new(|raw| Some(objects::node(raw))),
        meta: |raw| &raw.metadata,
    }
}

type Keeper<R, T> = Arc<dyn Fn(R) -> Option<T> + Send + Sync>;

fn pod_keeper(settings: &KubeSettings) -> Keeper<RawPod, Pod> {
    let (wants_all, scope) = (settings.include_all_pods, Scope::new(settings));
    Arc::new(move |raw: RawPod| {
        scope.holds(&raw.metadata.namespace).then(|| objects::pod(raw, wants_all)).flatten()
    })
}

fn deployment_keeper(settings: &KubeSettings) -> Keeper<RawReplicas, Deployment> {
    let (wants_all, scope) = (settings.include_all_deployments, Scope::new(settings));
    Arc::new(move |raw: RawReplicas| {
        scope.holds(&raw.metadata.namespace).then(|| objects::deployment(raw, wants_all)).flatten()
    })
}

fn workloads(
    client: &Arc<KubeClient>,
    settings: &KubeSettings,
    watches: &mut JoinSet<()>,
) -> Vec<Picture<Workload>> {
    let wants_all = settings.include_all_deployments;
    let scope = Scope::new(settings);
    let sets: Keeper<RawReplicas, Workload> = {
        let scope = scope.clone();
        Arc::new(move |raw: RawReplicas| {
            scope.holds(&raw.metadata.namespace).then(|| objects::stateful_set(raw, wants_all)).flatten()
        })
    };
    let daemons: Keeper<RawDaemonSet, Workload> = {
        let scope = scope.clone();
        Arc::new(move |raw: RawDaemonSet| {
            scope.holds(&raw.metadata.namespace).then(|| objects::daemon_set(raw, wants_all)).flatten()
        })
    };
    let jobs: Keeper<RawJob, Workload> = Arc::new(move |raw: RawJob| {
        scope.holds(&raw.metadata.namespace).then(|| objects::job(raw, wants_all)).flatten()
    });
    let apps = "apis/apps/v1";
    let mut all =
        start(client, settings, apps, "statefulsets", sets, |raw: &RawReplicas| &raw.metadata, watches);
    all.extend(start(
        client,
        settings,
        apps,
        "daemonsets",
        daemons,
        |raw: &RawDaemonSet| &raw.metadata,
        watches,
    ));
    all.extend(start(client, settings, "apis/batch/v1", "jobs", jobs, |raw: &RawJob| &raw.metadata, watches));
    all
}

/// Which namespaces are reported.
#[derive(Clone)]
struct Scope {
    include: Vec<String>,
    exclude: Vec<String>,
}

impl Scope {
    fn new(settings: &KubeSettings) -> Self {
        Self { include: settings.include_namespaces.clone(), exclude: settings.exclude_namespaces.clone() }
    }

    fn holds(&self, namespace: &str) -> bool {
        let is_in = |list: &[String]| list.iter().any(|name| name == namespace);
        (self.include.is_empty() || is_in(&self.include)) && !is_in(&self.exclude)
    }
}

/// Whether each namespace is asked for by its name.
fn are_namespaces_named(settings: &KubeSettings) -> bool {
    (1..=MAX_SCOPES).contains(&settings.include_namespaces.len())
}

/// One watch for the whole cluster, or one for each namespace that is wanted: then a Role in each is right enough.
fn start<R, T>(
    client: &Arc<KubeClient>,
    settings: &KubeSettings,
    group: &str,
    plural: &str,
    keep: Keeper<R, T>,
    meta: fn(&R) -> &objects::Meta,
    watches: &mut JoinSet<()>,
) -> Vec<Picture<T>>
where
    R: serde::de::DeserializeOwned + Send + 'static,
    T: Clone + Send + 'static,
{
    let paths: Vec<String> = if are_namespaces_named(settings) {
        let wanted = settings.include_namespaces.iter();
        wanted.map(|name| format!("/{group}/namespaces/{}/{plural}", reflect::escape(name))).collect()
    } else {
        vec![format!("/{group}/{plural}")]
    };
    paths
        .into_iter()
        .map(|path| {
            let keep = Arc::clone(&keep);
            let reflector =
                Reflector { client: Arc::clone(client), path, keep: Box::new(move |raw| keep(raw)), meta };
            reflector.start(watches)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_that_of_the_contract() {
        let id = cluster_id("https://10.0.0.1:6443", "lab", "lab");
        assert_eq!(id.len(), 64);
        assert_ne!(id, cluster_id("https://10.0.0.1:6443", "lab", "other"));
    }

    #[test]
    fn exclusion_wins_over_inclusion() {
        let scope = Scope { include: vec!["a".into(), "b".into()], exclude: vec!["b".into()] };
        assert_eq!((scope.holds("a"), scope.holds("b"), scope.holds("c")), (true, false, false));
        let all = Scope { include: Vec::new(), exclude: vec!["kube-system".into()] };
        assert!(all.holds("x") && !all.holds("kube-system"));
    }

    #[test]
    fn distributions_tell_themselves_by_their_version() {
        assert_eq!(provider(Some("v1.30.1+k3s1"), &[]).as_deref(), Some("k3s"));
        assert_eq!(provider(Some("v1.30.1"), &[]), None);
    }
}
