//! `GET /api/logs/download`: what somebody who helps needs, in one file, without a secret in it.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use jiff::tz::TimeZone;
use pulse_config::{NodeStore, ProcessEnv, Settings, SystemSettingsStore};
use pulse_core::Clock;
use pulse_log::Logs;

use super::{bundle::SystemInfo, zip};
use crate::{
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsReadAdmin},
    state::About,
};

/// A zip file with the newest lines of the log, and what the server is and how it is configured.
///
/// Passwords, tokens and secrets are not in it; names of users and hosts are. Look through it before you hand it on.
#[utoipa::path(
    get, path = "/api/logs/download", tag = "logs",
    responses(
        (status = 200, description = "`pulse-tail.log` and `system-info.json`", body = Vec<u8>, content_type = "application/zip"),
        (status = 403, body = MissingScopeBody),
    )
)]
pub(super) async fn download_logs(
    allowed: Allowed<SettingsReadAdmin>,
    State(logs): State<Logs>,
    State(about): State<Arc<About>>,
    State(clock): State<Arc<dyn Clock>>,
    State(settings): State<Arc<Settings>>,
    State(system): State<Arc<SystemSettingsStore>>,
    State(nodes): State<Arc<NodeStore>>,
) -> Result<Response, ApiError> {
    tracing::info!(by = %allowed.identity, "a support bundle was downloaded");
    let now = clock.now();
    let info = SystemInfo::new(&about, &settings, &system.current(), &nodes.current(), &ProcessEnv)?;
    let mut lines = String::new();
    for line in logs.book().newest() {
        lines.push_str(&line);
        lines.push('\n');
    }
    let doing = "pack the support bundle";
    let info = serde_json::to_vec_pretty(&info).map_err(|error| ApiError::internal(doing, error))?;
    let packed = tokio::task::spawn_blocking(move || {
        zip::pack(&[("pulse-tail.log", lines.as_bytes()), ("system-info.json", &info)], now)
    })
    .await
    .map_err(|error| ApiError::internal(doing, error))?
    .map_err(|error| ApiError::internal(doing, error))?;
    let name = now.to_zoned(TimeZone::system()).strftime("pulse-support-bundle-%Y%m%d-%H%M%S.zip");
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok((
        [(header::CONTENT_TYPE, "application/zip".to_owned()), (header::CONTENT_DISPOSITION, disposition)],
        packed,
    )
        .into_response())
}
