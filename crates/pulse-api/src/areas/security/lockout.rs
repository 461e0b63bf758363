//! `POST /api/security/reset-lockout`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Done, LIMIT, bad_body_envelope};
use crate::{
    areas::object::read_object,
    auditing::Auditor,
    error::{ApiError, ErrorBody, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
    state::Access,
};

/// Who is locked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct ResetRequest {
    /// A user name or an address.
    identifier: String,
}

/// End the lock of a user name or an address. One that is not locked is no error.
#[utoipa::path(
    post, path = "/api/security/reset-lockout", tag = "security", request_body = ResetRequest,
    responses((status = 200, body = Done), (status = 400, body = ErrorBody), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn reset_lockout(
    allowed: Allowed<SettingsWriteAdmin>,
    State(access): State<Arc<Access>>,
    auditor: Auditor,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    let body: ResetRequest = read_object(request.into_body(), LIMIT).await.map_err(bad_body_envelope)?;
    let identifier = body.identifier.trim();
    if identifier.is_empty() {
        let text = "Identifier is required: a user name or an address";
        return Err(ApiError::envelope(StatusCode::BAD_REQUEST, "missing_identifier", text));
    }
    access.lockout.reset(identifier);
    auditor.record("lockout_reset", true, identifier).await;
    tracing::info!(by = %allowed.identity, "a login lock was ended");
    Ok(Json(Done { success: true, message: format!("Lockout reset for {identifier}") }))
}
