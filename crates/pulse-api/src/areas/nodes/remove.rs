//! `DELETE /api/config/nodes/{id}`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use pulse_config::NodeStore;
use serde_json::json;

use super::{Meant, SUCCESS, Success, node_id, update};
use crate::{
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
    ws::{Event, Hub},
};

/// Remove a Proxmox instance. Ids of those behind it move up.
#[utoipa::path(
    delete, path = "/api/config/nodes/{id}", tag = "nodes",
    params(("id" = String, Path, description = "`<type>-<place>`, as listed"), Meant),
    responses(
        (status = 200, body = Success), (status = 400, description = "No id of a node", body = String),
        (status = 403, body = MissingScopeBody), (status = 404, description = "There is no such node", body = String),
        (status = 409, description = "Another one is at that place", body = String),
    )
)]
pub(super) async fn remove_node(
    allowed: Allowed<SettingsWriteAdmin>,
    State(nodes): State<Arc<NodeStore>>,
    State(hub): State<Hub>,
    Path(id): Path<String>,
    Query(meant): Query<Meant>,
) -> Result<Json<Success>, ApiError> {
    let (kind, place) = node_id(&id)?;
    let removed = update(nodes, move |config| {
        config.check_place(kind, place, meant.name.as_deref())?;
        config.remove(kind, place)
    })
    .await?;
    hub.emit(Event::new("node_deleted", &json!({"nodeType": kind.name()}), None));
    tracing::info!(by = %allowed.identity, node.id = id, node.name = %removed.name(), "a node was removed");
    Ok(Json(SUCCESS))
}
