//! `/api/agents/host/{id}/config`: what an agent is to follow.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::StatusCode;
use pulse_config::{Metadata, UpdateError, store::metadata::HostMetadata};
use pulse_core::{Clock, ids::HostId, scope::Scope};
use pulse_monitor::fleet::{
    Fleet,
    config::{AgentConfigSource, effective_agent_config},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{object, required};
use crate::{
    error::{ApiError, ErrorBody},
    extract::{Allowed, HostAgentConfigRead, HostAgentManage},
};

/// What is sent to change a configuration.
const LIMIT: usize = 16 * 1024;

/// The configuration of an agent; what nobody decided is left out.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AgentConfigBody {
    /// Whether the agent is to run commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    commands_enabled: Option<bool>,
    /// Values of the assigned profile.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = std::collections::HashMap<String, Value>, required = false)]
    settings: Map<String, Value>,
    /// From when the signature holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_at: Option<String>,
    /// Until when the signature holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Ed25519 over the configuration, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

/// Answer with a configuration.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AgentConfigReply {
    /// Always true.
    success: bool,
    /// Which host it is for.
    host_id: String,
    /// The configuration.
    config: AgentConfigBody,
}

/// Read what an agent is to follow. A token that may only fetch configuration gets that of a host it reports.
#[utoipa::path(
    get, path = "/api/agents/host/{id}/config", tag = "agents", params(("id" = String, Path, description = "Host")),
    responses((status = 200, body = AgentConfigReply), (status = 404, body = ErrorBody), (status = 500, body = ErrorBody))
)]
pub(super) async fn get_host_config(
    allowed: Allowed<HostAgentConfigRead>,
    State(fleet): State<Fleet>,
    State(metadata): State<Arc<Metadata>>,
    State(source): State<Arc<dyn AgentConfigSource>>,
    State(clock): State<Arc<dyn Clock>>,
    Path(id): Path<String>,
) -> Result<Json<AgentConfigReply>, ApiError> {
    let scopes = &allowed.identity.scopes;
    let may_all = scopes.allows(Scope::HostAgentManage) || scopes.allows(Scope::SettingsWrite);
    let asker = allowed.identity.token_id.clone().filter(|_| !may_all);
    let asked = id.clone();
    let found = fleet.change(move |world, _| world.config_host(&asked, asker.as_ref())).await?;
    let Some(host) = found else {
        tracing::info!(event = "host_agent_config_fetch", by = %allowed.identity, host = id, outcome = "not found");
        let text = "Host has not registered with Pulse yet";
        return Err(ApiError::envelope(StatusCode::NOT_FOUND, "host_not_found", text));
    };
    let wish = metadata.hosts.all().get(&host).and_then(|notes| notes.commands_enabled);
    let host = HostId::from(host);
    let effective = effective_agent_config(&host, wish, &*source, clock.now());
    let (config, signature) = effective.map_err(|error| {
        tracing::error!(event = "host_agent_config_fetch", by = %allowed.identity, %host, %error, outcome = "not signed");
        let text = "Failed to sign the configuration; the server's log says why";
        ApiError::envelope(StatusCode::INTERNAL_SERVER_ERROR, "config_signing_failed", text)
    })?;
    tracing::info!(event = "host_agent_config_fetch", by = %allowed.identity, %host, outcome = "sent");
    let (issued_at, expires_at, signature) = match signature {
        Some(it) => (Some(it.issued_at), Some(it.expires_at), Some(it.signature)),
        None => (None, None, None),
    };
    Ok(Json(AgentConfigReply {
        success: true,
        host_id: host.to_string(),
        config: AgentConfigBody {
            commands_enabled: config.commands_enabled,
            settings: config.settings,
            issued_at,
            expires_at,
            signature,
        },
    }))
}

/// What to decide about an agent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct AgentConfigChange {
    /// Whether it is to run commands; `null` leaves that to the agent.
    commands_enabled: Option<bool>,
}

/// What is decided about an agent.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AgentSwitches {
    /// Whether it is to run commands; `null` leaves that to the agent.
    commands_enabled: Option<bool>,
}

/// Answer to a decision.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AgentSwitchesReply {
    /// Always true.
    success: bool,
    /// Which host it is about.
    host_id: String,
    /// What stands now.
    config: AgentSwitches,
}

/// Decide whether an agent is to run commands. The owner of its machine has the last word: an agent that was not started
/// with commands runs none.
#[utoipa::path(
    patch, path = "/api/agents/host/{id}/config", tag = "agents", params(("id" = String, Path, description = "Host")),
    request_body = AgentConfigChange,
    responses((status = 200, body = AgentSwitchesReply), (status = 400, body = ErrorBody), (status = 500, body = ErrorBody))
)]
pub(super) async fn patch_host_config(
    allowed: Allowed<HostAgentManage>,
    State(fleet): State<Fleet>,
    State(metadata): State<Arc<Metadata>>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<AgentSwitchesReply>, ApiError> {
    let host = required(&id, "missing_host_id", "the id of the host")?;
    let change: AgentConfigChange = object(body, LIMIT).await?;
    let wish = change.commands_enabled;
    let of = host.clone();
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "what was decided about an agent could not be saved");
        let text = "Failed to save the configuration; the server's log says why";
        ApiError::envelope(StatusCode::INTERNAL_SERVER_ERROR, "update_failed", text)
    };
    let saved = tokio::task::spawn_blocking(move || {
        metadata.hosts.change(|records| {
            let record =
                HostMetadata { commands_enabled: wish, ..records.get(&of).cloned().unwrap_or_default() };
            if record == HostMetadata::default() {
                records.remove(&of);
            } else {
                records.insert(of, record);
            }
            Ok(())
        })
    });
    match saved.await {
        Ok(Ok(())) => {}
        Ok(Err(UpdateError::Refused(refused))) => return Err(failed(&refused)),
        Ok(Err(UpdateError::Config(error))) => return Err(failed(&error)),
        Err(error) => return Err(failed(&error)),
    }
    fleet.notes_changed().await?;
    tracing::info!(by = %allowed.identity, host, ?wish, "it was decided whether an agent runs commands");
    Ok(Json(AgentSwitchesReply {
        success: true,
        host_id: host,
        config: AgentSwitches { commands_enabled: wish },
    }))
}
