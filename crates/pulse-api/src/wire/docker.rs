//! `dockerHosts[]` of the state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pulse_core::{
    ids::TokenId,
    model::{DockerContainer, DockerHost},
    report::docker,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    docker_command::CommandShape,
    time::whole_second_millis,
    usage::{Disk, Interface, Memory, MissingReasons, hundredths, is_false, note_missing, slice_is_empty},
};

/// A Docker or Podman host.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DockerHostShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Id of its agent.
    pub agent_id: &'a str,
    /// Host name.
    pub hostname: &'a str,
    /// Name to show.
    pub display_name: &'a str,
    /// Name a person gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_display_name: Option<&'a str>,
    /// Machine id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<&'a str>,
    /// Operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<&'a str>,
    /// Kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_version: Option<&'a str>,
    /// Architecture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub architecture: Option<&'a str>,
    /// `docker` or `podman`.
    pub runtime: &'a str,
    /// Version of the runtime.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_version: Option<&'a str>,
    /// Version of Docker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docker_version: Option<&'a str>,
    /// Logical processors.
    pub cpus: u32,
    /// Bytes of memory.
    pub total_memory_bytes: u64,
    /// Seconds since boot.
    pub uptime_seconds: u64,
    /// Processor use, percent; 0 where `missing` names it.
    pub cpu_usage_percent: f64,
    /// Load over 1, 5 and 15 minutes.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub load_average: &'a [f64],
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// File systems.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<Disk<'a>>,
    /// Network interfaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_interfaces: Vec<Interface<'a>>,
    /// `online` or `offline`.
    pub status: &'static str,
    /// When the last report came, Unix milliseconds.
    pub last_seen: i64,
    /// Seconds between reports.
    pub interval_seconds: u32,
    /// Version of the agent, with a leading `v`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// Containers.
    pub containers: Vec<ContainerShape<'a>>,
    /// Services of a swarm.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceShape<'a>>,
    /// Tasks of a swarm.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskShape<'a>>,
    /// Place in a swarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swarm: Option<&'a docker::Swarm>,
    /// Token it reports with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<&'a str>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_name: Option<&'a str>,
    /// Its first and last characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_hint: Option<&'a str>,
    /// When it was last used, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_last_used_at: Option<i64>,
    /// Whether a person hid it. Ours, beside the contract.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    pub hidden: bool,
    /// Whether the agent was asked to remove itself.
    pub pending_uninstall: bool,
    /// The last command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandShape<'a>>,
    /// Why fields are absent. Ours, beside the contract.
    #[serde(skip_serializing_if = "MissingReasons::is_empty")]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub missing: MissingReasons,
}

impl<'a> From<&'a DockerHost> for DockerHostShape<'a> {
    fn from(host: &'a DockerHost) -> Self {
        let info = &host.host;
        let link = host.link.as_ref();
        let mut missing = MissingReasons::new();
        if info.cpu_usage_percent.is_none() {
            missing.insert("cpuUsagePercent", pulse_core::Missing::NotReported.explanation());
        }
        Self {
            id: host.id.as_str(),
            agent_id: &host.agent.id,
            hostname: &info.hostname,
            display_name: host.display_name(),
            custom_display_name: host.custom_display_name.as_deref(),
            machine_id: info.machine_id.as_deref(),
            os: info.os.as_deref(),
            kernel_version: info.kernel_version.as_deref(),
            architecture: info.architecture.as_deref(),
            runtime: info.runtime.as_deref().unwrap_or("docker"),
            runtime_version: info.runtime_version.as_deref(),
            docker_version: info.docker_version.as_deref(),
            cpus: info.total_cpu.unwrap_or(0),
            total_memory_bytes: info.total_memory_bytes.unwrap_or(0),
            uptime_seconds: info.uptime_seconds.unwrap_or(0),
            cpu_usage_percent: info.cpu_usage_percent.map_or(0.0, hundredths),
            load_average: &info.load_average,
            memory: info.memory.as_ref().filter(|memory| memory.total_bytes > 0).map(Memory::from),
            disks: info.disks.iter().map(Disk::from).collect(),
            network_interfaces: info.network.iter().map(Interface::from).collect(),
            status: host.liveness.name(),
            last_seen: whole_second_millis(host.last_seen),
            interval_seconds: host.agent.interval_seconds,
            agent_version: with_v(&host.agent.version),
            containers: host.containers.iter().map(ContainerShape::from).collect(),
            services: host.services.iter().map(ServiceShape::from).collect(),
            tasks: host.tasks.iter().map(TaskShape::from).collect(),
            swarm: info.swarm.as_ref(),
            token_id: link.map(|link| TokenId::as_str(&link.token_id)),
            token_name: link.map(|link| link.token_name.as_str()),
            token_hint: link.map(|link| link.token_hint.as_str()),
            token_last_used_at: link.and_then(|link| link.last_used_at).map(whole_second_millis),
            hidden: host.is_hidden,
            pending_uninstall: host.is_pending_uninstall,
            command: host.command.as_ref().map(CommandShape::from),
            missing,
        }
    }
}

