//! `/api/alerts/bulk/*`: the same for several alerts, each with its own result.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Request, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_alerts::Action;
use pulse_monitor::Alerts;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{bad_body, check_id, name_of, snooze::Snooze};
use crate::{
    areas::object::read_object,
    error::{ApiError, ErrorBody},
    extract::{Allowed, MonitoringWrite},
    state::Access,
};

/// Room for a screenful of long ids many times over.
const LIMIT: usize = 256 * 1024;

/// Which alerts.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
#[schema(as = AlertIdsBody)]
pub(super) struct Which {
    /// Their ids.
    alert_ids: Option<Vec<String>>,
    /// Their ids, as some clients send them.
    ids: Option<Vec<String>>,
    /// Who; the caller where it is absent.
    user: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertBulkResults)]
pub(super) struct Results {
    /// One for each id, in the order of the request.
    results: Vec<OneResult>,
}

/// What came of it for one alert.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AlertBulkResult)]
pub(super) struct OneResult {
    alert_id: String,
    success: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Which alerts, and for how long: one of the two.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
#[schema(as = AlertIdsSnoozeBody)]
pub(super) struct WhichAndHowLong {
    /// Their ids.
    alert_ids: Option<Vec<String>>,
    /// Their ids, as some clients send them.
    ids: Option<Vec<String>>,
    /// Minutes from now.
    minutes: Option<i64>,
    /// Until then.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

async fn read<T: serde::de::DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    read_object(request.into_body(), LIMIT).await.map_err(|error| bad_body(&error))
}

async fn act(
    alerts: &Alerts,
    which: Which,
    action: impl FnOnce(Option<String>) -> Action,
) -> Result<Json<Results>, ApiError> {
    let ids: Vec<String> = which.alert_ids.into_iter().chain(which.ids).flatten().collect();
    if ids.is_empty() {
        return Err(ApiError::text(StatusCode::BAD_REQUEST, "No alert IDs provided"));
    }
    let user = which.user.filter(|user| !user.trim().is_empty());
    let outcomes = alerts.act(ids.clone(), action(user)).await?;
    let results = ids
        .into_iter()
        .zip(outcomes)
        .map(|(alert_id, outcome)| {
            let error = match (check_id(&alert_id), outcome) {
                (Err(_), _) => Some("Invalid alert ID".to_owned()),
                (Ok(()), Err(error)) => Some(error.to_string()),
                (Ok(()), Ok(())) => None,
            };
            OneResult { alert_id, success: error.is_none(), error }
        })
        .collect();
    Ok(Json(Results { results }))
}

/// Take note of several alerts.
#[utoipa::path(
    post, path = "/api/alerts/bulk/acknowledge", tag = "alerts", request_body = Which,
    responses((status = 200, body = Results), (status = 400, body = String))
)]
pub(super) async fn acknowledge_alerts(
    allowed: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    State(access): State<Arc<Access>>,
    request: Request,
) -> Result<Json<Results>, ApiError> {
    let caller = name_of(&allowed.identity, &access);
    act(&alerts, read(request).await?, |user| Action::Acknowledge { user: user.unwrap_or(caller) }).await
}

/// Close several alerts.
#[utoipa::path(
    post, path = "/api/alerts/bulk/clear", tag = "alerts", request_body = Which,
    responses((status = 200, body = Results), (status = 400, body = String))
)]
pub(super) async fn clear_alerts(
    _: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    request: Request,
) -> Result<Json<Results>, ApiError> {
    act(&alerts, read(request).await?, |_| Action::Clear).await
}

/// Take the acknowledgement of several alerts back. Ours, beside the contract.
#[utoipa::path(
    post, path = "/api/alerts/bulk/unacknowledge", tag = "alerts", request_body = Which,
    responses((status = 200, body = Results), (status = 400, body = String))
)]
pub(super) async fn unacknowledge_alerts(
    _: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    request: Request,
) -> Result<Json<Results>, ApiError> {
    act(&alerts, read(request).await?, |_| Action::Unacknowledge).await
}

/// Do not hear of several alerts until then. Ours, beside the contract.
#[utoipa::path(
    post, path = "/api/alerts/bulk/snooze", tag = "alerts", request_body = WhichAndHowLong,
    responses(
        (status = 200, body = Results), (status = 400, description = "No ids, or no time that makes sense", body = ErrorBody)
    )
)]
pub(super) async fn snooze_alerts(
    _: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    request: Request,
) -> Result<Json<Results>, ApiError> {
    let body: WhichAndHowLong = read(request).await?;
    let until = Snooze { minutes: body.minutes, until: body.until }.until(alerts.now())?;
    let which = Which { alert_ids: body.alert_ids, ids: body.ids, user: None };
    act(&alerts, which, |_| Action::Snooze { until }).await
}

/// Hear of several alerts again. Ours, beside the contract.
#[utoipa::path(
    post, path = "/api/alerts/bulk/unsnooze", tag = "alerts", request_body = Which,
    responses((status = 200, body = Results), (status = 400, body = String))
)]
pub(super) async fn unsnooze_alerts(
    _: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    request: Request,
) -> Result<Json<Results>, ApiError> {
    act(&alerts, read(request).await?, |_| Action::Unsnooze).await
}
