//! `GET /api/notifications/webhook-history` and `…/deliveries`: the log of attempts.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, State},
};
use jiff::Timestamp;
use pulse_notify::{LogEntry, Notifier};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::queue_error;
use crate::{
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, NotificationsRead},
};

/// One attempt to call a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub(super) struct HistoryBody {
    /// Name of the webhook.
    webhook_name: String,
    /// Its URL, without secrets.
    webhook_url: String,
    /// Its service.
    service: String,
    /// The first alert of the message.
    alert_id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// HTTP status; 0 where there was no answer.
    status_code: u16,
    /// Whether it arrived.
    success: bool,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
    /// Attempts before this one.
    retry_attempts: u64,
    /// Bytes sent.
    payload_size: u64,
}

/// The last 100 attempts to call webhooks, oldest first.
#[utoipa::path(
    get, path = "/api/notifications/webhook-history", tag = "notifications",
    responses((status = 200, body = Vec<HistoryBody>), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn webhook_history(
    _: Allowed<NotificationsRead>,
    State(notifier): State<Arc<Notifier>>,
) -> Result<Json<Vec<HistoryBody>>, ApiError> {
    let log = notifier.log(100, true).await.map_err(queue_error)?;
    let bodies = log.into_iter().rev().map(|entry| HistoryBody {
        webhook_name: entry.name,
        webhook_url: entry.url,
        service: entry.service,
        alert_id: entry.alert_id,
        timestamp: entry.at,
        status_code: entry.status_code.unwrap_or_default(),
        success: entry.is_delivered,
        error_message: entry.error,
        retry_attempts: entry.attempt.saturating_sub(1),
        payload_size: entry.payload_bytes,
    });
    Ok(Json(bodies.collect()))
}

/// How much of the log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogParams {
    /// Entries, 1 to 1000; 100 where it is absent.
    limit: Option<u32>,
}

/// One attempt to deliver a message.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NotificationDelivery)]
pub(super) struct DeliveryBody {
    /// The message's id in the queue.
    id: String,
    /// `email`, `apprise`, or `webhook:` and its id.
    destination: String,
    /// What people call the destination.
    name: String,
    /// The service of a webhook, else the kind of destination.
    service: String,
    /// Where to, without secrets.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    url: String,
    /// `firing`, `resolved` or `digest`.
    event: String,
    /// The first alert of the message.
    alert_id: String,
    /// How many alerts.
    alert_count: u64,
    /// Which attempt, counted from 1.
    attempt: u64,
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    /// How long it took.
    duration_milliseconds: u64,
    /// Whether it arrived.
    success: bool,
    /// HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Bytes sent.
    payload_bytes: u64,
}

impl From<LogEntry> for DeliveryBody {
    fn from(it: LogEntry) -> Self {
        Self {
            id: it.item,
            destination: it.destination,
            name: it.name,
            service: it.service,
            url: it.url,
            event: it.kind,
            alert_id: it.alert_id,
            alert_count: it.alerts,
            attempt: it.attempt,
            timestamp: it.at,
            duration_milliseconds: it.took_ms,
            success: it.is_delivered,
            status_code: it.status_code,
            error: it.error,
            payload_bytes: it.payload_bytes,
        }
    }
}

/// The log of all attempts of the last seven days, newest first. Not in v5.
#[utoipa::path(
    get, path = "/api/notifications/deliveries", tag = "notifications", params(LogParams),
    responses((status = 200, body = Vec<DeliveryBody>), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn list_deliveries(
    _: Allowed<NotificationsRead>,
    State(notifier): State<Arc<Notifier>>,
    Query(params): Query<LogParams>,
) -> Result<Json<Vec<DeliveryBody>>, ApiError> {
    let limit = params.limit.filter(|limit| (1..=1000).contains(limit)).unwrap_or(100);
    let log = notifier.log(limit as usize, false).await.map_err(queue_error)?;
    Ok(Json(log.into_iter().map(DeliveryBody::from).collect()))
}
