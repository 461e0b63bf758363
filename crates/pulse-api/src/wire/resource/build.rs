//! How each kind of thing becomes a resource.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use pulse_core::{
    model::{
        DockerContainer, DockerHost, Guest, GuestKind, GuestStatus, Host, KubernetesCluster, Liveness, Node,
        PbsInstance, Storage, StorageStatus,
    },
    report::host::HostDisk,
};
use serde_json::{Value, json};

use super::{
    super::{
        docker::with_v,
        usage::{hundredths, slice_is_empty},
    },
    Identity, Resource, ResourceMetric, ResourceNetwork,
};

fn blank(kind: &'static str, id: &str, name: &str, at: Timestamp) -> Resource {
    Resource {
        id: id.to_owned(),
        kind,
        name: name.to_owned(),
        display_name: String::new(),
        platform_id: String::new(),
        platform_type: "proxmox-pve",
        source_type: "api",
        parent_id: None,
        cluster_id: None,
        status: "unknown",
        cpu: None,
        memory: None,
        disk: None,
        network: None,
        temperature: None,
        uptime: None,
        tags: Vec::new(),
        labels: BTreeMap::new(),
        last_seen: at,
        alerts: Vec::new(),
        platform_data: Value::Null,
        identity: None,
        schema_version: 1,
    }
}

pub(super) fn node(node: &Node) -> Resource {
    let info = node.cpu_info.as_ref();
    Resource {
        platform_id: node.instance.to_string(),
        display_name: node.name.clone(),
        cluster_id: node.cluster_name.as_ref().map(|name| format!("pve-cluster/{name}")),
        status: node.status.name(),
        cpu: node.cpu_fraction.known().map(|cpu| ResourceMetric::percent(cpu * 100.0)),
        memory: node.memory.known().map(Into::into),
        disk: node.root_disk.known().map(Into::into),
        temperature: node.temperature.as_ref().and_then(|t| t.cpu_package_celsius),
        uptime: node.uptime_seconds.known(),
        platform_data: json!({
            "instance": node.instance, "host": node.host_url, "guestURL": node.guest_url,
            "pveVersion": node.pve_version, "kernelVersion": node.kernel_version,
            "cpuInfo": {"model": info.map(|i| &i.model), "cores": info.map(|i| i.cores),
                        "sockets": info.map(|i| i.sockets), "mhz": info.map(|i| &i.mhz)},
            "loadAverage": node.load_average, "isClusterMember": node.cluster_name.is_some(),
            "clusterName": node.cluster_name, "connectionHealth": node.health.name(),
        }),
        identity: Some(Identity { hostname: Some(node.name.clone()), machine_id: None, ips: Vec::new() }),
        ..blank("node", node.id.as_str(), &node.name, node.last_seen)
    }
}

pub(super) fn guest(guest: &Guest) -> Resource {
    let kind = match guest.kind {
        GuestKind::Vm => "vm",
        GuestKind::Container => "container",
        GuestKind::OciContainer => "oci-container",
    };
    let status = match guest.status {
        GuestStatus::Running => "running",
        GuestStatus::Stopped => "stopped",
        GuestStatus::Paused | GuestStatus::Suspended => "paused",
        GuestStatus::Unknown => "unknown",
    };
    let rates =
        (guest.rates.network_in_bytes_per_second.known(), guest.rates.network_out_bytes_per_second.known());
    Resource {
        platform_id: guest.instance.to_string(),
        parent_id: Some(format!("{}-{}", guest.instance, guest.node)),
        status,
        cpu: guest.cpu_fraction.known().map(|cpu| ResourceMetric::percent(cpu * 100.0)),
        memory: guest.memory.known().map(Into::into),
        disk: guest.disk.known().map(Into::into),
        network: match rates {
            (Some(rx_bytes), Some(tx_bytes)) => Some(ResourceNetwork { rx_bytes, tx_bytes }),
            _ => None,
        },
        uptime: guest.uptime_seconds.known(),
        tags: guest.tags.clone(),
        platform_data: json!({
            "vmid": guest.vmid, "node": guest.node, "instance": guest.instance, "type": guest.kind.name(),
            "cpus": guest.cpu_count, "template": guest.is_template, "osName": guest.os_name,
            "osVersion": guest.os_version, "ipAddresses": guest.ip_addresses,
            "networkIn": guest.rates.network_in_bytes_per_second.known(),
            "networkOut": guest.rates.network_out_bytes_per_second.known(),
            "diskRead": guest.rates.disk_read_bytes_per_second.known(),
            "diskWrite": guest.rates.disk_write_bytes_per_second.known(),
            "lastBackup": guest.last_backup,
        }),
        ..blank(kind, guest.id.as_str(), &guest.name, guest.last_seen)
    }
}

