//! `GET` and `POST /api/logs/level`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_config::{LogLevel, SystemSettingsStore, UpdateError};
use pulse_log::Logs;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, JsonError, SettingsReadAdmin, SettingsWriteAdmin, read_json},
};

const LIMIT_BYTES: usize = 8 * 1024;

/// How detailed the log is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = LogLevel)]
pub(super) struct LevelBody {
    /// `debug`, `info`, `warn` or `error`; `trace` too, which Pulse v5 does not know.
    #[serde(default)]
    level: String,
}

/// How detailed the log is now.
#[utoipa::path(
    get, path = "/api/logs/level", tag = "logs",
    responses((status = 200, body = LevelBody), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn get_log_level(
    _: Allowed<SettingsReadAdmin>,
    State(logs): State<Logs>,
) -> Json<LevelBody> {
    Json(LevelBody { level: logs.level().name().to_owned() })
}

/// Change how detailed the log is, from the next line on. It is kept over a restart, unless `LOG_LEVEL` is set.
#[utoipa::path(
    post, path = "/api/logs/level", tag = "logs", request_body = LevelBody,
    responses(
        (status = 200, description = "The level counts from now on"),
        (status = 400, description = "No level, or no JSON", body = String),
        (status = 403, body = MissingScopeBody),
    )
)]
pub(super) async fn set_log_level(
    allowed: Allowed<SettingsWriteAdmin>,
    State(system): State<Arc<SystemSettingsStore>>,
    State(logs): State<Logs>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let bad = |text: String| ApiError::text(StatusCode::BAD_REQUEST, text);
    let body: LevelBody = read_json(request.into_body(), LIMIT_BYTES).await.map_err(|error| match error {
        JsonError::TooLarge { .. } => ApiError::text(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"),
        JsonError::Incomplete | JsonError::Invalid { .. } => bad(error.to_string()),
    })?;
    let level = LogLevel::from_name(body.level.trim()).ok_or_else(|| bad("Invalid log level".to_owned()))?;
    let patch = Map::from_iter([("logLevel".to_owned(), Value::from(level.name()))]);
    let doing = "keep the level of the log";
    let kept = tokio::task::spawn_blocking(move || system.update(patch))
        .await
        .map_err(|error| ApiError::internal(doing, error))?;
    // A level that the environment holds is changed for as long as the server runs, as in v5.
    logs.set_level(level);
    tracing::info!(by = %allowed.identity, level = level.name(), "the level of the log was changed");
    match kept {
        Ok(_) => Ok(StatusCode::OK),
        Err(UpdateError::Refused(refused)) => Err(bad(refused.to_string())),
        Err(UpdateError::Config(error)) => Err(ApiError::internal(doing, error)),
    }
}
