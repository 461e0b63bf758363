//! `/api/notifications/queue/stats` and `/api/notifications/dlq*`: what waits, and what was given up.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Query, Request, State},
};
use jiff::Timestamp;
use pulse_config::schema::notify::NotifyConfig;
use pulse_notify::{DeadLetter, Notifier, channel::webhook::shown_url, destination::Destination};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::{bad, bad_body, queue_error, webhooks::WebhookBody};
use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, MonitoringReadAdmin, MonitoringWriteAdmin},
};

const LIMIT_BYTES: usize = 8 * 1024;

/// Messages in the queue per status: those that are not done, and those of the last day.
#[utoipa::path(
    get, path = "/api/notifications/queue/stats", tag = "notifications",
    responses(
        (status = 200, body = BTreeMap<String, u64>), (status = 403, body = MissingScopeBody),
        (status = 503, description = "The queue does not answer", body = String),
    )
)]
pub(super) async fn queue_stats(
    _: Allowed<MonitoringReadAdmin>,
    State(notifier): State<Arc<Notifier>>,
) -> Result<Json<BTreeMap<String, u64>>, ApiError> {
    notifier.stats().await.map(Json).map_err(queue_error)
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LetterParams {
    /// 1 to 1000; 100 for anything else.
    limit: Option<String>,
}

/// A message that was given up.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DeadLetter)]
pub(super) struct LetterBody {
    /// Id.
    id: String,
    /// `email`, `webhook` or `apprise`, with `_resolved` for recoveries.
    #[serde(rename = "type")]
    kind: String,
    /// Always `dlq`.
    status: &'static str,
    /// What it tells.
    #[schema(value_type = Vec<Object>)]
    alerts: Value,
    /// The destination as it is configured now, without secrets; null when it is gone.
    #[schema(value_type = Object)]
    config: Value,
    /// Attempts made.
    attempts: i64,
    /// Attempts allowed.
    max_attempts: i64,
    /// The last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_attempt: Option<Timestamp>,
    /// Why it failed.
    last_error: String,
    /// When it came into the queue.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last due.
    #[schema(value_type = String, format = DateTime)]
    next_retry_at: Timestamp,
    /// When it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
}

/// Messages that were given up, the newest first.
#[utoipa::path(
    get, path = "/api/notifications/dlq", tag = "notifications", params(LetterParams),
    responses(
        (status = 200, body = Vec<LetterBody>), (status = 403, body = MissingScopeBody),
        (status = 503, description = "The queue does not answer", body = String),
    )
)]
pub(super) async fn list_dead_letters(
    _: Allowed<MonitoringReadAdmin>,
    State(notifier): State<Arc<Notifier>>,
    Query(params): Query<LetterParams>,
) -> Result<Json<Vec<LetterBody>>, ApiError> {
    let limit = params.limit.and_then(|limit| limit.parse().ok()).filter(|limit| (1..=1000).contains(limit));
    let letters = notifier.dead_letters(limit.unwrap_or(100)).await.map_err(queue_error)?;
    let config = notifier.config().current();
    Ok(Json(letters.into_iter().map(|letter| body(letter, &config)).collect()))
}

fn body(letter: DeadLetter, config: &NotifyConfig) -> LetterBody {
    let kind = letter.destination.split(':').next().unwrap_or_default();
    let suffix = if letter.kind == "resolved" { "_resolved" } else { "" };
    LetterBody {
        kind: format!("{kind}{suffix}"),
        id: letter.id,
        status: "dlq",
        alerts: json!(letter.alerts),
        config: shown(config, &letter.destination),
        attempts: letter.attempts,
        max_attempts: letter.max_attempts,
        last_attempt: letter.last_attempt_at,
        last_error: letter.last_error,
        created_at: letter.created_at,
        next_retry_at: letter.due_at,
        completed_at: letter.completed_at,
    }
}

/// Pulse v5 keeps and shows the destination with its secrets.
fn shown(config: &NotifyConfig, destination: &str) -> Value {
    match Destination::parse(destination) {
        Some(Destination::Email) => {
            let email = &config.email;
            json!({"server": email.server, "port": email.port, "from": email.from, "to": email.to})
        }
        Some(Destination::Apprise) => {
            json!({"mode": config.apprise.mode, "serverUrl": config.apprise.server_url})
        }
        Some(Destination::Webhook(id)) => config
            .webhooks
            .iter()
            .find(|webhook| webhook.id == id)
            .and_then(|webhook| {
                let mut shown = serde_json::to_value(WebhookBody::shown(webhook).ok()?).ok()?;
                shown["url"] = shown_url(webhook.url.expose()).into();
                Some(shown)
            })
            .unwrap_or(Value::Null),
        None => Value::Null,
    }
}

/// Which message.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = DeadLetterId)]
pub(super) struct IdBody {
    /// Its id.
    id: String,
}

/// It is done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetterDone)]
pub(super) struct Done {
    /// Always true.
    success: bool,
    /// In words.
    message: &'static str,
    /// The message.
    id: String,
}

async fn id(request: Request) -> Result<String, ApiError> {
    let body: IdBody = read_object(request.into_body(), LIMIT_BYTES).await.map_err(bad_body)?;
    if body.id.is_empty() { Err(bad("id is required")) } else { Ok(body.id) }
}

/// Try a message that was given up once more, with all its attempts.
#[utoipa::path(
    post, path = "/api/notifications/dlq/retry", tag = "notifications", request_body = IdBody,
    responses(
        (status = 200, body = Done), (status = 400, description = "No id", body = String),
        (status = 403, body = MissingScopeBody), (status = 404, description = "No such message", body = String),
    )
)]
pub(super) async fn retry_dead_letter(
    _: Allowed<MonitoringWriteAdmin>,
    State(notifier): State<Arc<Notifier>>,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    let id = id(request).await?;
    notifier.retry(id.clone()).await.map_err(queue_error)?;
    Ok(Json(Done { success: true, message: "Notification scheduled for retry", id }))
}

/// Give a message up for good.
#[utoipa::path(
    post, path = "/api/notifications/dlq/delete", tag = "notifications", request_body = IdBody,
    responses(
        (status = 200, body = Done), (status = 400, description = "No id", body = String),
        (status = 403, body = MissingScopeBody), (status = 404, description = "No such message", body = String),
    )
)]
pub(super) async fn delete_dead_letter(
    _: Allowed<MonitoringWriteAdmin>,
    State(notifier): State<Arc<Notifier>>,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    give_up(&notifier, request).await
}

/// Give a message up for good. The same as `POST`.
#[utoipa::path(
    delete, path = "/api/notifications/dlq/delete", tag = "notifications", request_body = IdBody,
    responses(
        (status = 200, body = Done), (status = 400, description = "No id", body = String),
        (status = 403, body = MissingScopeBody), (status = 404, description = "No such message", body = String),
    )
)]
pub(super) async fn remove_dead_letter(
    _: Allowed<MonitoringWriteAdmin>,
    State(notifier): State<Arc<Notifier>>,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    give_up(&notifier, request).await
}

async fn give_up(notifier: &Notifier, request: Request) -> Result<Json<Done>, ApiError> {
    let id = id(request).await?;
    notifier.give_up(id.clone()).await.map_err(queue_error)?;
    Ok(Json(Done { success: true, message: "Notification deleted", id }))
}
