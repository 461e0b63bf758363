//! Commands of `dockerHosts[]`, and `removedDockerHosts[]` of the state.

use pulse_core::model::{AgentCommand, RemovedDockerHost};
use serde::Serialize;
use utoipa::ToSchema;

use super::time::whole_second_millis;

/// A command for an agent.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommandShape<'a> {
    /// Id.
    pub id: &'a str,
    /// What to do.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// How far it got.
    pub status: &'a str,
    /// What the agent says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
    /// When it was queued, Unix milliseconds.
    pub created_at: i64,
    /// When it last changed, Unix milliseconds.
    pub updated_at: i64,
    /// When the agent got it, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatched_at: Option<i64>,
    /// When the agent took it on, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<i64>,
    /// When it was done, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<i64>,
    /// When it failed, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<i64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<&'a str>,
    /// When it is given up, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

impl<'a> From<&'a AgentCommand> for CommandShape<'a> {
    fn from(command: &'a AgentCommand) -> Self {
        Self {
            id: &command.id,
            kind: &command.kind,
            status: &command.status,
            message: command.message.as_deref(),
            created_at: whole_second_millis(command.created_at),
            updated_at: whole_second_millis(command.updated_at),
            dispatched_at: command.dispatched_at.map(whole_second_millis),
            acknowledged_at: command.acknowledged_at.map(whole_second_millis),
            completed_at: command.completed_at.map(whole_second_millis),
            failed_at: command.failed_at.map(whole_second_millis),
            failure_reason: command.failure_reason.as_deref(),
            expires_at: command.expires_at.map(whole_second_millis),
        }
    }
}

/// A Docker host that was removed lately.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemovedDockerHostShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<&'a str>,
    /// Name shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<&'a str>,
    /// When it was removed, Unix milliseconds.
    pub removed_at: i64,
}

impl<'a> From<&'a RemovedDockerHost> for RemovedDockerHostShape<'a> {
    fn from(host: &'a RemovedDockerHost) -> Self {
        Self {
            id: host.id.as_str(),
            hostname: host.hostname.as_deref(),
            display_name: host.display_name.as_deref(),
            removed_at: whole_second_millis(host.removed_at),
        }
    }
}
