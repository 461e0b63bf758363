//! `/api/alerts/incidents`: each opening of an alert with what happened to it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Query, Request, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_alerts::AlertRecord;
use pulse_monitor::Alerts;
use pulse_store::alerts::{AlertEvent, HistoryQuery, Opening};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{act::Done, bad_body, name_of};
use crate::{
    areas::object::read_object,
    error::ApiError,
    extract::{Allowed, MonitoringRead, MonitoringWrite},
    state::Access,
};

const NOTE_LIMIT: usize = 8 * 1024;
const DEFAULT_LIMIT: u32 = 50;
const MOST: u32 = 500;

/// Which incidents.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Params {
    /// The newest incident of that alert …
    alert_id: Option<String>,
    /// … or the one that began then, RFC 3339.
    started_at: Option<String>,
    /// The same.
    start_time: Option<String>,
    /// All incidents of that resource, newest first.
    resource_id: Option<String>,
    /// At most so many.
    limit: Option<String>,
}

/// One opening of an alert with what happened to it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AlertIncident)]
pub(super) struct Incident {
    /// `inc-<time>-<number>`.
    id: String,
    alert_id: String,
    alert_type: String,
    level: String,
    resource_id: String,
    resource_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    node: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    instance: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    /// `open` or `resolved`.
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    opened_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    acknowledged: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ack_user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ack_time: Option<Timestamp>,
    events: Vec<Event>,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AlertIncidentEvent)]
pub(super) struct Event {
    id: String,
    /// `alert_fired`, `alert_acknowledged`, `alert_unacknowledged`, `alert_resolved`, `note`, or one of ours:
    /// `alert_worsened`, `alert_escalated`, `alert_snoozed`.
    #[serde(rename = "type")]
    kind: String,
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    summary: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    details: Value,
}

fn incident((opening, events): (Opening, Vec<AlertEvent>)) -> Option<Incident> {
    let alert: AlertRecord = serde_json::from_str(&opening.body).ok()?;
    let events: Vec<Event> = events
        .into_iter()
        .map(|event| Event {
            id: format!("inc-evt-{}", event.id),
            kind: event.kind,
            timestamp: event.at,
            summary: event.summary,
            details: event.details.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
        })
        .collect();
    let last_ack = events
        .iter()
        .rev()
        .find(|event| matches!(event.kind.as_str(), "alert_acknowledged" | "alert_unacknowledged"))
        .filter(|event| event.kind == "alert_acknowledged");
    Some(Incident {
        id: format!("inc-{}-{}", opening.opened_at.strftime("%Y%m%d%H%M%S"), opening.id),
        alert_id: alert.id,
        alert_type: alert.kind,
        level: alert.level,
        resource_id: alert.resource_id,
        resource_name: alert.resource_name,
        resource_type: alert.metadata.get("resourceType").and_then(Value::as_str).map(str::to_owned),
        node: alert.node,
        instance: alert.instance,
        message: alert.message,
        status: if opening.closed_at.is_some() { "resolved" } else { "open" },
        opened_at: opening.opened_at,
        closed_at: opening.closed_at,
        acknowledged: last_ack.is_some(),
        ack_user: last_ack.and_then(|event| event.details.get("user")?.as_str().map(str::to_owned)),
        ack_time: last_ack.map(|event| event.timestamp),
        events,
    })
}

/// One incident of an alert, or all of a resource.
///
/// With `alert_id` the answer is one incident or `null`, with `resource_id` a list.
#[utoipa::path(
    get, path = "/api/alerts/incidents", tag = "alerts", params(Params),
    responses(
        (status = 200, description = "An incident, `null`, or a list of incidents", body = Option<Incident>),
        (status = 400, description = "Neither alert nor resource is named, or a time is none", body = String),
    )
)]
pub(super) async fn get_alert_incidents(
    _: Allowed<MonitoringRead>,
    State(alerts): State<Alerts>,
    Query(params): Query<Params>,
) -> Result<Json<Value>, ApiError> {
    let bad = |text: &str| ApiError::text(StatusCode::BAD_REQUEST, text);
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let started = given(params.started_at).or(given(params.start_time));
    let started_at = started
        .map(|text| {
            text.parse::<Timestamp>().map_err(|_| bad("Invalid started_at: an RFC 3339 time is expected"))
        })
        .transpose()?;
    let show = |value: Result<Value, serde_json::Error>| {
        value.map(Json).map_err(|error| ApiError::internal("show incidents", error))
    };
    if let Some(alert_id) = given(params.alert_id) {
        let query =
            HistoryQuery { alert_id: Some(alert_id), started_at, limit: Some(1), ..HistoryQuery::default() };
        let found = alerts.incidents(query).await?.pop().and_then(incident);
        return show(serde_json::to_value(found));
    }
    let Some(resource_id) = given(params.resource_id) else {
        return Err(bad("alert_id or resource_id is required"));
    };
    let limit = params.limit.and_then(|text| text.trim().parse::<u32>().ok()).filter(|limit| *limit > 0);
    let limit = Some(limit.unwrap_or(DEFAULT_LIMIT).min(MOST));
    let query = HistoryQuery { resource_id: Some(resource_id), limit, ..HistoryQuery::default() };
    let found: Vec<Incident> = alerts.incidents(query).await?.into_iter().filter_map(incident).collect();
    show(serde_json::to_value(found))
}

/// A note.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = AlertIncidentNote)]
pub(super) struct Note {
    /// To the newest incident of that alert, …
    alert_id: Option<String>,
    /// … or to that incident.
    incident_id: Option<String>,
    /// What to note.
    note: String,
    /// Who; the caller where it is absent.
    user: Option<String>,
}

/// Note something to an incident.
#[utoipa::path(
    post, path = "/api/alerts/incidents/note", tag = "alerts", request_body = Note,
    responses((status = 200, body = Done), (status = 400, body = String), (status = 404, body = String))
)]
pub(super) async fn add_incident_note(
    allowed: Allowed<MonitoringWrite>,
    State(alerts): State<Alerts>,
    State(access): State<Arc<Access>>,
    request: Request,
) -> Result<Json<Done>, ApiError> {
    let body: Note = read_object(request.into_body(), NOTE_LIMIT).await.map_err(|error| bad_body(&error))?;
    let bad = |text: &str| ApiError::text(StatusCode::BAD_REQUEST, text);
    let given =
        |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let note = given(Some(body.note)).ok_or_else(|| bad("note is required"))?;
    let query = match (given(body.incident_id), given(body.alert_id)) {
        (Some(incident), _) => {
            let number = incident.strip_prefix("inc-").and_then(|rest| rest.rsplit('-').next()?.parse().ok());
            let number: Option<i64> = number;
            let unknown = || ApiError::text(StatusCode::NOT_FOUND, "Incident not found");
            HistoryQuery { opening_id: Some(number.ok_or_else(unknown)?), ..HistoryQuery::default() }
        }
        (None, Some(alert_id)) => HistoryQuery { alert_id: Some(alert_id), ..HistoryQuery::default() },
        (None, None) => return Err(bad("alert_id or incident_id is required")),
    };
    let user = given(body.user).unwrap_or_else(|| name_of(&allowed.identity, &access));
    if alerts.add_note(query, note, user).await? {
        Ok(Json(Done { success: true }))
    } else {
        Err(ApiError::text(StatusCode::NOT_FOUND, "Incident not found, or it has too many notes"))
    }
}
