//! What we read of Kubernetes' objects, and what of it is reported. Every field may be missing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pulse_core::report::kubernetes::{
    Deployment, KubernetesNode, NodeResources, Pod, PodContainer, Workload,
};
use serde::Deserialize;

use super::quantity;

/// Labels told of one object.
const MAX_LABELS: usize = 64;
/// Characters told of one message.
const MAX_MESSAGE_CHARS: usize = 400;

macro_rules! objects {
    ($($(#[$doc:meta])* $name:ident { $($(#[$more:meta])* $field:ident : $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(default, rename_all = "camelCase")]
        pub(super) struct $name { $($(#[$more])* pub(super) $field: $type,)* }
    )*};
}

objects! {
    /// What every object has.
    Meta {
        uid: String,
        name: String,
        namespace: String,
        resource_version: String,
        creation_timestamp: Option<Timestamp>,
        labels: Option<BTreeMap<String, String>>,
        owner_references: Option<Vec<Owner>>,
    }
    /// Who made an object.
    Owner { kind: String, name: String, controller: Option<bool> }
    /// A node.
    RawNode { metadata: Meta, spec: NodeSpec, status: NodeStatus }
    /// How a node is meant.
    NodeSpec { unschedulable: bool }
    /// How a node is.
    NodeStatus {
        conditions: Option<Vec<Condition>>,
        node_info: NodeSystem,
        capacity: Option<BTreeMap<String, String>>,
        allocatable: Option<BTreeMap<String, String>>,
    }
    /// One condition.
    Condition {
        #[serde(rename = "type")]
        kind: String,
        status: String,
    }
    /// What a node runs.
    NodeSystem {
        kubelet_version: Option<String>,
        container_runtime_version: Option<String>,
        os_image: Option<String>,
        kernel_version: Option<String>,
        architecture: Option<String>,
    }
    /// A pod.
    RawPod { metadata: Meta, spec: PodSpec, status: PodStatus }
    /// How a pod is meant.
    PodSpec { node_name: Option<String> }
    /// How a pod is.
    PodStatus {
        phase: Option<String>,
        reason: Option<String>,
        message: Option<String>,
        qos_class: Option<String>,
        start_time: Option<Timestamp>,
        container_statuses: Option<Vec<ContainerStatus>>,
        init_container_statuses: Option<Vec<ContainerStatus>>,
    }
    /// How a container is.
    ContainerStatus {
        name: String,
        image: Option<String>,
        ready: bool,
        restart_count: u32,
        state: ContainerState,
    }
    /// One of three.
    ContainerState {
        waiting: Option<Why>,
        running: Option<serde::de::IgnoredAny>,
        terminated: Option<Why>,
    }
    /// Why a container does not run.
    Why { reason: Option<String>, message: Option<String>, exit_code: Option<i64> }
    /// A deployment or a stateful set.
    RawReplicas { metadata: Meta, spec: ReplicasSpec, status: ReplicasStatus }
    /// How many are wanted.
    ReplicasSpec { replicas: Option<u32> }
    /// How many there are.
    ReplicasStatus {
        updated_replicas: Option<u32>,
        ready_replicas: Option<u32>,
        available_replicas: Option<u32>,
    }
    /// A daemon set.
    RawDaemonSet { metadata: Meta, status: DaemonSetStatus }
    /// How many there are.
    DaemonSetStatus {
        desired_number_scheduled: Option<u32>,
        number_ready: Option<u32>,
        number_available: Option<u32>,
        updated_number_scheduled: Option<u32>,
    }
    /// A job.
    RawJob { metadata: Meta, spec: JobSpec, status: JobStatus }
    /// How a job is meant.
    JobSpec { completions: Option<u32>, parallelism: Option<u32>, suspend: Option<bool> }
    /// How a job is.
    JobStatus {
        active: Option<u32>,
        ready: Option<u32>,
        succeeded: Option<u32>,
        failed: Option<u32>,
        conditions: Option<Vec<Condition>>,
    }
}

fn labels(meta: &mut Meta) -> BTreeMap<String, String> {
    meta.labels.take().unwrap_or_default().into_iter().take(MAX_LABELS).collect()
}

fn short(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(|text| text.chars().take(MAX_MESSAGE_CHARS).collect())
}

/// A node as reported.
pub(super) fn node(mut raw: RawNode) -> KubernetesNode {
    let labels = raw.metadata.labels.take().unwrap_or_default();
    let mut roles: Vec<String> = labels
        .iter()
        .filter_map(|(name, value)| match name.strip_prefix("node-role.kubernetes.io/") {
            Some(role) if !role.is_empty() => Some(role.to_owned()),
            _ => (name == "kubernetes.io/role" && !value.is_empty()).then(|| value.clone()),
        })
        .collect();
    roles.sort();
    roles.dedup();
    if roles.is_empty() {
        roles.push("worker".to_owned());
    }
    let ready = raw.status.conditions.unwrap_or_default();
    let system = raw.status.node_info;
    KubernetesNode {
        uid: raw.metadata.uid,
        name: raw.metadata.name,
        ready: ready.iter().any(|condition| condition.kind == "Ready" && condition.status == "True"),
        unschedulable: raw.spec.unschedulable,
        kubelet_version: system.kubelet_version,
        container_runtime_version: system.container_runtime_version,
        os_image: system.os_image,
        kernel_version: system.kernel_version,
        architecture: system.architecture,
        capacity: raw.status.capacity.map(|amounts| resources(&amounts)),
        allocatable: raw.status.allocatable.map(|amounts| resources(&amounts)),
        roles,
        usage: None,
    }
}

fn resources(amounts: &BTreeMap<String, String>) -> NodeResources {
    let whole =
        |name: &str| amounts.get(name).and_then(|text| quantity::parse(text)).map(|amount| amount as i64);
    NodeResources { cpu_cores: whole("cpu"), memory_bytes: whole("memory"), pods: whole("pods") }
}

/// A pod as reported; `None` where it is not: done, or healthy and only troubled ones are wanted.
pub(super) fn pod(mut raw: RawPod, wants_all: bool) -> Option<Pod> {
    let phase = raw.status.phase.clone().unwrap_or_default();
    if phase == "Succeeded" || !(wants_all || is_troubled(&raw, &phase)) {
        return None;
    }
    let owners = raw.metadata.owner_references.take().unwrap_or_default();
    let owner = owners.iter().find(|owner| owner.controller == Some(true)).or(owners.first()).cloned();
    let init = raw.status.init_container_statuses.unwrap_or_default();
    let containers = raw.status.container_statuses.unwrap_or_default();
    let restarts = containers.iter().map(|container| container.restart_count).fold(0, u32::saturating_add);
    // An init container that is over has nothing to tell; one that hangs is why the pod does not start.
    let stuck =
        init.into_iter().filter(|container| is_init_stuck(container) || container.state.running.is_some());
    let containers = stuck.chain(containers).map(container).collect();
    Some(Pod {
        labels: labels(&mut raw.metadata),
        uid: raw.metadata.uid,
        name: raw.metadata.name,
        namespace: raw.metadata.namespace,
        node_name: raw.spec.node_name.filter(|name| !name.is_empty()),
        phase: Some(phase).filter(|phase| !phase.is_empty()),
        reason: short(raw.status.reason),
        message: short(raw.status.message),
        qos_class: raw.status.qos_class,
        created_at: raw.metadata.creation_timestamp,
        start_time: raw.status.start_time,
        restarts: Some(restarts),
        owner_kind: owner.as_ref().map(|owner| owner.kind.clone()),
        owner_name: owner.map(|owner| owner.name),
        containers,
        usage: None,
    })
}

fn is_troubled(raw: &RawPod, phase: &str) -> bool {
    matches!(phase, "Pending" | "Failed" | "Unknown" | "")
        || raw.status.container_statuses.iter().flatten().any(|container| {
            !container.ready || container.state.waiting.is_some() || container.state.terminated.is_some()
        })
        || raw.status.init_container_statuses.iter().flatten().any(is_init_stuck)
}

/// Whether a pod that is reported is one in trouble.
pub(super) fn is_in_trouble(pod: &Pod) -> bool {
    pod.phase.as_deref() != Some("Running")
        || pod
            .containers
            .iter()
            .any(|container| !container.ready || container.state.as_deref() != Some("running"))
}

fn is_init_stuck(container: &ContainerStatus) -> bool {
    let state = &container.state;
    let has_failed = state.terminated.as_ref().is_some_and(|why| why.exit_code.unwrap_or(0) != 0);
    has_failed || state.waiting.as_ref().is_some_and(|why| why.reason.as_deref() != Some("PodInitializing"))
}

fn container(given: ContainerStatus) -> PodContainer {
    let state = given.state;
    let (word, why) = match (state.waiting, state.terminated, state.running) {
        (Some(why), ..) => (Some("waiting"), why),
        (_, Some(why), _) => (Some("terminated"), why),
        (_, _, Some(_)) => (Some("running"), Why::default()),
        _ => (None, Why::default()),
    };
    PodContainer {
        name: given.name,
        image: given.image,
        ready: given.ready,
        restart_count: Some(given.restart_count),
        state: word.map(str::to_owned),
        reason: short(why.reason),
        message: short(why.message),
    }
}

/// Whether any of the counts is below what is wanted.
fn lacks(desired: u32, counts: &[Option<u32>]) -> bool {
    desired > 0 && counts.iter().any(|count| count.unwrap_or(0) < desired)
}

/// A deployment as reported; `None` where it is complete and only troubled ones are wanted.
pub(super) fn deployment(mut raw: RawReplicas, wants_all: bool) -> Option<Deployment> {
    let desired = raw.spec.replicas.unwrap_or(1);
    let status = raw.status;
    let counts = [status.updated_replicas, status.ready_replicas, status.available_replicas];
    (wants_all || lacks(desired, &counts)).then(|| Deployment {
        labels: labels(&mut raw.metadata),
        uid: raw.metadata.uid,
        name: raw.metadata.name,
        namespace: raw.metadata.namespace,
        desired_replicas: Some(desired),
        // Kubernetes leaves out what is 0.
        updated_replicas: Some(counts[0].unwrap_or(0)),
        ready_replicas: Some(counts[1].unwrap_or(0)),
        available_replicas: Some(counts[2].unwrap_or(0)),
    })
}

fn workload(kind: &str, mut meta: Meta, desired: Option<u32>) -> Workload {
    Workload {
        kind: kind.to_owned(),
        labels: labels(&mut meta),
        uid: meta.uid,
        name: meta.name,
        namespace: meta.namespace,
        desired,
        ..Workload::default()
    }
}

/// A stateful set as reported.
pub(super) fn stateful_set(raw: RawReplicas, wants_all: bool) -> Option<Workload> {
    let desired = raw.spec.replicas.unwrap_or(1);
    let status = raw.status;
    (wants_all || lacks(desired, &[status.ready_replicas])).then(|| Workload {
        ready: Some(status.ready_replicas.unwrap_or(0)),
        updated: Some(status.updated_replicas.unwrap_or(0)),
        available: Some(status.available_replicas.unwrap_or(0)),
        ..workload("StatefulSet", raw.metadata, Some(desired))
    })
}

/// A daemon set as reported.
pub(super) fn daemon_set(raw: RawDaemonSet, wants_all: bool) -> Option<Workload> {
    let status = raw.status;
    let desired = status.desired_number_scheduled.unwrap_or(0);
    let counts = [status.number_ready, status.number_available, status.updated_number_scheduled];
    (wants_all || lacks(desired, &counts)).then(|| Workload {
        ready: Some(counts[0].unwrap_or(0)),
        available: Some(counts[1].unwrap_or(0)),
        updated: Some(counts[2].unwrap_or(0)),
        ..workload("DaemonSet", raw.metadata, Some(desired))
    })
}

/// A job as reported; one that ended well is over, and not told unless all are wanted.
pub(super) fn job(raw: RawJob, wants_all: bool) -> Option<Workload> {
    let status = raw.status;
    let is = |kind: &str| {
        status
            .conditions
            .iter()
            .flatten()
            .any(|condition| condition.kind == kind && condition.status == "True")
    };
    let condition = match (is("Failed"), is("Complete"), is("Suspended") || raw.spec.suspend == Some(true)) {
        (true, ..) => Some("Failed"),
        (_, true, _) => Some("Complete"),
        (_, _, true) => Some("Suspended"),
        _ => None,
    };
    let failed = status.failed.unwrap_or(0);
    let is_troubled = condition == Some("Failed") || (failed > 0 && condition != Some("Complete"));
    (wants_all || is_troubled).then(|| Workload {
        ready: Some(status.ready.or(status.active).unwrap_or(0)),
        succeeded: Some(status.succeeded.unwrap_or(0)),
        failed: Some(failed),
        condition: condition.map(str::to_owned),
        ..workload("Job", raw.metadata, raw.spec.completions.or(raw.spec.parallelism))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_pod(status: &str, wants_all: bool) -> Option<Pod> {
        let text = format!(
            r#"{{"metadata":{{"uid":"u","name":"p","namespace":"n","creationTimestamp":"2026-03-02T10:00:00Z",
                "ownerReferences":[{{"kind":"ReplicaSet","name":"p-1","controller":true}}]}},
                "spec":{{"nodeName":"w1"}},"status":{status}}}"#
        );
        pod(serde_json::from_str(&text).unwrap(), wants_all)
    }

    const GOOD: &str = r#"{"phase":"Running","containerStatuses":[{"name":"c","ready":true,"restartCount":2,"state":{"running":{"startedAt":"x"}}}],
        "initContainerStatuses":[{"name":"i","ready":true,"state":{"terminated":{"reason":"Completed","exitCode":0}}}]}"#;

    #[test]
    fn a_healthy_pod_is_told_only_where_all_are_wanted_and_a_done_one_never() {
        assert!(read_pod(GOOD, false).is_none());
        let told = read_pod(GOOD, true).unwrap();
        assert_eq!((told.restarts, told.owner_kind.as_deref()), (Some(2), Some("ReplicaSet")));
        assert_eq!(told.containers.len(), 1, "the init container is over");
        assert!(!is_in_trouble(&told));
        assert!(read_pod(r#"{"phase":"Succeeded"}"#, true).is_none());
    }

    #[test]
    fn troubled_pods_say_what_troubles_them() {
        let crash = r#"{"phase":"Running","containerStatuses":[{"name":"c","ready":false,"restartCount":9,
            "state":{"waiting":{"reason":"CrashLoopBackOff","message":"back-off 5m"}}}]}"#;
        let told = read_pod(crash, false).unwrap();
        assert_eq!(told.containers[0].reason.as_deref(), Some("CrashLoopBackOff"));
        assert_eq!(told.containers[0].state.as_deref(), Some("waiting"));
        assert!(is_in_trouble(&told));
        let init = r#"{"phase":"Pending","initContainerStatuses":[{"name":"i","state":{"waiting":{"reason":"ImagePullBackOff"}}}],
            "containerStatuses":[{"name":"c","state":{"waiting":{"reason":"PodInitializing"}}}]}"#;
        assert_eq!(read_pod(init, false).unwrap().containers.len(), 2);
        let evicted =
            r#"{"phase":"Failed","reason":"Evicted","message":"low on memory","containerStatuses":null}"#;
        assert_eq!(read_pod(evicted, false).unwrap().reason.as_deref(), Some("Evicted"));
    }

    #[test]
    fn a_node_has_its_amounts_and_roles() {
        let raw: RawNode = serde_json::from_str(
            r#"{"metadata":{"name":"m1","labels":{"node-role.kubernetes.io/control-plane":"","a":"b"}},
                "spec":{"unschedulable":true},"status":{"conditions":[{"type":"Ready","status":"Unknown"}],
                "capacity":{"cpu":"8","memory":"16Gi","pods":"110"},"allocatable":{"cpu":"7500m"},
                "nodeInfo":{"kubeletVersion":"v1.30.1"}}}"#,
        )
        .unwrap();
        let told = node(raw);
        assert_eq!(
            (told.ready, told.unschedulable, told.roles),
            (false, true, vec!["control-plane".to_owned()])
        );
        let capacity = told.capacity.unwrap();
        assert_eq!((capacity.cpu_cores, capacity.memory_bytes), (Some(8), Some(17_179_869_184)));
        assert_eq!(told.allocatable.unwrap().memory_bytes, None);
        assert_eq!(node(RawNode::default()).roles, ["worker"]);
    }

    #[test]
    fn workloads_are_told_when_they_lack_something() {
        let replicas = |json: &str| serde_json::from_str::<RawReplicas>(json).unwrap();
        let short = r#"{"metadata":{"name":"d"},"spec":{"replicas":2},"status":{"updatedReplicas":2,"readyReplicas":1}}"#;
        let told = deployment(replicas(short), false).unwrap();
        assert_eq!((told.desired_replicas, told.available_replicas), (Some(2), Some(0)));
        assert!(
            deployment(replicas(r#"{"spec":{"replicas":0}}"#), false).is_none(),
            "scaled to nothing on purpose"
        );
        assert_eq!(stateful_set(replicas(short), false).unwrap().ready, Some(1));
        let daemon = r#"{"status":{"desiredNumberScheduled":3,"numberReady":3,"numberAvailable":3,"updatedNumberScheduled":3}}"#;
        assert!(daemon_set(serde_json::from_str(daemon).unwrap(), false).is_none());
        let read_job = |json: &str| job(serde_json::from_str(json).unwrap(), false);
        let failed = r#"{"spec":{"completions":1},"status":{"failed":4,"conditions":[{"type":"Failed","status":"True"}]}}"#;
        assert_eq!(read_job(failed).unwrap().condition.as_deref(), Some("Failed"));
        let retried =
            r#"{"status":{"failed":1,"succeeded":1,"conditions":[{"type":"Complete","status":"True"}]}}"#;
        assert!(read_job(retried).is_none());
    }
}
