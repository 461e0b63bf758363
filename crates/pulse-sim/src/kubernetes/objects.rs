//! Objects as a cluster would have them.

use serde_json::{Value, json};

const CREATED: &str = "2026-03-02T10:00:00Z";

fn meta(namespace: Option<&str>, name: &str) -> Value {
    let mut meta = json!({
        "name": name,
        "uid": format!("uid-{}-{name}", namespace.unwrap_or("cluster")),
        "creationTimestamp": CREATED,
        "labels": {"app": name},
    });
    if let Some(namespace) = namespace {
        meta["namespace"] = namespace.into();
    }
    meta
}

/// A node that takes work.
pub fn node(name: &str) -> Value {
    let mut meta = meta(None, name);
    meta["labels"] = json!({"kubernetes.io/hostname": name, "node-role.kubernetes.io/control-plane": ""});
    json!({
        "metadata": meta,
        "spec": {"podCIDR": "10.42.0.0/24", "providerID": format!("sim://{name}")},
        "status": {
            "capacity": {"cpu": "8", "memory": "16374216Ki", "pods": "110", "ephemeral-storage": "100Gi"},
            "allocatable": {"cpu": "7800m", "memory": "15Gi", "pods": "110"},
            "conditions": [
                {"type": "MemoryPressure", "status": "False", "reason": "KubeletHasSufficientMemory"},
                {"type": "Ready", "status": "True", "reason": "KubeletReady"}
            ],
            "nodeInfo": {"kubeletVersion": "v1.30.1+k3s1", "containerRuntimeVersion": "containerd://1.7.15-k3s1",
                "osImage": "Debian GNU/Linux 12", "kernelVersion": "6.1.0-21-amd64", "architecture": "amd64",
                "operatingSystem": "linux"}
        }
    })
}

/// A pod that runs well.
pub fn pod(namespace: &str, name: &str) -> Value {
    let mut meta = meta(Some(namespace), name);
    meta["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{name}-rs"),
        "uid": "uid-owner", "controller": true}]);
    json!({
        "metadata": meta,
        "spec": {"nodeName": "node-1", "containers": [{"name": "main", "image": "registry.example/app:1"}]},
        "status": {
            "phase": "Running", "qosClass": "Burstable", "startTime": "2026-03-02T10:00:05Z",
            "containerStatuses": [{"name": "main", "image": "registry.example/app:1", "ready": true, "restartCount": 0,
                "started": true, "state": {"running": {"startedAt": "2026-03-02T10:00:07Z"}}}]
        }
    })
}

/// A pod whose container waits for this reason.
pub fn waiting_pod(namespace: &str, name: &str, reason: &str, restarts: u32) -> Value {
    let mut pod = pod(namespace, name);
    pod["status"]["containerStatuses"][0] = json!({"name": "main", "image": "registry.example/app:1", "ready": false,
        "restartCount": restarts, "state": {"waiting": {"reason": reason, "message": "back-off 5m0s restarting"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}});
    pod
}

fn replicas(namespace: &str, name: &str, wanted: u32, ready: u32) -> Value {
    let mut status = json!({"observedGeneration": 1, "replicas": wanted, "updatedReplicas": wanted});
    // As Kubernetes does: a zero is left out.
    if ready > 0 {
        status["readyReplicas"] = ready.into();
        status["availableReplicas"] = ready.into();
    }
    json!({"metadata": meta(Some(namespace), name), "spec": {"replicas": wanted}, "status": status})
}

/// A deployment of which so many replicas are ready.
pub fn deployment(namespace: &str, name: &str, wanted: u32, ready: u32) -> Value {
    replicas(namespace, name, wanted, ready)
}

/// A stateful set of which so many replicas are ready.
pub fn stateful_set(namespace: &str, name: &str, wanted: u32, ready: u32) -> Value {
    replicas(namespace, name, wanted, ready)
}

/// A daemon set of which so many pods are ready.
pub fn daemon_set(namespace: &str, name: &str, wanted: u32, ready: u32) -> Value {
    json!({"metadata": meta(Some(namespace), name), "spec": {},
        "status": {"desiredNumberScheduled": wanted, "currentNumberScheduled": wanted, "numberReady": ready,
            "numberAvailable": ready, "updatedNumberScheduled": wanted, "numberMisscheduled": 0}})
}

/// A job that failed for good.
pub fn failed_job(namespace: &str, name: &str) -> Value {
    json!({"metadata": meta(Some(namespace), name), "spec": {"completions": 1, "parallelism": 1, "backoffLimit": 3},
        "status": {"failed": 4, "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}})
}

/// The metrics server's row for a node or a pod.
pub fn metrics_of(object: &Value, is_node: bool) -> Value {
    let usage = json!({"cpu": "250000000n", "memory": "524288Ki"});
    let mut meta = json!({"name": object["metadata"]["name"], "creationTimestamp": CREATED});
    if !is_node {
        meta["namespace"] = object["metadata"]["namespace"].clone();
    }
    if is_node {
        return json!({"metadata": meta, "timestamp": CREATED, "window": "20s", "usage": usage});
    }
    json!({"metadata": meta, "timestamp": CREATED, "window": "20s", "containers": [{"name": "main", "usage": usage}]})
}
