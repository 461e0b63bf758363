//! Docker and Podman hosts: what their agent reports, and what the server adds to it.

use jiff::Timestamp;

use super::{AgentLink, Liveness};
use crate::{
    Reading,
    ids::DockerHostId,
    report::{AgentInfo, docker},
};

/// A Docker or Podman host.
#[derive(Debug, Clone, PartialEq)]
pub struct DockerHost {
    /// Its id.
    pub id: DockerHostId,
    /// The agent that reports it.
    pub agent: AgentInfo,
    /// The name a person gave it.
    pub custom_display_name: Option<String>,
    /// What the agent says of the host.
    pub host: docker::DockerHostInfo,
    /// Its containers.
    pub containers: Vec<DockerContainer>,
    /// Services of a swarm.
    pub services: Vec<docker::SwarmService>,
    /// Tasks of a swarm.
    pub tasks: Vec<docker::SwarmTask>,
    /// Whether reports still come.
    pub liveness: Liveness,
    /// When the last report came, by the server's clock.
    pub last_seen: Timestamp,
    /// The token it reports with.
    pub link: Option<AgentLink>,
    /// Whether a person hid it.
    pub is_hidden: bool,
    /// Whether the server asked the agent to remove itself.
    pub is_pending_uninstall: bool,
    /// The last command sent to it.
    pub command: Option<AgentCommand>,
}

impl DockerHost {
    /// The name to show: a person's choice, else the agent's, else the host name.
    pub fn display_name(&self) -> &str {
        self.custom_display_name
            .as_deref()
            .filter(|name| !name.is_empty())
            .or(self.host.name.as_deref().filter(|name| !name.is_empty()))
            .unwrap_or(&self.host.hostname)
    }
}

/// A container on a Docker or Podman host.
#[derive(Debug, Clone, PartialEq)]
pub struct DockerContainer {
    /// What the agent says of it.
    pub report: docker::Container,
    /// Bytes read from disk per second, from consecutive reports.
    pub read_bytes_per_second: Reading<f64>,
    /// Bytes written to disk per second, from consecutive reports.
    pub write_bytes_per_second: Reading<f64>,
    /// Bytes received per second, from consecutive reports.
    pub network_in_bytes_per_second: Reading<f64>,
    /// Bytes sent per second, from consecutive reports.
    pub network_out_bytes_per_second: Reading<f64>,
}

/// A Docker host that was removed and may not report for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovedDockerHost {
    /// Its id.
    pub id: DockerHostId,
    /// Its host name.
    pub hostname: Option<String>,
    /// The name shown.
    pub display_name: Option<String>,
    /// When it was removed.
    pub removed_at: Timestamp,
}

/// A command for an agent and how far it got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentCommand {
    /// Its id.
    pub id: String,
    /// `stop`, `update_container` or `check_updates`.
    pub kind: String,
    /// `queued`, `dispatched`, `acknowledged`, `in_progress`, `completed`, `failed` or `expired`.
    pub status: String,
    /// What the agent says.
    pub message: Option<String>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When the agent got it.
    pub dispatched_at: Option<Timestamp>,
    /// When the agent took it on.
    pub acknowledged_at: Option<Timestamp>,
    /// When it was done.
    pub completed_at: Option<Timestamp>,
    /// When it failed.
    pub failed_at: Option<Timestamp>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// When it is given up.
    pub expires_at: Option<Timestamp>,
}
