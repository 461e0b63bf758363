//! `/api/alerts/history`.

use axum::{
    Json,
    extract::{Query, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_alerts::AlertRecord;
use pulse_monitor::Alerts;
use pulse_store::alerts::{HistoryQuery, Opening};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::ApiError,
    extract::{Allowed, MonitoringRead, MonitoringWrite},
    wire::alert::FullAlert,
};

const DEFAULT_LIMIT: u32 = 100;
const MOST: u32 = 10_000;

/// Which part of the history.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub(super) struct Params {
    /// At most so many; 100 when absent, 0 for all, at most 10,000.
    limit: Option<String>,
    /// Without the newest so many.
    offset: Option<String>,
    /// Raised at or after, RFC 3339.
    start_time: Option<String>,
    /// Raised at or before, RFC 3339.
    end_time: Option<String>,
    /// `warning` or `critical`.
    severity: Option<String>,
    /// Of that resource.
    resource_id: Option<String>,
    /// Of that alert. Ours, beside the contract.
    alert_id: Option<String>,
}

/// An alert as it was when it was raised, and how it ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AlertHistoryEntry)]
pub(super) struct Entry {
    /// The alert.
    #[serde(flatten)]
    alert: FullAlert,
    /// When it closed; absent while it is raised. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    resolved_at: Option<Timestamp>,
    /// Why it closed. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_reason: Option<String>,
}

/// That it was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertHistoryCleared)]
pub(super) struct Cleared {
    status: &'static str,
    message: String,
}

impl Params {
    // Pulse v5: pages first and filters then, so that filtered pages come short.
    fn query(self) -> Result<HistoryQuery, ApiError> {
        let bad = |text: String| ApiError::text(StatusCode::BAD_REQUEST, text);
        let number = |text: Option<String>, name: &str| match text.map(|text| text.trim().parse::<i64>()) {
            Some(Ok(number)) if number < 0 => Err(bad(format!("{name} must not be negative"))),
            Some(Ok(number)) => Ok(Some(u32::try_from(number).unwrap_or(u32::MAX))),
            Some(Err(_)) | None => Ok(None),
        };
        let time = |text: Option<String>, name: &str| match text.filter(|text| !text.is_empty()) {
            Some(text) => text
                .parse::<Timestamp>()
                .map(Some)
                .map_err(|_| bad(format!("Invalid {name}: {text} is no RFC 3339 time"))),
            None => Ok(None),
        };
        let limit = number(self.limit, "limit")?.unwrap_or(DEFAULT_LIMIT);
        let (from, to) = (time(self.start_time, "startTime")?, time(self.end_time, "endTime")?);
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            return Err(bad("endTime must not be before startTime".to_owned()));
        }
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Ok(HistoryQuery {
            from,
            to,
            level: self.severity.filter(|level| matches!(level.as_str(), "warning" | "critical")),
            resource_id: given(self.resource_id),
            alert_id: given(self.alert_id),
            limit: (limit > 0).then_some(limit.min(MOST)),
            offset: number(self.offset, "offset")?.unwrap_or_default(),
            ..HistoryQuery::default()
        })
    }
}

/// The reason in the details of a closing.
pub(super) fn reason_of(closing: Option<&str>) -> Option<String> {
    let details: serde_json::Value = serde_json::from_str(closing?).ok()?;
    Some(details.get("reason")?.as_str()?.to_owned())
}

fn entry(opening: &Opening) -> Option<Entry> {
    let record: AlertRecord = serde_json::from_str(&opening.body).ok()?;
    Some(Entry {
        alert: FullAlert::from(record),
        resolved_at: opening.closed_at,
        resolved_reason: reason_of(opening.closing.as_deref()),
    })
}

/// What was raised, newest first. Filters come before `limit` and `offset`.
#[utoipa::path(
    get, path = "/api/alerts/history", tag = "alerts", params(Params),
    responses(
        (status = 200, body = Vec<Entry>),
        (status = 400, description = "A number is negative, or a time is none", body = String),
    )
)]
pub(super) async fn get_alert_history(
    _: Allowed<MonitoringRead>,
    State(alerts): State<Alerts>,
    Query(params): Query<Params>,
) -> Result<Json<Vec<Entry>>, ApiError> {
    let openings = alerts.history(params.query()?).await?;
    Ok(Json(openings.iter().filter_map(entry).collect()))
}

/// Forget all history and all incidents.
#[utoipa::path(delete, path = "/api/alerts/history", tag = "alerts", responses((status = 200, body = Cleared)))]
pub(super) async fn clear_alert_history(
    allowed: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
) -> Result<Json<Cleared>, ApiError> {
    let count = alerts.clear_history().await?;
    tracing::info!(by = %allowed.identity, count, "the alert history was cleared");
    Ok(Json(Cleared { status: "success", message: "Alert history cleared".to_owned() }))
}
