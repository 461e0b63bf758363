//! `/api/security/recovery`: somebody on the machine makes a token with which a new password can be set.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::{Extensions, HeaderMap, StatusCode};
use pulse_core::Clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Done, LIMIT, bad_body};
use crate::{
    areas::object::read_object,
    auth::is_direct_loopback,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
    state::Access,
};

/// Whether the server may be recovered from here.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecoveryStatus {
    /// In words.
    message: &'static str,
    /// Always false: authentication is never switched off.
    recovery_mode: bool,
}

/// Ask whether recovery is possible from here: from the machine itself, or with a recovery token.
#[utoipa::path(
    get, path = "/api/security/recovery", tag = "security",
    responses(
        (status = 200, body = RecoveryStatus), (status = 403, description = "Not from here", body = MissingScopeBody)
    )
)]
pub(super) async fn get_recovery(
    _: Allowed<SettingsWriteAdmin>,
    State(access): State<Arc<Access>>,
    State(clock): State<Arc<dyn Clock>>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Json<RecoveryStatus>, ApiError> {
    may_recover(&access, &clock, &headers, &extensions)?;
    let message = "Recovery endpoint accessible from localhost only";
    Ok(Json(RecoveryStatus { message, recovery_mode: false }))
}

/// What to do.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct RecoveryRequest {
    /// `generate_token`.
    action: String,
    /// Minutes the token counts: 1 to 60, else 15.
    duration: i64,
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub(super) struct RecoveryReply {
    #[serde(flatten)]
    done: Done,
    /// The token, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// How long it counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_minutes: Option<i64>,
}

/// Make a recovery token, from the machine itself only.
///
/// With it in the header `X-Recovery-Token`, quick-setup with `force` sets a new login, once. Pulse v5 could switch
/// authentication off here; this server cannot.
#[utoipa::path(
    post, path = "/api/security/recovery", tag = "security", request_body = RecoveryRequest,
    responses(
        (status = 200, body = RecoveryReply), (status = 400, description = "No JSON", body = String),
        (status = 403, description = "Not from here", body = String),
    )
)]
pub(super) async fn recover(
    allowed: Allowed<SettingsWriteAdmin>,
    State(access): State<Arc<Access>>,
    State(clock): State<Arc<dyn Clock>>,
    request: Request,
) -> Result<Json<RecoveryReply>, ApiError> {
    let (parts, body) = request.into_parts();
    may_recover(&access, &clock, &parts.headers, &parts.extensions)?;
    let body: RecoveryRequest =
        read_object(body, LIMIT).await.map_err(|error| bad_body(error, "Invalid request"))?;
    let reply = |success, message: String| RecoveryReply {
        done: Done { success, message },
        token: None,
        expires_in_minutes: None,
    };
    match body.action.as_str() {
        "generate_token" if !is_direct_loopback(&parts.headers, &parts.extensions) => Err(ApiError::text(
            StatusCode::FORBIDDEN,
            "Recovery tokens can only be generated on the machine itself",
        )),
        "generate_token" => {
            let issued = access.recovery.issue(body.duration, clock.now());
            let (token, minutes) =
                issued.map_err(|error| ApiError::internal("make a recovery token", error))?;
            tracing::warn!(by = %allowed.identity, minutes, "a recovery token was made");
            Ok(Json(RecoveryReply {
                token: Some(token.to_string()),
                expires_in_minutes: Some(minutes),
                ..reply(true, format!("Recovery token generated. Valid for {minutes} minutes."))
            }))
        }
        "disable_auth" => {
            let text =
                "Authentication cannot be switched off. Use generate_token and set a new password with it.";
            Ok(Json(reply(false, text.to_owned())))
        }
        "enable_auth" => Ok(Json(reply(false, "Authentication is never switched off".to_owned()))),
        _ => Ok(Json(reply(false, "Invalid action. Use 'generate_token'".to_owned()))),
    }
}

/// The recovery token in the header.
pub(super) fn recovery_token(headers: &HeaderMap) -> Option<&str> {
    headers
        .get("x-recovery-token")
        .and_then(|value| value.to_str().ok())
        .map(str::trim)
        .filter(|t| !t.is_empty())
}

fn may_recover(
    access: &Access,
    clock: &Arc<dyn Clock>,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<(), ApiError> {
    let has_token = recovery_token(headers).is_some_and(|token| access.recovery.is_open(token, clock.now()));
    if is_direct_loopback(headers, extensions) || has_token {
        return Ok(());
    }
    let text = "Recovery endpoint requires localhost access or valid recovery token";
    Err(ApiError::text(StatusCode::FORBIDDEN, text))
}
