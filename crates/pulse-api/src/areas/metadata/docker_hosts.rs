//! Docker hosts.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::StatusCode;
use pulse_config::Metadata;
use pulse_config::store::metadata::DockerHostMetadata;
use pulse_monitor::fleet::Fleet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{read, shapes, write};
use crate::{
    error::ApiError,
    extract::{Allowed, MonitoringRead, MonitoringWrite},
};

/// What is noted about a Docker host; what is empty is left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NotedDockerHost {
    /// The name people gave it.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    custom_display_name: String,
    /// A page of its own.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    custom_url: String,
    /// Notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<Vec<String>>,
}

/// What is noted about Docker hosts, by id.
#[utoipa::path(get, path = "/api/docker/hosts/metadata", tag = "metadata", responses((status = 200, body = BTreeMap<String, NotedDockerHost>)))]
pub(super) async fn list_docker_host_metadata(
    _: Allowed<MonitoringRead>,
    State(metadata): State<Arc<Metadata>>,
) -> Json<BTreeMap<String, NotedDockerHost>> {
    Json(shapes(&metadata.docker_hosts, |id, record| (id.to_owned(), shape(record.clone()))))
}

/// What is noted about a Docker host; empty where nothing is.
#[utoipa::path(
    get, path = "/api/docker/hosts/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Docker host")),
    responses((status = 200, body = NotedDockerHost))
)]
pub(super) async fn get_docker_host_metadata(
    _: Allowed<MonitoringRead>,
    State(metadata): State<Arc<Metadata>>,
    Path(id): Path<String>,
) -> Json<NotedDockerHost> {
    Json(shape(metadata.docker_hosts.all().get(&id).cloned().unwrap_or_default()))
}

/// Note something about a Docker host; replaces what was noted.
#[utoipa::path(
    put, path = "/api/docker/hosts/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Docker host")),
    request_body = NotedDockerHost,
    responses((status = 200, body = NotedDockerHost), (status = 400, description = "The link cannot be followed", body = String))
)]
pub(super) async fn put_docker_host_metadata(
    _: Allowed<MonitoringWrite>,
    State(metadata): State<Arc<Metadata>>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<NotedDockerHost>, ApiError> {
    let noted = store(metadata, id, body).await?;
    fleet.notes_changed().await?;
    Ok(noted)
}

/// The same as `PUT`.
#[utoipa::path(
    post, path = "/api/docker/hosts/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Docker host")),
    request_body = NotedDockerHost,
    responses((status = 200, body = NotedDockerHost), (status = 400, description = "The link cannot be followed", body = String))
)]
pub(super) async fn post_docker_host_metadata(
    _: Allowed<MonitoringWrite>,
    State(metadata): State<Arc<Metadata>>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<NotedDockerHost>, ApiError> {
    let noted = store(metadata, id, body).await?;
    fleet.notes_changed().await?;
    Ok(noted)
}

/// Forget what is noted about a Docker host.
#[utoipa::path(
    delete, path = "/api/docker/hosts/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Docker host")),
    responses((status = 204, description = "Nothing is noted about it any more"))
)]
pub(super) async fn delete_docker_host_metadata(
    _: Allowed<MonitoringWrite>,
    State(metadata): State<Arc<Metadata>>,
    State(fleet): State<Fleet>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    write(metadata, move |metadata| metadata.docker_hosts.remove(&id)).await?;
    fleet.notes_changed().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn store(metadata: Arc<Metadata>, id: String, body: Body) -> Result<Json<NotedDockerHost>, ApiError> {
    let change: NotedDockerHost = read(body).await?;
    let record = DockerHostMetadata {
        custom_display_name: change.custom_display_name,
        custom_url: change.custom_url,
        notes: change.notes.unwrap_or_default(),
    };
    let answer = shape(record.clone());
    write(metadata, move |metadata| metadata.docker_hosts.put(&id, record)).await?;
    Ok(Json(answer))
}

fn shape(it: DockerHostMetadata) -> NotedDockerHost {
    NotedDockerHost {
        custom_display_name: it.custom_display_name,
        custom_url: it.custom_url,
        notes: (!it.notes.is_empty()).then_some(it.notes),
    }
}
