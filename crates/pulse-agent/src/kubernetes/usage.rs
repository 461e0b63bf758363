//! What nodes and pods use, from the cluster's metrics server where there is one.

use std::{collections::HashMap, time::Duration};

use pulse_core::report::kubernetes::{KubernetesNode, Pod, Usage};
use serde::Deserialize;
use tokio::time::Instant;

use super::{client::KubeClient, quantity, reflect::escape};

const NODES: &str = "/apis/metrics.k8s.io/v1beta1/nodes";
const GROUP: &str = "/apis/metrics.k8s.io/v1beta1";
/// A cluster without a metrics server is asked this rarely.
const MISSING_PAUSE: Duration = Duration::from_mins(5);

#[derive(Deserialize)]
struct Rows<T> {
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
    namespace: String,
}

#[derive(Deserialize)]
struct NodeRow {
    metadata: Named,
    usage: Amounts,
}

#[derive(Deserialize)]
struct PodRow {
    metadata: Named,
    containers: Option<Vec<ContainerRow>>,
}

#[derive(Deserialize)]
struct ContainerRow {
    usage: Amounts,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Amounts {
    cpu: Option<String>,
    memory: Option<String>,
}

impl Amounts {
    fn usage(&self) -> Usage {
        let amount = |text: &Option<String>| text.as_deref().and_then(quantity::parse);
        Usage {
            cpu_millicores: amount(&self.cpu).map(|cores| (cores * 1000.0).round() as u64),
            memory_bytes: amount(&self.memory).map(|bytes| bytes as u64),
        }
    }
}

fn sum(a: Usage, b: Usage) -> Usage {
    let add = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
    Usage {
        cpu_millicores: add(a.cpu_millicores, b.cpu_millicores),
        memory_bytes: add(a.memory_bytes, b.memory_bytes),
    }
}

/// Asks the metrics server.
pub(super) struct UsageSource {
    /// Where pods are asked for: everywhere at once, or in each namespace that is wanted.
    pods: Vec<String>,
    not_before: Option<Instant>,
}

impl UsageSource {
    /// For the pods of these namespaces, or of all where none is named.
    pub(super) fn new(namespaces: Option<&[String]>) -> Self {
        let namespaces = namespaces.unwrap_or_default();
        let pods = if namespaces.is_empty() {
            vec![format!("{GROUP}/pods")]
        } else {
            namespaces.iter().map(|name| format!("{GROUP}/namespaces/{}/pods", escape(name))).collect()
        };
        Self { pods, not_before: None }
    }

    /// Adds usage to what is reported; without a metrics server nothing is added.
    pub(super) async fn add(&mut self, client: &KubeClient, nodes: &mut [KubernetesNode], pods: &mut [Pod]) {
        if self.not_before.is_some_and(|until| Instant::now() < until) {
            return;
        }
        let rows: Rows<NodeRow> = match client.get(NODES).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::debug!(%error, "no usage from a metrics server");
                self.not_before = Some(Instant::now() + MISSING_PAUSE);
                return;
            }
        };
        self.not_before = None;
        let used: HashMap<String, Usage> = rows
            .items
            .unwrap_or_default()
            .into_iter()
            .map(|row| (row.metadata.name, row.usage.usage()))
            .collect();
        for node in nodes {
            node.usage = used.get(&node.name).copied();
        }
        if pods.is_empty() {
            return;
        }
        let mut used: HashMap<(String, String), Usage> = HashMap::new();
        for path in &self.pods {
            let Ok(rows) = client.get::<Rows<PodRow>>(path).await else { continue };
            used.extend(rows.items.unwrap_or_default().into_iter().filter_map(|row| {
                let containers = row.containers.unwrap_or_default();
                let usage = containers.iter().map(|container| container.usage.usage()).reduce(sum)?;
                Some(((row.metadata.namespace, row.metadata.name), usage))
            }));
        }
        for pod in pods {
            pod.usage = used.get(&(pod.namespace.clone(), pod.name.clone())).copied();
        }
    }
}
