//! `/api/alerts/config` and `/api/alerts/activate`.

use axum::{
    Json,
    extract::{Request, State},
};
use jiff::Timestamp;
use pulse_alerts::{ActivationState, AlertConfig};
use pulse_monitor::Alerts;
use serde::Serialize;
use utoipa::ToSchema;

use super::bad_body;
use crate::{
    areas::object::read_object,
    error::ApiError,
    extract::{Allowed, MonitoringRead, MonitoringWrite},
};

/// Room for some thousands of overrides.
const LIMIT: usize = 1024 * 1024;

/// That it was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertConfigSaved)]
pub(super) struct Saved {
    success: bool,
    message: &'static str,
}

/// That notices go out.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AlertsActivated)]
pub(super) struct Activated {
    success: bool,
    message: &'static str,
    /// Always `active`.
    state: &'static str,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    activation_time: Option<Timestamp>,
}

/// The configuration with everything that has a default filled in.
///
/// Thresholds may carry `critical` (from where on it is critical), `delaySeconds` and `off`; `noDataDefaults`,
/// `maintenanceWindows`, `schedule.reminders` and `flappingOpeningsPerHour` are additions to Pulse v5.
#[utoipa::path(
    get, path = "/api/alerts/config", tag = "alerts",
    responses((status = 200, description = "The configuration", body = AlertConfig))
)]
pub(super) async fn get_alert_config(
    _: Allowed<MonitoringRead>,
    State(alerts): State<Alerts>,
) -> Json<AlertConfig> {
    let mut config = AlertConfig::clone(&alerts.config());
    config.activation_state = Some(config.activation());
    Json(config)
}

/// Replace the configuration.
///
/// A key that is left out takes its default. Raised alerts are looked at under the new configuration before this answers.
#[utoipa::path(
    put, path = "/api/alerts/config", tag = "alerts", request_body = AlertConfig,
    responses(
        (status = 200, body = Saved),
        (status = 400, description = "No JSON, or a value of the wrong type", body = String),
        (status = 413, description = "More than 1 MiB", body = String),
    )
)]
pub(super) async fn put_alert_config(
    allowed: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    request: Request,
) -> Result<Json<Saved>, ApiError> {
    // Pulse v5: what is left out is switched off, so that `{}` silently ends all alerting.
    let config: AlertConfig =
        read_object(request.into_body(), LIMIT).await.map_err(|error| bad_body(&error))?;
    alerts.set_config(config).await?;
    tracing::info!(by = %allowed.identity, "the alert configuration was changed");
    Ok(Json(Saved { success: true, message: "Alert configuration updated successfully" }))
}

/// Let notices go out.
///
/// Critical alerts that are raised and that nobody acknowledged are told now; warnings that are raised count as seen.
#[utoipa::path(post, path = "/api/alerts/activate", tag = "alerts", responses((status = 200, body = Activated)))]
pub(super) async fn activate_alerts(
    allowed: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
) -> Result<Json<Activated>, ApiError> {
    let was_active = alerts.config().activation() == ActivationState::Active;
    let config = alerts.activate().await?;
    if !was_active {
        tracing::info!(by = %allowed.identity, "alert notices were switched on");
    }
    let message = if was_active { "Alerts already activated" } else { "Alert notifications activated" };
    Ok(Json(Activated { success: true, message, state: "active", activation_time: config.activation_time }))
}
