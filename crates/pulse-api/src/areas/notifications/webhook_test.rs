//! `POST /api/notifications/webhooks/test`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_notify::Notifier;
use serde::Serialize;
use utoipa::ToSchema;

use super::webhooks::read;
use crate::{
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
};

/// What the receiver answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookTested)]
pub(super) struct Tested {
    /// HTTP status; 0 where there was no answer.
    status: u16,
    /// What it said, cut.
    response: String,
    /// Whether it took the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Try a webhook; it need not be saved.
///
/// Values that are masked are taken from the stored webhook with the same id, where the URL is the same too.
#[utoipa::path(
    post, path = "/api/notifications/webhooks/test", tag = "notifications", request_body = super::webhooks::WebhookBody,
    responses(
        (status = 200, body = Tested), (status = 400, description = "It was not delivered", body = Tested),
        (status = 403, body = MissingScopeBody), (status = 413, description = "More than 64 KiB", body = String),
    )
)]
pub(super) async fn test_webhook(
    _: Allowed<SettingsWriteAdmin>,
    State(notifier): State<Arc<Notifier>>,
    request: Request,
) -> Result<Json<Tested>, ApiError> {
    let (_, body) = read(request).await?;
    let config = notifier.config().current();
    // Or a test would send the stored secrets anywhere.
    let stored = config.webhooks.iter().find(|known| known.id == body.id && known.url.expose() == body.url);
    let webhook = body.over(stored)?;
    match notifier.send_webhook(&webhook, &notifier.test_message(85.5, 80.0)).await {
        Ok(sent) => Ok(Json(Tested {
            status: sent.status.unwrap_or_default(),
            response: sent.response,
            success: Some(true),
            error: None,
        })),
        Err(error) => {
            let tested = Tested {
                status: error.status.unwrap_or_default(),
                response: error.response,
                success: error.status.map(|_| false),
                error: Some(error.message),
            };
            let body =
                serde_json::to_value(tested).map_err(|error| ApiError::internal("test a webhook", error))?;
            Err(ApiError::Json { status: StatusCode::BAD_REQUEST, body })
        }
    }
}