pub(super) fn storage(storage: &Storage, at: Timestamp) -> Resource {
    Resource {
        platform_id: storage.instance.to_string(),
        parent_id: Some(format!("{}-{}", storage.instance, storage.node)),
        status: match storage.status {
            StorageStatus::Available => "online",
            StorageStatus::Inactive | StorageStatus::Disabled => "offline",
        },
        disk: storage.space.known().map(Into::into),
        platform_data: json!({
            "instance": storage.instance, "node": storage.node, "type": storage.kind,
            "content": storage.content.join(","), "shared": storage.is_shared, "enabled": storage.is_enabled,
            "active": storage.is_active,
        }),
        ..blank("storage", storage.id.as_str(), &storage.name, at)
    }
}

pub(super) fn pbs(pbs: &PbsInstance) -> Resource {
    Resource {
        platform_id: pbs.host_url.clone(),
        platform_type: "proxmox-pbs",
        status: if pbs.is_online { "online" } else { "offline" },
        cpu: pbs.cpu_fraction.known().map(|cpu| ResourceMetric::percent(cpu * 100.0)),
        memory: pbs.memory.known().map(Into::into),
        uptime: pbs.uptime_seconds.known(),
        platform_data: json!({
            "host": pbs.host_url, "version": pbs.version, "connectionHealth": pbs.health.name(),
            "numDatastores": pbs.datastores.as_ref().map_or(0, Vec::len),
        }),
        ..blank("pbs", &pbs.id, pbs.name.as_str(), pbs.last_seen)
    }
}

fn liveness(of: Liveness) -> &'static str {
    of.name()
}

fn addresses<'a>(lists: impl Iterator<Item = &'a [String]>) -> Vec<String> {
    let all: BTreeSet<&str> = lists
        .flatten()
        .map(|address| address.split('/').next().unwrap_or(address))
        .filter(|address| !address.starts_with("127.") && *address != "::1" && !address.starts_with("fe80"))
        .collect();
    all.into_iter().map(ToOwned::to_owned).collect()
}

fn counters(network: &[pulse_core::report::host::HostNetwork]) -> Option<ResourceNetwork> {
    if slice_is_empty(network) {
        return None;
    }
    let sum =
        |of: fn(&pulse_core::report::host::HostNetwork) -> Option<u64>| network.iter().filter_map(of).sum();
    Some(ResourceNetwork { rx_bytes: sum(|n| n.rx_bytes), tx_bytes: sum(|n| n.tx_bytes) })
}

fn main_disk(disks: &[HostDisk]) -> Option<ResourceMetric> {
    disks.iter().find(|disk| disk.mountpoint == "/").or(disks.first()).map(Into::into)
}

pub(super) fn host(host: &Host) -> Resource {
    let info = &host.info;
    Resource {
        display_name: host.display_name().to_owned(),
        platform_id: "host-agent".into(),
        platform_type: "host-agent",
        source_type: "agent",
        status: liveness(host.liveness),
        cpu: host.cpu_percent.known().map(ResourceMetric::percent),
        memory: host.memory.as_ref().map(Into::into),
        disk: main_disk(&host.disks),
        network: counters(&host.network),
        uptime: info.uptime_seconds,
        tags: host.tags.clone(),
        platform_data: json!({
            "platform": info.platform, "osName": info.os_name, "osVersion": info.os_version,
            "kernelVersion": info.kernel_version, "architecture": info.architecture, "cpuCount": info.cpu_count,
            "loadAverage": info.load_average, "agentVersion": host.agent.version, "sensors": host.sensors,
            "disks": host.disks, "interfaces": host.network,
        }),
        identity: Some(Identity {
            hostname: Some(info.hostname.clone()),
            machine_id: info.machine_id.clone(),
            ips: addresses(host.network.iter().map(|network| network.addresses.as_slice())),
        }),
        ..blank("host", host.id.as_str(), &info.hostname, host.last_seen)
    }
}

pub(super) fn docker_host(host: &DockerHost) -> Resource {
    let info = &host.host;
    Resource {
        display_name: host.display_name().to_owned(),
        platform_id: host.agent.id.clone(),
        platform_type: "docker",
        source_type: "agent",
        status: liveness(host.liveness),
        cpu: info.cpu_usage_percent.map(ResourceMetric::percent),
        memory: info.memory.as_ref().filter(|memory| memory.total_bytes > 0).map(Into::into),
        disk: main_disk(&info.disks),
        network: counters(&info.network),
        uptime: info.uptime_seconds,
        platform_data: json!({
            "agentId": host.agent.id, "machineId": info.machine_id, "os": info.os,
            "kernelVersion": info.kernel_version, "architecture": info.architecture, "runtime": info.runtime,
            "runtimeVersion": info.runtime_version, "dockerVersion": info.docker_version,
            "loadAverage": info.load_average, "agentVersion": with_v(&host.agent.version), "cpus": info.total_cpu,
            "disks": info.disks, "interfaces": info.network, "hidden": false,
            "pendingUninstall": host.is_pending_uninstall, "swarm": info.swarm,
        }),
        identity: Some(Identity {
            hostname: Some(info.hostname.clone()),
            machine_id: info.machine_id.clone(),
            ips: addresses(info.network.iter().map(|network| network.addresses.as_slice())),
        }),
        ..blank("docker-host", host.id.as_str(), &info.hostname, host.last_seen)
    }
}

