//! `/api/login`, `/api/logout`, `/api/security/*`: the first run, the login, and keeping both (contract A-02).

mod api_token;
mod bootstrap;
mod lockout;
mod login;
mod logout;
mod password;
mod recovery;
mod restart;
mod sessions;
mod setup;
mod status;

use std::sync::Arc;

use http::StatusCode;
use pulse_auth::password::PasswordError;
use pulse_config::Secret;
use pulse_core::Clock;
use serde::Serialize;
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use crate::{
    error::ApiError,
    extract::JsonError,
    routing::{ApiRouter, routes},
    state::Access,
};

/// Bodies of this area are a handful of short texts.
const LIMIT: usize = 16 * 1024;

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(login::log_in))
        .routes(routes!(logout::log_out))
        .routes(routes!(status::get_security_status))
        .routes(routes!(bootstrap::validate_bootstrap_token))
        .routes(routes!(setup::quick_setup))
        .routes(routes!(api_token::regenerate_token))
        .routes(routes!(api_token::validate_token))
        .routes(routes!(lockout::reset_lockout))
        .routes(routes!(password::change_password))
        .routes(routes!(restart::apply_restart))
        .routes(routes!(recovery::get_recovery, recovery::recover))
        .routes(routes!(sessions::list_sessions))
        .routes(routes!(sessions::end_session))
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// Whether it was.
    success: bool,
    /// In words.
    message: String,
}

/// An unreadable body where the contract answers in plain text.
fn bad_body(error: JsonError, text: &str) -> ApiError {
    match error {
        JsonError::TooLarge { .. } => ApiError::text(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"),
        JsonError::Incomplete | JsonError::Invalid { .. } => {
            ApiError::text(StatusCode::BAD_REQUEST, format!("{text}: {error}"))
        }
    }
}

/// An unreadable body where the contract answers with the envelope.
fn bad_body_envelope(error: JsonError) -> ApiError {
    match error {
        JsonError::TooLarge { .. } => {
            ApiError::envelope(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", "Request body too large")
        }
        JsonError::Incomplete | JsonError::Invalid { .. } => {
            ApiError::envelope(StatusCode::BAD_REQUEST, "invalid_request", "Invalid request body")
                .detail("error", error.to_string())
        }
    }
}

/// Password hashes take memory and a core: one at a time here, which are rare changes by one person.
static HASHING: Semaphore = Semaphore::const_new(1);

/// Hashes a password off the async threads.
async fn hash_password(password: Secret) -> Result<String, ApiError> {
    let doing = "hash a password";
    let _permit = HASHING.acquire().await.map_err(|error| ApiError::internal(doing, error))?;
    let hashed = tokio::task::spawn_blocking(move || pulse_auth::password::hash(password.expose())).await;
    match hashed.map_err(|error| ApiError::internal(doing, error))? {
        Ok(hash) => Ok(hash),
        Err(error @ (PasswordError::TooShort | PasswordError::TooLong)) => {
            Err(ApiError::text(StatusCode::BAD_REQUEST, error.to_string()))
        }
        Err(error @ PasswordError::System) => Err(ApiError::internal(doing, error)),
    }
}

/// Keeps the sessions, so that a restart logs nobody out. That they could not be kept is no reason to refuse a login.
pub(super) async fn save_sessions(access: &Arc<Access>, clock: &Arc<dyn Clock>) {
    let (access, now) = (Arc::clone(access), clock.now());
    let saved =
        tokio::task::spawn_blocking(move || access.session_file.save_with(|| access.sessions.export(now).1))
            .await;
    match saved {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "sessions were not saved: a restart will end them"),
        Err(error) => tracing::warn!(%error, "sessions were not saved: a restart will end them"),
    }
}

/// Ends all sessions: there is one user, and what they knew counts no more.
async fn end_all_sessions(access: &Arc<Access>, clock: &Arc<dyn Clock>) {
    for key in access.sessions.remove_all() {
        access.csrf.forget(&key);
    }
    save_sessions(access, clock).await;
}

/// Too many attempts from one address.
fn too_many() -> ApiError {
    ApiError::text(StatusCode::TOO_MANY_REQUESTS, "Too many attempts. Please try again later.")
}
