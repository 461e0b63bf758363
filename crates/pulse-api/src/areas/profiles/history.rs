//! `/api/admin/profiles/{id}/versions`, `…/rollback/{version}`, `/api/admin/profiles/changelog`: what profiles were.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_config::{
    ProfileStore,
    store::profiles::records::{ProfileAction, ProfileChange, ProfileVersion},
};
use pulse_core::Clock;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{change, edit::Profile};
use crate::{
    error::ApiError,
    extract::{Allowed, ProfilesRead, ProfilesWrite},
};

/// A profile as it was.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VersionOfProfile {
    /// The profile.
    profile_id: String,
    /// Which version.
    version: u64,
    /// Its name then.
    name: String,
    /// What it was for.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    description: String,
    /// Its values then; `null` for none.
    #[schema(value_type = Option<std::collections::HashMap<String, Value>>)]
    config: Option<Map<String, Value>>,
    /// The profile it was made from.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    parent_id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// By whom.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    created_by: String,
    /// Why.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    change_note: String,
}

impl From<ProfileVersion> for VersionOfProfile {
    fn from(it: ProfileVersion) -> Self {
        Self {
            profile_id: it.profile_id,
            version: it.version,
            name: it.name,
            description: it.description,
            config: it.config,
            parent_id: it.parent_id,
            created_at: it.created_at,
            created_by: it.created_by,
            change_note: it.change_note,
        }
    }
}

/// An entry of the log of changes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangeOfProfile {
    /// Its id.
    id: String,
    /// The profile.
    profile_id: String,
    /// Its name at that time.
    profile_name: String,
    /// `create`, `update`, `delete`, `assign`, `unassign` or `rollback`.
    #[schema(value_type = String)]
    action: ProfileAction,
    /// The version before.
    #[serde(skip_serializing_if = "Option::is_none")]
    old_version: Option<u64>,
    /// The version after.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_version: Option<u64>,
    /// The agent.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    agent_id: String,
    /// Who did it.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    user: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// More, for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    details: String,
}

impl From<ProfileChange> for ChangeOfProfile {
    fn from(it: ProfileChange) -> Self {
        Self {
            id: it.id,
            profile_id: it.profile_id,
            profile_name: it.profile_name,
            action: it.action,
            old_version: it.old_version,
            new_version: it.new_version,
            agent_id: it.agent_id,
            user: it.user,
            timestamp: it.timestamp,
            details: it.details,
        }
    }
}

/// What a profile of agents was, oldest first; also of one that was deleted.
#[utoipa::path(
    get, path = "/api/admin/profiles/{id}/versions", tag = "agent-profiles",
    params(("id" = String, Path, description = "Profile")),
    responses((status = 200, body = Vec<VersionOfProfile>), (status = 402, description = "Needs the feature agent_profiles"))
)]
pub(super) async fn list_profile_versions(
    _: Allowed<ProfilesRead>,
    State(profiles): State<Arc<ProfileStore>>,
    Path(id): Path<String>,
) -> Json<Vec<VersionOfProfile>> {
    Json(profiles.versions(&id).into_iter().map(VersionOfProfile::from).collect())
}

/// Make a profile of agents what it was, as a new version.
#[utoipa::path(
    post, path = "/api/admin/profiles/{id}/rollback/{version}", tag = "agent-profiles",
    params(("id" = String, Path, description = "Profile"), ("version" = String, Path, description = "Number of the version")),
    responses(
        (status = 200, body = Profile), (status = 400, body = String),
        (status = 402, description = "Needs the feature agent_profiles"), (status = 404, body = String),
    )
)]
pub(super) async fn roll_back_profile(
    allowed: Allowed<ProfilesWrite>,
    State(profiles): State<Arc<ProfileStore>>,
    State(clock): State<Arc<dyn Clock>>,
    Path((id, version)): Path<(String, String)>,
) -> Result<Json<Profile>, ApiError> {
    let version: u64 =
        version.parse().map_err(|_| ApiError::text(StatusCode::BAD_REQUEST, "Invalid version number"))?;
    let (by, now) = (allowed.identity.to_string(), clock.now());
    let changed = change(profiles, move |profiles| profiles.roll_back(&id, version, &by, now)).await?;
    tracing::info!(by = %allowed.identity, profile = changed.id, version, "a profile of agents was rolled back");
    Ok(Json(changed.into()))
}

/// Which changes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangesQuery {
    /// Only those of this profile.
    profile_id: Option<String>,
}

/// Who changed profiles of agents, oldest first.
#[utoipa::path(
    get, path = "/api/admin/profiles/changelog", tag = "agent-profiles", params(ChangesQuery),
    responses((status = 200, body = Vec<ChangeOfProfile>), (status = 402, description = "Needs the feature agent_profiles"))
)]
pub(super) async fn list_profile_changes(
    _: Allowed<ProfilesRead>,
    State(profiles): State<Arc<ProfileStore>>,
    Query(query): Query<ChangesQuery>,
) -> Json<Vec<ChangeOfProfile>> {
    let wanted = query.profile_id.filter(|id| !id.is_empty());
    let all = profiles.changes();
    let of = all.iter().filter(|it| wanted.as_ref().is_none_or(|id| it.profile_id == *id));
    Json(of.cloned().map(ChangeOfProfile::from).collect())
}
