//! `/api/admin/profiles/deployments`: how far profiles got to their agents.
//!
//! Agents of Pulse v5 never tell; here an agent that fetches its configuration counts as having it.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Query, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_config::{
    ProfileStore,
    store::profiles::records::{DeploymentStatus, ProfileDeployment},
};
use pulse_core::Clock;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{change, object};
use crate::{
    error::ApiError,
    extract::{Allowed, ProfilesRead, ProfilesWrite},
};

/// A profile on its way to an agent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Deployment {
    /// The agent.
    agent_id: String,
    /// The profile.
    profile_id: String,
    /// The version that was assigned.
    assigned_version: u64,
    /// The version the agent has; 0 for none.
    deployed_version: u64,
    /// When it got it; `0001-01-01T00:00:00Z` for never.
    #[schema(format = DateTime)]
    last_deployed_at: String,
    /// `pending`, `deployed` or `failed`.
    #[schema(value_type = String)]
    deployment_status: DeploymentStatus,
    /// What went wrong.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    error_message: String,
}

impl From<ProfileDeployment> for Deployment {
    fn from(it: ProfileDeployment) -> Self {
        let is_never = it.last_deployed_at <= Timestamp::UNIX_EPOCH;
        Self {
            agent_id: it.agent_id,
            profile_id: it.profile_id,
            assigned_version: it.assigned_version,
            deployed_version: it.deployed_version,
            last_deployed_at: if is_never {
                "0001-01-01T00:00:00Z".to_owned()
            } else {
                it.last_deployed_at.to_string()
            },
            deployment_status: it.deployment_status,
            error_message: it.error_message,
        }
    }
}

/// How far a profile got.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct DeploymentRequest {
    /// The agent.
    agent_id: String,
    /// The profile.
    profile_id: String,
    /// The version that was assigned; counts for a first entry only.
    assigned_version: u64,
    /// The version the agent has.
    deployed_version: u64,
    /// `pending`, `deployed` or `failed`.
    deployment_status: String,
    /// What went wrong.
    error_message: String,
}

/// Which deployments.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct DeploymentsQuery {
    /// Only those of this agent.
    agent_id: Option<String>,
}

/// How far profiles got to their agents.
#[utoipa::path(
    get, path = "/api/admin/profiles/deployments", tag = "agent-profiles", params(DeploymentsQuery),
    responses((status = 200, body = Vec<Deployment>), (status = 402, description = "Needs the feature agent_profiles"))
)]
pub(super) async fn list_profile_deployments(
    _: Allowed<ProfilesRead>,
    State(profiles): State<Arc<ProfileStore>>,
    Query(query): Query<DeploymentsQuery>,
) -> Json<Vec<Deployment>> {
    let wanted = query.agent_id.filter(|id| !id.is_empty());
    let all = profiles.deployments().into_iter();
    let of = all.filter(|it| wanted.as_ref().is_none_or(|id| it.agent_id == *id));
    Json(of.map(Deployment::from).collect())
}

/// Tell how far a profile got to an agent.
#[utoipa::path(
    post, path = "/api/admin/profiles/deployments", tag = "agent-profiles", request_body = DeploymentRequest,
    responses(
        (status = 200, body = Deployment), (status = 400, body = String),
        (status = 402, description = "Needs the feature agent_profiles"), (status = 409, body = String),
    )
)]
pub(super) async fn update_profile_deployment(
    allowed: Allowed<ProfilesWrite>,
    State(profiles): State<Arc<ProfileStore>>,
    State(clock): State<Arc<dyn Clock>>,
    body: Body,
) -> Result<Json<Deployment>, ApiError> {
    let request: DeploymentRequest = object(body).await?;
    let deployment_status = match request.deployment_status.as_str() {
        "pending" => DeploymentStatus::Pending,
        "deployed" => DeploymentStatus::Deployed,
        "failed" => DeploymentStatus::Failed,
        _ => {
            let text = "deployment_status must be pending, deployed or failed";
            return Err(ApiError::text(StatusCode::BAD_REQUEST, text));
        }
    };
    let deployment = ProfileDeployment {
        agent_id: request.agent_id,
        profile_id: request.profile_id,
        assigned_version: request.assigned_version,
        deployed_version: request.deployed_version,
        last_deployed_at: clock.now(),
        deployment_status,
        error_message: request.error_message,
    };
    let kept = deployment.clone();
    change(profiles, move |profiles| profiles.put_deployment(kept)).await?;
    tracing::info!(by = %allowed.identity, agent = deployment.agent_id, "the deployment of a profile was written down");
    Ok(Json(deployment.into()))
}
