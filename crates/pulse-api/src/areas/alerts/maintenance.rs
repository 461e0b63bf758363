//! `/api/alerts/maintenance`: times of planned work, in which alerts are raised but not told. Ours, beside the contract.

use axum::{
    Json,
    extract::{Path, Request, State},
};
use http::StatusCode;
use pulse_alerts::{AlertConfig, config::MaintenanceWindow};
use pulse_monitor::Alerts;

use super::act::Done;
use crate::{
    areas::object::read_object,
    error::{ApiError, ErrorBody},
    extract::{Allowed, MonitoringRead, MonitoringWrite},
};

const LIMIT: usize = 64 * 1024;

/// At most so many windows.
const MOST: usize = 500;

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::envelope(StatusCode::BAD_REQUEST, "invalid_window", message)
}

fn unknown() -> ApiError {
    ApiError::envelope(StatusCode::NOT_FOUND, "window_not_found", "there is no such maintenance window")
}

async fn read(request: Request) -> Result<MaintenanceWindow, ApiError> {
    let window: MaintenanceWindow =
        read_object(request.into_body(), LIMIT).await.map_err(|error| invalid(error.to_string()))?;
    window.check().map_err(invalid)?;
    Ok(window)
}

/// All maintenance windows.
#[utoipa::path(
    get, path = "/api/alerts/maintenance", tag = "alerts",
    responses((status = 200, description = "The windows", body = Vec<MaintenanceWindow>))
)]
pub(super) async fn list_maintenance_windows(
    _: Allowed<MonitoringRead>,
    State(alerts): State<Alerts>,
) -> Json<Vec<MaintenanceWindow>> {
    Json(alerts.config().maintenance_windows.clone())
}

/// Make a maintenance window.
///
/// `{name, enabled, start, end}` for one that comes once, `{name, enabled, weekly: {start, end, timezone, days}}` for one
/// that comes every week; `appliesTo` narrows it down by `resources`, `nodes`, `instances`, `tags` and `types`, where a `*`
/// at the end of an entry stands for anything.
#[utoipa::path(
    post, path = "/api/alerts/maintenance", tag = "alerts", request_body = MaintenanceWindow,
    responses((status = 201, description = "The window with its id", body = MaintenanceWindow), (status = 400, body = ErrorBody))
)]
pub(super) async fn create_maintenance_window(
    allowed: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    request: Request,
) -> Result<(StatusCode, Json<MaintenanceWindow>), ApiError> {
    let mut window = read(request).await?;
    let config = alerts.config();
    if config.maintenance_windows.len() >= MOST {
        return Err(invalid(format!("there are {MOST} maintenance windows; remove some first")));
    }
    window.id = format!("window-{}", alerts.now().as_millisecond());
    let taken = |id: &str| config.maintenance_windows.iter().any(|other| other.id == id);
    let mut number = 1;
    while taken(&window.id) {
        number += 1;
        window.id = format!("window-{}-{number}", alerts.now().as_millisecond());
    }
    let made = window.clone();
    alerts
        .change_config(move |before| {
            let mut next = AlertConfig::clone(before);
            next.maintenance_windows.push(window);
            next
        })
        .await?;
    tracing::info!(by = %allowed.identity, window.id = %made.id, "a maintenance window was made");
    Ok((StatusCode::CREATED, Json(made)))
}

/// Replace a maintenance window.
#[utoipa::path(
    put, path = "/api/alerts/maintenance/{id}", tag = "alerts", request_body = MaintenanceWindow,
    params(("id" = String, Path, description = "Id of the window")),
    responses(
        (status = 200, description = "The window", body = MaintenanceWindow),
        (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
    )
)]
pub(super) async fn update_maintenance_window(
    _: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<MaintenanceWindow>, ApiError> {
    let mut window = read(request).await?;
    window.id.clone_from(&id);
    if alerts.config().maintenance_windows.iter().all(|window| window.id != id) {
        return Err(unknown());
    }
    let changed = window.clone();
    alerts
        .change_config(move |before| {
            let mut next = AlertConfig::clone(before);
            if let Some(old) = next.maintenance_windows.iter_mut().find(|old| old.id == window.id) {
                *old = window;
            }
            next
        })
        .await?;
    Ok(Json(changed))
}

/// Remove a maintenance window. What it held back and is still raised is told now.
#[utoipa::path(
    delete, path = "/api/alerts/maintenance/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Id of the window")),
    responses((status = 200, body = Done), (status = 404, body = ErrorBody))
)]
pub(super) async fn delete_maintenance_window(
    _: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    Path(id): Path<String>,
) -> Result<Json<Done>, ApiError> {
    if alerts.config().maintenance_windows.iter().all(|window| window.id != id) {
        return Err(unknown());
    }
    alerts
        .change_config(move |before| {
            let mut next = AlertConfig::clone(before);
            next.maintenance_windows.retain(|window| window.id != id);
            next
        })
        .await?;
    Ok(Json(Done { success: true }))
}
