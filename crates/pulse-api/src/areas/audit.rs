//! `/api/audit*`, `/api/admin/webhooks/audit` (contract A-06): who came in, who could not, and who changed what others may
//! do. Events are kept with and without a licence; reading them needs one.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_auth::{FeatureSet, Identity, authorize};
use pulse_notify::audit_hooks::MOST_URLS;
use pulse_store::audit::{AuditEvent, AuditQuery, MOST_ASKED};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    areas::object::read_object,
    auditing::{Audit, Auditor},
    error::{ApiError, ErrorBody},
    extract::{Allowed, AuditAdminRead, AuditAdminWrite, AuditRead, Needs},
    routing::{ApiRouter, routes},
};

/// Events of one answer, unless asked otherwise.
const USUAL: usize = 100;

const LIMIT_BYTES: usize = 64 * 1024;

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new().routes(routes!(list_audit_events)).routes(routes!(verify_audit_event)).routes(routes!(
        get_audit_webhooks,
        set_audit_webhooks,
        set_audit_webhooks_by_put
    ))
}

/// Which events. What is not understood does not narrow them, as in Pulse v5.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct EventsQuery {
    /// Only of this kind, such as `login`.
    event: Option<String>,
    /// Only of this user.
    user: Option<String>,
    /// `true`: only what was done; anything else: only what was not.
    success: Option<String>,
    /// Not before, RFC 3339.
    start_time: Option<String>,
    /// Not after, RFC 3339.
    end_time: Option<String>,
    /// At most so many, 100 unless said otherwise; never more than 1000.
    limit: Option<String>,
    /// Without so many of the newest.
    offset: Option<String>,
}

impl From<EventsQuery> for AuditQuery {
    fn from(query: EventsQuery) -> Self {
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        let time = |text: Option<String>| text.and_then(|text| text.parse::<Timestamp>().ok());
        let limit = match text(query.limit) {
            None => USUAL,
            // Pulse v5: no limit at all, for 0 and for what is no number.
            Some(text) => text.parse().ok().filter(|limit| *limit > 0).unwrap_or(MOST_ASKED),
        };
        Self {
            event: text(query.event),
            user: text(query.user),
            success: text(query.success).map(|text| text == "true"),
            from: time(query.start_time),
            until: time(query.end_time),
            limit,
            offset: query.offset.and_then(|text| text.parse().ok()).unwrap_or(0),
        }
    }
}

/// Events of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditEvents {
    /// Newest first.
    events: Vec<AuditEventBody>,
    /// Always true: events outlive a restart, for 90 days.
    persistent_logging: bool,
    /// How many there are without limit and offset.
    total: u64,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
struct AuditEventBody {
    /// Its id.
    id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// What, in one word: `login`, `role_updated` …
    event: String,
    /// Who, or who it claimed to be.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    user: String,
    /// From which address.
    ip: String,
    /// By which path.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    path: String,
    /// Whether it was done.
    success: bool,
    /// More, in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    details: String,
    /// HMAC-SHA256 of the rest, hexadecimal.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    signature: String,
}

impl From<AuditEvent> for AuditEventBody {
    fn from(it: AuditEvent) -> Self {
        Self {
            id: it.id,
            timestamp: it.at,
            event: it.event,
            user: it.user,
            ip: it.ip,
            path: it.path,
            success: it.success,
            details: it.details,
            signature: it.signature,
        }
    }
}

/// List audit events.
#[utoipa::path(
    get, path = "/api/audit", tag = "audit", params(EventsQuery),
    responses((status = 200, body = AuditEvents), (status = 402, description = "Needs the feature audit_logging"))
)]
async fn list_audit_events(
    _: Allowed<AuditRead>,
    State(audit): State<Arc<Audit>>,
    Query(query): Query<EventsQuery>,
) -> Result<Json<AuditEvents>, ApiError> {
    let found = audit.find(query.into()).await;
    let found = found.map_err(|error| ApiError::internal("read the audit log", error))?;
    let events = found.events.into_iter().map(Into::into).collect();
    Ok(Json(AuditEvents { events, persistent_logging: true, total: found.total }))
}

/// Whether an event is as it was written.
#[derive(Debug, Serialize, ToSchema)]
struct Verification {
    /// Whether that can be told; always true.
    available: bool,
    /// In words.
    message: &'static str,
    /// Whether the signature is that of the event.
    verified: bool,
}

