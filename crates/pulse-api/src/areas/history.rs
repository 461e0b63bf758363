//! `/api/metrics-store/*`: one resource's history over any range, and how the store is (contract B-04).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Query, State},
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use pulse_auth::{Feature, FeatureSet, LicenseRequired};
use pulse_core::{
    Clock, Snapshot,
    ids::GuestId,
    metric::{Metric, ResourceType, Sample, SeriesKey},
};
use pulse_monitor::{
    Keeper,
    pipeline::{container_series_id, current_of, guest_series_id_of},
};
use pulse_store::{MetricStore, RangeQuery, Selector};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::ApiError,
    extract::{Allowed, MonitoringRead},
    routing::{ApiRouter, routes},
    wire::time::NEVER,
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new().routes(routes!(get_history)).routes(routes!(get_store_stats))
}

/// The longest range that needs no licence.
pub(super) const FREE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The longest range at all.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(20 * 365 * 24);

/// The most points that may be wished for. Without a wish, points are those of the tier that suits the range: single
/// samples up to 2 h, minutes up to a day, hours up to 90 days.
const MOST_POINTS: u32 = 10_000;

/// Up to this range, what is there now but has no history yet is answered with its current value.
const LIVE: SignedDuration = SignedDuration::from_hours(24);

/// Which history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct HistoryParams {
    /// `node`, `vm`, `container`, `guest`, `storage`, `docker`, `dockerHost`, `dockerContainer`, `host`, `pbs`,
    /// `pbsDatastore`, `pmg`, `k8s`.
    resource_type: Option<String>,
    /// Id of the resource as in the state.
    resource_id: Option<String>,
    /// Metric; all when absent.
    metric: Option<String>,
    /// `1h`, `6h`, `12h`, `24h`, `1d`, `7d`, `30d`, `90d` or a duration such as `36h`; 24 h when absent.
    range: Option<String>,
    /// At most about so many points.
    max_points: Option<String>,
}

/// A point over a span of time.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct HistoryPoint {
    /// Unix milliseconds.
    timestamp: i64,
    /// Mean.
    value: f64,
    /// Smallest.
    min: f64,
    /// Largest.
    max: f64,
}

/// History of one resource: `metric` and `points` when one metric was asked for, `metrics` otherwise.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct History {
    /// As asked.
    resource_type: String,
    /// As asked.
    resource_id: String,
    /// As asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
    /// As asked.
    range: String,
    /// Start, Unix milliseconds.
    start: i64,
    /// End, Unix milliseconds.
    end: i64,
    /// Points of the one metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<Vec<HistoryPoint>>,
    /// Points by metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<std::collections::HashMap<String, Vec<HistoryPoint>>>)]
    metrics: Option<BTreeMap<String, Vec<HistoryPoint>>>,
    /// Where it came from: `store`, or `live` for the current value of what has no history yet.
    source: &'static str,
}

