//! `GET /api/agents/commands`: who had which command run where, and what came of it. Beside the contract, which keeps no
//! such trail.

use axum::{
    Json,
    extract::{Query, State},
};
use jiff::Timestamp;
use pulse_monitor::RemoteExec;
use pulse_store::agent_commands::CommandEntry;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::ApiError,
    extract::{Allowed, SettingsReadAdmin},
};

/// Entries of one answer, unless asked otherwise, and at most.
const USUAL: usize = 100;
const MOST: usize = 1_000;

/// Which commands.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct TrailQuery {
    /// At most so many, the newest; 1 to 1000.
    limit: Option<usize>,
    /// Only those of this host.
    #[serde(rename = "hostId")]
    host_id: Option<String>,
}

/// Commands that were asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AgentCommands {
    /// Newest first.
    commands: Vec<AgentCommand>,
}

/// A command that was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AgentCommand {
    /// Its id.
    id: String,
    /// Who asked for it.
    by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The host whose agent was to run it.
    host_id: String,
    /// Its name.
    hostname: String,
    /// `host`, or the guest.
    target: String,
    /// What was to be run.
    command: String,
    /// `completed`, `failed`, `refused` (by this server's list), `not_sent`, `timed_out`, `lost`; absent while it runs, and
    /// where the server stopped meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    /// Exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When that was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

impl From<CommandEntry> for AgentCommand {
    fn from(CommandEntry { asked, ended }: CommandEntry) -> Self {
        let (ended_at, outcome, exit_code, error) = match ended {
            Some(ended) => (Some(ended.at), Some(ended.outcome), ended.exit_code, ended.error),
            None => (None, None, None, None),
        };
        Self {
            id: asked.id,
            by: asked.by,
            at: asked.at,
            host_id: asked.host_id,
            hostname: asked.hostname,
            target: asked.target,
            command: asked.command,
            outcome,
            exit_code,
            error,
            ended_at,
        }
    }
}

/// Read who had which command run where.
#[utoipa::path(
    get, path = "/api/agents/commands", tag = "agents", params(TrailQuery),
    responses((status = 200, body = AgentCommands))
)]
pub(super) async fn list_agent_commands(
    _: Allowed<SettingsReadAdmin>,
    State(exec): State<RemoteExec>,
    Query(query): Query<TrailQuery>,
) -> Result<Json<AgentCommands>, ApiError> {
    let most = query.limit.unwrap_or(USUAL).clamp(1, MOST);
    let host = query.host_id.filter(|host| !host.is_empty());
    let entries = exec.trail(host, most).await;
    let entries = entries.map_err(|error| ApiError::internal("read the trail of commands", error))?;
    Ok(Json(AgentCommands { commands: entries.into_iter().map(Into::into).collect() }))
}
