//! `/api/notifications/*`: where alerts are told, trying it out, and how telling goes (contract B-08). Secrets go in and never
//! come out: what is shown in their place is kept when it is sent back.

mod apprise;
mod broadcast;
mod catalog;
mod deliveries;
mod email;
mod health;
mod letters;
mod test;
mod webhook_test;
mod webhooks;

use std::sync::Arc;

use http::StatusCode;
use pulse_config::{UpdateError, schema::notify::NotifyConfig};
use pulse_notify::{Notifier, QueueError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    error::ApiError,
    extract::JsonError,
    routing::{ApiRouter, routes},
};

/// What stands in the place of a secret.
pub(super) const REDACTED: &str = "***REDACTED***";

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(email::get_email, email::put_email))
        .routes(routes!(apprise::get_apprise, apprise::put_apprise))
        .routes(routes!(webhooks::list_webhooks, webhooks::create_webhook))
        .routes(routes!(webhook_test::test_webhook))
        .routes(routes!(webhooks::change_webhook, webhooks::remove_webhook))
        .routes(routes!(test::test_notification))
        .routes(routes!(catalog::list_webhook_templates))
        .routes(routes!(catalog::list_email_providers))
        .routes(routes!(deliveries::webhook_history))
        .routes(routes!(deliveries::list_deliveries))
        .routes(routes!(health::notification_health))
        .routes(routes!(letters::queue_stats))
        .routes(routes!(letters::list_dead_letters))
        .routes(routes!(letters::retry_dead_letter))
        .routes(routes!(letters::delete_dead_letter, letters::remove_dead_letter))
        .routes(routes!(broadcast::test_broadcast))
}

/// It is done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationSuccess)]
pub(super) struct Success {
    /// Always `success`.
    status: &'static str,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

const SUCCESS: Success = Success { status: "success", message: None };

/// Which alerts a destination is told of; an empty list means all. Not in v5.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(as = NotificationFilter)]
pub(super) struct FilterBody {
    /// Only critical ones.
    critical_only: bool,
    /// Only these types.
    types: Vec<String>,
    /// Only resources with one of these tags.
    tags: Vec<String>,
    /// Only these resources: ids, names, nodes or instances.
    resources: Vec<String>,
}

fn text(status: StatusCode, message: impl Into<String>) -> ApiError {
    ApiError::text(status, message)
}

fn bad(message: impl Into<String>) -> ApiError {
    text(StatusCode::BAD_REQUEST, message)
}

fn bad_body(error: JsonError) -> ApiError {
    match error {
        JsonError::TooLarge { .. } => text(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"),
        JsonError::Incomplete | JsonError::Invalid { .. } => bad(format!("Invalid request body: {error}")),
    }
}

fn queue_error(error: QueueError) -> ApiError {
    match error {
        QueueError::NotFound(id) => text(StatusCode::NOT_FOUND, format!("there is no dead letter {id}")),
        QueueError::Ledger(error) => {
            tracing::error!(%error, "the notification queue does not answer");
            text(StatusCode::SERVICE_UNAVAILABLE, "Notification queue not available")
        }
    }
}

/// Changes the destinations.
async fn update<T: Send + 'static>(
    notifier: &Arc<Notifier>,
    change: impl FnOnce(&mut NotifyConfig) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let store = Arc::clone(notifier.config());
    let doing = "keep where notifications go";
    let updated = tokio::task::spawn_blocking(move || store.update(change)).await;
    match updated.map_err(|error| ApiError::internal(doing, error))? {
        Ok(answer) => {
            notifier.reconsider();
            Ok(answer)
        }
        Err(UpdateError::Refused(error)) => Err(error),
        Err(UpdateError::Config(error)) => {
            // Pulse v5 answers success here, and forgets the change at the next start.
            tracing::error!(%error, "where notifications go was not saved");
            Err(text(StatusCode::INTERNAL_SERVER_ERROR, "Failed to save configuration"))
        }
    }
}

/// One shape in the other: both have the names of the wire.
fn convert<A: Serialize, B: serde::de::DeserializeOwned>(from: &A) -> Result<B, ApiError> {
    serde_json::to_value(from)
        .and_then(serde_json::from_value)
        .map_err(|error| ApiError::internal("shape a notification setting", error))
}
