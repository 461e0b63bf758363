//! `/api/health`: whether the server answers.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    routing::{ApiRouter, routes},
    state::About,
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new().routes(routes!(get_health))
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Health {
    /// Always `healthy`: a server that is not does not answer.
    status: &'static str,
    /// Unix seconds.
    timestamp: i64,
    /// Seconds since start.
    uptime: f64,
    /// Always true.
    proxy_install_script_available: bool,
}

/// Whether the server answers.
#[utoipa::path(get, path = "/api/health", tag = "health", security(()), responses((status = 200, body = Health)))]
async fn get_health(
    State(about): State<Arc<About>>,
    State(clock): State<Arc<dyn pulse_core::Clock>>,
) -> Json<Health> {
    Json(Health {
        status: "healthy",
        timestamp: clock.now().as_second(),
        uptime: about.started.elapsed().as_secs_f64(),
        proxy_install_script_available: true,
    })
}