/// The contract shows container agents' versions with a leading `v`.
pub(super) fn with_v(version: &str) -> Option<String> {
    match version.trim() {
        "" => None,
        text if text.starts_with('v') => Some(text.to_owned()),
        text => Some(format!("v{text}")),
    }
}

/// A container.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContainerShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Name.
    pub name: &'a str,
    /// Image.
    pub image: &'a str,
    /// State.
    pub state: &'a str,
    /// State in words.
    pub status: &'a str,
    /// Health.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<&'a str>,
    /// Processor use, percent of one processor; 0 where `missing` names it.
    pub cpu_percent: f64,
    /// Memory in use, bytes; 0 where `missing` names it.
    pub memory_usage_bytes: u64,
    /// Memory limit, bytes.
    pub memory_limit_bytes: u64,
    /// Memory use, percent of the limit.
    pub memory_percent: f64,
    /// Seconds since start.
    pub uptime_seconds: u64,
    /// Whether the kernel ended its last run for want of memory. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_killed: Option<bool>,
    /// Restarts.
    pub restart_count: u32,
    /// Exit code of the last run.
    pub exit_code: i64,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
    /// When it started, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    /// When it ended, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<i64>,
    /// Ports.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub ports: &'a [docker::ContainerPort],
    /// Labels.
    #[serde(skip_serializing_if = "map_is_empty")]
    pub labels: &'a BTreeMap<String, String>,
    /// Networks.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub networks: &'a [docker::ContainerNetwork],
    /// Bytes of its own layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writable_layer_bytes: Option<u64>,
    /// Bytes of its file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_filesystem_bytes: Option<u64>,
    /// Block I/O.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_io: Option<BlockIoShape>,
    /// Bytes received per second. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_in: Option<f64>,
    /// Bytes sent per second. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_out: Option<f64>,
    /// Mounts.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub mounts: &'a [docker::ContainerMount],
    /// What Podman adds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub podman: Option<&'a docker::PodmanInfo>,
    /// Whether a newer image is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_status: Option<UpdateStatusShape<'a>>,
    /// Why fields are absent. Ours, beside the contract.
    #[serde(skip_serializing_if = "MissingReasons::is_empty")]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub missing: MissingReasons,
}

/// Block I/O of a container.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BlockIoShape {
    /// Bytes read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_bytes: Option<u64>,
    /// Bytes written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_bytes: Option<u64>,
    /// Bytes read per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_rate_bytes_per_second: Option<f64>,
    /// Bytes written per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_rate_bytes_per_second: Option<f64>,
}

/// Whether a newer image is there.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpdateStatusShape<'a> {
    /// Whether one is.
    pub update_available: bool,
    /// Digest that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_digest: Option<&'a str>,
    /// Digest in the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_digest: Option<&'a str>,
    /// When that was checked, Unix milliseconds.
    pub last_checked: i64,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
}

fn map_is_empty(map: &BTreeMap<String, String>) -> bool {
    map.is_empty()
}

