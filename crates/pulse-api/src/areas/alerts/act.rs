//! Acknowledge, unacknowledge and clear one alert, by its id in the body or in the path.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Request, State},
};
use http::StatusCode;
use pulse_alerts::Action;
use pulse_monitor::Alerts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{bad_body, check_id, name_of};
use crate::{
    areas::object::read_object,
    error::ApiError,
    extract::{Allowed, MonitoringWrite},
    state::Access,
};

const LIMIT: usize = 8 * 1024;

/// Which alert.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = AlertIdBody)]
pub(super) struct Which {
    /// Its id.
    id: String,
}

/// That it was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertDone)]
pub(super) struct Done {
    /// Always `true`.
    pub(super) success: bool,
}

async fn which(request: Request) -> Result<String, ApiError> {
    let which: Which = read_object(request.into_body(), LIMIT).await.map_err(|error| bad_body(&error))?;
    Ok(which.id)
}

/// Does something with one alert; `unknown` is what is answered when there is none.
pub(super) async fn act(
    alerts: &Alerts,
    id: String,
    action: Action,
    unknown: impl FnOnce(&str) -> String,
) -> Result<Json<Done>, ApiError> {
    check_id(&id)?;
    let mut results = alerts.act(vec![id.clone()], action).await?;
    match results.pop() {
        Some(Ok(())) => Ok(Json(Done { success: true })),
        Some(Err(_)) | None => Err(ApiError::text(StatusCode::NOT_FOUND, unknown(&id))),
    }
}

fn not_found(id: &str) -> String {
    format!("alert not found: {id}")
}

fn cannot_clear(_: &str) -> String {
    "Alert not found".to_owned()
}

/// Take note of an alert: no reminders, no escalation.
#[utoipa::path(
    post, path = "/api/alerts/acknowledge", tag = "alerts", request_body = Which,
    responses((status = 200, body = Done), (status = 400, body = String), (status = 404, body = String))
)]
pub(super) async fn acknowledge_alert_by_body(
    allowed: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    State(access): State<Arc<Access>>,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    let user = name_of(&allowed.identity, &access);
    act(&alerts, which(request).await?, Action::Acknowledge { user }, not_found).await
}

/// Take an acknowledgement back.
#[utoipa::path(
    post, path = "/api/alerts/unacknowledge", tag = "alerts", request_body = Which,
    responses((status = 200, body = Done), (status = 400, body = String), (status = 404, body = String))
)]
pub(super) async fn unacknowledge_alert_by_body(
    _: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    act(&alerts, which(request).await?, Action::Unacknowledge, not_found).await
}

/// Close an alert. It is raised again when its condition still holds.
#[utoipa::path(
    post, path = "/api/alerts/clear", tag = "alerts", request_body = Which,
    responses((status = 200, body = Done), (status = 400, body = String), (status = 404, body = String))
)]
pub(super) async fn clear_alert_by_body(
    _: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    act(&alerts, which(request).await?, Action::Clear, cannot_clear).await
}

/// Take note of an alert: no reminders, no escalation.
#[utoipa::path(
    post, path = "/api/alerts/{id}/acknowledge", tag = "alerts",
    params(("id" = String, Path, description = "Id of the alert, URL-encoded")),
    responses((status = 200, body = Done), (status = 400, body = String), (status = 404, body = String))
)]
pub(super) async fn acknowledge_alert(
    allowed: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    State(access): State<Arc<Access>>,
    Path(id): Path<String>,
) -> Result<Json<Done>, ApiError> {
    let user = name_of(&allowed.identity, &access);
    act(&alerts, id, Action::Acknowledge { user }, not_found).await
}

/// Take an acknowledgement back.
#[utoipa::path(
    post, path = "/api/alerts/{id}/unacknowledge", tag = "alerts",
    params(("id" = String, Path, description = "Id of the alert, URL-encoded")),
    responses((status = 200, body = Done), (status = 400, body = String), (status = 404, body = String))
)]
pub(super) async fn unacknowledge_alert(
    _: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    Path(id): Path<String>,
) -> Result<Json<Done>, ApiError> {
    act(&alerts, id, Action::Unacknowledge, not_found).await
}

/// Close an alert. It is raised again when its condition still holds.
#[utoipa::path(
    post, path = "/api/alerts/{id}/clear", tag = "alerts",
    params(("id" = String, Path, description = "Id of the alert, URL-encoded")),
    responses((status = 200, body = Done), (status = 400, body = String), (status = 404, body = String))
)]
pub(super) async fn clear_alert(
    _: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    Path(id): Path<String>,
) -> Result<Json<Done>, ApiError> {
    act(&alerts, id, Action::Clear, cannot_clear).await
}
