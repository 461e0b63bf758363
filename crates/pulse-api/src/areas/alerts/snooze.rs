//! Not to hear of an alert for a while. Ours, beside the contract.

use axum::{
    Json,
    extract::{Path, Request, State},
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use pulse_alerts::Action;
use pulse_monitor::Alerts;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{act::Done, check_id};
use crate::{
    areas::object::read_object,
    error::{ApiError, ErrorBody},
    extract::{Allowed, MonitoringWrite},
};

const LIMIT: usize = 4 * 1024;

/// The longest snooze: a month.
const LONGEST: SignedDuration = SignedDuration::from_hours(31 * 24);

/// For how long: one of the two.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = SnoozeBody)]
pub(super) struct Snooze {
    /// Minutes from now.
    pub(super) minutes: Option<i64>,
    /// Until then.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) until: Option<Timestamp>,
}

impl Snooze {
    /// The end, where it makes sense.
    pub(super) fn until(&self, now: Timestamp) -> Result<Timestamp, ApiError> {
        let until = match (self.minutes, self.until) {
            (Some(minutes), None) => {
                SignedDuration::try_from_mins(minutes).and_then(|duration| now.checked_add(duration).ok())
            }
            (None, Some(until)) => Some(until),
            (None, None) | (Some(_), Some(_)) => return Err(invalid("give either minutes or until")),
        };
        let until = until.filter(|until| *until > now && until.duration_since(now) <= LONGEST);
        until.ok_or_else(|| invalid("an alert can be snoozed from a minute to 31 days"))
    }
}

fn invalid(message: &str) -> ApiError {
    ApiError::envelope(StatusCode::BAD_REQUEST, "invalid_snooze", message)
}

async fn act(alerts: &Alerts, id: String, action: Action) -> Result<Json<Done>, ApiError> {
    check_id(&id).map_err(|_| invalid("this is no id of an alert"))?;
    let mut results = alerts.act(vec![id], action).await?;
    match results.pop() {
        Some(Ok(())) => Ok(Json(Done { success: true })),
        Some(Err(error)) => {
            Err(ApiError::envelope(StatusCode::NOT_FOUND, "alert_not_found", error.to_string()))
        }
        None => Err(ApiError::internal("snooze an alert", "no result")),
    }
}

/// Do not hear of an alert until then. It stays raised and is shown; when the time is over and it is still raised, it is
/// told once.
#[utoipa::path(
    post, path = "/api/alerts/{id}/snooze", tag = "alerts", request_body = Snooze,
    params(("id" = String, Path, description = "Id of the alert, URL-encoded")),
    responses((status = 200, body = Done), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn snooze_alert(
    _: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    let body: Snooze =
        read_object(request.into_body(), LIMIT).await.map_err(|error| invalid(&error.to_string()))?;
    let until = body.until(alerts.now())?;
    act(&alerts, id, Action::Snooze { until }).await
}

/// Hear of an alert again.
#[utoipa::path(
    post, path = "/api/alerts/{id}/unsnooze", tag = "alerts",
    params(("id" = String, Path, description = "Id of the alert, URL-encoded")),
    responses((status = 200, body = Done), (status = 404, body = ErrorBody))
)]
pub(super) async fn unsnooze_alert(
    _: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    Path(id): Path<String>,
) -> Result<Json<Done>, ApiError> {
    act(&alerts, id, Action::Unsnooze).await
}
