//! `POST /api/security/regenerate-token` and `/validate-token`: one token for everything, as scripts of old want it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use pulse_auth::{ScopeSet, generate_token, hash_token, token, token::MAX_VALUE};
use pulse_config::{Secret, Settings, Tokens};
use pulse_core::Clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LIMIT, bad_body, too_many};
use crate::{
    areas::object::read_object,
    auth::client_address,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
    state::Access,
};

/// A new token, shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Regenerated {
    /// Always true.
    success: bool,
    /// Its value.
    token: String,
    /// `docker`, `systemd` or `manual`.
    deployment_type: &'static str,
    /// Always false: it counts at once.
    requires_restart: bool,
    /// In words.
    message: &'static str,
}

/// Replace all API tokens by one new token for everything.
#[utoipa::path(
    post, path = "/api/security/regenerate-token", tag = "security",
    responses(
        (status = 200, body = Regenerated), (status = 403, body = MissingScopeBody),
        (status = 429, description = "More than ten attempts in a minute", body = String),
    )
)]
pub(super) async fn regenerate_token(
    allowed: Allowed<SettingsWriteAdmin>,
    State(access): State<Arc<Access>>,
    State(settings): State<Arc<Settings>>,
    State(clock): State<Arc<dyn Clock>>,
    headers: HeaderMap,
    extensions: http::Extensions,
) -> Result<Json<Regenerated>, ApiError> {
    let address = client_address(&extensions, &headers, &settings);
    if access.login_limiter.check(&address, clock.now()).is_err() {
        return Err(too_many());
    }
    let doing = "make a token";
    let value = generate_token().map_err(|error| ApiError::internal(doing, error))?;
    let record = token::record(&value, "Regenerated token", ScopeSet::all(), clock.now());
    let kept = tokio::task::spawn_blocking(move || access.tokens.replace_all(record)).await;
    kept.map_err(|error| ApiError::internal(doing, error))?
        .map_err(|error| ApiError::internal(doing, error))?;
    tracing::info!(by = %allowed.identity, "all API tokens were replaced by a new one");
    Ok(Json(Regenerated {
        success: true,
        token: value.to_string(),
        deployment_type: match (settings.is_docker, settings.is_systemd) {
            (true, _) => "docker",
            (false, true) => "systemd",
            (false, false) => "manual",
        },
        requires_restart: false,
        message: "New API token generated and active immediately! Save this token - it won't be shown again.",
    }))
}

/// A token to ask about.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct ValidateRequest {
    /// Its value.
    #[schema(value_type = String, format = Password)]
    token: Secret,
}

/// Whether it is one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Validity {
    /// Whether it is one.
    valid: bool,
    /// In words.
    message: &'static str,
}

/// Ask whether a value is a token of this server. That does not count as a use of it.
#[utoipa::path(
    post, path = "/api/security/validate-token", tag = "security", request_body = ValidateRequest,
    responses(
        (status = 200, body = Validity), (status = 400, body = Validity), (status = 403, body = MissingScopeBody),
        (status = 429, description = "More than ten attempts in a minute", body = String),
    )
)]
pub(super) async fn validate_token(
    _: Allowed<SettingsWriteAdmin>,
    State(access): State<Arc<Access>>,
    State(settings): State<Arc<Settings>>,
    State(clock): State<Arc<dyn Clock>>,
    request: Request,
) -> Result<(StatusCode, Json<Validity>), ApiError> {
    let (parts, body) = request.into_parts();
    let address = client_address(&parts.extensions, &parts.headers, &settings);
    if access.login_limiter.check(&address, clock.now()).is_err() {
        return Err(too_many());
    }
    let body: ValidateRequest =
        read_object(body, LIMIT).await.map_err(|error| bad_body(error, "Invalid request body"))?;
    let answer = |status, valid, message| Ok((status, Json(Validity { valid, message })));
    let value = body.token.expose();
    let tokens = access.tokens.current();
    if value.is_empty() {
        answer(StatusCode::BAD_REQUEST, false, "Token is required")
    } else if tokens.is_empty() {
        answer(StatusCode::OK, false, "API token authentication is not configured")
    } else if value.len() <= MAX_VALUE && is_good(&tokens, value, clock.now()) {
        answer(StatusCode::OK, true, "Token is valid")
    } else {
        answer(StatusCode::OK, false, "Token is invalid")
    }
}

/// Whether a value is that of a token whose time is not over.
fn is_good(tokens: &Tokens, value: &str, now: Timestamp) -> bool {
    tokens.find(&hash_token(value)).is_some_and(|token| !token.is_expired(now))
}
