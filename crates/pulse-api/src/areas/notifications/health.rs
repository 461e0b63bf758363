//! `GET /api/notifications/health`.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use pulse_notify::Notifier;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::MissingScopeBody,
    extract::{Allowed, NotificationsRead},
};

/// How the notifications do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationHealth)]
pub(super) struct HealthBody {
    /// Apprise.
    apprise: ChannelHealth,
    /// Destinations to which nothing can be delivered. Not in v5.
    broken: Vec<BrokenBody>,
    /// Mail.
    email: ChannelHealth,
    /// How credentials are kept.
    encryption: EncryptionHealth,
    /// Whether the queue answers and every destination takes its messages.
    overall_healthy: bool,
    /// The queue.
    queue: QueueHealth,
    /// Webhooks.
    webhooks: WebhookHealth,
}

/// One kind of destination.
#[derive(Debug, Serialize, ToSchema)]
struct ChannelHealth {
    /// Whether it has what it needs.
    configured: bool,
    /// Whether it is on.
    enabled: bool,
}

/// A destination to which nothing can be delivered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BrokenDestination)]
struct BrokenBody {
    /// `email`, `apprise`, or `webhook:` and its id.
    destination: String,
    /// What people call it.
    name: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Why.
    error: String,
}

/// How credentials are kept.
#[derive(Debug, Serialize, ToSchema)]
struct EncryptionHealth {
    /// Always true.
    enabled: bool,
}

/// The queue.
#[derive(Debug, Serialize, ToSchema)]
struct QueueHealth {
    /// Dead letters.
    dlq: u64,
    /// Always 0.
    failed: u64,
    /// Whether it answers.
    healthy: bool,
    /// Waiting.
    pending: u64,
    /// On their way.
    sending: u64,
    /// Sent within a day.
    sent: u64,
}

/// Webhooks.
#[derive(Debug, Serialize, ToSchema)]
struct WebhookHealth {
    /// Those that are on.
    enabled: usize,
    /// All.
    total: usize,
}

/// How the notifications do.
#[utoipa::path(
    get, path = "/api/notifications/health", tag = "notifications",
    responses((status = 200, body = HealthBody), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn notification_health(
    _: Allowed<NotificationsRead>,
    State(notifier): State<Arc<Notifier>>,
) -> Json<HealthBody> {
    let health = notifier.health().await;
    let config = notifier.config().current();
    let count =
        |status: &str| health.queue.as_ref().and_then(|stats| stats.get(status)).copied().unwrap_or(0);
    let (email, apprise) = (&config.email, &config.apprise);
    let can_apprise =
        if apprise.is_http() { !apprise.server_url.is_empty() } else { !apprise.targets.is_empty() };
    Json(HealthBody {
        apprise: ChannelHealth { configured: can_apprise, enabled: apprise.enabled },
        email: ChannelHealth { configured: !email.server.is_empty(), enabled: email.enabled },
        encryption: EncryptionHealth { enabled: true },
        overall_healthy: health.queue.is_some() && health.broken.is_empty(),
        queue: QueueHealth {
            dlq: count("dlq"),
            failed: count("failed"),
            healthy: health.queue.is_some(),
            pending: count("pending"),
            sending: count("sending"),
            sent: count("sent"),
        },
        webhooks: WebhookHealth {
            enabled: config.webhooks.iter().filter(|webhook| webhook.enabled).count(),
            total: config.webhooks.len(),
        },
        broken: health
            .broken
            .into_iter()
            .map(|it| BrokenBody {
                destination: it.destination,
                name: it.name,
                since: it.since,
                error: it.error,
            })
            .collect(),
    })
}
