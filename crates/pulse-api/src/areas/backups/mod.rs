//! `/api/backups*`: what is backed up, whose it is, and who has none (contract B-04). `/api/backups/pve` and
//! `/api/snapshots` stand in `snapshots`.

mod coverage;

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use pulse_core::Snapshot;
use pulse_monitor::Keeper;
use serde::Serialize;
use utoipa::ToSchema;

use super::state::accepts_gzip;
use crate::{
    error::{ApiError, MissingScopeBody, UnauthenticatedBody},
    extract::{Allowed, MonitoringRead},
    published::Packer,
    routing::{ApiRouter, routes},
    wire::{
        backup::{BackupTaskShape, GuestSnapshotShape, StorageBackupShape},
        mail::PmgBackupShape,
        pbs::{PbsBackupShape, PbsShape},
        state::{BackupsShape, PveBackupsShape},
    },
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(get_backups))
        .routes(routes!(get_unified))
        .routes(routes!(get_pbs))
        .routes(routes!(coverage::get_coverage))
        // Pulse v5 answers everything below with the whole.
        .route("/api/backups/{anything}", axum::routing::get(get_anything))
}

/// All backups, by where they come from.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AllBackups<'a> {
    /// All of them, by product.
    backups: BackupsShape<'a>,
    /// Those of Proxmox VE.
    pve_backups: PveBackupsShape<'a>,
    /// Those on backup servers.
    pbs_backups: Vec<PbsBackupShape<'a>>,
    /// Those of mail gateways' configurations.
    pmg_backups: Vec<PmgBackupShape<'a>>,
    /// Tasks of Proxmox VE that made backups.
    backup_tasks: Vec<BackupTaskShape<'a>>,
    /// Backups on storages of Proxmox VE.
    storage_backups: Vec<StorageBackupShape<'a>>,
    /// Snapshots of guests.
    guest_snapshots: Vec<GuestSnapshotShape<'a>>,
}

/// Backup servers.
#[derive(Debug, Serialize, ToSchema)]
struct BackupServers<'a> {
    /// All of them.
    instances: Vec<PbsShape<'a>>,
}

/// All backups.
///
/// Each list stands here twice, as Pulse v5 has it; on large estates ask for gzip, or for one list.
#[utoipa::path(
    get, path = "/api/backups", tag = "backups",
    responses(
        (status = 200, body = AllBackups), (status = 401, body = UnauthenticatedBody),
        (status = 403, body = MissingScopeBody),
    )
)]
async fn get_backups(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    everything(&keeper, &headers).await
}

/// The same as `/api/backups`: nothing is merged or sorted.
#[utoipa::path(
    get, path = "/api/backups/unified", tag = "backups",
    responses(
        (status = 200, body = AllBackups), (status = 401, body = UnauthenticatedBody),
        (status = 403, body = MissingScopeBody),
    )
)]
async fn get_unified(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    everything(&keeper, &headers).await
}

async fn get_anything(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    everything(&keeper, &headers).await
}

/// Backup servers, with datastores and jobs; the backups themselves are in `/api/backups`.
#[utoipa::path(
    get, path = "/api/backups/pbs", tag = "backups",
    responses(
        (status = 200, body = BackupServers), (status = 401, body = UnauthenticatedBody),
        (status = 403, body = MissingScopeBody),
    )
)]
async fn get_pbs(_: Allowed<MonitoringRead>, State(keeper): State<Keeper>) -> Response {
    let world = keeper.snapshot();
    let instances = world.instances.values().filter_map(|view| view.pbs.as_deref()).map(PbsShape::from);
    Json(BackupServers { instances: instances.collect() }).into_response()
}

/// Tens of thousands of backups are written item by item into the compressor: as one text they would be tens of
/// megabytes.
async fn everything(keeper: &Keeper, headers: &HeaderMap) -> Result<Response, ApiError> {
    let world = keeper.snapshot();
    let takes_gzip = accepts_gzip(headers);
    let doing = "write the backups";
    let body = tokio::task::spawn_blocking(move || write(&world, takes_gzip)).await;
    let body = body
        .map_err(|error| ApiError::internal(doing, error))?
        .map_err(|error| ApiError::internal(doing, error))?;
    let mut response = (StatusCode::OK, Body::from(body)).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if takes_gzip {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn write(world: &Snapshot, takes_gzip: bool) -> std::io::Result<Vec<u8>> {
    let views = || world.instances.values();
    let mut out = Packer::new(takes_gzip);
    let pbs =
        |out: &mut Packer| out.list(PbsBackupShape::all(views().flat_map(|view| view.pbs_backups.iter())));
    let pmg =
        |out: &mut Packer| out.list(views().flat_map(|v| v.pmg_backups.iter()).map(PmgBackupShape::from));
    let tasks =
        |out: &mut Packer| out.list(views().flat_map(|v| v.backup_tasks.iter()).map(BackupTaskShape::from));
    let stored = |out: &mut Packer| {
        out.list(views().flat_map(|v| v.storage_backups.iter()).map(StorageBackupShape::from))
    };
    let snapshots = |out: &mut Packer| {
        out.list(views().flat_map(|v| v.guest_snapshots.iter()).map(GuestSnapshotShape::from))
    };
    let pve = |out: &mut Packer| {
        out.text(br#"{"backupTasks":"#)?;
        tasks(out)?;
        out.text(br#","storageBackups":"#)?;
        stored(out)?;
        out.text(br#","guestSnapshots":"#)?;
        snapshots(out)?;
        out.text(b"}")
    };
    out.text(br#"{"backups":{"pve":"#)?;
    pve(&mut out)?;
    out.text(br#","pbs":"#)?;
    pbs(&mut out)?;
    out.text(br#","pmg":"#)?;
    pmg(&mut out)?;
    out.text(br#"},"pveBackups":"#)?;
    pve(&mut out)?;
    out.text(br#","pbsBackups":"#)?;
    pbs(&mut out)?;
    out.text(br#","pmgBackups":"#)?;
    pmg(&mut out)?;
    out.text(br#","backupTasks":"#)?;
    tasks(&mut out)?;
    out.text(br#","storageBackups":"#)?;
    stored(&mut out)?;
    out.text(br#","guestSnapshots":"#)?;
    snapshots(&mut out)?;
    out.text(b"}")?;
    out.finish()
}
