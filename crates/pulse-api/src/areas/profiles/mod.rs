//! `/api/admin/profiles/*`: profiles of agents, which agent follows which, and how far that is (contract B-11).
//!
//! Pulse v5 asks no scope here, so that any administrator's token could; lists come as `text/plain` there.

mod assign;
mod deploy;
mod edit;
mod history;
mod schema;

use std::sync::Arc;

use axum::{
    body::Body,
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use pulse_config::{
    ProfileStore, UpdateError,
    store::profiles::{ProfileError, schema::Validation},
};
use serde::de::DeserializeOwned;

use crate::{
    areas::object::read_object,
    error::ApiError,
    routing::{ApiRouter, routes},
};

/// A profile has a dozen values.
const LIMIT: usize = 64 * 1024;

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(edit::list_profiles, edit::create_profile))
        .routes(routes!(edit::get_profile, edit::update_profile, edit::delete_profile))
        .routes(routes!(history::list_profile_versions))
        .routes(routes!(history::roll_back_profile))
        .routes(routes!(history::list_profile_changes))
        .routes(routes!(assign::list_profile_assignments, assign::assign_profile))
        .routes(routes!(assign::unassign_profile))
        .routes(routes!(deploy::list_profile_deployments, deploy::update_profile_deployment))
        .routes(routes!(schema::get_profile_schema))
        .routes(routes!(schema::validate_profile))
        .routes(routes!(schema::suggest_profile))
        .route("/api/admin/profiles", axum::routing::any(add_slash))
}

/// 307, so that a body survives.
async fn add_slash() -> Redirect {
    Redirect::temporary("/api/admin/profiles/")
}

async fn object<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    read_object(body, LIMIT)
        .await
        .map_err(|error| ApiError::text(StatusCode::BAD_REQUEST, format!("Invalid request body: {error}")))
}

/// Changes profiles on a thread that may wait for the disk.
async fn change<T: Send + 'static>(
    profiles: Arc<ProfileStore>,
    change: impl FnOnce(&ProfileStore) -> Result<T, UpdateError<ProfileError>> + Send + 'static,
) -> Result<T, ApiError> {
    let doing = "keep a change of profiles";
    let done = tokio::task::spawn_blocking(move || change(&profiles)).await;
    match done.map_err(|error| ApiError::internal(doing, error))? {
        Ok(done) => Ok(done),
        Err(UpdateError::Refused(error)) => Err(refused(error)),
        Err(UpdateError::Config(error)) => Err(ApiError::internal(doing, error)),
    }
}

fn refused(error: ProfileError) -> ApiError {
    let text = error.to_string();
    match error {
        ProfileError::Unknown | ProfileError::UnknownVersion => ApiError::text(StatusCode::NOT_FOUND, text),
        ProfileError::Nameless | ProfileError::MissingId | ProfileError::TooLong => {
            ApiError::text(StatusCode::BAD_REQUEST, text)
        }
        ProfileError::TooMany => ApiError::text(StatusCode::CONFLICT, text),
        ProfileError::Invalid(found) => invalid(found),
    }
}

fn invalid(found: Validation) -> ApiError {
    let found = schema::ProfileValidation::from(found);
    let body = serde_json::json!({
        "error": "validation_failed", "message": "Configuration validation failed",
        "errors": found.errors, "warnings": found.warnings,
    });
    ApiError::Json { status: StatusCode::BAD_REQUEST, body }
}

fn nothing(status: StatusCode) -> Response {
    status.into_response()
}
