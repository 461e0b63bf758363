//! `/api/agents/kubernetes/clusters/{clusterId}`: removing, hiding and naming Kubernetes clusters.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
};
use pulse_config::store::fleet::AgentKind;
use pulse_monitor::fleet::Fleet;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{DisplayName, SMALL_LIMIT, not_known, object, required, revoke};
use crate::{
    error::{ApiError, ErrorBody},
    extract::{Allowed, KubernetesManage},
    state::Access,
};

const KIND: AgentKind = AgentKind::Kubernetes;

const NOT_FOUND: &str = "kubernetes_cluster_not_found";

/// Something was done with a cluster.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClusterDone {
    /// Always true.
    success: bool,
    /// Which one.
    cluster_id: String,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
}

fn done(cluster_id: String, message: &'static str) -> Json<ClusterDone> {
    Json(ClusterDone { success: true, cluster_id, message: Some(message) })
}

fn cluster_id(id: &str) -> Result<String, ApiError> {
    required(id, "missing_cluster_id", "the id of the cluster")
}

/// How a cluster is to go.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(super) struct ClusterHow {
    /// `true`: hide it only. Beside the contract, which has no way to hide a cluster.
    hide: Option<bool>,
}

/// Remove a cluster. It may not report for a day; that holds for one that was never there as well.
#[utoipa::path(
    delete, path = "/api/agents/kubernetes/clusters/{clusterId}", tag = "agents",
    params(("clusterId" = String, Path, description = "Cluster"), ClusterHow),
    responses((status = 200, body = ClusterDone), (status = 404, body = ErrorBody))
)]
pub(super) async fn remove_cluster(
    allowed: Allowed<KubernetesManage>,
    State(fleet): State<Fleet>,
    State(access): State<Arc<Access>>,
    Path(id): Path<String>,
    Query(how): Query<ClusterHow>,
) -> Result<Json<ClusterDone>, ApiError> {
    let cluster = cluster_id(&id)?;
    let of = cluster.clone();
    if how.hide == Some(true) {
        let hidden = fleet.change(move |world, _| world.set_hidden(KIND, &of, true)).await?;
        hidden.map_err(not_known(NOT_FOUND))?;
        tracing::info!(by = %allowed.identity, cluster, "a kubernetes cluster was hidden");
        return Ok(done(cluster, "Kubernetes cluster hidden"));
    }
    let removed = fleet.change(move |world, now| world.remove(KIND, &of, now)).await?;
    tracing::info!(by = %allowed.identity, cluster, "a kubernetes cluster was removed");
    revoke(access, removed.unused_token, &allowed.identity).await?;
    Ok(done(cluster, "Kubernetes cluster removed"))
}

/// Let a cluster that was removed report again.
#[utoipa::path(
    post, path = "/api/agents/kubernetes/clusters/{clusterId}/allow-reenroll", tag = "agents",
    params(("clusterId" = String, Path, description = "Cluster")),
    responses((status = 200, body = ClusterDone))
)]
pub(super) async fn allow_cluster_reenrolment(
    allowed: Allowed<KubernetesManage>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
) -> Result<Json<ClusterDone>, ApiError> {
    let cluster = cluster_id(&id)?;
    let of = cluster.clone();
    fleet.change(move |world, _| world.allow_reenrolment(KIND, &of)).await?;
    tracing::info!(by = %allowed.identity, cluster, "a removed kubernetes cluster may report again");
    Ok(Json(ClusterDone { success: true, cluster_id: cluster, message: None }))
}

/// Show a cluster that was hidden.
#[utoipa::path(
    put, path = "/api/agents/kubernetes/clusters/{clusterId}/unhide", tag = "agents",
    params(("clusterId" = String, Path, description = "Cluster")),
    responses((status = 200, body = ClusterDone), (status = 404, body = ErrorBody))
)]
pub(super) async fn unhide_cluster(
    allowed: Allowed<KubernetesManage>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
) -> Result<Json<ClusterDone>, ApiError> {
    let cluster = cluster_id(&id)?;
    let of = cluster.clone();
    let shown = fleet.change(move |world, _| world.set_hidden(KIND, &of, false)).await?;
    shown.map_err(not_known(NOT_FOUND))?;
    tracing::info!(by = %allowed.identity, cluster, "a hidden kubernetes cluster is shown");
    Ok(done(cluster, "Kubernetes cluster unhidden"))
}

/// Note that the agent of a cluster is about to be uninstalled by hand.
#[utoipa::path(
    put, path = "/api/agents/kubernetes/clusters/{clusterId}/pending-uninstall", tag = "agents",
    params(("clusterId" = String, Path, description = "Cluster")),
    responses((status = 200, body = ClusterDone), (status = 404, body = ErrorBody))
)]
pub(super) async fn mark_cluster_pending_uninstall(
    _: Allowed<KubernetesManage>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
) -> Result<Json<ClusterDone>, ApiError> {
    let cluster = cluster_id(&id)?;
    let of = cluster.clone();
    let marked = fleet.change(move |world, _| world.set_pending_uninstall(KIND, &of)).await?;
    marked.map_err(not_known(NOT_FOUND))?;
    Ok(done(cluster, "Kubernetes cluster marked as pending uninstall"))
}

/// Give a cluster a name.
#[utoipa::path(
    put, path = "/api/agents/kubernetes/clusters/{clusterId}/display-name", tag = "agents", request_body = DisplayName,
    params(("clusterId" = String, Path, description = "Cluster")),
    responses((status = 200, body = ClusterDone), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody))
)]
pub(super) async fn name_cluster(
    _: Allowed<KubernetesManage>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<ClusterDone>, ApiError> {
    let cluster = cluster_id(&id)?;
    let request: DisplayName = object(body, SMALL_LIMIT).await?;
    let of = cluster.clone();
    let named = fleet.change(move |world, _| world.set_cluster_name(&of, &request.display_name)).await?;
    named.map_err(not_known(NOT_FOUND))?;
    Ok(done(cluster, "Kubernetes cluster display name updated"))
}
