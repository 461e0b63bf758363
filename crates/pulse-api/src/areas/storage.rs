//! `/api/storage/{id}` and `/api/storage-charts`.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use pulse_core::{Clock, metric::ResourceType};
use pulse_monitor::Keeper;
use pulse_store::{MetricStore, RangeQuery, Selector};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::{ApiError, ErrorBody},
    extract::{Allowed, MonitoringRead},
    routing::{ApiRouter, routes},
    wire::storage::StorageDetail,
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(get_storage_charts))
        .routes(routes!(get_storage))
        .route("/api/storage/", axum::routing::get(no_id))
}

/// One storage.
#[derive(Debug, Serialize, ToSchema)]
struct StorageAnswer<'a> {
    /// The storage.
    data: StorageDetail<'a>,
    /// Unix seconds.
    timestamp: i64,
}

/// One storage in detail.
#[utoipa::path(
    get, path = "/api/storage/{id}", tag = "metrics", params(("id" = String, Path, description = "Id of the storage")),
    responses((status = 200, body = StorageAnswer), (status = 404, body = ErrorBody))
)]
async fn get_storage(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    State(clock): State<Arc<dyn Clock>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let world = keeper.snapshot();
    let storage = world
        .instances
        .values()
        .flat_map(|view| view.storages.iter())
        .find(|storage| storage.id.as_str() == id)
        .ok_or_else(|| ApiError::envelope(StatusCode::NOT_FOUND, "storage_not_found", "Storage not found"))?;
    let answer = StorageAnswer { data: StorageDetail::from(storage), timestamp: clock.now().as_second() };
    Ok(Json(answer).into_response())
}

async fn no_id(_: Allowed<MonitoringRead>) -> ApiError {
    ApiError::envelope(StatusCode::BAD_REQUEST, "missing_storage_id", "Storage ID is required")
}

/// Which range.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Range {
    /// Minutes, 60 when absent; only leading digits are read, so `1h` is one minute, as in the original.
    range: Option<String>,
}

/// A point of a storage chart.
#[derive(Debug, Serialize, ToSchema)]
struct StoragePoint {
    /// Value.
    value: f64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

/// The series of one storage.
#[derive(Debug, Default, Serialize, ToSchema)]
struct StorageSeries {
    /// Use, percent.
    usage: Option<Vec<StoragePoint>>,
    /// Bytes in use.
    used: Option<Vec<StoragePoint>>,
    /// Bytes in total.
    total: Option<Vec<StoragePoint>>,
    /// Bytes available.
    avail: Option<Vec<StoragePoint>>,
}

/// At most so many minutes are looked back: ten years.
const LONGEST_MINUTES: i64 = 10 * 365 * 24 * 60;

fn minutes(range: Option<&str>) -> i64 {
    let digits: String =
        range.unwrap_or_default().trim().chars().take_while(char::is_ascii_digit).take(9).collect();
    digits.parse().ok().filter(|minutes| *minutes > 0).unwrap_or(60).min(LONGEST_MINUTES)
}

/// Charts of all storages.
#[utoipa::path(
    get, path = "/api/storage-charts", tag = "metrics", params(Range),
    responses((status = 200, body = std::collections::HashMap<String, StorageSeries>))
)]
async fn get_storage_charts(
    _: Allowed<MonitoringRead>,
    State(store): State<Arc<dyn MetricStore>>,
    State(clock): State<Arc<dyn Clock>>,
    Query(range): Query<Range>,
) -> Result<Json<BTreeMap<String, StorageSeries>>, ApiError> {
    let to = clock.now();
    let from = to
        .saturating_sub(SignedDuration::from_mins(minutes(range.range.as_deref())))
        .map_err(|error| ApiError::internal("compute the range", error))?;
    let selector = Selector { resource_type: ResourceType::Storage, resource_id: None, metrics: Vec::new() };
    let series = store.query(RangeQuery { selector, from, to, max_points: Some(400) }).await?;
    let mut out: BTreeMap<String, StorageSeries> = BTreeMap::new();
    for one in series {
        let points = one
            .points
            .iter()
            .filter_map(|point| {
                let timestamp = Timestamp::from_millisecond(point.at).ok()?;
                Some(StoragePoint { value: point.value, timestamp })
            })
            .collect();
        let entry = out.entry(one.key.resource_id.to_string()).or_default();
        let slot = match one.key.metric.name() {
            "usage" => &mut entry.usage,
            "used" => &mut entry.used,
            "total" => &mut entry.total,
            "avail" => &mut entry.avail,
            // Stored by another version: the contract has no place for it.
            _ => continue,
        };
        *slot = Some(points);
    }
    Ok(Json(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_leading_digits_as_minutes() {
        for (text, expect) in [("90", 90), ("1h", 1), ("24h", 24), ("", 60), ("h", 60), ("0", 60), ("-5", 60)]
        {
            assert_eq!(minutes(Some(text)), expect, "{text}");
        }
        assert_eq!(minutes(None), 60);
        assert_eq!(minutes(Some("999999999999")), LONGEST_MINUTES);
    }
}
