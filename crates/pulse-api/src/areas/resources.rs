//! `/api/resources`: the unified view over all products (contract B-02).

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use http::StatusCode;
use pulse_core::Snapshot;
use pulse_monitor::Keeper;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::ApiError,
    extract::{Allowed, MonitoringRead},
    routing::{ApiRouter, routes},
    wire::resource::{self, INFRASTRUCTURE, Resource, ResourceStats, WORKLOADS},
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(list_resources))
        .routes(routes!(get_resource_stats))
        .routes(routes!(get_resource))
}

/// Which resources; lists are comma separated.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Types.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Platforms.
    platform: Option<String>,
    /// Statuses.
    status: Option<String>,
    /// Parent.
    parent: Option<String>,
    /// `true`: only those with alerts.
    alerts: Option<String>,
    /// `true`: only infrastructure; other filters are ignored.
    infrastructure: Option<String>,
    /// `true`: only workloads; other filters are ignored.
    workloads: Option<String>,
}

impl Filter {
    fn takes(&self, resource: &Resource) -> bool {
        let is_set = |flag: &Option<String>| flag.as_deref() == Some("true");
        if is_set(&self.infrastructure) {
            return INFRASTRUCTURE.contains(&resource.kind);
        }
        if is_set(&self.workloads) {
            return WORKLOADS.contains(&resource.kind);
        }
        let in_list = |list: &Option<String>, value: &str| {
            list.as_deref()
                .is_none_or(|list| list.is_empty() || list.split(',').any(|item| item.trim() == value))
        };
        in_list(&self.kind, resource.kind)
            && in_list(&self.platform, resource.platform_type)
            && in_list(&self.status, resource.status)
            && self
                .parent
                .as_deref()
                .is_none_or(|parent| parent.is_empty() || resource.parent_id.as_deref() == Some(parent))
            && (!is_set(&self.alerts) || !resource.alerts.is_empty())
    }
}

/// Resources and numbers over all of them.
#[derive(Debug, Serialize, ToSchema)]
struct ResourceList {
    /// Those that pass the filter, sorted by type and id.
    resources: Vec<Resource>,
    /// How many they are.
    count: usize,
    /// Numbers over all resources, filtered or not.
    stats: ResourceStats,
}

async fn build(world: Arc<Snapshot>) -> Result<Vec<Resource>, ApiError> {
    tokio::task::spawn_blocking(move || resource::all(&world))
        .await
        .map_err(|error| ApiError::internal("list resources", error))
}

/// Everything that is monitored, as one list.
#[utoipa::path(get, path = "/api/resources", tag = "resources", params(Filter), responses((status = 200, body = ResourceList)))]
async fn list_resources(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    Query(filter): Query<Filter>,
) -> Result<Json<ResourceList>, ApiError> {
    let world = keeper.snapshot();
    let all = build(world.clone()).await?;
    let stats = resource::stats(&all, world.changed_at);
    let resources: Vec<_> = all.into_iter().filter(|resource| filter.takes(resource)).collect();
    Ok(Json(ResourceList { count: resources.len(), resources, stats }))
}

/// Numbers over all resources.
#[utoipa::path(get, path = "/api/resources/stats", tag = "resources", responses((status = 200, body = ResourceStats)))]
async fn get_resource_stats(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
) -> Result<Json<ResourceStats>, ApiError> {
    let world = keeper.snapshot();
    let all = build(world.clone()).await?;
    Ok(Json(resource::stats(&all, world.changed_at)))
}

/// One resource. Ids may contain `/` and `:`.
#[utoipa::path(
    get, path = "/api/resources/{*id}", tag = "resources",
    params(("id" = String, Path, description = "Id of the resource")),
    responses((status = 200, body = Resource), (status = 404, description = "No such resource", body = String))
)]
async fn get_resource(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    Path(id): Path<String>,
) -> Result<Json<Resource>, ApiError> {
    let all = build(keeper.snapshot()).await?;
    all.into_iter()
        .find(|resource| resource.id == id)
        .map(Json)
        .ok_or_else(|| ApiError::text(StatusCode::NOT_FOUND, "Resource not found"))
}
