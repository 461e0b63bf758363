//! Guests. A record belongs to the guest, not to the node it runs on: after a migration it is found under the new id.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
};
use http::StatusCode;
use pulse_config::Metadata;
use pulse_config::{
    UpdateError,
    store::metadata::{GuestMetadata, MetadataError, MetadataStore, Record},
};
use pulse_core::{Snapshot, ids::GuestId, model::Guest};
use pulse_monitor::{Keeper, pipeline::guest_series_id_of};

use super::{NotedItem, NotedItemChange, read, shapes, write};
use crate::{
    error::ApiError,
    extract::{Allowed, MonitoringRead, MonitoringWrite},
};

/// What is noted about guests, by id.
#[utoipa::path(get, path = "/api/guests/metadata", tag = "metadata", responses((status = 200, body = BTreeMap<String, NotedItem>)))]
pub(super) async fn list_guest_metadata(
    _: Allowed<MonitoringRead>,
    State(metadata): State<Arc<Metadata>>,
    State(keeper): State<Keeper>,
) -> Json<BTreeMap<String, NotedItem>> {
    let world = keeper.snapshot();
    let current: BTreeMap<String, &GuestId> =
        guests(&world).filter_map(|guest| Some((guest_series_id_of(&guest.id)?, &guest.id))).collect();
    Json(shapes(&metadata.guests, |id, record| {
        let known = guest_series_id_of(&GuestId::from(id)).and_then(|key| current.get(&key));
        let id = known.map_or(id, |id| id.as_str());
        (id.to_owned(), shape(id, record.clone()))
    }))
}

/// What is noted about a guest; empty where nothing is.
#[utoipa::path(
    get, path = "/api/guests/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Guest id")),
    responses((status = 200, body = NotedItem))
)]
pub(super) async fn get_guest_metadata(
    _: Allowed<MonitoringRead>,
    State(metadata): State<Arc<Metadata>>,
    Path(id): Path<String>,
) -> Json<NotedItem> {
    let record = stored(&metadata.guests, &id).unwrap_or_default();
    Json(shape(&id, record))
}

/// Note something about a guest; replaces what was noted.
#[utoipa::path(
    put, path = "/api/guests/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Guest id")),
    request_body = NotedItemChange,
    responses((status = 200, body = NotedItem), (status = 400, description = "The link cannot be followed", body = String))
)]
pub(super) async fn put_guest_metadata(
    _: Allowed<MonitoringWrite>,
    State(metadata): State<Arc<Metadata>>,
    State(keeper): State<Keeper>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<NotedItem>, ApiError> {
    store(metadata, &keeper, id, body).await
}

/// The same as `PUT`.
#[utoipa::path(
    post, path = "/api/guests/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Guest id")),
    request_body = NotedItemChange,
    responses((status = 200, body = NotedItem), (status = 400, description = "The link cannot be followed", body = String))
)]
pub(super) async fn post_guest_metadata(
    _: Allowed<MonitoringWrite>,
    State(metadata): State<Arc<Metadata>>,
    State(keeper): State<Keeper>,
    Path(id): Path<String>,
    body: Body,
) -> Result<Json<NotedItem>, ApiError> {
    store(metadata, &keeper, id, body).await
}

/// Forget what is noted about a guest.
#[utoipa::path(
    delete, path = "/api/guests/metadata/{id}", tag = "metadata", params(("id" = String, Path, description = "Guest id")),
    responses((status = 204, description = "Nothing is noted about it any more"))
)]
pub(super) async fn delete_guest_metadata(
    _: Allowed<MonitoringWrite>,
    State(metadata): State<Arc<Metadata>>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    write(metadata, move |metadata| forget(&metadata.guests, &id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn store(
    metadata: Arc<Metadata>,
    keeper: &Keeper,
    id: String,
    body: Body,
) -> Result<Json<NotedItem>, ApiError> {
    let change: NotedItemChange = read(body).await?;
    let world = keeper.snapshot();
    let guest = guests(&world).find(|guest| guest.id.as_str() == id);
    let before = stored(&metadata.guests, &id).unwrap_or_default();
    let record = GuestMetadata {
        custom_url: change.custom_url,
        description: change.description,
        tags: change.tags,
        notes: change.notes,
        last_known_name: guest.map(|guest| guest.name.clone()).or(before.last_known_name),
        last_known_type: guest
            .map(|guest| if guest.kind.is_vm() { "qemu" } else { "lxc" }.to_owned())
            .or(before.last_known_type),
    };
    let answer = shape(&id, record.clone());
    write(metadata, move |metadata| {
        // Checked first: a refused link must not cost the record of an older id.
        record.check().map_err(UpdateError::Refused)?;
        forget(&metadata.guests, &id)?;
        metadata.guests.put(&id, record)
    })
    .await?;
    Ok(Json(answer))
}

fn guests(world: &Snapshot) -> impl Iterator<Item = &Guest> {
    world.instances.values().flat_map(|view| view.guests.iter())
}

/// The record of a guest, also under the id it had on another node.
fn stored(store: &MetadataStore<GuestMetadata>, id: &str) -> Option<GuestMetadata> {
    let all = store.all();
    let same = same_guest(id);
    all.get(id).or_else(|| all.iter().find(|(other, _)| same(other)).map(|(_, record)| record)).cloned()
}

/// Removes the record of a guest under whatever node.
fn forget(store: &MetadataStore<GuestMetadata>, id: &str) -> Result<(), UpdateError<MetadataError>> {
    let same = same_guest(id);
    if !store.all().keys().any(|other| other == id || same(other)) {
        return Ok(());
    }
    store.change(|records| {
        records.retain(|other, _| other != id && !same(other));
        Ok(())
    })
}

fn same_guest(id: &str) -> impl Fn(&str) -> bool + use<> {
    let wanted = guest_series_id_of(&GuestId::from(id));
    move |other| wanted.is_some() && guest_series_id_of(&GuestId::from(other)) == wanted
}

fn shape(id: &str, it: GuestMetadata) -> NotedItem {
    NotedItem {
        id: id.to_owned(),
        custom_url: it.custom_url,
        description: it.description,
        tags: it.tags,
        notes: it.notes,
        last_known_name: it.last_known_name,
        last_known_type: it.last_known_type,
    }
}
