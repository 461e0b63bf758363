//! A pretended Kubernetes cluster and what its agent would report: nodes, pods of deployments, some of which are not well.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pulse_core::report::kubernetes::{
    ClusterInfo, Deployment, KubernetesNode, KubernetesReport, NodeResources, Pod, PodContainer, Usage,
    Workload,
};

use super::host::agent;
use crate::{
    estate::plan::{GIB, MIB},
    figures::{derive, derive_text, pick, unit, wander},
};

/// Name and image.
const APPS: [(&str, &str); 10] = [
    ("web", "nginx:1.29"),
    ("api", "ghcr.io/example/api:3.1.0"),
    ("worker", "ghcr.io/example/worker:3.1.0"),
    ("cache", "redis:8"),
    ("queue", "rabbitmq:4"),
    ("mailer", "ghcr.io/example/mailer:1.8.2"),
    ("search", "opensearchproject/opensearch:3"),
    ("auth", "quay.io/keycloak/keycloak:26.4"),
    ("metrics", "prom/prometheus:v3.7.0"),
    ("docs", "ghcr.io/example/docs:12"),
];
const NAMESPACES: [&str; 4] = ["default", "shop", "monitoring", "staging"];

/// What a pretended cluster looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterOptions {
    /// From this everything else follows.
    pub seed: u64,
    /// Which of several it is, from 0.
    pub index: u32,
    /// Nodes.
    pub nodes: u32,
    /// Pods.
    pub pods: u32,
    /// Deployments, to which the pods belong.
    pub deployments: u32,
    /// Seconds between two reports.
    pub interval_seconds: u32,
}

/// What the agent of such a cluster reports now.
pub fn kubernetes_report(options: &ClusterOptions, now: Timestamp) -> KubernetesReport {
    let key = derive(derive_text(options.seed, "load-kubernetes"), u64::from(options.index));
    let name = format!("sim-k8s-{}", options.index + 1);
    let at = now.as_second().max(0).unsigned_abs();
    let deployments: Vec<Shape> =
        (0..options.deployments.min(options.pods)).map(|number| Shape::new(key, number)).collect();
    let pods: Vec<Pod> =
        (0..options.pods).map(|number| pod(key, options, &deployments, number, now, at)).collect();
    let ready_of = |name: &str| {
        pods.iter().filter(|pod| pod.owner_name.as_deref() == Some(name) && is_ready(pod)).count()
    };
    let wanted_of = |name: &str| pods.iter().filter(|pod| pod.owner_name.as_deref() == Some(name)).count();
    let count = |count: usize| Some(u32::try_from(count).unwrap_or(u32::MAX));
    KubernetesReport {
        agent: agent(&format!("{name}-agent"), &name, options.interval_seconds),
        cluster: ClusterInfo {
            id: Some(crate::net::tls::uuid(key)),
            name: Some(name.clone()),
            server: Some(format!("https://10.96.{}.1:6443", options.index)),
            context: Some(name),
            version: Some("v1.34.2".into()),
            provider: Some("k3s".into()),
            namespace: Some("pulse".into()),
        },
        nodes: (0..options.nodes).map(|number| node(key, options, number, at)).collect(),
        deployments: deployments
            .iter()
            .map(|shape| Deployment {
                uid: crate::net::tls::uuid(shape.key),
                name: shape.name.clone(),
                namespace: shape.namespace.to_owned(),
                desired_replicas: count(wanted_of(&shape.name)),
                updated_replicas: count(wanted_of(&shape.name)),
                ready_replicas: count(ready_of(&shape.name)),
                available_replicas: count(ready_of(&shape.name)),
                labels: shape.labels(),
            })
            .collect(),
        workloads: vec![Workload {
            kind: "DaemonSet".into(),
            uid: crate::net::tls::uuid(derive_text(key, "agent")),
            name: "node-exporter".into(),
            namespace: "monitoring".into(),
            desired: Some(options.nodes),
            ready: Some(options.nodes),
            updated: Some(options.nodes),
            available: Some(options.nodes),
            ..Workload::default()
        }],
        pods,
        timestamp: Some(now),
    }
}

/// A deployment.
struct Shape {
    key: u64,
    name: String,
    image: &'static str,
    namespace: &'static str,
}

impl Shape {
    fn new(cluster: u64, number: u32) -> Self {
        let key = derive(derive_text(cluster, "deployment"), u64::from(number));
        let (app, image) = APPS[number as usize % APPS.len()];
        let round = number as usize / APPS.len();
        let name = if round == 0 { app.to_owned() } else { format!("{app}-{}", round + 1) };
        Self { key, name, image, namespace: pick(derive(key, 1), &NAMESPACES) }
    }

    fn labels(&self) -> BTreeMap<String, String> {
        [("app".to_owned(), self.name.clone())].into()
    }
}

fn node(cluster: u64, options: &ClusterOptions, number: u32, at: u64) -> KubernetesNode {
    let key = derive(derive_text(cluster, "node"), u64::from(number));
    let cores = pick(derive(key, 1), &[4_u32, 8, 8, 16]);
    let memory = pick(derive(key, 2), &[16_u64, 32, 32, 64]) * GIB;
    let load = 0.15 + 0.5 * wander(derive(key, 3), at, 900);
    let resources = NodeResources {
        cpu_cores: Some(i64::from(cores)),
        memory_bytes: i64::try_from(memory).ok(),
        pods: Some(110),
    };
    KubernetesNode {
        uid: crate::net::tls::uuid(key),
        name: format!("sim-k8s-{}-node-{}", options.index + 1, number + 1),
        ready: true,
        kubelet_version: Some("v1.34.2+k3s1".into()),
        container_runtime_version: Some("containerd://2.1.5".into()),
        os_image: Some("Debian GNU/Linux 13 (trixie)".into()),
        kernel_version: Some("6.12.57+deb13-amd64".into()),
        architecture: Some("amd64".into()),
        capacity: Some(resources.clone()),
        allocatable: Some(resources),
        roles: if number == 0 { vec!["control-plane".into()] } else { vec!["worker".into()] },
        usage: Some(Usage {
            cpu_millicores: Some((f64::from(cores) * 1_000.0 * load) as u64),
            memory_bytes: Some((memory as f64 * (0.3 + 0.3 * wander(derive(key, 4), at, 7_200))) as u64),
        }),
        ..KubernetesNode::default()
    }
}