/// Verify the signature of an audit event.
#[utoipa::path(
    get, path = "/api/audit/{id}/verify", tag = "audit", params(("id" = String, Path, description = "Id of the event")),
    responses(
        (status = 200, body = Verification), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature audit_logging"), (status = 404, body = ErrorBody),
    )
)]
async fn verify_audit_event(
    _: Allowed<AuditRead>,
    State(audit): State<Arc<Audit>>,
    Path(id): Path<String>,
) -> Result<Json<Verification>, ApiError> {
    let is_id =
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_id {
        return Err(ApiError::envelope(StatusCode::BAD_REQUEST, "invalid_id", "Invalid event id"));
    }
    let verified = audit.verify(id).await;
    let verified = verified
        .map_err(|error| ApiError::internal("read the audit log", error))?
        .ok_or_else(|| ApiError::envelope(StatusCode::NOT_FOUND, "not_found", "Audit event not found"))?;
    let message = if verified { "Event signature verified" } else { "Event signature verification failed" };
    Ok(Json(Verification { available: true, message, verified }))
}

/// Where audit events are sent.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
struct AuditWebhooks {
    /// Addresses, at most 10.
    urls: Vec<String>,
}

/// Where audit events are sent besides the log.
#[utoipa::path(
    get, path = "/api/admin/webhooks/audit", tag = "audit",
    responses((status = 200, body = AuditWebhooks), (status = 402, description = "Needs the feature audit_logging"))
)]
async fn get_audit_webhooks(
    allowed: Allowed<AuditAdminRead>,
    State(audit): State<Arc<Audit>>,
) -> Json<AuditWebhooks> {
    // An address may hold a secret: who could not set it learns where it leads and no more.
    let may_set =
        authorize(&allowed.identity, AuditAdminWrite::REQUIREMENT, FeatureSet::everything()).is_ok();
    let shown = |url: &String| if may_set { url.clone() } else { without_secret(url) };
    Json(AuditWebhooks { urls: audit.hooks.urls().iter().map(shown).collect() })
}

/// Scheme and host of an address, without a user and a password before the host.
fn without_secret(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/…")
}

/// Set where audit events are sent: each gets them from now on, as `POST` of JSON.
#[utoipa::path(
    post, path = "/api/admin/webhooks/audit", tag = "audit", request_body = AuditWebhooks,
    responses(
        (status = 204, description = "Done"), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature audit_logging"),
    )
)]
async fn set_audit_webhooks(
    allowed: Allowed<AuditAdminWrite>,
    State(audit): State<Arc<Audit>>,
    auditor: Auditor,
    body: Body,
) -> Result<StatusCode, ApiError> {
    set(&allowed.identity, audit, &auditor, body).await
}

/// Set where audit events are sent. The same as POST, as Pulse v5 takes both.
#[utoipa::path(
    put, path = "/api/admin/webhooks/audit", tag = "audit", request_body = AuditWebhooks,
    responses(
        (status = 204, description = "Done"), (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature audit_logging"),
    )
)]
async fn set_audit_webhooks_by_put(
    allowed: Allowed<AuditAdminWrite>,
    State(audit): State<Arc<Audit>>,
    auditor: Auditor,
    body: Body,
) -> Result<StatusCode, ApiError> {
    set(&allowed.identity, audit, &auditor, body).await
}

async fn set(
    identity: &Identity,
    audit: Arc<Audit>,
    auditor: &Auditor,
    body: Body,
) -> Result<StatusCode, ApiError> {
    let bad = |code, text: String| ApiError::envelope(StatusCode::BAD_REQUEST, code, text);
    let wish: AuditWebhooks =
        read_object(body, LIMIT_BYTES).await.map_err(|error| bad("invalid_json", error.to_string()))?;
    if wish.urls.len() > MOST_URLS {
        return Err(bad("too_many", format!("there can be {MOST_URLS} webhooks at most")));
    }
    for url in &wish.urls {
        if let Err(why) = audit.hooks.check(url).await {
            let shown: String = url.chars().take(200).collect();
            return Err(bad("invalid_url", format!("Invalid webhook URL: {why}")).detail("url", shown));
        }
    }
    let mut urls: Vec<String> = wish.urls.iter().map(|url| url.trim().to_owned()).collect();
    urls.dedup();
    let count = urls.len();
    // Told to those of before, who are perhaps no longer told of anything.
    auditor.record("audit_webhooks_updated", true, format!("{count} addresses")).await;
    let doing = "keep the webhooks of the audit log";
    let runtime = tokio::runtime::Handle::current();
    let kept = tokio::task::spawn_blocking(move || {
        let _runtime = runtime.enter();
        audit.hooks.set(urls)
    });
    kept.await
        .map_err(|error| ApiError::internal(doing, error))?
        .map_err(|error| ApiError::internal(doing, error))?;
    tracing::info!(by = %identity, count, "the webhooks of the audit log were changed");
    Ok(StatusCode::NO_CONTENT)
}
