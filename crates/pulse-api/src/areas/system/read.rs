//! `GET /api/system/settings`, `GET /api/config/system`, `GET /api/config`.

use std::sync::Arc;

use axum::{Json, extract::State};
use pulse_config::{Settings, SystemSettingsStore};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::SettingsBody;
use crate::{
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, MonitoringRead, SettingsReadAdmin},
};

/// The system settings, and which of them the environment holds.
#[utoipa::path(
    get, path = "/api/system/settings", tag = "system",
    responses((status = 200, body = SettingsBody), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn get_settings(
    _: Allowed<SettingsReadAdmin>,
    State(system): State<Arc<SystemSettingsStore>>,
) -> Result<Json<SettingsBody>, ApiError> {
    let mut body = SettingsBody::new(&system.current())?;
    body.env_overrides = system.override_names().into_iter().map(|name| (name.to_owned(), true)).collect();
    Ok(Json(body))
}

/// The system settings as the running server has them.
#[utoipa::path(
    get, path = "/api/config/system", tag = "system",
    responses((status = 200, body = SettingsBody), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn get_config_system(
    _: Allowed<SettingsReadAdmin>,
    State(system): State<Arc<SystemSettingsStore>>,
    State(settings): State<Arc<Settings>>,
) -> Result<Json<SettingsBody>, ApiError> {
    let mut body = SettingsBody::new(&system.current())?;
    body.frontend_port = Some(settings.port.into());
    body.log_level.get_or_insert_with(|| settings.log_level.name().to_owned());
    Ok(Json(body))
}

/// The few settings that everybody who sees the page may know.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PublicConfig {
    /// Whether updates are installed without asking.
    auto_update_enabled: bool,
    /// Whether a session that changes something must show its CSRF token. Pulse v5 says `false` though it checks.
    csrf_protection: bool,
    /// Which releases an update may come from; empty for the channel of the running version.
    update_channel: &'static str,
}

/// What the page needs to know of the settings.
#[utoipa::path(
    get, path = "/api/config", tag = "system",
    responses((status = 200, body = PublicConfig), (status = 403, body = MissingScopeBody))
)]
pub(super) async fn get_config(
    _: Allowed<MonitoringRead>,
    State(system): State<Arc<SystemSettingsStore>>,
) -> Json<PublicConfig> {
    let current = system.current();
    Json(PublicConfig {
        auto_update_enabled: current.auto_update_enabled,
        csrf_protection: true,
        update_channel: current.update_channel.name(),
    })
}
