//! What agents are told after a report (contract B-09).

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Answer to a host report.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostReportReply {
    /// Always true.
    pub success: bool,
    /// Id under which the host is kept.
    pub host_id: String,
    /// The server's time of the report.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Timestamp,
    /// Platform as reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Operating system as reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_name: Option<String>,
    /// Its version as reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// Stored overrides, where there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<HostReportConfig>,
    /// The next report is wanted after so many seconds, because somebody looks at this machine right now. Absent where
    /// the agent's own interval is right; agents of the original do not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_report_seconds: Option<u32>,
}

/// Stored overrides for a host agent.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostReportConfig {
    /// Whether the agent runs commands.
    pub commands_enabled: bool,
}

/// Answer to a Docker report.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DockerReportReply {
    /// Always true.
    pub success: bool,
    /// Id under which the host is kept.
    pub host_id: String,
    /// How many containers were taken.
    pub containers: usize,
    /// The server's time of the report.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Timestamp,
    /// What the agent is to do; each command is sent once, and never more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<GivenCommand>>,
    /// The next report is wanted after so many seconds, because somebody looks at this machine right now. Absent where
    /// the agent's own interval is right; agents of the original do not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_report_seconds: Option<u32>,
}

/// A command for an agent.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GivenCommand {
    /// Its id, to acknowledge it by.
    pub id: String,
    /// `stop`, `update_container` or `check_updates`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Which container, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<CommandPayload>,
}

/// The container a command is about.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandPayload {
    /// Its id.
    pub container_id: String,
    /// Its name.
    pub container_name: String,
}

/// Answer to a Kubernetes report.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesReportReply {
    /// Always true.
    pub success: bool,
    /// Id under which the cluster is kept.
    pub cluster_id: String,
    /// Nodes taken.
    pub nodes: usize,
    /// Pods taken.
    pub pods: usize,
    /// Deployments taken.
    pub deployments: usize,
    /// The server's time of the report.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Timestamp,
}
