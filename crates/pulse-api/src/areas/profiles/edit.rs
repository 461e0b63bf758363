//! `/api/admin/profiles/`, `/api/admin/profiles/{id}`: make, read, change and delete profiles.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    response::Response,
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_config::{
    ProfileStore,
    store::profiles::{ProfileEdit, records::AgentProfile},
};
use pulse_core::Clock;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{change, nothing, object};
use crate::{
    error::ApiError,
    extract::{Allowed, ProfilesRead, ProfilesWrite},
};

/// A set of values for agents.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Profile {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    description: String,
    /// Its values by key; `null` for none.
    #[schema(value_type = Option<std::collections::HashMap<String, Value>>)]
    config: Option<Map<String, Value>>,
    /// Grows by one with every change.
    version: u64,
    /// The profile it was made from.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    parent_id: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Who made it.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    created_by: String,
    /// Who changed it last.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    updated_by: String,
}

impl From<AgentProfile> for Profile {
    fn from(it: AgentProfile) -> Self {
        Self {
            id: it.id,
            name: it.name,
            description: it.description,
            config: it.config,
            version: it.version,
            parent_id: it.parent_id,
            created_at: it.created_at,
            updated_at: it.updated_at,
            created_by: it.created_by,
            updated_by: it.updated_by,
        }
    }
}

/// A profile as a person sends it; what a change does not name stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct ProfileRequest {
    /// The name.
    name: Option<String>,
    /// What it is for.
    description: Option<String>,
    /// Its values by key.
    #[schema(value_type = Option<std::collections::HashMap<String, Value>>)]
    config: Option<Map<String, Value>>,
    /// The profile it was made from.
    parent_id: Option<String>,
    /// Why it is changed.
    change_note: Option<String>,
}

impl From<ProfileRequest> for ProfileEdit {
    fn from(it: ProfileRequest) -> Self {
        Self {
            name: it.name,
            description: it.description,
            config: it.config,
            parent_id: it.parent_id,
            change_note: it.change_note.unwrap_or_default(),
        }
    }
}

/// List profiles of agents.
#[utoipa::path(
    get, path = "/api/admin/profiles/", tag = "agent-profiles",
    responses((status = 200, body = Vec<Profile>), (status = 402, description = "Needs the feature agent_profiles"))
)]
pub(super) async fn list_profiles(
    _: Allowed<ProfilesRead>,
    State(profiles): State<Arc<ProfileStore>>,
) -> Json<Vec<Profile>> {
    Json(profiles.profiles().iter().cloned().map(Profile::from).collect())
}

/// Create a profile of agents.
#[utoipa::path(
    post, path = "/api/admin/profiles/", tag = "agent-profiles", request_body = ProfileRequest,
    responses(
        (status = 200, body = Profile), (status = 400, description = "Without a name, or with values agents cannot follow"),
        (status = 402, description = "Needs the feature agent_profiles"), (status = 409, body = String),
    )
)]
pub(super) async fn create_profile(
    allowed: Allowed<ProfilesWrite>,
    State(profiles): State<Arc<ProfileStore>>,
    State(clock): State<Arc<dyn Clock>>,
    body: Body,
) -> Result<Json<Profile>, ApiError> {
    let edit: ProfileRequest = object(body).await?;
    let (by, now, id) = (allowed.identity.to_string(), clock.now(), uuid::Uuid::new_v4().to_string());
    let made = change(profiles, move |profiles| profiles.create(id, edit.into(), &by, now)).await?;
    tracing::info!(by = %allowed.identity, profile = made.id, name = made.name, "a profile of agents was created");
    Ok(Json(made.into()))
}

/// Read a profile of agents.
#[utoipa::path(
    get, path = "/api/admin/profiles/{id}", tag = "agent-profiles", params(("id" = String, Path, description = "Profile")),
    responses(
        (status = 200, body = Profile), (status = 402, description = "Needs the feature agent_profiles"),
        (status = 404, body = String),
    )
)]
pub(super) async fn get_profile(
    _: Allowed<ProfilesRead>,
    State(profiles): State<Arc<ProfileStore>>,
    Path(id): Path<String>,
) -> Result<Json<Profile>, ApiError> {
    let found = profiles.profile(&id);
    found
        .map(|profile| Json(profile.into()))
        .ok_or_else(|| ApiError::text(StatusCode::NOT_FOUND, "Profile not found"))
}

/// Change a profile of agents. Agents that follow it take it over within minutes.
#[utoipa::path(
    put, path = "/api/admin/profiles/{id}", tag = "agent-profiles", params(("id" = String, Path, description = "Profile")),
    request_body = ProfileRequest,
    responses(
        (status = 200, body = Profile), (status = 400, description = "Without a name, or with values agents cannot follow"),
        (status = 402, description = "Needs the feature agent_profiles"), (status = 404, body = String),
    )
)]
pub(super) async fn update_profile(
    allowed: Allowed<ProfilesWrite>,
    State(profiles): State<Arc<ProfileStore>>,
    State(clock): State<Arc<dyn Clock>>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<Profile>, ApiError> {
    let edit: ProfileRequest = object(body).await?;
    let (by, now) = (allowed.identity.to_string(), clock.now());
    let changed = change(profiles, move |profiles| profiles.change(&id, edit.into(), &by, now)).await?;
    tracing::info!(by = %allowed.identity, profile = changed.id, version = changed.version, "a profile of agents was changed");
    Ok(Json(changed.into()))
}

/// Delete a profile of agents. Whoever follows it follows none then.
#[utoipa::path(
    delete, path = "/api/admin/profiles/{id}", tag = "agent-profiles", params(("id" = String, Path, description = "Profile")),
    responses(
        (status = 200, description = "Deleted"), (status = 402, description = "Needs the feature agent_profiles"),
        (status = 404, body = String),
    )
)]
pub(super) async fn delete_profile(
    allowed: Allowed<ProfilesWrite>,
    State(profiles): State<Arc<ProfileStore>>,
    State(clock): State<Arc<dyn Clock>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let (by, now, of) = (allowed.identity.to_string(), clock.now(), id.clone());
    change(profiles, move |profiles| profiles.delete(&of, &by, now)).await?;
    tracing::info!(by = %allowed.identity, profile = id, "a profile of agents was deleted");
    Ok(nothing(StatusCode::OK))
}
