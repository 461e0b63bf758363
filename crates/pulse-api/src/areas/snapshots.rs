//! `/api/snapshots` and `/api/backups/pve`: snapshots of guests, and backups on storages of Proxmox VE.

use axum::{Json, extract::State, response::IntoResponse};
use pulse_monitor::Keeper;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{MissingScopeBody, UnauthenticatedBody},
    extract::{Allowed, MonitoringRead},
    routing::{ApiRouter, routes},
    wire::backup::{GuestSnapshotShape, StorageBackupShape},
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new().routes(routes!(get_snapshots)).routes(routes!(get_pve_backups))
}

/// Snapshots of guests.
#[derive(Debug, Serialize, ToSchema)]
struct Snapshots<'a> {
    /// All of them.
    snapshots: Vec<GuestSnapshotShape<'a>>,
}

/// Backups on storages of Proxmox VE.
#[derive(Debug, Serialize, ToSchema)]
struct PveBackups<'a> {
    /// All of them, the newest of each instance first.
    backups: Vec<StorageBackupShape<'a>>,
}

/// Snapshots of all guests.
#[utoipa::path(
    get, path = "/api/snapshots", tag = "backups",
    responses(
        (status = 200, body = Snapshots),
        (status = 401, body = UnauthenticatedBody),
        (status = 403, body = MissingScopeBody),
    )
)]
async fn get_snapshots(_: Allowed<MonitoringRead>, State(keeper): State<Keeper>) -> impl IntoResponse {
    let world = keeper.snapshot();
    let all = world.instances.values().flat_map(|view| view.guest_snapshots.iter());
    Json(Snapshots { snapshots: all.map(GuestSnapshotShape::from).collect() }).into_response()
}

/// Backups on all storages of Proxmox VE.
#[utoipa::path(
    get, path = "/api/backups/pve", tag = "backups",
    responses(
        (status = 200, body = PveBackups),
        (status = 401, body = UnauthenticatedBody),
        (status = 403, body = MissingScopeBody),
    )
)]
async fn get_pve_backups(_: Allowed<MonitoringRead>, State(keeper): State<Keeper>) -> impl IntoResponse {
    let world = keeper.snapshot();
    let all = world.instances.values().flat_map(|view| view.storage_backups.iter());
    Json(PveBackups { backups: all.map(StorageBackupShape::from).collect() }).into_response()
}
