//! Containers (`<host>:container:<id>`) and services (`<host>:service:<id>`).

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::StatusCode;
use pulse_config::Metadata;
use pulse_config::store::metadata::DockerMetadata;

use super::{NotedItem, NotedItemChange, read, shapes, write};
use crate::{
    error::ApiError,
    extract::{Allowed, MonitoringRead, MonitoringWrite},
};

/// What is noted about containers and services, by id.
#[utoipa::path(get, path = "/api/docker/metadata", tag = "metadata", responses((status = 200, body = BTreeMap<String, NotedItem>)))]
pub(super) async fn list_docker_metadata(
    _: Allowed<MonitoringRead>,
    State(metadata): State<Arc<Metadata>>,
) -> Json<BTreeMap<String, NotedItem>> {
    Json(shapes(&metadata.docker, |id, record| (id.to_owned(), shape(id, record.clone()))))
}

/// What is noted about a container or a service; empty where nothing is.
#[utoipa::path(
    get, path = "/api/docker/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Container or service")),
    responses((status = 200, body = NotedItem))
)]
pub(super) async fn get_docker_metadata(
    _: Allowed<MonitoringRead>,
    State(metadata): State<Arc<Metadata>>,
    Path(id): Path<String>,
) -> Json<NotedItem> {
    let record = metadata.docker.all().get(&id).cloned().unwrap_or_default();
    Json(shape(&id, record))
}

/// Note something about a container or a service; replaces what was noted.
#[utoipa::path(
    put, path = "/api/docker/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Container or service")),
    request_body = NotedItemChange,
    responses((status = 200, body = NotedItem), (status = 400, description = "The link cannot be followed", body = String))
)]
pub(super) async fn put_docker_metadata(
    _: Allowed<MonitoringWrite>,
    State(metadata): State<Arc<Metadata>>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<NotedItem>, ApiError> {
    store(metadata, id, body).await
}

/// The same as `PUT`.
#[utoipa::path(
    post, path = "/api/docker/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Container or service")),
    request_body = NotedItemChange,
    responses((status = 200, body = NotedItem), (status = 400, description = "The link cannot be followed", body = String))
)]
pub(super) async fn post_docker_metadata(
    _: Allowed<MonitoringWrite>,
    State(metadata): State<Arc<Metadata>>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<NotedItem>, ApiError> {
    store(metadata, id, body).await
}

/// Forget what is noted about a container or a service.
#[utoipa::path(
    delete, path = "/api/docker/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Container or service")),
    responses((status = 204, description = "Nothing is noted about it any more"))
)]
pub(super) async fn delete_docker_metadata(
    _: Allowed<MonitoringWrite>,
    State(metadata): State<Arc<Metadata>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    write(metadata, move |metadata| metadata.docker.remove(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn store(metadata: Arc<Metadata>, id: String, body: Body) -> Result<Json<NotedItem>, ApiError> {
    let change: NotedItemChange = read(body).await?;
    let record = DockerMetadata {
        custom_url: change.custom_url,
        description: change.description,
        tags: change.tags,
        notes: change.notes,
    };
    let answer = shape(&id, record.clone());
    write(metadata, move |metadata| metadata.docker.put(&id, record)).await?;
    Ok(Json(answer))
}

fn shape(id: &str, it: DockerMetadata) -> NotedItem {
    NotedItem {
        id: id.to_owned(),
        custom_url: it.custom_url,
        description: it.description,
        tags: it.tags,
        notes: it.notes,
        last_known_name: None,
        last_known_type: None,
    }
}
