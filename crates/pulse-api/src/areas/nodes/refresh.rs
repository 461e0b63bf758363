//! `POST /api/config/nodes/{id}/refresh-cluster`.

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
};
use http::StatusCode;
use pulse_config::{NodeError, NodeStore};
use pulse_core::model::InstanceKind;
use pulse_monitor::probe::Probe;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{endpoint_configs, list::EndpointView, node_id, probe_pve, refused, update};
use crate::{
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
    ws::{Event, Hub},
};

/// The members of a cluster as they were just found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ClusterRefreshed)]
pub(super) struct Refreshed {
    /// Always `success`.
    status: &'static str,
    /// Name of the cluster.
    cluster_name: String,
    /// Its members.
    cluster_nodes: Vec<EndpointView>,
    /// How many were known.
    old_node_count: usize,
    /// How many are known now.
    new_node_count: usize,
    /// How many are new.
    nodes_added: usize,
}

/// Ask a cluster for its members again.
#[utoipa::path(
    post, path = "/api/config/nodes/{id}/refresh-cluster", tag = "nodes",
    params(("id" = String, Path, description = "`pve-<place>`, as listed")),
    responses(
        (status = 200, body = Refreshed), (status = 400, description = "No cluster", body = String),
        (status = 403, body = MissingScopeBody), (status = 404, description = "There is no such node", body = String),
        (status = 500, description = "It does not answer", body = String),
    )
)]
pub(super) async fn refresh_cluster(
    _: Allowed<SettingsWriteAdmin>,
    State(nodes): State<Arc<NodeStore>>,
    State(probe): State<Probe>,
    State(hub): State<Hub>,
    Path(id): Path<String>,
) -> Result<Json<Refreshed>, ApiError> {
    let bad = |text| ApiError::text(StatusCode::BAD_REQUEST, text);
    let (kind, place) = node_id(&id)?;
    if kind != InstanceKind::Pve {
        return Err(bad("Only PVE nodes can be cluster members"));
    }
    let instance = nodes.current().pve.get(place).cloned().ok_or_else(|| refused(NodeError::NotFound))?;
    let found = probe_pve(&probe, &instance).await.map_err(|cause| {
        tracing::warn!(node.name = %instance.name, cause, "a cluster was not found out about");
        ApiError::text(StatusCode::INTERNAL_SERVER_ERROR, format!("Could not detect cluster nodes: {cause}"))
    })?;
    let Some(cluster_name) = found.cluster_name.clone().filter(|_| found.is_cluster) else {
        return Err(bad("Node is not part of a cluster"));
    };
    let (name, cluster, members) = (instance.name, cluster_name.clone(), endpoint_configs(&found.endpoints));
    let (old_node_count, new_node_count, nodes_added) = update(nodes, move |config| {
        // The place may have moved while the cluster was asked; the name has not.
        let pve = config.pve.iter_mut().find(|pve| pve.name == name).ok_or(NodeError::NotFound)?;
        let before: BTreeSet<String> = pve.cluster_endpoints.iter().map(|it| it.node_name.clone()).collect();
        pve.take_members(&cluster, members);
        let added = pve.cluster_endpoints.iter().filter(|it| !before.contains(&it.node_name)).count();
        Ok((before.len(), pve.cluster_endpoints.len(), added))
    })
    .await?;
    hub.emit(Event::new("nodes_updated", &json!({"nodeType": "pve", "action": "cluster_refresh"}), None));
    Ok(Json(Refreshed {
        status: "success",
        cluster_name,
        cluster_nodes: found.endpoints.iter().map(EndpointView::found).collect(),
        old_node_count,
        new_node_count,
        nodes_added,
    }))
}
