//! `GET /api/agents/decisions`: what is removed, hidden and linked, for a page where that can be undone. Beside the
//! contract, whose state tells only a part of it.

use axum::{Json, extract::State};
use jiff::Timestamp;
use pulse_config::store::fleet::{AgentKind, FleetRecord};
use pulse_monitor::fleet::{Fleet, roster::REMOVAL_BLOCK};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::ApiError,
    extract::{Allowed, MonitoringRead},
};

/// What is decided about what agents report.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AgentDecisions {
    /// What was removed and may not report yet.
    removed: Vec<RemovedAgent>,
    /// What is hidden.
    hidden: Vec<HiddenAgent>,
    /// Hosts and nodes that people linked or unlinked.
    links: Vec<AgentLinkDecision>,
    /// Who linked and unlinked what, newest first.
    link_events: Vec<AgentLinkEvent>,
}

/// Something that was removed and may not report yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RemovedAgent {
    /// `host`, `docker` or `kubernetes`.
    kind: &'static str,
    /// Id.
    id: String,
    /// Name it was shown by.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    /// When it was removed.
    #[schema(value_type = String, format = DateTime)]
    removed_at: Timestamp,
    /// Until when it may not report.
    #[schema(value_type = String, format = DateTime)]
    blocked_until: Timestamp,
}

/// Something that is hidden.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HiddenAgent {
    /// `docker` or `kubernetes`.
    kind: &'static str,
    /// Id.
    id: String,
}

/// What a person decided about a host and a node.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AgentLinkDecision {
    /// The host.
    host_id: String,
    /// The node; `null`: none.
    node_id: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who decided it.
    by: String,
}

/// A link was made or undone.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AgentLinkEvent {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who did it.
    by: String,
    /// The host.
    host_id: String,
    /// The node.
    node_id: String,
    /// `linked` or `unlinked`.
    action: &'static str,
}

/// Read what is decided about hosts, Docker hosts and clusters.
#[utoipa::path(get, path = "/api/agents/decisions", tag = "agents", responses((status = 200, body = AgentDecisions)))]
pub(super) async fn list_agent_decisions(
    _: Allowed<MonitoringRead>,
    State(fleet): State<Fleet>,
) -> Result<Json<AgentDecisions>, ApiError> {
    Ok(Json(shape(&*fleet.decisions().await?)))
}

fn shape(record: &FleetRecord) -> AgentDecisions {
    let kinds =
        [(AgentKind::Host, "host"), (AgentKind::Docker, "docker"), (AgentKind::Kubernetes, "kubernetes")];
    let removed = kinds.iter().flat_map(|(kind, name)| {
        record.section(*kind).removed.iter().map(|(id, grave)| RemovedAgent {
            kind: name,
            id: id.clone(),
            display_name: grave.display_name.clone(),
            removed_at: grave.removed_at,
            blocked_until: grave.removed_at.checked_add(REMOVAL_BLOCK).unwrap_or(grave.removed_at),
        })
    });
    let hidden = kinds.iter().flat_map(|(kind, name)| {
        record.section(*kind).hidden.iter().map(|id| HiddenAgent { kind: name, id: id.clone() })
    });
    let links = record.links.iter().map(|(host, decision)| AgentLinkDecision {
        host_id: host.clone(),
        node_id: decision.node_id.clone(),
        at: decision.at,
        by: decision.by.clone(),
    });
    let link_events = record.link_events.iter().rev().map(|event| AgentLinkEvent {
        at: event.at,
        by: event.by.clone(),
        host_id: event.host_id.clone(),
        node_id: event.node_id.clone(),
        action: if event.is_linked { "linked" } else { "unlinked" },
    });
    AgentDecisions {
        removed: removed.collect(),
        hidden: hidden.collect(),
        links: links.collect(),
        link_events: link_events.collect(),
    }
}
