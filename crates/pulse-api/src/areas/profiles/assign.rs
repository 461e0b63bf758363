//! `/api/admin/profiles/assignments`: which agent follows which profile.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    response::Response,
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_config::{ProfileStore, store::profiles::records::ProfileAssignment};
use pulse_core::Clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{change, nothing, object};
use crate::{
    error::ApiError,
    extract::{Allowed, ProfilesRead, ProfilesWrite},
};

/// Which profile an agent follows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Assignment {
    /// The agent: the id of the host it reports.
    agent_id: String,
    /// The profile.
    profile_id: String,
    /// The version of the profile when it was assigned.
    profile_version: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// By whom.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    assigned_by: String,
}

impl From<ProfileAssignment> for Assignment {
    fn from(it: ProfileAssignment) -> Self {
        Self {
            agent_id: it.agent_id,
            profile_id: it.profile_id,
            profile_version: it.profile_version,
            updated_at: it.updated_at,
            assigned_by: it.assigned_by,
        }
    }
}

/// Which profile an agent is to follow.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct AssignmentRequest {
    /// The agent: the id of the host it reports.
    agent_id: String,
    /// The profile.
    profile_id: String,
    /// The version that is meant; the current one if left out. Agents always get the newest.
    profile_version: Option<u64>,
}

/// List which agent follows which profile.
#[utoipa::path(
    get, path = "/api/admin/profiles/assignments", tag = "agent-profiles",
    responses((status = 200, body = Vec<Assignment>), (status = 402, description = "Needs the feature agent_profiles"))
)]
pub(super) async fn list_profile_assignments(
    _: Allowed<ProfilesRead>,
    State(profiles): State<Arc<ProfileStore>>,
) -> Json<Vec<Assignment>> {
    Json(profiles.assignments().iter().cloned().map(Assignment::from).collect())
}

/// Have an agent follow a profile, in the place of what it followed. The agent may be one that has not reported yet.
#[utoipa::path(
    post, path = "/api/admin/profiles/assignments", tag = "agent-profiles", request_body = AssignmentRequest,
    responses(
        (status = 200, body = Assignment), (status = 400, body = String),
        (status = 402, description = "Needs the feature agent_profiles"),
        (status = 404, body = String, description = "There is no such profile"), (status = 409, body = String),
    )
)]
pub(super) async fn assign_profile(
    allowed: Allowed<ProfilesWrite>,
    State(profiles): State<Arc<ProfileStore>>,
    State(clock): State<Arc<dyn Clock>>,
    body: Body,
) -> Result<Json<Assignment>, ApiError> {
    let request: AssignmentRequest = object(body).await?;
    let (by, now) = (allowed.identity.to_string(), clock.now());
    let assigned = change(profiles, move |profiles| {
        let version = request.profile_version.unwrap_or_default();
        profiles.assign(request.agent_id.trim(), request.profile_id.trim(), version, &by, now)
    })
    .await?;
    tracing::info!(by = %allowed.identity, agent = assigned.agent_id, profile = assigned.profile_id, "a profile was assigned");
    Ok(Json(assigned.into()))
}

/// Have an agent follow no profile; it is no error when it follows none.
#[utoipa::path(
    delete, path = "/api/admin/profiles/assignments/{agentId}", tag = "agent-profiles",
    params(("agentId" = String, Path, description = "Agent")),
    responses((status = 204, description = "It follows none"), (status = 402, description = "Needs the feature agent_profiles"))
)]
pub(super) async fn unassign_profile(
    allowed: Allowed<ProfilesWrite>,
    State(profiles): State<Arc<ProfileStore>>,
    State(clock): State<Arc<dyn Clock>>,
    Path(agent): Path<String>,
) -> Result<Response, ApiError> {
    let (by, now, of) = (allowed.identity.to_string(), clock.now(), agent.clone());
    change(profiles, move |profiles| profiles.unassign(&of, &by, now)).await?;
    tracing::info!(by = %allowed.identity, agent, "an agent follows no profile");
    Ok(nothing(StatusCode::NO_CONTENT))
}
