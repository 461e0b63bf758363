//! `GET /api/alerts/active`.

use axum::{Json, extract::State};
use pulse_monitor::Alerts;

use crate::{
    extract::{Allowed, MonitoringRead},
    wire::alert::FullAlert,
};

/// All alerts that are raised now, sorted by id.
#[utoipa::path(get, path = "/api/alerts/active", tag = "alerts", responses((status = 200, body = Vec<FullAlert>)))]
pub(super) async fn get_active_alerts(
    _: Allowed<MonitoringRead>,
    State(alerts): State<Alerts>,
) -> Json<Vec<FullAlert>> {
    Json(alerts.active().iter().map(|alert| FullAlert::from(&**alert)).collect())
}
