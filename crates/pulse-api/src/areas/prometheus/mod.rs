//! `/metrics`: every current figure in the text format of Prometheus, with the names that known dashboards ask for.
//!
//! Pulse v5 serves figures of its own process on a second port without asking who comes, and none of what it
//! monitors. Here what is monitored is served, behind the same rules as the rest of the API; the second listener is
//! for those who set one up ([`metrics_router`]).

mod agents;
mod exposition;
mod proxmox;

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use pulse_core::{Clock, Snapshot, model::AlertLevel};
use pulse_monitor::Keeper;
use pulse_store::{MetricStore, StoreStats};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::exposition::{Exposition, Family};
use super::state::accepts_gzip;
use crate::{
    error::ApiError,
    extract::{Allowed, MonitoringRead},
    published::gzip,
    state::AppState,
};

const BUILD: Family = Family::gauge("pulse_build_info", "The version that runs.");
const LAST_SUCCESS: Family = Family::gauge(
    "pulse_monitor_poll_last_success_timestamp",
    "Unix time of the last successful poll of an instance.",
);
const STALENESS: Family = Family::gauge(
    "pulse_monitor_poll_staleness_seconds",
    "Seconds since the last successful poll of an instance, -1 when there was none.",
);
const ALERTS: Family = Family::gauge("pulse_alerts_active", "Alerts that are raised now.");
const STORE_SAMPLES: Family =
    Family::counter("pulse_metrics_store_samples_total", "Samples taken into the history since the start.");
const STORE_DROPPED: Family =
    Family::counter("pulse_metrics_store_dropped_total", "Samples refused by the history since the start.");
const STORE_SIZE: Family =
    Family::gauge("pulse_metrics_store_size_bytes", "Bytes that the history takes on disk.");
const STORE_SERIES: Family = Family::gauge("pulse_metrics_store_series", "Series in the history.");
const STORE_BUFFERED: Family =
    Family::gauge("pulse_metrics_store_buffered_samples", "Samples of the history that are not yet on disk.");

/// Below this, packing costs more than it saves.
const PACKED_FROM: usize = 4 << 10;

/// Routes of this area.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_metrics))
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
    answer(state.keeper, &*state.store, &*state.clock, &headers).await
}

async fn get_metrics_openly(State(state): State<AppState>, headers: HeaderMap) -> Result<Response, ApiError> {
    answer(state.keeper, &*state.store, &*state.clock, &headers).await
}

async fn answer(
    keeper: Keeper,
    store: &dyn MetricStore,
    clock: &dyn Clock,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let (world, now) = (keeper.snapshot(), clock.now());
    // History that is out of order must not hide what is measured now.
    let stats = store.stats().await.ok();
    let wants_gzip = accepts_gzip(headers);
    // Tens of thousands of lines at a large site: not on a thread that others wait for.
    let (body, is_packed) = tokio::task::spawn_blocking(move || {
        let text = write(&world, stats.as_ref(), now);
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
fn write(world: &Snapshot, stats: Option<&StoreStats>, now: Timestamp) -> String {
    let mut out = Exposition::default();
    out.put_flag(&BUILD, &[("version", env!("CARGO_PKG_VERSION"))], true);
    for view in world.instances.values() {
        let labels = [("instance_type", view.key.kind.name()), ("instance", view.key.name.as_str())];
        let since = view.last_success.map(|at| (now.as_second() - at.as_second()).max(0) as f64);
        out.put(&LAST_SUCCESS, &labels, view.last_success.map(|at| at.as_second() as f64));
        out.put(&STALENESS, &labels, since.unwrap_or(-1.0));
    }
    alerts(world, &mut out);
    if let Some(stats) = stats {
        out.put(&STORE_SAMPLES, &[], stats.total_writes as f64);
        out.put(&STORE_DROPPED, &[], stats.dropped as f64);
        out.put(&STORE_SIZE, &[], stats.size_bytes as f64);
        out.put(&STORE_SERIES, &[], stats.series as f64);
        out.put(&STORE_BUFFERED, &[], stats.buffered_samples as f64);
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

/// Alerts by level and type; counted from the list that is shown, so that the figure cannot drift from it.
fn alerts(world: &Snapshot, out: &mut Exposition) {
    for level in [AlertLevel::Warning, AlertLevel::Critical] {
        let mut kinds = std::collections::BTreeMap::<&str, u32>::new();
        for alert in world.active_alerts.iter().filter(|alert| alert.level == level) {
            *kinds.entry(&alert.kind).or_default() += 1;
        }
        for (kind, count) in kinds {
            out.put(&ALERTS, &[("level", level.name()), ("type", kind)], f64::from(count));
        }
    }
}
