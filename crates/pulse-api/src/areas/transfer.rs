//! `POST /api/config/export`, `POST /api/config/import`: the whole configuration as a sealed bundle (contract A-09).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use pulse_auth::ScopeSet;
use pulse_config::{
    ConfigError, Secret, Settings,
    transfer::{ImportError, bundle, check_passphrase},
};
use pulse_core::Clock;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use utoipa::ToSchema;

use crate::{
    areas::object::read_object,
    auditing::Auditor,
    auth::client_address,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, JsonError, SettingsWriteAdmin},
    routing::{ApiRouter, routes},
    state::{Access, AppState},
};

const EXPORT_LIMIT_BYTES: usize = 8 * 1024;

/// JSON around the bundle, and the passphrase.
const IMPORT_LIMIT_BYTES: usize = bundle::MAX_BUNDLE_BYTES + 8 * 1024;

/// A key from a passphrase takes a core for a while: one at a time.
static DERIVING: Semaphore = Semaphore::const_new(1);

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new().routes(routes!(export_config)).routes(routes!(import_config))
}

/// What the bundle is sealed with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
struct ExportRequest {
    /// At least 12 characters.
    #[schema(value_type = String, format = Password)]
    passphrase: Secret,
}

/// The bundle.
#[derive(Debug, Serialize, ToSchema)]
struct Exported {
    /// Base64.
    data: String,
    /// Always `success`.
    status: &'static str,
}

/// Export the configuration with all its secrets, sealed with a passphrase.
///
/// Needs the right to change settings: Pulse v5 gave it to every token, also to one that may only send reports.
#[utoipa::path(
    post, path = "/api/config/export", tag = "transfer", request_body = ExportRequest,
    responses(
        (status = 200, body = Exported), (status = 400, body = String), (status = 403, body = MissingScopeBody),
        (status = 429, description = "More than five in a minute", body = String),
    )
)]
async fn export_config(
    allowed: Allowed<SettingsWriteAdmin>,
    State(state): State<AppState>,
    auditor: Auditor,
    request: Request,
) -> Result<Json<Exported>, ApiError> {
    let (parts, body) = request.into_parts();
    limit(&state.access, &state.settings, &*state.clock, &parts)?;
    let body: ExportRequest = read_object(body, EXPORT_LIMIT_BYTES).await.map_err(bad_body)?;
    check_passphrase(&body.passphrase).map_err(|error| bad(error.to_string()))?;
    let doing = "export the configuration";
    let _permit = DERIVING.acquire().await.map_err(|error| ApiError::internal(doing, error))?;
    let (transfer, now) = (Arc::clone(&state.transfer), state.now());
    let data = tokio::task::spawn_blocking(move || transfer.export(&body.passphrase, now))
        .await
        .map_err(|error| ApiError::internal(doing, error))?
        .map_err(|error| match error {
            ConfigError::ExportTooLarge { .. } => bad(error.to_string()),
            error => ApiError::internal(doing, error),
        })?;
    tracing::warn!(by = %allowed.identity, "the configuration was exported, with all its secrets");
    auditor.record("config_exported", true, "").await;
    Ok(Json(Exported { data, status: "success" }))
}

/// A bundle.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
struct ImportRequest {
    /// Base64, as the export gave it.
    data: String,
    /// What it was sealed with.
    #[schema(value_type = String, format = Password)]
    passphrase: Secret,
}

/// What was taken over.
#[derive(Debug, Serialize, ToSchema)]
struct ImportReply {
    /// In words.
    message: &'static str,
    /// Always `success`.
    status: &'static str,
    /// Parts that were taken over.
    imported: Vec<String>,
    /// Parts of the bundle that this server has no use for.
    ignored: Vec<String>,
}

/// Import a configuration: as a whole, or not at all. What the bundle does not mention stays. It counts at once.
///
/// A bundle cannot bring an API token with a scope that the caller does not have.
#[utoipa::path(
    post, path = "/api/config/import", tag = "transfer", request_body = ImportRequest,
    responses(
        (status = 200, body = ImportReply), (status = 400, body = String), (status = 403, body = MissingScopeBody),
        (status = 413, description = "The bundle is larger than 8 MiB", body = String),
        (status = 429, description = "More than five in a minute", body = String),
    )
)]
async fn import_config(
    allowed: Allowed<SettingsWriteAdmin>,
    State(state): State<AppState>,
    auditor: Auditor,
    request: Request,
) -> Result<Json<ImportReply>, ApiError> {
    let (parts, body) = request.into_parts();
    limit(&state.access, &state.settings, &*state.clock, &parts)?;
    let body: ImportRequest = read_object(body, IMPORT_LIMIT_BYTES).await.map_err(bad_body)?;
    if body.passphrase.is_empty() {
        return Err(bad("Passphrase is required".to_owned()));
    }
    if body.data.trim().is_empty() {
        return Err(bad("Import data is required".to_owned()));
    }
    let doing = "import a configuration";
    let _permit = DERIVING.acquire().await.map_err(|error| ApiError::internal(doing, error))?;
    let (transfer, held) = (Arc::clone(&state.transfer), allowed.identity.scopes.clone());
    let imported = tokio::task::spawn_blocking(move || {
        transfer.import(body.data.as_bytes(), &body.passphrase, |wanted| first_beyond(&held, wanted))
    })
    .await
    .map_err(|error| ApiError::internal(doing, error))?;
    let imported = imported.map_err(|error| match error {
        ImportError::Bundle(_) | ImportError::Document(_) | ImportError::Section { .. } => {
            bad(format!("Failed to import configuration: {error}"))
        }
        ImportError::TokensExceedCaller { .. } => ApiError::text(StatusCode::FORBIDDEN, error.to_string()),
        ImportError::Config(error) => ApiError::internal(doing, error),
    })?;
    tracing::warn!(by = %allowed.identity, taken = ?imported.taken, left = ?imported.left, "a configuration was imported");
    auditor.record("config_imported", true, "").await;
    Ok(Json(ImportReply {
        message: "Configuration imported successfully",
        status: "success",
        imported: imported.taken,
        ignored: imported.left,
    }))
}

fn first_beyond(held: &ScopeSet, wanted: &ScopeSet) -> Option<String> {
    wanted.scopes().find(|scope| !held.allows(*scope)).map(|scope| scope.name().to_owned())
}

fn limit(
    access: &Access,
    settings: &Settings,
    clock: &dyn Clock,
    parts: &http::request::Parts,
) -> Result<(), ApiError> {
    let address = client_address(&parts.extensions, &parts.headers, settings);
    access.export_limiter.check(&address, clock.now()).map(drop).map_err(|_| {
        ApiError::text(StatusCode::TOO_MANY_REQUESTS, "Too many requests. Please wait before trying again.")
    })
}

fn bad(text: String) -> ApiError {
    ApiError::text(StatusCode::BAD_REQUEST, text)
}

fn bad_body(error: JsonError) -> ApiError {
    match error {
        JsonError::TooLarge { .. } => ApiError::text(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"),
        JsonError::Incomplete | JsonError::Invalid { .. } => bad("Invalid request body".to_owned()),
    }
}
