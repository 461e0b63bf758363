//! `/api/charts`: history of everything at once, for sparklines (contract B-04).
//!
//! A stretch in which nothing was measured has no points: a gap stays a gap. What has no point in the range at all but
//! is there now gets its current value as its only point.
//!
//! At 5,000 guests these are tens of thousands of series: the body is written as they arrive from the store, with
//! fewer points each the more series there are, and an answer that took long to make is kept for a moment.

mod body;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use jiff::{SignedDuration, Timestamp};
use pulse_core::Clock;
use pulse_monitor::Keeper;
use pulse_store::MetricStore;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use utoipa::{IntoParams, ToSchema};

use super::state::accepts_gzip;
use crate::{
    error::ApiError,
    extract::{Allowed, MonitoringRead},
    published::{gunzip, gzip},
    routing::{ApiRouter, routes},
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new().routes(routes!(get_charts))
}

/// An answer that took longer than this is kept for a moment.
const CHEAP: Duration = Duration::from_millis(25);

/// Which range.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Range {
    /// `5m`, `15m`, `30m`, `1h`, `4h`, `8h`, `12h`, `24h` or `7d`; anything else is 1 h.
    range: Option<String>,
}

impl Range {
    fn minutes(&self) -> i64 {
        match self.range.as_deref().unwrap_or_default() {
            "5m" => 5,
            "15m" => 15,
            "30m" => 30,
            "4h" => 4 * 60,
            "8h" => 8 * 60,
            "12h" => 12 * 60,
            "24h" => 24 * 60,
            "7d" => 7 * 24 * 60,
            _ => 60,
        }
    }
}

/// A point.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct ChartPoint {
    /// Unix milliseconds.
    timestamp: i64,
    /// Value.
    value: f64,
}

/// History of everything; by resource, then by metric.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Charts {
    /// VMs and containers.
    data: HashMap<String, HashMap<String, Vec<ChartPoint>>>,
    /// Nodes.
    node_data: HashMap<String, HashMap<String, Vec<ChartPoint>>>,
    /// Storages.
    storage_data: HashMap<String, HashMap<String, Vec<ChartPoint>>>,
    /// Docker containers, by container id.
    docker_data: HashMap<String, HashMap<String, Vec<ChartPoint>>>,
    /// Docker hosts.
    docker_host_data: HashMap<String, HashMap<String, Vec<ChartPoint>>>,
    /// Hosts with an agent. Ours, beside the contract.
    host_data: HashMap<String, HashMap<String, Vec<ChartPoint>>>,
    /// Backup servers. Ours, beside the contract.
    pbs_data: HashMap<String, HashMap<String, Vec<ChartPoint>>>,
    /// Datastores of backup servers, by `<server>/<datastore>`. Ours, beside the contract.
    datastore_data: HashMap<String, HashMap<String, Vec<ChartPoint>>>,
    /// Mail gateways. Ours, beside the contract.
    pmg_data: HashMap<String, HashMap<String, Vec<ChartPoint>>>,
    /// Kubernetes clusters. Ours, beside the contract.
    #[serde(rename = "k8sData")]
    kubernetes_data: HashMap<String, HashMap<String, Vec<ChartPoint>>>,
    /// `vm` or `container` by guest.
    guest_types: HashMap<String, String>,
    /// Now, Unix milliseconds.
    timestamp: i64,
    /// Numbers.
    stats: ChartStats,
}

/// Numbers of the charts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ChartStats {
    /// Oldest point, Unix milliseconds; now when there is none.
    oldest_data_timestamp: i64,
}

/// Answers that took long to make, by minutes of range. Bounded by the number of ranges.
#[derive(Debug, Default)]
pub struct ChartCache(Mutex<HashMap<i64, Kept>>);

#[derive(Debug, Clone)]
struct Kept {
    made_at: Instant,
    keeps: Duration,
    gzip: Bytes,
}

/// History of everything at once.
#[utoipa::path(get, path = "/api/charts", tag = "metrics", params(Range), responses((status = 200, body = Charts)))]
async fn get_charts(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    State(store): State<Arc<dyn MetricStore>>,
    State(clock): State<Arc<dyn Clock>>,
    State(cache): State<Arc<ChartCache>>,
    Query(range): Query<Range>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let minutes = range.minutes();
    // One at a time: whoever waits here finds the answer made.
    let mut kept = cache.0.lock().await;
    kept.retain(|_, kept| kept.made_at.elapsed() < kept.keeps);
    if let Some(known) = kept.get(&minutes) {
        let gzip = known.gzip.clone();
        drop(kept);
        return packed(gzip, &headers).await;
    }
    let to = clock.now();
    let from = to
        .checked_sub(SignedDuration::from_mins(minutes))
        .map_err(|error| ApiError::internal("compute the range", error))?;
    let began = Instant::now();
    let json = body::write(&*store, &keeper.snapshot(), from, to).await?;
    if began.elapsed() <= CHEAP {
        return Ok(as_json(Body::from(json)));
    }
    let gzip = tokio::task::spawn_blocking(move || gzip(&json))
        .await
        .map_err(|error| ApiError::internal("compress charts", error))?
        .map_err(|error| ApiError::internal("compress charts", error))?;
    // A chart of a day does not change within seconds.
    let keeps = Duration::from_secs((minutes.unsigned_abs() / 10).clamp(5, 60));
    kept.insert(minutes, Kept { made_at: Instant::now(), keeps, gzip: gzip.clone() });
    drop(kept);
    packed(gzip, &headers).await
}

/// The packed body as it is, or unpacked for a client that cannot.
async fn packed(gzip: Bytes, headers: &HeaderMap) -> Result<Response, ApiError> {
    if accepts_gzip(headers) {
        let mut response = as_json(Body::from(gzip));
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        return Ok(response);
    }
    let json = tokio::task::spawn_blocking(move || gunzip(&gzip))
        .await
        .map_err(|error| ApiError::internal("unpack charts", error))?
        .map_err(|error| ApiError::internal("unpack charts", error))?;
    Ok(as_json(Body::from(json)))
}

fn as_json(body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    response
}

fn whole_second(at: Timestamp) -> i64 {
    at.as_second() * 1000
}