fn pod(
    cluster: u64,
    options: &ClusterOptions,
    deployments: &[Shape],
    number: u32,
    now: Timestamp,
    at: u64,
) -> Pod {
    let key = derive(derive_text(cluster, "pod"), u64::from(number));
    let shape = deployments.get(number as usize % deployments.len().max(1));
    let (app, image, namespace) = match shape {
        Some(shape) => (shape.name.as_str(), shape.image, shape.namespace),
        None => ("task", "busybox:1.37", "default"),
    };
    // One in thirty cannot start, one in forty waits for a node.
    let (phase, reason, restarts) = match unit(derive(key, 1)) {
        share if share < 1.0 / 30.0 => ("Running", Some("CrashLoopBackOff"), 40),
        share if share < 1.0 / 30.0 + 1.0 / 40.0 => ("Pending", Some("Unschedulable"), 0),
        _ => ("Running", None, pick(derive(key, 2), &[0, 0, 0, 0, 1, 3])),
    };
    let is_well = reason.is_none();
    let is_placed = phase == "Running";
    let age =
        SignedDuration::from_secs(i64::from(pick(derive(key, 3), &[3_600_u32, 86_400, 604_800, 2_592_000])));
    let made = now.checked_sub(age).unwrap_or(now);
    let suffix: String = crate::net::tls::uuid(key).chars().filter(|c| *c != '-').take(10).collect();
    let node = derive(key, 4) % u64::from(options.nodes.max(1)) + 1;
    Pod {
        uid: crate::net::tls::uuid(key),
        name: format!("{app}-{suffix}"),
        namespace: namespace.to_owned(),
        node_name: is_placed.then(|| format!("sim-k8s-{}-node-{node}", options.index + 1)),
        phase: Some(phase.into()),
        reason: reason.filter(|_| !is_placed).map(str::to_owned),
        qos_class: Some("Burstable".into()),
        created_at: Some(made),
        start_time: is_placed.then_some(made),
        restarts: Some(restarts),
        labels: shape.map(Shape::labels).unwrap_or_default(),
        owner_kind: shape.map(|_| "Deployment".into()),
        owner_name: shape.map(|shape| shape.name.clone()),
        containers: vec![PodContainer {
            name: app.to_owned(),
            image: Some(image.to_owned()),
            ready: is_placed && is_well,
            restart_count: Some(restarts),
            state: Some(if is_placed && is_well { "running" } else { "waiting" }.into()),
            reason: reason.filter(|_| is_placed).map(str::to_owned),
            ..PodContainer::default()
        }],
        usage: (is_placed && is_well).then(|| Usage {
            cpu_millicores: Some((20.0 + 300.0 * wander(derive(key, 5), at, 600)) as u64),
            memory_bytes: Some(64 * MIB + (400.0 * MIB as f64 * wander(derive(key, 6), at, 3_600)) as u64),
        }),
        ..Pod::default()
    }
}

fn is_ready(pod: &Pod) -> bool {
    pod.containers.iter().all(|container| container.ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: ClusterOptions =
        ClusterOptions { seed: 1, index: 0, nodes: 4, pods: 60, deployments: 12, interval_seconds: 10 };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn what_is_reported_belongs_together_and_stays_while_figures_move() {
        let (one, other) = (kubernetes_report(&OPTIONS, at(0)), kubernetes_report(&OPTIONS, at(300)));
        assert_eq!((one.nodes.len(), one.pods.len(), one.deployments.len()), (4, 60, 12));
        let names = |report: &KubernetesReport| {
            report.pods.iter().map(|pod| (pod.name.clone(), pod.node_name.clone())).collect::<Vec<_>>()
        };
        assert_eq!(names(&one), names(&other));
        assert_ne!(one.nodes[0].usage, other.nodes[0].usage);
        for pod in &one.pods {
            let owner = pod.owner_name.as_deref();
            assert!(one.deployments.iter().any(|it| Some(it.name.as_str()) == owner), "{pod:?}");
            assert!(
                pod.node_name.as_ref().is_none_or(|name| one.nodes.iter().any(|node| node.name == *name))
            );
        }
        let wanted: u32 = one.deployments.iter().filter_map(|it| it.desired_replicas).sum();
        let ready: u32 = one.deployments.iter().filter_map(|it| it.ready_replicas).sum();
        assert!(wanted == 60 && ready <= wanted && ready > 45, "{ready} of {wanted}");
    }

    #[test]
    fn an_empty_cluster_is_one_too() {
        let none = ClusterOptions { nodes: 0, pods: 0, deployments: 5, ..OPTIONS };
        let report = kubernetes_report(&none, at(0));
        assert!(report.nodes.is_empty() && report.pods.is_empty() && report.deployments.is_empty());
        assert_eq!(kubernetes_report(&ClusterOptions { deployments: 0, ..OPTIONS }, at(0)).pods.len(), 60);
    }
}
