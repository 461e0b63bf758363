//! What agents report: hosts, containers, Kubernetes clusters. Everything that is in the history is here, too.

use pulse_core::model::{DockerHost, Host, KubernetesCluster, Liveness, percent};

use super::exposition::{Exposition, Family};

const HOST_UP: Family = Family::gauge("pulse_host_up", "Whether the host's agent reports.");
const HOST_CPU: Family = Family::gauge("pulse_host_cpu_usage_ratio", "CPU utilization, 0 to 1.");
const HOST_MEMORY_USED: Family = Family::gauge("pulse_host_memory_usage_bytes", "Used memory.");
const HOST_MEMORY_SIZE: Family = Family::gauge("pulse_host_memory_size_bytes", "Memory.");
const HOST_UPTIME: Family = Family::gauge("pulse_host_uptime_seconds", "Seconds since boot.");
const HOST_DISK_USED: Family = Family::gauge("pulse_host_disk_usage_bytes", "Used bytes of a file system.");
const HOST_DISK_SIZE: Family = Family::gauge("pulse_host_disk_size_bytes", "Bytes of a file system.");
const HOST_READ: Family =
    Family::gauge("pulse_host_disk_read_bytes_per_second", "Bytes read from all disks per second.");
const HOST_WRITTEN: Family =
    Family::gauge("pulse_host_disk_written_bytes_per_second", "Bytes written to all disks per second.");
const HOST_RECEIVED: Family = Family::gauge(
    "pulse_host_network_receive_bytes_per_second",
    "Bytes received over all interfaces per second.",
);
const HOST_SENT: Family = Family::gauge(
    "pulse_host_network_transmit_bytes_per_second",
    "Bytes sent over all interfaces per second.",
);
const HOST_CELSIUS: Family = Family::gauge("pulse_host_temperature_celsius", "Temperature of a sensor.");
const HOST_RAID: Family =
    Family::gauge("pulse_host_raid_failed_devices", "Failed devices of a software RAID.");

const DOCKER_UP: Family =
    Family::gauge("pulse_docker_host_up", "Whether the container host's agent reports.");
const DOCKER_CPU: Family = Family::gauge("pulse_docker_host_cpu_usage_ratio", "CPU utilization, 0 to 1.");
const DOCKER_MEMORY: Family = Family::gauge("pulse_docker_host_memory_usage_bytes", "Used memory.");
const DOCKER_MEMORY_SIZE: Family = Family::gauge("pulse_docker_host_memory_size_bytes", "Memory.");

const CONTAINER_UP: Family = Family::gauge("pulse_docker_container_up", "Whether the container runs.");
const CONTAINER_CPU: Family = Family::gauge(
    "pulse_docker_container_cpu_usage_ratio",
    "CPU utilization as the engine reckons it; 1 is 100 %.",
);
const CONTAINER_MEMORY: Family = Family::gauge("pulse_docker_container_memory_usage_bytes", "Used memory.");
const CONTAINER_MEMORY_RATIO: Family = Family::gauge(
    "pulse_docker_container_memory_usage_ratio",
    "Used part of the memory that it may use, 0 to 1.",
);
const CONTAINER_DISK: Family = Family::gauge(
    "pulse_docker_container_disk_usage_ratio",
    "The writable layer's part of the container's root file system, 0 to 1.",
);
const CONTAINER_READ: Family =
    Family::gauge("pulse_docker_container_disk_read_bytes_per_second", "Bytes read from disk per second.");
const CONTAINER_WRITTEN: Family = Family::gauge(
    "pulse_docker_container_disk_written_bytes_per_second",
    "Bytes written to disk per second.",
);
const CONTAINER_RECEIVED: Family =
    Family::gauge("pulse_docker_container_network_receive_bytes_per_second", "Bytes received per second.");
const CONTAINER_SENT: Family =
    Family::gauge("pulse_docker_container_network_transmit_bytes_per_second", "Bytes sent per second.");

const CLUSTER_UP: Family =
    Family::gauge("pulse_kubernetes_cluster_up", "Whether the cluster's agent reports.");
const CLUSTER_NODES: Family = Family::gauge("pulse_kubernetes_nodes", "Nodes of the cluster.");
const CLUSTER_READY: Family =
    Family::gauge("pulse_kubernetes_nodes_ready", "Nodes of the cluster that take work.");
const CLUSTER_PODS: Family = Family::gauge("pulse_kubernetes_pods", "Pods of the cluster by phase.");