pub(super) fn docker_container(host: &DockerHost, container: &DockerContainer) -> Resource {
    let report = &container.report;
    let status = match report.state.as_str() {
        "running" => "running",
        "paused" => "paused",
        "exited" | "created" | "dead" | "removing" => "stopped",
        "restarting" => "degraded",
        _ => "unknown",
    };
    let memory = report.memory_percent.map(|current| ResourceMetric {
        current: hundredths(current),
        total: report.memory_limit_bytes,
        used: report.memory_usage_bytes,
        free: report
            .memory_limit_bytes
            .zip(report.memory_usage_bytes)
            .map(|(all, used)| all.saturating_sub(used)),
    });
    Resource {
        platform_id: host.id.to_string(),
        platform_type: "docker",
        source_type: "agent",
        parent_id: Some(host.id.to_string()),
        status,
        cpu: report.cpu_percent.map(ResourceMetric::percent),
        memory,
        uptime: report.uptime_seconds,
        labels: report.labels.clone(),
        platform_data: json!({
            "hostId": host.id, "hostName": host.host.hostname, "image": report.image, "state": report.state,
            "status": report.status, "health": report.health, "restartCount": report.restart_count,
            "exitCode": report.exit_code, "createdAt": report.created_at, "startedAt": report.started_at,
            "labels": report.labels, "networks": report.networks, "podman": report.podman,
        }),
        ..blank(
            "docker-container",
            &format!("{}/{}", host.id, report.id),
            report.name.trim_start_matches('/'),
            host.last_seen,
        )
    }
}

pub(super) fn kubernetes(cluster: &KubernetesCluster, out: &mut Vec<Resource>) {
    let base = |kind, id: &str, name: &str| Resource {
        platform_type: "kubernetes",
        source_type: "agent",
        ..blank(kind, id, name, cluster.last_seen)
    };
    let child = |kind, id: &str, name: &str, parent: String| Resource {
        platform_id: cluster.id.to_string(),
        parent_id: Some(parent),
        ..base(kind, id, name)
    };
    out.push(Resource {
        display_name: cluster.display_name().to_owned(),
        platform_id: cluster.agent.id.clone(),
        status: liveness(cluster.liveness),
        platform_data: json!({
            "agentId": cluster.agent.id, "server": cluster.cluster.server, "context": cluster.cluster.context,
            "version": cluster.cluster.version, "hidden": cluster.is_hidden,
            "pendingUninstall": cluster.is_pending_uninstall, "nodeCount": cluster.nodes.len(),
            "podCount": cluster.pods.len(), "deploymentCount": cluster.deployments.len(),
        }),
        ..base("k8s-cluster", cluster.id.as_str(), cluster.display_name())
    });
    for node in &cluster.nodes {
        let id = format!("{}/node/{}", cluster.id, node.uid);
        out.push(Resource {
            status: if node.ready { "online" } else { "offline" },
            platform_data: json!({"kubeletVersion": node.kubelet_version, "roles": node.roles,
                "capacity": node.capacity, "allocatable": node.allocatable}),
            ..child("k8s-node", &id, &node.name, cluster.id.to_string())
        });
    }
    for pod in &cluster.pods {
        let status = match pod.phase.as_deref() {
            Some("Running") => "running",
            Some("Succeeded") => "stopped",
            Some("Failed" | "Pending") => "degraded",
            _ => "unknown",
        };
        let parent = format!("{}/node/{}", cluster.id, pod.node_name.as_deref().unwrap_or_default());
        out.push(Resource {
            status,
            labels: pod.labels.clone(),
            platform_data: json!({"clusterId": cluster.id, "namespace": pod.namespace, "nodeName": pod.node_name,
                "phase": pod.phase, "qosClass": pod.qos_class, "restarts": pod.restarts, "ownerKind": pod.owner_kind,
                "ownerName": pod.owner_name, "containers": pod.containers}),
            ..child("pod", &format!("{}/pod/{}", cluster.id, pod.uid), &pod.name, parent)
        });
    }
    for deployment in &cluster.deployments {
        let is_whole = deployment.ready_replicas.unwrap_or(0) >= deployment.desired_replicas.unwrap_or(0);
        let id = format!("{}/deployment/{}", cluster.id, deployment.uid);
        out.push(Resource {
            status: if is_whole { "running" } else { "degraded" },
            labels: deployment.labels.clone(),
            platform_data: json!({"clusterId": cluster.id, "namespace": deployment.namespace,
                "desiredReplicas": deployment.desired_replicas, "updatedReplicas": deployment.updated_replicas,
                "readyReplicas": deployment.ready_replicas, "availableReplicas": deployment.available_replicas}),
            ..child("k8s-deployment", &id, &deployment.name, cluster.id.to_string())
        });
    }
}
