//! `/api/infra-updates*`: updates that wait on what is monitored (contract B-05).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
};
use http::StatusCode;
use jiff::Timestamp;
use pulse_config::store::fleet::CommandWish;
use pulse_monitor::{
    Keeper,
    fleet::Fleet,
    infra_updates::{InfraUpdate, InfraUpdates, UpdateKind},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    areas::object::read_optional_object,
    error::{ApiError, ErrorBody},
    extract::{Allowed, MonitoringRead, MonitoringWrite},
    routing::{ApiRouter, routes},
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(list_infra_updates))
        .routes(routes!(summarize_infra_updates))
        .routes(routes!(check_infra_updates))
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

/// What is to be looked at; without a word, all that can.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
struct CheckRequest {
    /// The Docker host.
    host_id: Option<String>,
    /// A container of it: its whole host is looked at.
    resource_id: Option<String>,
}

/// An agent is told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CheckQueued {
    /// Always true.
    success: bool,
    /// The command; the first of several.
    command_id: String,
    /// Its host.
    host_id: String,
    /// How many hosts are told.
    hosts: usize,
    /// In words.
    message: &'static str,
}

/// Have agents look for newer images of containers now. They are told with their next report.
#[utoipa::path(
    post, path = "/api/infra-updates/check", tag = "infra-updates", request_body = CheckRequest,
    responses((status = 200, body = CheckQueued), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
async fn check_infra_updates(
    allowed: Allowed<MonitoringWrite>,
    State(keeper): State<Keeper>,
    State(fleet): State<Fleet>,
    body: Body,
) -> Result<Json<CheckQueued>, ApiError> {
    let bad = |code, text: String| ApiError::envelope(StatusCode::BAD_REQUEST, code, text);
    let request: Option<CheckRequest> =
        read_optional_object(body, 8 * 1024).await.map_err(|error| bad("invalid_json", error.to_string()))?;
    let request = request.unwrap_or_default();
    let of_resource = || {
        let resource = request.resource_id.as_deref()?.strip_prefix("docker:")?;
        resource.split_once('/').map(|(host, _)| host.to_owned())
    };
    let wanted = request.host_id.clone().filter(|id| !id.is_empty()).or_else(of_resource);
    let snapshot = keeper.snapshot();
    let hosts: Vec<String> = match wanted {
        Some(host) if snapshot.docker_hosts.contains_key(host.as_str()) => vec![host],
        Some(_) => Vec::new(),
        None => snapshot.docker_hosts.keys().map(ToString::to_string).collect(),
    };
    if hosts.is_empty() {
        let text = "There is no such Docker host; only agents with containers look for updates";
        return Err(ApiError::envelope(StatusCode::NOT_FOUND, "docker_host_not_found", text));
    }
    let ids: Vec<_> = hosts.into_iter().map(|host| (host, uuid::Uuid::new_v4().to_string())).collect();
    let (queued, refused) = fleet
        .change(move |world, now| {
            let (mut queued, mut refused) = (Vec::new(), None);
            for (host, id) in ids {
                match world.queue_command(&host, CommandWish::CheckUpdates, id, now) {
                    Ok(command) => queued.push((host, command.id)),
                    Err(error) => refused = Some(error.to_string()),
                }
            }
            (queued, refused)
        })
        .await?;
    let hosts = queued.len();
    let Some((host_id, command_id)) = queued.into_iter().next() else {
        return Err(bad("check_updates_command_failed", refused.unwrap_or_default()));
    };
    tracing::info!(by = %allowed.identity, hosts, "agents are to look for updates");
    let message = "Update check queued";
    Ok(Json(CheckQueued { success: true, command_id, host_id, hosts, message }))
}
