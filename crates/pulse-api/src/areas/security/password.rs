//! `POST /api/security/change-password`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_auth::{FeatureSet, Requirement, authorize, password};
use pulse_config::{ConfigError, Secret, Settings};
use pulse_core::{Clock, scope::Scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LIMIT, bad_body_envelope, end_all_sessions, hash_password, too_many};
use crate::{
    areas::object::read_object,
    auditing::Auditor,
    auth::{client_address, verify_password},
    error::{ApiError, ErrorBody},
    extract::{Allowed, Authenticated},
    state::Access,
};

/// The old and the new password.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PasswordRequest {
    /// The one that counts now.
    #[schema(value_type = String, format = Password)]
    current_password: Secret,
    /// The new one, at least 12 characters.
    #[schema(value_type = String, format = Password)]
    new_password: Secret,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PasswordChanged {
    /// Always true.
    success: bool,
    /// In words.
    message: &'static str,
    /// Always false: it counts at once.
    requires_restart: bool,
}

/// Change the password. It counts at once, and all sessions end.
#[utoipa::path(
    post, path = "/api/security/change-password", tag = "security", request_body = PasswordRequest,
    responses(
        (status = 200, body = PasswordChanged), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 409, description = "Set in the environment", body = ErrorBody),
        (status = 429, description = "More than ten attempts in a minute", body = String),
    )
)]
pub(super) async fn change_password(
    allowed: Allowed<Authenticated>,
    State(access): State<Arc<Access>>,
    State(settings): State<Arc<Settings>>,
    State(clock): State<Arc<dyn Clock>>,
    auditor: Auditor,
    request: Request,
) -> Result<Json<PasswordChanged>, ApiError> {
    let refuse = |status, code, text: &str| ApiError::envelope(status, code, text);
    if !allowed.identity.is_admin {
        return Err(refuse(
            StatusCode::FORBIDDEN,
            "forbidden",
            "Only administrators may change the password",
        ));
    }
    // Pulse v5 let any token through here.
    authorize(&allowed.identity, Requirement::admin(&[Scope::SettingsWrite]), FeatureSet::default())?;
    let (parts, body) = request.into_parts();
    let body: PasswordRequest = read_object(body, LIMIT).await.map_err(bad_body_envelope)?;
    password::check(body.new_password.expose())
        .map_err(|error| refuse(StatusCode::BAD_REQUEST, "invalid_password", &error.to_string()))?;
    if body.current_password.is_empty() {
        return Err(refuse(StatusCode::UNAUTHORIZED, "unauthorized", "Current password required"));
    }
    // Who found an open session must not be able to try passwords with it.
    let address = client_address(&parts.extensions, &parts.headers, &settings);
    if access.login_limiter.check(&address, clock.now()).is_err() {
        return Err(too_many());
    }
    let wrong = || refuse(StatusCode::UNAUTHORIZED, "unauthorized", "Current password is incorrect");
    let login = access.credentials.current().ok_or_else(wrong)?;
    if !verify_password(body.current_password.expose().to_owned(), login.password_hash.clone())
        .await
        .map_err(|_| too_many())?
    {
        auditor.record("password_change", false, "The current password was wrong").await;
        return Err(wrong());
    }
    if login.is_from_environment {
        let text = ConfigError::ManagedByEnvironment.to_string();
        return Err(refuse(StatusCode::CONFLICT, "config_error", &text));
    }
    let hash = hash_password(body.new_password).await?;
    let doing = "keep the new password";
    let kept = {
        let access = Arc::clone(&access);
        tokio::task::spawn_blocking(move || access.credentials.replace_hash(&login, &hash)).await
    };
    let is_done = kept
        .map_err(|error| ApiError::internal(doing, error))?
        .map_err(|error| ApiError::internal(doing, error))?;
    if !is_done {
        return Err(wrong());
    }
    end_all_sessions(&access, &clock).await;
    auditor.record("password_change", true, "").await;
    tracing::info!(by = %allowed.identity, "the password was changed");
    Ok(Json(PasswordChanged {
        success: true,
        message: "Password changed. Log in again with the new one.",
        requires_restart: false,
    }))
}
