//! `GET /api/ai/agents`: the agents that take commands now.

use axum::{Json, extract::State};
use jiff::Timestamp;
use pulse_monitor::{RemoteExec, remote_exec::ConnectedAgent};
use serde::Serialize;
use utoipa::ToSchema;

use crate::extract::{Allowed, MonitoringRead};

/// Agents that take commands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConnectedAgents {
    /// By the id of their host; `null` where there are none.
    agents: Option<Vec<ConnectedAgentBody>>,
    /// How many.
    count: usize,
    /// Why there are none, where that is this server's doing.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// An agent that takes commands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConnectedAgent)]
pub(super) struct ConnectedAgentBody {
    /// Its own id.
    agent_id: String,
    /// Name of its host.
    hostname: String,
    /// Version of the agent.
    version: String,
    /// Its system.
    platform: String,
    /// Since when it is connected.
    #[schema(value_type = String, format = DateTime)]
    connected_at: Timestamp,
    /// The host it is bound to. Beside the contract.
    host_id: String,
}

impl From<ConnectedAgent> for ConnectedAgentBody {
    fn from(it: ConnectedAgent) -> Self {
        Self {
            agent_id: it.agent_id,
            hostname: it.hostname,
            version: it.version,
            platform: it.platform,
            connected_at: it.connected_at,
            host_id: it.host.to_string(),
        }
    }
}

/// List the agents that take commands now.
///
/// Pulse v5 tells every token, an agent's own included.
#[utoipa::path(
    get, path = "/api/ai/agents", tag = "agents", responses((status = 200, body = ConnectedAgents))
)]
pub(super) async fn list_connected_agents(
    _: Allowed<MonitoringRead>,
    State(exec): State<RemoteExec>,
) -> Json<ConnectedAgents> {
    let agents: Vec<ConnectedAgentBody> = exec.connected().into_iter().map(Into::into).collect();
    let note = (!exec.is_enabled())
        .then_some("Commands are switched off on this server; whoever runs it can switch them on with PULSE_ENABLE_AGENT_COMMANDS");
    Json(ConnectedAgents { count: agents.len(), agents: Some(agents).filter(|all| !all.is_empty()), note })
}