impl<'a> From<&'a DockerContainer> for ContainerShape<'a> {
    fn from(container: &'a DockerContainer) -> Self {
        let report = &container.report;
        let mut missing = MissingReasons::new();
        if report.state == "running" {
            let not_reported = pulse_core::Missing::NotReported.explanation();
            if report.cpu_percent.is_none() {
                missing.insert("cpuPercent", not_reported);
            }
            if report.memory_usage_bytes.is_none() {
                missing.insert("memoryUsageBytes", not_reported);
            }
            note_missing(&mut missing, "blockIo", &container.read_bytes_per_second);
        }
        Self {
            id: &report.id,
            name: report.name.trim_start_matches('/'),
            image: &report.image,
            state: &report.state,
            status: &report.status,
            health: report.health.as_deref().filter(|health| !health.is_empty()),
            cpu_percent: report.cpu_percent.map_or(0.0, hundredths),
            memory_usage_bytes: report.memory_usage_bytes.unwrap_or(0),
            memory_limit_bytes: report.memory_limit_bytes.unwrap_or(0),
            memory_percent: report.memory_percent.map_or(0.0, hundredths),
            uptime_seconds: report.uptime_seconds.unwrap_or(0),
            oom_killed: report.oom_killed,
            restart_count: report.restart_count.unwrap_or(0),
            exit_code: report.exit_code.unwrap_or(0),
            created_at: report.created_at.map_or(0, whole_second_millis),
            started_at: report.started_at.filter(is_set).map(whole_second_millis),
            finished_at: report.finished_at.filter(is_set).map(whole_second_millis),
            ports: &report.ports,
            labels: &report.labels,
            networks: &report.networks,
            writable_layer_bytes: report.writable_layer_bytes,
            root_filesystem_bytes: report.root_filesystem_bytes,
            block_io: report.block_io.as_ref().map(|io| BlockIoShape {
                read_bytes: io.read_bytes,
                write_bytes: io.write_bytes,
                read_rate_bytes_per_second: container.read_bytes_per_second.known(),
                write_rate_bytes_per_second: container.write_bytes_per_second.known(),
            }),
            network_in: container.network_in_bytes_per_second.known(),
            network_out: container.network_out_bytes_per_second.known(),
            mounts: &report.mounts,
            podman: report.podman.as_ref(),
            update_status: report.update_status.as_ref().map(|update| UpdateStatusShape {
                update_available: update.update_available,
                current_digest: update.current_digest.as_deref(),
                latest_digest: update.latest_digest.as_deref(),
                last_checked: update.last_checked.map_or(0, whole_second_millis),
                error: update.error.as_deref(),
            }),
            missing,
        }
    }
}

/// Engines write year 1 for "never".
fn is_set(at: &Timestamp) -> bool {
    at.as_second() > 0
}

/// A service of a swarm.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Name.
    pub name: &'a str,
    /// Stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<&'a str>,
    /// Image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<&'a str>,
    /// Mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<&'a str>,
    /// Tasks wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_tasks: Option<u32>,
    /// Tasks running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_tasks: Option<u32>,
    /// Tasks done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_tasks: Option<u32>,
    /// Labels.
    #[serde(skip_serializing_if = "map_is_empty")]
    pub labels: &'a BTreeMap<String, String>,
    /// Ports.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub endpoint_ports: &'a [docker::ServicePort],
    /// Progress of an update.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_status: Option<ServiceUpdateShape<'a>>,
    /// When it was made, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// When it last changed, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
}

/// Progress of a service's update.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceUpdateShape<'a> {
    /// State.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'a str>,
    /// Words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
    /// When it ended, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<i64>,
}

impl<'a> From<&'a docker::SwarmService> for ServiceShape<'a> {
    fn from(service: &'a docker::SwarmService) -> Self {
        Self {
            id: &service.id,
            name: &service.name,
            stack: service.stack.as_deref(),
            image: service.image.as_deref(),
            mode: service.mode.as_deref(),
            desired_tasks: service.desired_tasks,
            running_tasks: service.running_tasks,
            completed_tasks: service.completed_tasks,
            labels: &service.labels,
            endpoint_ports: &service.endpoint_ports,
            update_status: service.update_status.as_ref().map(|update| ServiceUpdateShape {
                state: update.state.as_deref(),
                message: update.message.as_deref(),
                completed_at: update.completed_at.map(whole_second_millis),
            }),
            created_at: service.created_at.map(whole_second_millis),
            updated_at: service.updated_at.map(whole_second_millis),
        }
    }
}

/// A task of a swarm.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TaskShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_id: Option<&'a str>,
    /// Name of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_name: Option<&'a str>,
    /// Number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<u32>,
    /// Node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<&'a str>,
    /// Name of the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<&'a str>,
    /// State wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_state: Option<&'a str>,
    /// State.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_state: Option<&'a str>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
    /// Words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
    /// Container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_id: Option<&'a str>,
    /// Name of the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_name: Option<&'a str>,
    /// When it was made, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<i64>,
    /// When it last changed, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    /// When it started, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    /// When it ended, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<i64>,
}

impl<'a> From<&'a docker::SwarmTask> for TaskShape<'a> {
    fn from(task: &'a docker::SwarmTask) -> Self {
        Self {
            id: &task.id,
            service_id: task.service_id.as_deref(),
            service_name: task.service_name.as_deref(),
            slot: task.slot,
            node_id: task.node_id.as_deref(),
            node_name: task.node_name.as_deref(),
            desired_state: task.desired_state.as_deref(),
            current_state: task.current_state.as_deref(),
            error: task.error.as_deref(),
            message: task.message.as_deref(),
            container_id: task.container_id.as_deref(),
            container_name: task.container_name.as_deref(),
            created_at: task.created_at.map(whole_second_millis),
            updated_at: task.updated_at.map(whole_second_millis),
            started_at: task.started_at.map(whole_second_millis),
            completed_at: task.completed_at.map(whole_second_millis),
        }
    }
}
