//! `/api/audit*`, `/api/admin/webhooks/audit` (contract A-06). Events go to the log of the server and are not kept for
//! queries: a caller who may ask gets the contract's answer for a server without a persistent audit log.

use axum::{Json, extract::Path};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{ApiError, ErrorBody},
    extract::{Allowed, AuditAdminRead, AuditAdminWrite, AuditRead},
    routing::{ApiRouter, routes},
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new().routes(routes!(list_audit_events)).routes(routes!(verify_audit_event)).routes(routes!(
        get_audit_webhooks,
        set_audit_webhooks,
        set_audit_webhooks_by_put
    ))
}

/// Events of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditEvents {
    /// Newest first.
    events: Vec<serde_json::Value>,
    /// Whether events are kept at all.
    persistent_logging: bool,
    /// How many there are.
    total: u64,
}

/// List audit events. This server writes them to its log only.
#[utoipa::path(
    get, path = "/api/audit", tag = "audit",
    responses((status = 200, body = AuditEvents), (status = 402, description = "Needs the feature audit_logging"))
)]
async fn list_audit_events(_: Allowed<AuditRead>) -> Json<AuditEvents> {
    Json(AuditEvents { events: Vec::new(), persistent_logging: false, total: 0 })
}

/// Whether an event is as it was written.
#[derive(Debug, Serialize, ToSchema)]
struct Verification {
    /// Whether that can be told.
    available: bool,
    /// In words.
    message: &'static str,
}

/// Verify the signature of an audit event.
#[utoipa::path(
    get, path = "/api/audit/{id}/verify", tag = "audit", params(("id" = String, Path, description = "Id of the event")),
    responses(
        (status = 200, body = Verification), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature audit_logging"),
    )
)]
async fn verify_audit_event(
    _: Allowed<AuditRead>,
    Path(id): Path<String>,
) -> Result<Json<Verification>, ApiError> {
    let is_id =
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_id {
        return Err(ApiError::envelope(StatusCode::BAD_REQUEST, "invalid_id", "Invalid event id"));
    }
    Ok(Json(Verification {
        available: false,
        message: "Signature verification requires Pulse Pro with enterprise audit logging",
    }))
}

/// Where audit events are sent.
#[derive(Debug, Serialize, ToSchema)]
struct AuditWebhooks {
    /// Addresses.
    urls: Vec<String>,
}

/// Where audit events are sent besides the log.
#[utoipa::path(
    get, path = "/api/admin/webhooks/audit", tag = "audit",
    responses((status = 200, body = AuditWebhooks), (status = 402, description = "Needs the feature audit_logging"))
)]
async fn get_audit_webhooks(_: Allowed<AuditAdminRead>) -> Json<AuditWebhooks> {
    Json(AuditWebhooks { urls: Vec::new() })
}

/// Set where audit events are sent.
///
/// Pulse v5 answers 204 and discards the addresses; this server says that it does not send any.
#[utoipa::path(
    post, path = "/api/admin/webhooks/audit", tag = "audit",
    responses(
        (status = 402, description = "Needs the feature audit_logging"),
        (status = 501, description = "Audit events are written to the log only", body = ErrorBody),
    )
)]
async fn set_audit_webhooks(_: Allowed<AuditAdminWrite>) -> ApiError {
    no_webhooks()
}

/// Set where audit events are sent. The same as POST, as Pulse v5 takes both.
#[utoipa::path(
    put, path = "/api/admin/webhooks/audit", tag = "audit",
    responses(
        (status = 402, description = "Needs the feature audit_logging"),
        (status = 501, description = "Audit events are written to the log only", body = ErrorBody),
    )
)]
async fn set_audit_webhooks_by_put(_: Allowed<AuditAdminWrite>) -> ApiError {
    no_webhooks()
}

fn no_webhooks() -> ApiError {
    let text = "Audit events are written to the server's log only; they cannot be sent to webhooks yet";
    ApiError::envelope(StatusCode::NOT_IMPLEMENTED, "audit_webhooks_unavailable", text)
}
