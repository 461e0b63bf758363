//! `GET` and `PUT /api/notifications/apprise`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use pulse_config::{Secret, schema::notify::AppriseConfig};
use pulse_core::lenient::null_default;
use pulse_notify::Notifier;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FilterBody, REDACTED, bad, bad_body, convert, update};
use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, NotificationsRead, SettingsWriteAdmin},
};

const LIMIT_BYTES: usize = 64 * 1024;

/// Apprise.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
#[schema(as = AppriseSettings)]
pub(super) struct AppriseBody {
    /// Whether it is used.
    enabled: bool,
    /// `cli` or `http`.
    #[serde(deserialize_with = "null_default")]
    mode: String,
    /// Apprise URLs.
    #[serde(deserialize_with = "null_default")]
    targets: Vec<String>,
    /// The program.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    cli_path: String,
    /// How long a delivery may take, 5 to 120.
    #[serde(deserialize_with = "null_default")]
    timeout_seconds: i64,
    /// The service.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    server_url: String,
    /// Key of a configuration that is stored there.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    config_key: String,
    /// Its API key. Answers show `***REDACTED***`, which keeps it when it is sent back. v5 shows it in clear.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    api_key: String,
    /// The header of the API key.
    #[serde(deserialize_with = "null_default", skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    api_key_header: String,
    /// Whether any certificate will do.
    #[serde(deserialize_with = "null_default")]
    skip_tls_verify: bool,
    /// Which alerts.
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<FilterBody>,
    /// Messages in an hour; more go into a digest. 30 where it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_hour: Option<u32>,
}

impl AppriseBody {
    fn shown(config: &AppriseConfig) -> Result<Self, ApiError> {
        let mut config = config.clone();
        if !config.api_key.is_empty() {
            config.api_key = Secret::new(REDACTED);
        }
        convert(&config)
    }

    /// The settings, with the stored key where its mark was sent.
    pub(super) fn over(&self, stored: &AppriseConfig) -> Result<AppriseConfig, ApiError> {
        let mut config = convert::<_, AppriseConfig>(self)?.normalised();
        if config.api_key.expose() == REDACTED {
            config.api_key = stored.api_key.clone();
        }
        Ok(config)
    }
}

/// Apprise settings.
#[utoipa::path(
    get, path = "/api/notifications/apprise", tag = "notifications",
    responses((status = 200, body = AppriseBody), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn get_apprise(
    _: Allowed<NotificationsRead>,
    State(notifier): State<Arc<Notifier>>,
) -> Result<Json<AppriseBody>, ApiError> {
    AppriseBody::shown(&notifier.config().current().apprise).map(Json)
}

/// Change the Apprise settings as a whole; the answer is what was kept.
#[utoipa::path(
    put, path = "/api/notifications/apprise", tag = "notifications", request_body = AppriseBody,
    responses(
        (status = 200, body = AppriseBody), (status = 400, description = "No such settings", body = String),
        (status = 403, body = MissingScopeBody), (status = 413, description = "More than 64 KiB", body = String),
    )
)]
pub(super) async fn put_apprise(
    allowed: Allowed<SettingsWriteAdmin>,
    State(notifier): State<Arc<Notifier>>,
    request: Request,
) -> Result<Json<AppriseBody>, ApiError> {
    let body: AppriseBody = read_object(request.into_body(), LIMIT_BYTES).await.map_err(bad_body)?;
    let server = body.server_url.trim().to_owned();
    if !server.is_empty() {
        notifier.check_url(&server).await.map_err(|why| bad(format!("Invalid Apprise server URL: {why}")))?;
    }
    let kept = update(&notifier, move |config| {
        config.apprise = body.over(&config.apprise)?;
        Ok(config.apprise.clone())
    })
    .await?;
    tracing::info!(by = %allowed.identity, "the Apprise settings were changed");
    AppriseBody::shown(&kept).map(Json)
}
