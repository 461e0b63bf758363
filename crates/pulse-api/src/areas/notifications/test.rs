//! `POST /api/notifications/test`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_core::lenient::null_default;
use pulse_notify::{Notifier, SendError, TestError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{apprise::AppriseBody, bad, bad_body, email::EmailBody, text};
use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
};

const LIMIT_BYTES: usize = 64 * 1024;

/// What to try.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(as = NotificationTest)]
struct TestRequest {
    /// `email`, `webhook`, `apprise`, or `all` for every destination that is on.
    #[serde(alias = "type", deserialize_with = "null_default")]
    method: String,
    /// Settings of mail or Apprise that need not be saved: the body of their `PUT`.
    #[schema(value_type = Option<TestSettings>)]
    config: Option<Map<String, Value>>,
    /// Which webhook; else the first that is on.
    webhook_id: Option<String>,
}

/// Settings to try. For the description only: which of the two it is says the method.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = NotificationTestSettings)]
#[expect(dead_code, reason = "clients are generated from its description")]
enum TestSettings {
    Email(EmailBody),
    Apprise(AppriseBody),
}

/// It was delivered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationTested)]
pub(super) struct Tested {
    /// Always `success`.
    status: &'static str,
    /// In words.
    message: &'static str,
    /// One for each destination, with `all`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    results: Vec<TestResult>,
}

/// How one destination did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationTestResult)]
struct TestResult {
    /// The destination.
    name: String,
    /// Whether it took the message.
    success: bool,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn failed(error: TestError) -> ApiError {
    match error {
        TestError::NoWebhook => text(StatusCode::NOT_FOUND, "Webhook not found"),
        TestError::NotConfigured(what) => bad(what),
        TestError::Failed(error) => undelivered(error),
    }
}

/// Pulse v5 answers 200 to most tests that fail.
fn undelivered(error: SendError) -> ApiError {
    bad(format!("Failed to send test notification: {}", error.message))
}

/// Send a test message. It answers 200 only when the message was delivered.
#[utoipa::path(
    post, path = "/api/notifications/test", tag = "notifications", request_body = TestRequest,
    responses(
        (status = 200, body = Tested), (status = 400, description = "Why it was not delivered", body = String),
        (status = 403, body = MissingScopeBody), (status = 404, description = "No such webhook", body = String),
    )
)]
pub(super) async fn test_notification(
    _: Allowed<SettingsWriteAdmin>,
    State(notifier): State<Arc<Notifier>>,
    request: Request,
) -> Result<Json<Tested>, ApiError> {
    let body: TestRequest = read_object(request.into_body(), LIMIT_BYTES).await.map_err(bad_body)?;
    let mut results = vec![];
    match body.method.as_str() {
        "email" => email(&notifier, body.config).await?,
        "apprise" => apprise(&notifier, body.config).await?,
        "webhook" => {
            let id = body.webhook_id.as_deref().filter(|id| !id.is_empty());
            notifier.test_webhook(id).await.map_err(failed)?;
        }
        "all" => results = all(&notifier).await?,
        other => return Err(bad(format!("unknown notification method: {other}"))),
    }
    Ok(Json(Tested { status: "success", message: "Test notification sent", results }))
}

fn parsed<T: serde::de::DeserializeOwned>(config: Map<String, Value>) -> Result<T, ApiError> {
    serde_json::from_value(Value::Object(config))
        .map_err(|error| bad(format!("Invalid configuration: {error}")))
}

async fn email(notifier: &Notifier, config: Option<Map<String, Value>>) -> Result<(), ApiError> {
    let stored = notifier.config().current().email.clone();
    let (config, message) = match config {
        None if !stored.enabled => return Err(bad("email notifications are not enabled")),
        None => (stored, notifier.test_message(95.5, 90.0)),
        Some(config) => {
            // Pulse v5 takes server and login from what is saved, whatever was sent.
            let body: EmailBody = parsed(config)?;
            if !body.enabled {
                return Err(bad("email notifications are not enabled"));
            }
            if body.server.trim().is_empty() || body.from.trim().is_empty() {
                return Err(bad("email needs a server and a sender"));
            }
            let config = body.over(&stored)?;
            // Or a test would send the stored password anywhere.
            let is_stored = config.password == stored.password && !stored.password.is_empty();
            if is_stored
                && (&config.server, config.port, &config.username)
                    != (&stored.server, stored.port, &stored.username)
            {
                return Err(bad("the server or the login is another one: enter its password to test it"));
            }
            (config, notifier.test_message(85.5, 80.0))
        }
    };
    notifier.send_email(&config, &message).await.map(drop).map_err(undelivered)
}

async fn apprise(notifier: &Notifier, config: Option<Map<String, Value>>) -> Result<(), ApiError> {
    let stored = notifier.config().current().apprise.clone();
    let config = match config {
        None => stored,
        Some(config) => {
            let config = parsed::<AppriseBody>(config)?.over(&stored)?;
            let is_stored = config.api_key == stored.api_key && !stored.api_key.is_empty();
            if is_stored && config.server_url != stored.server_url {
                return Err(bad("the Apprise server is another one: enter its API key to test it"));
            }
            config
        }
    };
    if !config.enabled {
        return Err(bad("Apprise is not enabled, or has nothing to send to"));
    }
    notifier.send_apprise(&config, &notifier.test_message(95.5, 90.0)).await.map(drop).map_err(undelivered)
}

async fn all(notifier: &Notifier) -> Result<Vec<TestResult>, ApiError> {
    let results: Vec<TestResult> = notifier
        .test_all()
        .await
        .into_iter()
        .map(|(name, result)| TestResult {
            name,
            success: result.is_ok(),
            error: result.err().map(|error| error.message),
        })
        .collect();
    if results.is_empty() {
        return Err(bad("no notification destination is enabled"));
    }
    Ok(results)
}
