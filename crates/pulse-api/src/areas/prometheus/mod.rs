//! `/metrics`: every current figure in the text format of Prometheus, with the names that known dashboards ask for.
//!
//! Pulse v5 serves figures of its own process on a second port without asking who comes, and none of what it
//! monitors. Here what is monitored is served, behind the same rules as the rest of the API; the second listener is
//! for those who set one up ([`metrics_router`]).

mod agents;
mod exposition;
mod own;
mod proxmox;

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, header};
use pulse_core::Snapshot;
use pulse_monitor::schedule::SchedulerHealth;
use pulse_store::StoreStats;

use self::exposition::Exposition;
use super::state::accepts_gzip;
use crate::{
    error::ApiError,
    extract::{Allowed, MonitoringRead},
    published::gzip,
    routing::{ApiRouter, routes},
    state::AppState,
};

/// Below this, packing costs more than it saves.
const PACKED_FROM: usize = 4 << 10;

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new().routes(routes!(get_metrics))
}

/// `/metrics` and nothing else, for a listener of its own. It asks nobody for credentials: whoever opens it decides by
/// its address who can come.
pub fn metrics_router(state: AppState) -> Router {
    Router::new().route("/metrics", get(get_metrics_openly)).with_state(state)
}

/// Every current figure, for Prometheus.
///
/// Text format 0.0.4. Set `honor_labels: true` in the scrape, because `instance` names the Proxmox instance.
#[utoipa::path(
    get, path = "/metrics", tag = "metrics",
    responses((status = 200, description = "Text format of Prometheus, version 0.0.4", body = String, content_type = "text/plain"))
)]
async fn get_metrics(
    _: Allowed<MonitoringRead>,
    State(state): State<AppState>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    answer(&state, &headers).await
}

async fn get_metrics_openly(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, ApiError> {
    answer(&state, &headers).await
}

async fn answer(state: &AppState, headers: &HeaderMap) -> Result<Response, ApiError> {
    let (world, polls) = (state.keeper.snapshot(), state.scheduler.health(state.now()));
    // History that is out of order must not hide what is measured now.
    let stats = state.store.stats().await.ok();
    let wants_gzip = accepts_gzip(headers);
    // Tens of thousands of lines at a large site: not on a thread that others wait for.
    let (body, is_packed) = tokio::task::spawn_blocking(move || {
        let text = write(&world, stats.as_ref(), &polls);
        if wants_gzip && text.len() >= PACKED_FROM {
            return gzip(text.as_bytes()).map(|packed| (Body::from(packed), true));
        }
        Ok((Body::from(text), false))
    })
    .await
    .map_err(|error| ApiError::internal("write metrics", error))?
    .map_err(|error| ApiError::internal("compress metrics", error))?;
    let mut response = body.into_response();
    let headers = response.headers_mut();
    let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, format);
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// The text for one moment.
fn write(world: &Snapshot, stats: Option<&StoreStats>, polls: &SchedulerHealth) -> String {
    let mut out = Exposition::default();
    own::build(&mut out);
    own::polls(world, polls, &mut out);
    own::alerts(world, &mut out);
    if let Some(stats) = stats {
        own::store(stats, &mut out);
    }
    for view in world.instances.values() {
        proxmox::instance(view, &mut out);
    }
    for host in world.hosts.values() {
        agents::host(host, &mut out);
    }
    for host in world.docker_hosts.values() {
        agents::docker(host, &mut out);
    }
    for cluster in world.kubernetes_clusters.values() {
        agents::kubernetes(cluster, &mut out);
    }
    out.finish()
}