/// History of one resource.
#[utoipa::path(
    get, path = "/api/metrics-store/history", tag = "metrics", params(HistoryParams),
    responses(
        (status = 200, body = History),
        (status = 400, description = "A parameter is missing or absurd", body = String),
        (status = 402, description = "More than 7 days need the feature long_term_metrics"),
    )
)]
async fn get_history(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    State(store): State<Arc<dyn MetricStore>>,
    State(clock): State<Arc<dyn Clock>>,
    State(features): State<FeatureSet>,
    Query(params): Query<HistoryParams>,
) -> Result<Json<History>, ApiError> {
    let required = |value: Option<String>, name: &str| {
        value
            .filter(|value| !value.trim().is_empty())
            .ok_or_else(|| ApiError::text(StatusCode::BAD_REQUEST, format!("{name} is required")))
    };
    let resource_type = required(params.resource_type, "resourceType")?;
    let resource_id = required(params.resource_id, "resourceId")?;
    let range = params.range.unwrap_or_default();
    let duration = duration(&range);
    if duration > FREE && !features.has(Feature::LongTermMetrics) {
        return Err(too_long());
    }
    let to = clock.now();
    let from = to.checked_sub(duration).map_err(|error| ApiError::internal("compute the range", error))?;
    let wished: Option<u32> = params.max_points.as_deref().and_then(|text| text.trim().parse().ok());
    let max_points = wished.filter(|points| *points > 0).map(|points| points.min(MOST_POINTS));
    let metric = params.metric.filter(|metric| !metric.is_empty());
    let mut metrics: BTreeMap<String, Vec<HistoryPoint>> = BTreeMap::new();
    let mut source = "store";
    if let Some(wanted) = wanted(metric.as_deref()) {
        let world = keeper.snapshot();
        let keys = keys(&world, &resource_type, &resource_id);
        for (resource_type, resource_id) in &keys {
            let resource_type = *resource_type;
            let metrics_asked = wanted.iter().copied().map(|m| as_stored(resource_type, m)).collect();
            let resource_id = Some(resource_id.as_str().into());
            let selector = Selector { resource_type, resource_id, metrics: metrics_asked };
            for series in store.query(RangeQuery { selector, from, to, max_points }).await? {
                let points = series.points.iter().map(|point| HistoryPoint {
                    timestamp: point.at,
                    value: point.value,
                    min: point.min,
                    max: point.max,
                });
                let known = metrics.entry(series.key.metric.name().to_owned()).or_default();
                known.extend(points);
                // What was imported may stand under another key than what was measured since.
                known.sort_by_key(|point| point.timestamp);
                known.dedup_by_key(|point| point.timestamp);
            }
        }
        if metrics.is_empty() && duration <= LIVE {
            metrics = live(&world, &keys, &wanted);
            source = if metrics.is_empty() { "store" } else { "live" };
        }
    }
    let points = metric.as_ref().map(|metric| {
        let stored = Metric::from_name(metric).map_or("", Metric::name);
        metrics
            .remove(stored)
            .or_else(|| metrics.remove("usage").filter(|_| stored == "disk"))
            .unwrap_or_default()
    });
    Ok(Json(History {
        resource_type,
        resource_id,
        range,
        start: from.as_millisecond(),
        end: to.as_millisecond(),
        metrics: points.is_none().then_some(metrics),
        points,
        metric,
        source,
    }))
}

/// The current value of each metric that is asked for.
fn live(
    world: &Snapshot,
    keys: &[(ResourceType, String)],
    wanted: &[Metric],
) -> BTreeMap<String, Vec<HistoryPoint>> {
    let is_asked = |key: &SeriesKey| {
        wanted.is_empty() || wanted.iter().any(|metric| as_stored(key.resource_type, *metric) == key.metric)
    };
    keys.iter()
        .flat_map(|(resource_type, id)| current_of(world, *resource_type, id))
        .filter(|sample| is_asked(&sample.series))
        .map(|Sample { series, at, value }| {
            let point = HistoryPoint { timestamp: at.as_millisecond(), value, min: value, max: value };
            (series.metric.name().to_owned(), vec![point])
        })
        .collect()
}

pub(super) fn too_long() -> ApiError {
    let license = LicenseRequired { feature: Feature::LongTermMetrics };
    ApiError::Json {
        status: StatusCode::PAYMENT_REQUIRED,
        body: serde_json::json!({
            "error": "license_required", "message": license.to_string(), "feature": license.feature.key(),
            "upgrade_url": LicenseRequired::UPGRADE_URL, "max_free": "7d",
        }),
    }
}

/// The metrics asked for: none for all, `None` for one that does not exist.
fn wanted(metric: Option<&str>) -> Option<Vec<Metric>> {
    match metric {
        None => Some(Vec::new()),
        Some(name) => Metric::from_name(name).map(|metric| vec![metric]),
    }
}

/// A storage's or datastore's disk use is stored as `usage`.
pub(super) fn as_stored(resource_type: ResourceType, metric: Metric) -> Metric {
    match (resource_type, metric) {
        (ResourceType::Storage | ResourceType::PbsDatastore, Metric::Disk) => Metric::Usage,
        (_, metric) => metric,
    }
}

