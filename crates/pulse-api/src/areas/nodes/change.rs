//! `PUT /api/config/nodes/{id}`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, Request, State},
};
use pulse_config::{NodeEdit, NodeError, NodeStore};

use super::{LIMIT, Meant, SUCCESS, Success, bad_body, node_id, refused, request::NodeRequest, update};
use crate::{
    areas::object::read_object,
    error::{ApiError, MissingScopeBody},
    extract::{Allowed, SettingsWriteAdmin},
};

/// Change a Proxmox instance. What is absent stays, except `guestURL` and `fingerprint`: absent clears them.
///
/// A token takes the place of a password and the other way round. Where anything is wrong nothing is changed.
#[utoipa::path(
    put, path = "/api/config/nodes/{id}", tag = "nodes", request_body = NodeRequest,
    params(("id" = String, Path, description = "`<type>-<place>`, as listed"), Meant),
    responses(
        (status = 200, body = Success), (status = 400, description = "What is wrong", body = String),
        (status = 403, body = MissingScopeBody), (status = 404, description = "There is no such node", body = String),
        (status = 409, description = "There is another one with that address, or at that place", body = String),
    )
)]
pub(super) async fn change_node(
    allowed: Allowed<SettingsWriteAdmin>,
    State(nodes): State<Arc<NodeStore>>,
    Path(id): Path<String>,
    Query(meant): Query<Meant>,
    request: Request,
) -> Result<Json<Success>, ApiError> {
    let (kind, place) = node_id(&id)?;
    if place >= nodes.current().count(kind) {
        return Err(refused(NodeError::NotFound));
    }
    let body: NodeRequest = read_object(request.into_body(), LIMIT).await.map_err(bad_body)?;
    let edit = NodeEdit::from(body);
    update(nodes, move |config| {
        config.check_place(kind, place, meant.name.as_deref())?;
        config.change(kind, place, &edit)
    })
    .await?;
    tracing::info!(by = %allowed.identity, node.id = id, "a node was changed");
    Ok(Json(SUCCESS))
}
