//! What nodes and pods use, from the cluster's metrics server where there is one.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use pulse_core::report::kubernetes::{KubernetesNode, Pod, Usage};
use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::{KubernetesError, client::KubeClient, quantity, reflect::escape};

const NODES: &str = "/apis/metrics.k8s.io/v1beta1/nodes";
const GROUP: &str = "/apis/metrics.k8s.io/v1beta1";
/// A cluster without a metrics server is asked this rarely.
const MISSING_PAUSE: Duration = Duration::from_mins(5);
/// A metrics server that hangs must not hold a report up.
const LIMIT: Duration = Duration::from_secs(10);
/// Pods in so few namespaces are asked for there: in a large cluster, all of them are megabytes.
const MAX_NAMESPACES: usize = 4;

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
    /// Whether the agent may have no right but in the namespaces that it is to report.
    is_scoped: bool,
    not_before: Option<Instant>,
}

type PodUsage = HashMap<(String, String), Usage>;

impl UsageSource {
    /// Nothing is asked yet.
    pub(super) fn new(is_scoped: bool) -> Self {
        Self { is_scoped, not_before: None }
    }

    /// Adds usage to what is reported; without a metrics server nothing is added.
    pub(super) async fn add(&mut self, client: &KubeClient, nodes: &mut [KubernetesNode], pods: &mut [Pod]) {
        if self.not_before.is_some_and(|until| Instant::now() < until) {
            return;
        }
        let namespaces: BTreeSet<&str> = pods.iter().map(|pod| pod.namespace.as_str()).collect();
        let asked = timeout(LIMIT, ask(client, self.paths(&namespaces))).await;
        let (of_nodes, of_pods) = match asked {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => return self.give_up(&error.to_string()),
            Err(_) => return self.give_up("there was no answer in time"),
        };
        self.not_before = None;
        for node in nodes {
            node.usage = of_nodes.get(&node.name).copied();
        }
        for pod in pods {
            pod.usage = of_pods.get(&(pod.namespace.clone(), pod.name.clone())).copied();
        }
    }

    fn give_up(&mut self, reason: &str) {
        tracing::debug!(reason, "no usage from a metrics server");
        self.not_before = Some(Instant::now() + MISSING_PAUSE);
    }

    /// Where pods of these namespaces are asked for.
    fn paths(&self, namespaces: &BTreeSet<&str>) -> Vec<String> {
        if self.is_scoped || namespaces.len() <= MAX_NAMESPACES {
            namespaces.iter().map(|name| format!("{GROUP}/namespaces/{}/pods", escape(name))).collect()
        } else {
            vec![format!("{GROUP}/pods")]
        }
    }
}

async fn ask(
    client: &KubeClient,
    pod_paths: Vec<String>,
) -> Result<(HashMap<String, Usage>, PodUsage), KubernetesError> {
    let rows: Rows<NodeRow> = client.get(NODES).await?;
    let rows = rows.items.unwrap_or_default().into_iter();
    let of_nodes = rows.map(|row| (row.metadata.name, row.usage.usage())).collect();
    let mut of_pods = PodUsage::new();
    for path in pod_paths {
        // One namespace that may not be read hides no other one.
        let Ok(rows) = client.get::<Rows<PodRow>>(&path).await else { continue };
        of_pods.extend(rows.items.unwrap_or_default().into_iter().filter_map(|row| {
            let containers = row.containers.unwrap_or_default();
            let usage = containers.iter().map(|container| container.usage.usage()).reduce(sum)?;
            Some(((row.metadata.namespace, row.metadata.name), usage))
        }));
    }
    Ok((of_nodes, of_pods))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_pods_do_not_fetch_the_usage_of_all() {
        let paths = |is_scoped, names: &[&'static str]| {
            UsageSource::new(is_scoped).paths(&names.iter().copied().collect())
        };
        assert!(paths(false, &[]).is_empty());
        assert_eq!(paths(false, &["a"]), ["/apis/metrics.k8s.io/v1beta1/namespaces/a/pods"]);
        assert_eq!(paths(false, &["a", "b", "c", "d", "e"]), ["/apis/metrics.k8s.io/v1beta1/pods"]);
        assert_eq!(paths(true, &["a", "b", "c", "d", "e"]).len(), 5, "it may have no right elsewhere");
    }
}
