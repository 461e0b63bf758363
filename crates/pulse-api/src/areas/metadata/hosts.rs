//! Hosts with an agent.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::StatusCode;
use pulse_config::Metadata;
use pulse_config::store::metadata::{HostMetadata, Record};
use pulse_monitor::fleet::Fleet;
use serde::Serialize;
use utoipa::ToSchema;

use super::{NotedItemChange, read, shapes, write};
use crate::{
    error::ApiError,
    extract::{Allowed, MonitoringRead, MonitoringWrite},
};

/// What is noted about a host, and whether its agent is to run commands.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NotedHost {
    /// Its id.
    id: String,
    /// A page of its own; empty for none.
    custom_url: String,
    /// A description; empty for none.
    description: String,
    /// Tags; `null` for none.
    tags: Option<Vec<String>>,
    /// Notes; `null` for none.
    notes: Option<Vec<String>>,
    /// Whether its agent is to run commands; `null` leaves that to the agent.
    commands_enabled: Option<bool>,
}

/// What is noted about hosts, by id.
#[utoipa::path(get, path = "/api/hosts/metadata", tag = "metadata", responses((status = 200, body = BTreeMap<String, NotedHost>)))]
pub(super) async fn list_host_metadata(
    _: Allowed<MonitoringRead>,
    State(metadata): State<Arc<Metadata>>,
) -> Json<BTreeMap<String, NotedHost>> {
    Json(shapes(&metadata.hosts, |id, record| (id.to_owned(), shape(id, record.clone()))))
}

/// What is noted about a host; empty where nothing is.
#[utoipa::path(
    get, path = "/api/hosts/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Host")),
    responses((status = 200, body = NotedHost))
)]
pub(super) async fn get_host_metadata(
    _: Allowed<MonitoringRead>,
    State(metadata): State<Arc<Metadata>>,
    Path(id): Path<String>,
) -> Json<NotedHost> {
    let record = metadata.hosts.all().get(&id).cloned().unwrap_or_default();
    Json(shape(&id, record))
}

/// Note something about a host; replaces what was noted. Whether its agent runs commands is not changed here.
#[utoipa::path(
    put, path = "/api/hosts/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Host")),
    request_body = NotedItemChange,
    responses((status = 200, body = NotedHost), (status = 400, description = "The link cannot be followed", body = String))
)]
pub(super) async fn put_host_metadata(
    _: Allowed<MonitoringWrite>,
    State(metadata): State<Arc<Metadata>>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<NotedHost>, ApiError> {
    let noted = store(metadata, id, body).await?;
    fleet.notes_changed().await?;
    Ok(noted)
}

/// The same as `PUT`.
#[utoipa::path(
    post, path = "/api/hosts/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Host")),
    request_body = NotedItemChange,
    responses((status = 200, body = NotedHost), (status = 400, description = "The link cannot be followed", body = String))
)]
pub(super) async fn post_host_metadata(
    _: Allowed<MonitoringWrite>,
    State(metadata): State<Arc<Metadata>>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<NotedHost>, ApiError> {
    let noted = store(metadata, id, body).await?;
    fleet.notes_changed().await?;
    Ok(noted)
}

/// Forget what is noted about a host; what was decided about its agent stays.
#[utoipa::path(
    delete, path = "/api/hosts/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Host")),
    responses((status = 204, description = "Nothing is noted about it any more"))
)]
pub(super) async fn delete_host_metadata(
    _: Allowed<MonitoringWrite>,
    State(metadata): State<Arc<Metadata>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    write(metadata, move |metadata| {
        match metadata.hosts.all().get(&id).and_then(|record| record.commands_enabled) {
            None => metadata.hosts.remove(&id),
            decided => {
                metadata.hosts.put(&id, HostMetadata { commands_enabled: decided, ..HostMetadata::default() })
            }
        }
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn store(metadata: Arc<Metadata>, id: String, body: Body) -> Result<Json<NotedHost>, ApiError> {
    let change: NotedItemChange = read(body).await?;
    let mut record = HostMetadata {
        custom_url: change.custom_url,
        description: change.description,
        tags: change.tags,
        notes: change.notes,
        commands_enabled: None,
    };
    record.check().map_err(|refused| super::bad(refused.to_string()))?;
    let answer = Arc::clone(&metadata);
    let of = id.clone();
    write(metadata, move |metadata| {
        metadata.hosts.change(|records| {
            // Pulse v5: a note without the switch resets it, and a token that may only write notes can switch commands
            // on. Who may decide that has the scope host-agent:manage and another route.
            record.commands_enabled = records.get(&id).and_then(|before| before.commands_enabled);
            records.insert(id, record);
            Ok(())
        })
    })
    .await?;
    let record = answer.hosts.all().get(&of).cloned().unwrap_or_default();
    Ok(Json(shape(&of, record)))
}

fn shape(id: &str, it: HostMetadata) -> NotedHost {
    NotedHost {
        id: id.to_owned(),
        custom_url: it.custom_url,
        description: it.description,
        tags: it.tags,
        notes: it.notes,
        commands_enabled: it.commands_enabled,
    }
}