/// Under which keys the store may hold what is asked for.
pub(super) fn keys(world: &Snapshot, resource_type: &str, id: &str) -> Vec<(ResourceType, String)> {
    let guest = || guest_series_id_of(&GuestId::from(id)).unwrap_or_else(|| id.to_owned());
    let containers = || {
        if id.contains('/') {
            return vec![(ResourceType::DockerContainer, id.to_owned())];
        }
        let hosts = world.docker_hosts.values();
        let with = hosts.filter(|host| host.containers.iter().any(|container| container.report.id == id));
        let keys =
            with.map(|host| (ResourceType::DockerContainer, container_series_id(host.id.as_str(), id)));
        // An imported history knows no host.
        keys.chain([(ResourceType::DockerContainer, id.to_owned())]).collect()
    };
    match resource_type {
        "guest" => vec![(ResourceType::Vm, guest()), (ResourceType::Container, guest())],
        "vm" => vec![(ResourceType::Vm, guest())],
        "container" | "oci-container" => vec![(ResourceType::Container, guest())],
        "docker" | "dockerContainer" | "docker-container" => containers(),
        "docker-host" => vec![(ResourceType::DockerHost, id.to_owned())],
        other => ResourceType::from_name(other).map(|kind| (kind, id.to_owned())).into_iter().collect(),
    }
}

/// A range of the list, a duration such as `1h30m`, else 24 h.
fn duration(range: &str) -> SignedDuration {
    let days = range
        .strip_suffix('d')
        .and_then(|days| days.parse::<i64>().ok())
        .filter(|days| (1..=7_300).contains(days));
    let parsed = match days {
        Some(days) => Some(SignedDuration::from_hours(days * 24)),
        None => {
            pulse_config::duration::parse(range).and_then(|duration| SignedDuration::try_from(duration).ok())
        }
    };
    let parsed =
        parsed.filter(|duration| duration.is_positive() && !range.chars().all(|c| c.is_ascii_digit()));
    parsed.unwrap_or(SignedDuration::from_hours(24)).min(LONGEST)
}

/// How the store is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StoreStatsShape {
    /// Whether history is kept.
    enabled: bool,
    /// Bytes on disk.
    db_size: u64,
    /// Samples as polled.
    raw_count: u64,
    /// Points of a minute.
    minute_count: u64,
    /// Points of an hour.
    hourly_count: u64,
    /// Points of a day.
    daily_count: u64,
    /// Samples taken since start.
    total_writes: u64,
    /// Samples not yet on disk.
    buffer_size: u64,
    /// When samples were last written; year 1 when never.
    #[schema(value_type = String, format = DateTime)]
    last_flush: Timestamp,
    /// When roll-ups were last computed; year 1 when never.
    #[schema(value_type = String, format = DateTime)]
    last_rollup: Timestamp,
    /// When old points were last looked for; year 1 when never.
    #[schema(value_type = String, format = DateTime)]
    last_retention: Timestamp,
    /// Samples refused since start. Ours, beside the contract.
    dropped: u64,
    /// Series. Ours, beside the contract.
    series: u64,
    /// Bytes per sample. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_sample: Option<f64>,
    /// What is wrong with the store, where something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// How the store is.
#[utoipa::path(get, path = "/api/metrics-store/stats", tag = "metrics", responses((status = 200, body = StoreStatsShape)))]
async fn get_store_stats(
    _: Allowed<MonitoringRead>,
    State(store): State<Arc<dyn MetricStore>>,
) -> Result<Json<StoreStatsShape>, ApiError> {
    let stats = store.stats().await?;
    Ok(Json(StoreStatsShape {
        enabled: stats.is_enabled,
        db_size: stats.size_bytes,
        raw_count: stats.raw_points,
        minute_count: stats.minute_points,
        hourly_count: stats.hourly_points,
        daily_count: stats.daily_points,
        total_writes: stats.total_writes,
        buffer_size: stats.buffered_samples,
        last_flush: stats.last_flush.unwrap_or(NEVER),
        last_rollup: stats.last_rollup.unwrap_or(NEVER),
        last_retention: stats.last_retention.unwrap_or(NEVER),
        dropped: stats.dropped,
        series: stats.series,
        bytes_per_sample: stats.bytes_per_sample,
        error: stats.problem,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_words_durations_or_a_day() {
        let hours = |text: &str| duration(text).as_secs() as f64 / 3600.0;
        for (text, expect) in [
            ("1h", 1.0),
            ("24h", 24.0),
            ("1d", 24.0),
            ("7d", 168.0),
            ("90d", 2160.0),
            ("36h", 36.0),
            ("90m", 1.5),
            ("1h30m", 1.5),
            ("", 24.0),
            ("nonsense", 24.0),
            ("-5h", 24.0),
            ("0s", 24.0),
            ("86400", 24.0),
            ("99999999d", 24.0),
        ] {
            assert_eq!(hours(text), expect, "{text}");
        }
        assert!(duration("2000000h") <= LONGEST);
    }
}
