//! `/api/agents/host/{uninstall,link,unlink}`, `DELETE /api/agents/host/{id}`: hosts that go, and which node they are.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::StatusCode;
use pulse_config::store::fleet::AgentKind;
use pulse_core::scope::Scope;
use pulse_monitor::fleet::{Fleet, links};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{HostDone, bad, object, required, revoke, speaker};
use crate::{
    error::{ApiError, ErrorBody},
    extract::{Allowed, HostAgentManage, HostAgentReport},
    state::Access,
};

const LIMIT: usize = 16 * 1024;

/// A host.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct HostRef {
    /// Its id.
    host_id: String,
}

/// A host and a node.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct HostAndNode {
    /// Id of the host.
    host_id: String,
    /// Id of the node.
    node_id: String,
}

/// A link was made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Linked {
    /// Always true.
    success: bool,
    /// The host.
    host_id: String,
    /// The node.
    node_id: String,
    /// In words.
    message: &'static str,
}

/// Tell that an agent was uninstalled; what was never there is gone too. A token that may only report speaks for what it
/// reports.
#[utoipa::path(
    post, path = "/api/agents/host/uninstall", tag = "agents", request_body = HostRef,
    responses((status = 200, body = HostDone), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody))
)]
pub(super) async fn uninstall_host(
    allowed: Allowed<HostAgentReport>,
    State(fleet): State<Fleet>,
    State(access): State<Arc<Access>>,
    body: Body,
) -> Result<Json<HostDone>, ApiError> {
    let request: HostRef = object(body, LIMIT).await?;
    let host = required(&request.host_id, "missing_host_id", "hostId")?;
    let asker = speaker(&allowed.identity, Scope::HostAgentManage);
    let of = host.clone();
    let removed = fleet
        .change(move |world, _| {
            if !world.is_known(AgentKind::Host, &of) {
                return Ok(None);
            }
            // Pulse v5: every token that may report removes every host, and with it that host's token.
            match asker {
                Some(token) if !world.is_spoken_for_by(AgentKind::Host, &of, &token) => Err(()),
                _ => Ok(Some(world.uninstalled(AgentKind::Host, &of))),
            }
        })
        .await?;
    match removed {
        Err(()) => {
            let text = "Host does not belong to this API token";
            return Err(ApiError::envelope(StatusCode::FORBIDDEN, "host_uninstall_forbidden", text));
        }
        Ok(Some(removed)) => {
            tracing::info!(by = %allowed.identity, host, "a host's agent was uninstalled");
            revoke(access, removed.unused_token, &allowed.identity).await?;
        }
        Ok(None) => {}
    }
    Ok(Json(HostDone::new(host, "Host unregistered successfully")))
}

/// Remove a host. Its token goes with it where nothing else uses that; else the host may not report for a day.
#[utoipa::path(
    delete, path = "/api/agents/host/{id}", tag = "agents", params(("id" = String, Path, description = "Host")),
    responses((status = 200, body = HostDone), (status = 400, body = ErrorBody))
)]
pub(super) async fn remove_host(
    allowed: Allowed<HostAgentManage>,
    State(fleet): State<Fleet>,
    State(access): State<Arc<Access>>,
    Path(id): Path<String>,
) -> Result<Json<HostDone>, ApiError> {
    let host = required(&id, "missing_host_id", "the id of the host")?;
    let of = host.clone();
    let removed = fleet
        .change(move |world, now| {
            if world.is_known(AgentKind::Host, &of) {
                // Pulse v5: a host whose token others use comes back with its next report.
                return Some(world.remove(AgentKind::Host, &of, now));
            }
            None
        })
        .await?;
    if let Some(removed) = removed {
        tracing::info!(by = %allowed.identity, host, "a host was removed");
        revoke(access, removed.unused_token, &allowed.identity).await?;
    }
    Ok(Json(HostDone::new(host, "Host removed")))
}

/// Let a host that was removed report again. Beside the contract.
#[utoipa::path(
    post, path = "/api/agents/host/{id}/allow-reenroll", tag = "agents", params(("id" = String, Path, description = "Host")),
    responses((status = 200, body = HostDone), (status = 400, body = ErrorBody))
)]
pub(super) async fn allow_host_reenrolment(
    allowed: Allowed<HostAgentManage>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
) -> Result<Json<HostDone>, ApiError> {
    let host = required(&id, "missing_host_id", "the id of the host")?;
    let of = host.clone();
    fleet.change(move |world, _| world.allow_reenrolment(AgentKind::Host, &of)).await?;
    tracing::info!(by = %allowed.identity, host, "a removed host may report again");
    Ok(Json(HostDone { success: true, host_id: host, message: None }))
}

/// Say that a host and a Proxmox node are one machine.
#[utoipa::path(
    post, path = "/api/agents/host/link", tag = "agents", request_body = HostAndNode,
    responses((status = 200, body = Linked), (status = 400, body = ErrorBody))
)]
pub(super) async fn link_host(
    allowed: Allowed<HostAgentManage>,
    State(fleet): State<Fleet>,
    body: Body,
) -> Result<Json<Linked>, ApiError> {
    let request: HostAndNode = object(body, LIMIT).await?;
    let host = required(&request.host_id, "missing_host_id", "hostId")?;
    let node = required(&request.node_id, "missing_node_id", "nodeId")?;
    let (of, to, by) = (host.clone(), node.clone(), allowed.identity.to_string());
    let linked = fleet.change(move |world, now| links::link(world, &of, &to, &by, now)).await?;
    linked.map_err(|error| bad("link_failed", error.to_string()))?;
    tracing::info!(by = %allowed.identity, host, node, "a host was linked to a node");
    let message = "Host agent linked to PVE node";
    Ok(Json(Linked { success: true, host_id: host, node_id: node, message }))
}

/// Say that a host is no Proxmox node, whatever their names are.
#[utoipa::path(
    post, path = "/api/agents/host/unlink", tag = "agents", request_body = HostRef,
    responses((status = 200, body = HostDone), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn unlink_host(
    allowed: Allowed<HostAgentManage>,
    State(fleet): State<Fleet>,
    body: Body,
) -> Result<Json<HostDone>, ApiError> {
    let request: HostRef = object(body, LIMIT).await?;
    let host = required(&request.host_id, "missing_host_id", "hostId")?;
    let (of, by) = (host.clone(), allowed.identity.to_string());
    let unlinked = fleet.change(move |world, now| links::unlink(world, &of, &by, now)).await?;
    let node = unlinked
        .map_err(|error| ApiError::envelope(StatusCode::NOT_FOUND, "unlink_failed", error.to_string()))?;
    tracing::info!(by = %allowed.identity, host, %node, "a host was unlinked from a node");
    Ok(Json(HostDone::new(host, "Host agent unlinked from PVE node")))
}
