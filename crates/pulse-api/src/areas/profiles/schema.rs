//! `/api/admin/profiles/schema`, `…/validate`, `…/suggestions`: what profiles may set. Keys are PascalCase, as nowhere
//! else.

use axum::{Json, body::Body};
use http::StatusCode;
use pulse_config::store::profiles::schema::{
    DefaultValue, KEYS, KeyDefinition, KeyProblem, KeyType, Validation, validate,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::object;
use crate::{
    error::ApiError,
    extract::{Allowed, ProfilesRead, ProfilesWrite},
};

/// A key of a profile's configuration.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ProfileKey {
    /// Its name.
    key: &'static str,
    /// `duration`, `bool`, `enum` or `string`.
    #[serde(rename = "Type")]
    kind: &'static str,
    /// What it does.
    description: &'static str,
    /// What counts without it: a text or a switch.
    #[schema(value_type = Value)]
    default: DefaultValue,
    /// Always false.
    required: bool,
    /// Always `null`.
    min: Option<f64>,
    /// Always `null`.
    max: Option<f64>,
    /// Always empty.
    pattern: &'static str,
    /// The words that an `enum` may be; `null` for other types.
    #[serde(rename = "Enum")]
    words: Option<&'static [&'static str]>,
}

impl From<&'static KeyDefinition> for ProfileKey {
    fn from(it: &'static KeyDefinition) -> Self {
        let words = match it.kind {
            KeyType::Enum(words) => Some(words),
            KeyType::Duration | KeyType::Bool | KeyType::String => None,
        };
        Self {
            key: it.key,
            kind: it.kind.name(),
            description: it.description,
            default: it.default,
            required: false,
            min: None,
            max: None,
            pattern: "",
            words,
        }
    }
}

/// What is wrong with a key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ProfileKeyProblem {
    /// The key.
    key: String,
    /// What is wrong.
    message: String,
}

/// Whether agents can follow a configuration.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ProfileValidation {
    /// Whether they can.
    valid: bool,
    /// What they cannot follow; `null` for nothing.
    pub(super) errors: Option<Vec<ProfileKeyProblem>>,
    /// What they leave aside; `null` for nothing.
    pub(super) warnings: Option<Vec<ProfileKeyProblem>>,
}

impl From<Validation> for ProfileValidation {
    fn from(it: Validation) -> Self {
        let some = |problems: Vec<KeyProblem>| {
            let of = |it: KeyProblem| ProfileKeyProblem { key: it.key, message: it.message };
            Some(problems.into_iter().map(of).collect::<Vec<_>>()).filter(|all| !all.is_empty())
        };
        Self { valid: it.is_valid(), errors: some(it.errors), warnings: some(it.warnings) }
    }
}

/// What profiles may set.
#[utoipa::path(
    get, path = "/api/admin/profiles/schema", tag = "agent-profiles",
    responses((status = 200, body = Vec<ProfileKey>), (status = 402, description = "Needs the feature agent_profiles"))
)]
pub(super) async fn get_profile_schema(_: Allowed<ProfilesRead>) -> Json<Vec<ProfileKey>> {
    Json(KEYS.iter().map(ProfileKey::from).collect())
}

/// Check whether agents could follow a configuration. Nothing is kept.
#[utoipa::path(
    post, path = "/api/admin/profiles/validate", tag = "agent-profiles",
    request_body = std::collections::HashMap<String, Value>,
    responses(
        (status = 200, body = ProfileValidation), (status = 400, body = String),
        (status = 402, description = "Needs the feature agent_profiles"),
    )
)]
pub(super) async fn validate_profile(
    _: Allowed<ProfilesRead>,
    body: Body,
) -> Result<Json<ProfileValidation>, ApiError> {
    let config: Map<String, Value> = object(body).await?;
    Ok(Json(validate(&config).into()))
}

/// Have a profile suggested. There is no assistant on this server.
#[utoipa::path(
    post, path = "/api/admin/profiles/suggestions", tag = "agent-profiles",
    responses((status = 402, description = "Needs the feature agent_profiles"), (status = 503, body = String))
)]
pub(super) async fn suggest_profile(_: Allowed<ProfilesWrite>) -> ApiError {
    ApiError::text(StatusCode::SERVICE_UNAVAILABLE, "Pulse Assistant service is not available")
}
