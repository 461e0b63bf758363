//! `POST /api/system/settings/update`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_config::{SystemSettingsStore, UpdateError};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::body::ChangeBody;
use crate::{
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, JsonError, SettingsWriteAdmin, read_json},
    ws::{Event, Hub},
};

const LIMIT_BYTES: usize = 64 * 1024;

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SystemSettingsUpdated)]
pub(super) struct Updated {
    /// Always `true`.
    success: bool,
    /// Keys that were sent but stay as the server's environment has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    locked: Vec<String>,
}

/// Change system settings: the keys that are sent; the others stay. What changes counts at once.
#[utoipa::path(
    post, path = "/api/system/settings/update", tag = "system", request_body = ChangeBody,
    responses(
        (status = 200, body = Updated), (status = 403, body = MissingScopeBody),
        (status = 400, description = "A value of the wrong kind or outside its range", body = String),
        (status = 413, description = "The body is larger than 64 KiB", body = String),
    )
)]
pub(super) async fn update_settings(
    allowed: Allowed<SettingsWriteAdmin>,
    State(system): State<Arc<SystemSettingsStore>>,
    State(hub): State<Hub>,
    request: Request,
) -> Result<Json<Updated>, ApiError> {
    let body: Value = read_json(request.into_body(), LIMIT_BYTES).await.map_err(|error| match error {
        JsonError::TooLarge { .. } => ApiError::text(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"),
        JsonError::Incomplete | JsonError::Invalid { .. } => bad("Invalid request body"),
    })?;
    let patch = match body {
        // As in v5: no change.
        Value::Null => serde_json::Map::new(),
        Value::Object(patch) => patch,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(bad("Invalid request body"));
        }
    };
    let keys: Vec<String> = patch.keys().take(64).cloned().collect();
    let doing = "save the system settings";
    let updated = tokio::task::spawn_blocking(move || system.update(patch))
        .await
        .map_err(|error| ApiError::internal(doing, error))?;
    let updated = updated.map_err(|error| match error {
        UpdateError::Refused(refused) => bad(&refused.to_string()),
        UpdateError::Config(error) => {
            tracing::error!(%error, "the system settings could not be saved");
            ApiError::text(StatusCode::INTERNAL_SERVER_ERROR, "Failed to save settings")
        }
    })?;
    tracing::info!(by = %allowed.identity, ?keys, "system settings were changed");
    let theme = updated.settings.theme.name();
    if !theme.is_empty() {
        hub.emit(Event::new("settingsUpdate", &json!({"theme": theme}), None));
    }
    Ok(Json(Updated { success: true, locked: updated.locked }))
}

fn bad(text: &str) -> ApiError {
    ApiError::text(StatusCode::BAD_REQUEST, text)
}