/// A host. One that is silent has no figures: the last ones are old.
pub(super) fn host(host: &Host, out: &mut Exposition) {
    let labels = [("id", host.id.as_str()), ("hostname", host.info.hostname.as_str())];
    let is_up = host.liveness == Liveness::Online;
    out.put_flag(&HOST_UP, &labels, is_up);
    if !is_up {
        return;
    }
    out.put(&HOST_CPU, &labels, host.cpu_percent.known().map(|percent| percent / 100.0));
    if let Some(memory) = &host.memory {
        out.put(&HOST_MEMORY_USED, &labels, memory.used_bytes as f64);
        out.put(&HOST_MEMORY_SIZE, &labels, memory.total_bytes as f64);
    }
    out.put(&HOST_UPTIME, &labels, host.info.uptime_seconds.map(|seconds| seconds as f64));
    for disk in &host.disks {
        let labels = [labels[0], labels[1], ("mountpoint", disk.mountpoint.as_str())];
        out.put(&HOST_DISK_USED, &labels, disk.used_bytes as f64);
        out.put(&HOST_DISK_SIZE, &labels, disk.total_bytes as f64);
    }
    out.put(&HOST_READ, &labels, host.disk_read_bytes_per_second.known());
    out.put(&HOST_WRITTEN, &labels, host.disk_write_bytes_per_second.known());
    out.put(&HOST_RECEIVED, &labels, host.network_in_bytes_per_second.known());
    out.put(&HOST_SENT, &labels, host.network_out_bytes_per_second.known());
    for (name, celsius) in host.sensors.iter().flat_map(|sensors| &sensors.temperature_celsius) {
        out.put(&HOST_CELSIUS, &[labels[0], labels[1], ("sensor", name)], *celsius);
    }
    for array in &host.raid {
        out.put(
            &HOST_RAID,
            &[labels[0], labels[1], ("device", array.device.as_str())],
            f64::from(array.failed_devices),
        );
    }
}

/// A container host and its containers.
pub(super) fn docker(host: &DockerHost, out: &mut Exposition) {
    let labels = [("id", host.id.as_str()), ("hostname", host.host.hostname.as_str())];
    let is_up = host.liveness == Liveness::Online;
    out.put_flag(&DOCKER_UP, &labels, is_up);
    if !is_up {
        return;
    }
    out.put(&DOCKER_CPU, &labels, host.host.cpu_usage_percent.map(|percent| percent / 100.0));
    if let Some(memory) = host.host.memory.as_ref().filter(|memory| memory.total_bytes > 0) {
        out.put(&DOCKER_MEMORY, &labels, memory.used_bytes as f64);
        out.put(&DOCKER_MEMORY_SIZE, &labels, memory.total_bytes as f64);
    }
    for container in &host.containers {
        let report = &container.report;
        let labels = [
            ("host", host.id.as_str()),
            ("hostname", host.host.hostname.as_str()),
            ("id", report.id.as_str()),
            ("name", report.name.as_str()),
        ];
        let is_running = report.state == "running";
        out.put_flag(&CONTAINER_UP, &labels, is_running);
        if !is_running {
            continue;
        }
        out.put(&CONTAINER_CPU, &labels, report.cpu_percent.map(|percent| percent / 100.0));
        out.put(&CONTAINER_MEMORY, &labels, report.memory_usage_bytes.map(|bytes| bytes as f64));
        out.put(&CONTAINER_MEMORY_RATIO, &labels, report.memory_percent.map(|percent| percent / 100.0));
        if let (Some(own), Some(all)) = (report.writable_layer_bytes, report.root_filesystem_bytes)
            && all > 0
        {
            out.put(&CONTAINER_DISK, &labels, percent(own, all) / 100.0);
        }
        out.put(&CONTAINER_READ, &labels, container.read_bytes_per_second.known());
        out.put(&CONTAINER_WRITTEN, &labels, container.write_bytes_per_second.known());
        out.put(&CONTAINER_RECEIVED, &labels, container.network_in_bytes_per_second.known());
        out.put(&CONTAINER_SENT, &labels, container.network_out_bytes_per_second.known());
    }
}

/// A Kubernetes cluster.
pub(super) fn kubernetes(cluster: &KubernetesCluster, out: &mut Exposition) {
    let labels = [("id", cluster.id.as_str()), ("cluster", cluster.display_name())];
    let is_up = cluster.liveness == Liveness::Online;
    out.put_flag(&CLUSTER_UP, &labels, is_up);
    if !is_up {
        return;
    }
    let ready = cluster.nodes.iter().filter(|node| node.ready && !node.unschedulable).count();
    out.put(&CLUSTER_NODES, &labels, cluster.nodes.len() as f64);
    out.put(&CLUSTER_READY, &labels, ready as f64);
    // The phases that Kubernetes knows; whatever else an agent says must not become labels without end.
    for phase in ["Pending", "Running", "Succeeded", "Failed", "Unknown"] {
        let pods = cluster.pods.iter().filter(|pod| pod.phase.as_deref() == Some(phase)).count();
        out.put(&CLUSTER_PODS, &[labels[0], labels[1], ("phase", phase)], pods as f64);
    }
}
