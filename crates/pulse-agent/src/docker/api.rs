//! What we read of the engine's answers. Every field may be missing or `null`; unknown ones are ignored.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// `null` and values of another type than expected read as absent: an odd field must not hide a container.
fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + serde::de::DeserializeOwned,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

macro_rules! answers {
    ($($(#[$doc:meta])* $name:ident { $($field:ident $key:literal : $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        pub(super) struct $name {
            $(#[serde(rename = $key, default, deserialize_with = "lenient")] pub(super) $field: $type,)*
        }
    )*};
}

answers! {
    /// `/version`.
    Version {
        version "Version": Option<String>,
        components "Components": Vec<Component>,
    }
    /// A part of the engine.
    Component { name "Name": String }
    /// `/info`.
    Info {
        id "ID": Option<String>,
        containers "Containers": Option<u64>,
        name "Name": Option<String>,
        operating_system "OperatingSystem": Option<String>,
        kernel_version "KernelVersion": Option<String>,
        architecture "Architecture": Option<String>,
        cpus "NCPU": Option<u32>,
        memory "MemTotal": Option<u64>,
        swarm "Swarm": Option<SwarmInfo>,
    }
    /// The engine's place in a swarm.
    SwarmInfo {
        node_id "NodeID": Option<String>,
        local_state "LocalNodeState": Option<String>,
        is_manager "ControlAvailable": Option<bool>,
        error "Error": Option<String>,
        cluster "Cluster": Option<SwarmCluster>,
    }
    /// The swarm.
    SwarmCluster {
        id "ID": Option<String>,
        spec "Spec": Option<SwarmSpec>,
    }
    /// The swarm's settings.
    SwarmSpec { name "Name": Option<String> }
    /// One entry of `/containers/json`.
    Summary {
        id "Id": String,
        names "Names": Vec<String>,
        image "Image": String,
        image_id "ImageID": Option<String>,
        created "Created": Option<i64>,
        state "State": String,
        status "Status": String,
        ports "Ports": Vec<Port>,
        labels "Labels": BTreeMap<String, String>,
        mounts "Mounts": Vec<Mount>,
        network_settings "NetworkSettings": Option<Networks>,
    }
    /// A port.
    Port {
        ip "IP": Option<String>,
        private "PrivatePort": u32,
        public "PublicPort": Option<u32>,
        protocol "Type": String,
    }
    /// A mount.
    Mount {
        kind "Type": Option<String>,
        name "Name": Option<String>,
        source "Source": Option<String>,
        destination "Destination": Option<String>,
        driver "Driver": Option<String>,
        mode "Mode": Option<String>,
        is_writable "RW": bool,
        propagation "Propagation": Option<String>,
    }
    /// The networks of a container.
    Networks { networks "Networks": BTreeMap<String, Network> }
    /// A network of a container.
    Network {
        ipv4 "IPAddress": Option<String>,
        ipv6 "GlobalIPv6Address": Option<String>,
    }
    /// `/containers/{id}/json`.
    Inspect {
        created "Created": Option<String>,
        restart_count "RestartCount": Option<u32>,
        state "State": Option<State>,
        config "Config": Option<InspectConfig>,
    }
    /// What a container was made with.
    InspectConfig {
        env "Env": Vec<String>,
        image "Image": Option<String>,
    }
    /// `/images/{id}/json`.
    Image {
        id "Id": String,
        repo_digests "RepoDigests": Vec<String>,
        os "Os": Option<String>,
        architecture "Architecture": Option<String>,
        variant "Variant": Option<String>,
    }
    /// One entry of `/services`.
    Service {
        id "ID": String,
        created_at "CreatedAt": Option<String>,
        updated_at "UpdatedAt": Option<String>,
        spec "Spec": ServiceSpec,
        endpoint "Endpoint": ServiceEndpoint,
        update "UpdateStatus": Option<ServiceUpdateStatus>,
        status "ServiceStatus": Option<ServiceStatus>,
    }
    /// What a service should be.
    ServiceSpec {
        name "Name": String,
        labels "Labels": BTreeMap<String, String>,
        template "TaskTemplate": TaskTemplate,
        mode "Mode": BTreeMap<String, serde_json::Value>,
    }
    /// What a service's tasks are made from.
    TaskTemplate { container "ContainerSpec": ContainerSpec }
    /// The container of a task's template.
    ContainerSpec { image "Image": Option<String> }
    /// Where a service is reached.
    ServiceEndpoint { ports "Ports": Vec<EndpointPort> }
    /// A port of a service.
    EndpointPort {
        name "Name": Option<String>,
        protocol "Protocol": Option<String>,
        target "TargetPort": Option<u32>,
        published "PublishedPort": Option<u32>,
        mode "PublishMode": Option<String>,
    }
    /// Progress of a service's update.
    ServiceUpdateStatus {
        state "State": Option<String>,
        message "Message": Option<String>,
        completed_at "CompletedAt": Option<String>,
    }
    /// Counts of a service's tasks.
    ServiceStatus {
        running "RunningTasks": Option<u32>,
        desired "DesiredTasks": Option<u32>,
        completed "CompletedTasks": Option<u32>,
    }
    /// One entry of `/tasks`.
    Task {
        id "ID": String,
        created_at "CreatedAt": Option<String>,
        updated_at "UpdatedAt": Option<String>,
        service_id "ServiceID": Option<String>,
        slot "Slot": Option<u32>,
        node_id "NodeID": Option<String>,
        desired_state "DesiredState": Option<String>,
        status "Status": TaskStatus,
    }
    /// State of a task.
    TaskStatus {
        timestamp "Timestamp": Option<String>,
        state "State": Option<String>,
        message "Message": Option<String>,
        error "Err": Option<String>,
        container "ContainerStatus": Option<TaskContainer>,
    }
    /// The container of a task.
    TaskContainer { id "ContainerID": Option<String> }
    /// One entry of `/nodes`.
    SwarmNode {
        id "ID": String,
        description "Description": NodeDescription,
    }
    /// What a node of a swarm is.
    NodeDescription { hostname "Hostname": Option<String> }
    /// The state of a container.
    State {
        exit_code "ExitCode": Option<i64>,
        is_oom_killed "OOMKilled": Option<bool>,
        started_at "StartedAt": Option<String>,
        finished_at "FinishedAt": Option<String>,
        health "Health": Option<Health>,
    }
    /// Health of a container.
    Health { status "Status": Option<String> }
    /// `/containers/{id}/stats`.
    Stats {
        read "read": Option<String>,
        cpu "cpu_stats": CpuStats,
        memory "memory_stats": MemoryStats,
        networks "networks": Option<BTreeMap<String, NetworkStats>>,
        block "blkio_stats": BlockStats,
    }
    /// Processor of a container.
    CpuStats { usage "cpu_usage": CpuUsage }
    /// Processor time of a container.
    CpuUsage { total_nanos "total_usage": Option<u64> }
    /// Memory of a container.
    MemoryStats {
        usage "usage": Option<u64>,
        limit "limit": Option<u64>,
        details "stats": MemoryDetails,
    }
    /// Details of a container's memory: cgroup 1 has both, and there only the total counts the groups below
    MemoryDetails {
        inactive_file "inactive_file": Option<u64>,
        total_inactive_file "total_inactive_file": Option<u64>,
    }
    /// Counters of one interface.
    NetworkStats {
        rx_bytes "rx_bytes": Option<u64>,
        tx_bytes "tx_bytes": Option<u64>,
    }
    /// Block I/O of a container.
    BlockStats { bytes "io_service_bytes_recursive": Option<Vec<BlockEntry>> }
    /// One counter of block I/O.
    BlockEntry {
        op "op": String,
        value "value": u64,
    }
}
