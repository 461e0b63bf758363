//! `/api/notifications/webhooks` and `…/{id}`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, Request, State},
};
use http::StatusCode;
use pulse_config::{Secret, schema::notify::WebhookConfig};
use pulse_core::lenient::null_default;
use pulse_notify::Notifier;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{FilterBody, REDACTED, SUCCESS, Success, bad, bad_body, convert, text, update};
use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, NotificationsRead, SettingsWriteAdmin},
};

pub(super) const LIMIT_BYTES: usize = 64 * 1024;
/// Nobody has that many; each costs a delivery per alert.
const MOST_WEBHOOKS: usize = 100;

/// A webhook.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(as = Webhook)]
pub(super) struct WebhookBody {
    /// Id; made where a new one has none.
    #[serde(deserialize_with = "null_default")]
    pub(super) id: String,
    /// Name.
    #[serde(deserialize_with = "null_default")]
    name: String,
    /// Where to; may be a template.
    #[serde(deserialize_with = "null_default")]
    pub(super) url: String,
    /// `POST` where it is empty.
    #[serde(deserialize_with = "null_default")]
    method: String,
    /// Headers. Answers show `***REDACTED***` for values, which keeps them when it is sent back.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    headers: BTreeMap<String, String>,
    /// Whether it is used.
    #[serde(deserialize_with = "null_default")]
    enabled: bool,
    /// discord, telegram, slack, teams, teams-adaptive, pagerduty, pushover, gotify, ntfy, mattermost or generic.
    #[serde(deserialize_with = "null_default")]
    service: String,
    /// A template of its own, in Go's syntax.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    template: String,
    /// Fields for templates; shown as headers are.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    custom_fields: BTreeMap<String, String>,
    /// Whom to mention. v5 never returns it, and loses it when a client writes back what it read.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    mention: String,
    /// Which alerts.
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<FilterBody>,
    /// Messages in an hour; more go into a digest. 30 where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_hour: Option<u32>,
}

impl WebhookBody {
    pub(super) fn shown(config: &WebhookConfig) -> Result<Self, ApiError> {
        let mut config = config.clone();
        for value in config.headers.values_mut().chain(config.custom_fields.values_mut()) {
            *value = Secret::new(REDACTED);
        }
        convert(&config)
    }

    /// The webhook, with stored values where their marks were sent.
    pub(super) fn over(&self, stored: Option<&WebhookConfig>) -> Result<WebhookConfig, ApiError> {
        let mut config: WebhookConfig = convert(self)?;
        let restore = |sent: &mut BTreeMap<String, Secret>, kept: Option<&BTreeMap<String, Secret>>| {
            // Pulse v5: one mark brings the whole stored map back, and new entries are lost.
            sent.retain(|name, value| {
                if value.expose() != REDACTED {
                    return true;
                }
                let found = kept.and_then(|kept| kept.get(name));
                if let Some(found) = found {
                    value.clone_from(found);
                }
                found.is_some()
            });
        };
        if config.method.trim().is_empty() {
            "POST".clone_into(&mut config.method);
        }
        restore(&mut config.headers, stored.map(|stored| &stored.headers));
        restore(&mut config.custom_fields, stored.map(|stored| &stored.custom_fields));
        Ok(config)
    }
}

