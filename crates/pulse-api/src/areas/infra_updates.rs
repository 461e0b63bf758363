//! `/api/infra-updates*`: updates that wait on what is monitored (contract B-05).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State},
};
use jiff::Timestamp;
use pulse_monitor::{
    Keeper,
    infra_updates::{InfraUpdate, InfraUpdates, UpdateKind},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    extract::{Allowed, MonitoringRead},
    routing::{ApiRouter, routes},
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(list_infra_updates))
        .routes(routes!(summarize_infra_updates))
        .routes(routes!(list_infra_updates_of_host))
        .routes(routes!(list_infra_updates_of_resource))
}

/// An update that waits.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InfraUpdateBody {
    /// Its id.
    id: String,
    /// What it is for.
    resource_id: String,
    /// `docker` or `node`.
    resource_type: &'static str,
    /// Name of that.
    resource_name: String,
    /// The machine.
    host_id: String,
    /// `docker_image` or `package`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What runs: the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_version: Option<String>,
    /// Digest that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_digest: Option<String>,
    /// Digest in the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_digest: Option<String>,
    /// How many packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    package_count: Option<u32>,
    /// Since when it is known to wait.
    #[schema(value_type = String, format = DateTime)]
    first_detected: Timestamp,
    /// When that was looked at last.
    #[schema(value_type = String, format = DateTime)]
    last_checked: Timestamp,
    /// Why it may be wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<InfraUpdate> for InfraUpdateBody {
    fn from(it: InfraUpdate) -> Self {
        Self {
            id: it.id,
            resource_id: it.resource_id,
            resource_type: it.resource_type,
            resource_name: it.resource_name,
            host_id: it.host_id,
            kind: it.kind.name(),
            current_version: it.current_version,
            current_digest: it.current_digest,
            latest_digest: it.latest_digest,
            package_count: it.package_count,
            first_detected: it.first_detected,
            last_checked: it.last_checked,
            error: it.error,
        }
    }
}

/// Updates that wait.
#[derive(Debug, Serialize, ToSchema)]
struct InfraUpdateList {
    /// How many.
    total: usize,
    /// Which; `null` for none.
    updates: Option<Vec<InfraUpdateBody>>,
}

impl InfraUpdateList {
    fn new(updates: impl Iterator<Item = InfraUpdate>) -> Json<Self> {
        let updates: Vec<InfraUpdateBody> = updates.map(InfraUpdateBody::from).collect();
        Json(Self { total: updates.len(), updates: Some(updates).filter(|all| !all.is_empty()) })
    }
}

/// Which updates.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct InfraUpdatesQuery {
    /// Only those of this machine.
    host_id: Option<String>,
    /// Only those for `docker` or `node`.
    resource_type: Option<String>,
}

/// List updates that wait: newer images of containers, packages of Proxmox nodes.
#[utoipa::path(
    get, path = "/api/infra-updates", tag = "infra-updates", params(InfraUpdatesQuery),
    responses((status = 200, body = InfraUpdateList))
)]
async fn list_infra_updates(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    State(known): State<Arc<InfraUpdates>>,
    Query(query): Query<InfraUpdatesQuery>,
) -> Json<InfraUpdateList> {
    let is =
        |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|it| it.is_empty() || it == has);
    let all = known.list(&keeper.snapshot()).into_iter();
    InfraUpdateList::new(
        all.filter(|it| is(&query.host_id, &it.host_id) && is(&query.resource_type, it.resource_type)),
    )
}

/// What waits on one machine.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InfraUpdateSummary {
    /// The machine.
    host_id: String,
    /// Its name.
    host_name: String,
    /// How many updates.
    total_updates: usize,
    /// How many of them mend a weakness; no source tells yet, so that it is always left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    security_updates: Option<u32>,
    /// How many of them are images of containers.
    container_updates: usize,
    /// How many packages wait.
    package_updates: u32,
}

/// What waits on which machine.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InfraUpdateSummaries {
    /// By id of the machine.
    summaries: BTreeMap<String, InfraUpdateSummary>,
    /// On all of them.
    total_updates: usize,
}

/// Count the updates that wait on each machine.
#[utoipa::path(
    get, path = "/api/infra-updates/summary", tag = "infra-updates",
    responses((status = 200, body = InfraUpdateSummaries))
)]
async fn summarize_infra_updates(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    State(known): State<Arc<InfraUpdates>>,
) -> Json<InfraUpdateSummaries> {
    let all = known.list(&keeper.snapshot());
    let total_updates = all.len();
    let mut summaries = BTreeMap::<String, InfraUpdateSummary>::new();
    for update in all {
        let summary = summaries.entry(update.host_id.clone()).or_insert_with(|| InfraUpdateSummary {
            host_id: update.host_id,
            host_name: update.host_name,
            ..InfraUpdateSummary::default()
        });
        summary.total_updates += 1;
        match update.kind {
            UpdateKind::DockerImage => summary.container_updates += 1,
            UpdateKind::Package => summary.package_updates += update.package_count.unwrap_or_default(),
        }
    }
    Json(InfraUpdateSummaries { summaries, total_updates })
}

/// List the updates that wait on one machine.
#[utoipa::path(
    get, path = "/api/infra-updates/host/{hostId}", tag = "infra-updates",
    params(("hostId" = String, Path, description = "Docker host or node")),
    responses((status = 200, body = InfraUpdateList))
)]
async fn list_infra_updates_of_host(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    State(known): State<Arc<InfraUpdates>>,
    Path(host): Path<String>,
) -> Json<InfraUpdateList> {
    InfraUpdateList::new(known.list(&keeper.snapshot()).into_iter().filter(|it| it.host_id == host))
}

/// List the updates that wait for one container or node.
#[utoipa::path(
    get, path = "/api/infra-updates/{resourceId}", tag = "infra-updates",
    params(("resourceId" = String, Path, description = "Resource, such as docker:host/container, escaped")),
    responses((status = 200, body = InfraUpdateList))
)]
async fn list_infra_updates_of_resource(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    State(known): State<Arc<InfraUpdates>>,
    Path(resource): Path<String>,
) -> Json<InfraUpdateList> {
    InfraUpdateList::new(known.list(&keeper.snapshot()).into_iter().filter(|it| it.resource_id == resource))
}
