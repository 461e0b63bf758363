//! `GET` and `PUT /api/notifications/email`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use pulse_config::{Secret, schema::notify::EmailConfig};
use pulse_core::lenient::null_default;
use pulse_notify::Notifier;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FilterBody, REDACTED, SUCCESS, Success, bad_body, convert, update};
use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, NotificationsRead, SettingsWriteAdmin},
};

const LIMIT_BYTES: usize = 32 * 1024;

/// Mail.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(as = EmailSettings)]
pub(super) struct EmailBody {
    /// Whether mails are sent.
    pub(super) enabled: bool,
    /// Provider.
    #[serde(deserialize_with = "null_default")]
    provider: String,
    /// SMTP server.
    #[serde(deserialize_with = "null_default")]
    pub(super) server: String,
    /// Its port.
    port: u16,
    /// Login.
    #[serde(deserialize_with = "null_default")]
    username: String,
    /// Password: empty in answers; empty in requests to keep the one that is stored.
    #[serde(deserialize_with = "null_default")]
    password: String,
    /// Sender.
    #[serde(deserialize_with = "null_default")]
    pub(super) from: String,
    /// Receivers; the sender where there are none.
    #[serde(deserialize_with = "null_default")]
    to: Vec<String>,
    /// TLS from the first byte.
    tls: bool,
    /// TLS after a greeting.
    #[serde(rename = "startTLS")]
    start_tls: bool,
    /// Which alerts.
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<FilterBody>,
    /// Mails in an hour; more go into a digest. 30 where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_hour: Option<u32>,
}

impl Default for EmailBody {
    fn default() -> Self {
        let EmailConfig { port, tls, .. } = EmailConfig::default();
        Self {
            enabled: false,
            provider: String::new(),
            server: String::new(),
            port,
            username: String::new(),
            password: String::new(),
            from: String::new(),
            to: vec![],
            tls,
            start_tls: false,
            filter: None,
            max_per_hour: None,
        }
    }
}

impl EmailBody {
    /// The settings, with the stored password where none was sent.
    pub(super) fn over(&self, stored: &EmailConfig) -> Result<EmailConfig, ApiError> {
        let mut config: EmailConfig = convert(self)?;
        if self.password.is_empty() || self.password == REDACTED {
            config.password = stored.password.clone();
        }
        Ok(config)
    }
}

/// Mail settings, without the password.
#[utoipa::path(
    get, path = "/api/notifications/email", tag = "notifications",
    responses((status = 200, body = EmailBody), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn get_email(
    _: Allowed<NotificationsRead>,
    State(notifier): State<Arc<Notifier>>,
) -> Result<Json<EmailBody>, ApiError> {
    let shown = EmailConfig { password: Secret::default(), ..notifier.config().current().email.clone() };
    convert(&shown).map(Json)
}

/// Change the mail settings as a whole. An empty password keeps the one that is stored.
#[utoipa::path(
    put, path = "/api/notifications/email", tag = "notifications", request_body = EmailBody,
    responses(
        (status = 200, body = Success), (status = 400, description = "No such settings", body = String),
        (status = 403, body = MissingScopeBody), (status = 413, description = "More than 32 KiB", body = String),
    )
)]
pub(super) async fn put_email(
    allowed: Allowed<SettingsWriteAdmin>,
    State(notifier): State<Arc<Notifier>>,
    request: Request,
) -> Result<Json<Success>, ApiError> {
    let body: EmailBody = read_object(request.into_body(), LIMIT_BYTES).await.map_err(bad_body)?;
    update(&notifier, move |config| {
        config.email = body.over(&config.email)?;
        Ok(())
    })
    .await?;
    tracing::info!(by = %allowed.identity, "the mail settings were changed");
    Ok(Json(SUCCESS))
}