/// The webhooks, with their secrets masked.
#[utoipa::path(
    get, path = "/api/notifications/webhooks", tag = "notifications",
    responses((status = 200, body = Vec<WebhookBody>), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn list_webhooks(
    _: Allowed<NotificationsRead>,
    State(notifier): State<Arc<Notifier>>,
) -> Result<Json<Vec<WebhookBody>>, ApiError> {
    let config = notifier.config().current();
    config.webhooks.iter().map(WebhookBody::shown).collect::<Result<_, _>>().map(Json)
}

/// The body as it was sent, and as it is understood.
pub(super) async fn read(request: Request) -> Result<(Map<String, Value>, WebhookBody), ApiError> {
    let sent: Map<String, Value> = read_object(request.into_body(), LIMIT_BYTES).await.map_err(bad_body)?;
    let body = serde_json::from_value(Value::Object(sent.clone()))
        .map_err(|error| bad(format!("Invalid request body: {error}")))?;
    Ok((sent, body))
}

async fn check(notifier: &Notifier, webhook: &WebhookConfig) -> Result<(), ApiError> {
    let url = notifier.check_template(webhook).map_err(bad)?;
    notifier.check_url(&url).await.map_err(|why| bad(format!("Invalid webhook URL: {why}")))
}

/// Add a webhook. The answer is what was sent, with its id.
#[utoipa::path(
    post, path = "/api/notifications/webhooks", tag = "notifications", request_body = WebhookBody,
    responses(
        (status = 200, body = WebhookBody), (status = 400, description = "The URL or the template is refused", body = String),
        (status = 403, body = MissingScopeBody), (status = 409, description = "There are too many", body = String),
        (status = 413, description = "More than 64 KiB", body = String),
    )
)]
pub(super) async fn create_webhook(
    allowed: Allowed<SettingsWriteAdmin>,
    State(notifier): State<Arc<Notifier>>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let (mut sent, body) = read(request).await?;
    let mut webhook = body.over(None)?;
    check(&notifier, &webhook).await?;
    if webhook.id.trim().is_empty() {
        webhook.id = format!("webhook-{}", uuid::Uuid::new_v4());
    }
    sent.insert("id".into(), webhook.id.clone().into());
    let id = webhook.id.clone();
    update(&notifier, move |config| {
        if config.webhooks.iter().any(|known| known.id == webhook.id) {
            return Err(text(StatusCode::CONFLICT, "There is a webhook with that id"));
        }
        if config.webhooks.len() >= MOST_WEBHOOKS {
            return Err(text(StatusCode::CONFLICT, format!("There are {MOST_WEBHOOKS} webhooks already")));
        }
        config.webhooks.push(webhook);
        Ok(())
    })
    .await?;
    tracing::info!(by = %allowed.identity, webhook.id = %id, "a webhook was added");
    Ok(Json(Value::Object(sent)))
}

/// Change a webhook as a whole. Values that are sent back masked stay as they are.
#[utoipa::path(
    put, path = "/api/notifications/webhooks/{id}", tag = "notifications", request_body = WebhookBody,
    params(("id" = String, Path, description = "Id of the webhook")),
    responses(
        (status = 200, body = WebhookBody), (status = 400, description = "The URL or the template is refused", body = String),
        (status = 403, body = MissingScopeBody), (status = 404, description = "There is none with that id", body = String),
        (status = 413, description = "More than 64 KiB", body = String),
    )
)]
pub(super) async fn change_webhook(
    allowed: Allowed<SettingsWriteAdmin>,
    State(notifier): State<Arc<Notifier>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Value>, ApiError> {
    let (mut sent, body) = read(request).await?;
    let stored = notifier.config().current();
    let Some(stored) = stored.webhooks.iter().find(|known| known.id == id) else {
        return Err(text(StatusCode::NOT_FOUND, "Webhook not found"));
    };
    let mut webhook = body.over(Some(stored))?;
    webhook.id.clone_from(&id);
    check(&notifier, &webhook).await?;
    sent.insert("id".into(), id.clone().into());
    let wanted = id.clone();
    update(&notifier, move |config| {
        match config.webhooks.iter_mut().find(|known| known.id == wanted) {
            Some(known) => *known = webhook,
            None => return Err(text(StatusCode::NOT_FOUND, "Webhook not found")),
        }
        Ok(())
    })
    .await?;
    tracing::info!(by = %allowed.identity, webhook.id = %id, "a webhook was changed");
    Ok(Json(Value::Object(sent)))
}

/// Remove a webhook. What waits for it is not sent any more.
#[utoipa::path(
    delete, path = "/api/notifications/webhooks/{id}", tag = "notifications",
    params(("id" = String, Path, description = "Id of the webhook")),
    responses(
        (status = 200, body = Success), (status = 403, body = MissingScopeBody),
        (status = 404, description = "There is none with that id", body = String),
    )
)]
pub(super) async fn remove_webhook(
    allowed: Allowed<SettingsWriteAdmin>,
    State(notifier): State<Arc<Notifier>>,
    Path(id): Path<String>,
) -> Result<Json<Success>, ApiError> {
    let wanted = id.clone();
    update(&notifier, move |config| {
        let before = config.webhooks.len();
        config.webhooks.retain(|known| known.id != wanted);
        if config.webhooks.len() == before {
            Err(text(StatusCode::NOT_FOUND, "Webhook not found"))
        } else {
            Ok(())
        }
    })
    .await?;
    tracing::info!(by = %allowed.identity, webhook.id = %id, "a webhook was removed");
    Ok(Json(SUCCESS))
}
