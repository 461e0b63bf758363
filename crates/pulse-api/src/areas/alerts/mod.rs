//! `/api/alerts/*`: what is raised, what was raised, what people do with it, and the configuration (contract B-07).

mod act;
mod active;
mod bulk;
mod config;
mod history;
mod incidents;
mod maintenance;
mod snooze;
mod thresholds;

use axum::{middleware::map_response, response::Response};
use http::StatusCode;
use pulse_auth::Identity;
use pulse_monitor::alerting::AlertingError;

use crate::{
    error::{ApiError, plain},
    extract::JsonError,
    routing::{ApiRouter, routes},
    state::Access,
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(config::get_alert_config, config::put_alert_config))
        .routes(routes!(config::activate_alerts))
        .routes(routes!(active::get_active_alerts))
        .routes(routes!(history::get_alert_history, history::clear_alert_history))
        .routes(routes!(incidents::get_alert_incidents))
        .routes(routes!(incidents::add_incident_note))
        .routes(routes!(bulk::acknowledge_alerts))
        .routes(routes!(bulk::clear_alerts))
        .routes(routes!(bulk::unacknowledge_alerts))
        .routes(routes!(bulk::snooze_alerts))
        .routes(routes!(bulk::unsnooze_alerts))
        .routes(routes!(act::acknowledge_alert_by_body))
        .routes(routes!(act::unacknowledge_alert_by_body))
        .routes(routes!(act::clear_alert_by_body))
        .routes(routes!(act::acknowledge_alert))
        .routes(routes!(act::unacknowledge_alert))
        .routes(routes!(act::clear_alert))
        .routes(routes!(snooze::snooze_alert))
        .routes(routes!(snooze::unsnooze_alert))
        .routes(routes!(thresholds::get_effective_thresholds))
        .routes(routes!(maintenance::list_maintenance_windows, maintenance::create_maintenance_window))
        .routes(routes!(maintenance::update_maintenance_window, maintenance::delete_maintenance_window))
        // The contract: what does not match is not there, whatever the method.
        .layer(map_response(wrong_method_is_not_there))
}

async fn wrong_method_is_not_there(response: Response) -> Response {
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        return plain(StatusCode::NOT_FOUND, "Not found");
    }
    response
}

/// Whether a text can be the id of an alert: 1 to 500 printable ASCII characters, no way out of a path.
fn check_id(id: &str) -> Result<(), ApiError> {
    let is_printable = id.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let is_id = !id.is_empty()
        && id.len() <= 500
        && is_printable
        && id.trim() == id
        && !id.contains("../")
        && !id.contains("/..");
    if is_id { Ok(()) } else { Err(ApiError::text(StatusCode::BAD_REQUEST, "Invalid alert ID")) }
}

/// Who acknowledges, as people know them.
// Pulse v5: always `admin`, whoever it was.
fn name_of(identity: &Identity, access: &Access) -> String {
    let token = identity.token_id.as_ref().and_then(|id| {
        let tokens = access.tokens.current();
        tokens.by_id(id.as_str()).map(|token| token.record().name.clone())
    });
    identity.user.clone().or(token).filter(|name| !name.is_empty()).unwrap_or_else(|| "admin".to_owned())
}

/// A body that cannot be used, in plain text.
fn bad_body(error: &JsonError) -> ApiError {
    match error {
        JsonError::TooLarge { .. } => ApiError::text(StatusCode::PAYLOAD_TOO_LARGE, "Request body too large"),
        JsonError::Incomplete | JsonError::Invalid { .. } => {
            ApiError::text(StatusCode::BAD_REQUEST, format!("Invalid request body: {error}"))
        }
    }
}

impl From<AlertingError> for ApiError {
    fn from(error: AlertingError) -> Self {
        match error {
            AlertingError::Closed => {
                Self::envelope(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", error.to_string())
            }
            AlertingError::Ledger(_) | AlertingError::Config(_) => Self::internal("work with alerts", error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_printable_and_stay_where_they_are() {
        for good in ["lab:n1:101-cpu", "docker-container-state-docker:h/c", "a b", &"x".repeat(500)] {
            assert!(check_id(good).is_ok(), "{good}");
        }
        for bad in ["", " a", "a ", "../a", "a/..", "ü", "a\n", &"x".repeat(501)] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
    }
}
