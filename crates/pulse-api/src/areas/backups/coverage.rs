//! `GET /api/backups/coverage`: each guest with its backups, who has none, and what belongs to nobody. Not in Pulse v5.

use axum::{
    Json,
    extract::{Query, State},
};
use jiff::Timestamp;
use pulse_core::{
    coverage::{Candidate, Coverage, GuestCoverage, Source, SourceKind, State as Standing, Stray, StrayKind},
    model::GuestKind,
};
use pulse_monitor::Keeper;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::{ApiError, MissingScopeBody, UnauthenticatedBody},
    extract::{Allowed, MonitoringRead},
};

/// Who is backed up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BackupCoverage)]
pub(super) struct Body {
    /// Counts.
    summary: Summary,
    /// Every guest that is no template.
    guests: Vec<GuestBody>,
    /// Backups that are nobody's.
    unattributed: Vec<StrayBody>,
}

/// How many guests stand how.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackupCoverageSummary)]
struct Summary {
    /// Guests.
    guests: usize,
    /// With a backup.
    protected: usize,
    /// Without one.
    unprotected: usize,
    /// With backups that may be another guest's.
    ambiguous: usize,
    /// Of which the backups could not be seen.
    unknown: usize,
    /// Groups of backups of guests that are not there.
    orphaned_groups: usize,
    /// Groups of backups that may be several guests'.
    ambiguous_groups: usize,
}

/// A guest and its backups.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = GuestBackupCoverage)]
struct GuestBody {
    /// Its id, as in the state.
    id: String,
    /// The instance through which it is polled.
    instance: String,
    /// Its number.
    vmid: u32,
    /// `qemu`, `lxc` or `oci`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Its name.
    name: String,
    /// The node it is on.
    node: String,
    /// `protected`, `unprotected`, `ambiguous` or `unknown`.
    state: &'static str,
    /// Why, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Its newest backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_backup: Option<Timestamp>,
    /// How many different ones it has.
    backup_count: usize,
    /// Where they are, the place with the newest one first.
    sources: Vec<SourceBody>,
}

/// Backups of a guest in one place.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BackupSource)]
struct SourceBody {
    /// `pbs` or `storage`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The backup server, or the instance with the storage.
    instance: String,
    /// Datastore or storage.
    place: String,
    /// Namespace; absent for the root and for storages.
    #[serde(skip_serializing_if = "String::is_empty")]
    namespace: String,
    /// Owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// What decided that they are this guest's: `storage`, `namespace`, `owner`, `comment` or `vmid`.
    attributed_by: &'static str,
    /// How many.
    backup_count: usize,
    /// The newest one.
    #[schema(value_type = String, format = DateTime)]
    last_backup: Timestamp,
    /// Whether the newest one that was verified is good; absent where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
}

/// Backups that are nobody's.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UnattributedBackups)]
struct StrayBody {
    /// `ambiguous` or `orphan`.
    state: &'static str,
    /// What is in the way, or whose they were.
    reason: String,
    /// Guests they may be of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<CandidateBody>,
    /// `pbs` or `storage`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The backup server, or the instance with the storage.
    instance: String,
    /// Datastore or storage.
    place: String,
    /// Namespace; absent for the root and for storages.
    #[serde(skip_serializing_if = "String::is_empty")]
    namespace: String,
    /// Owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// `vm` or `ct`.
    backup_type: &'static str,
    /// The number.
    vmid: String,
    /// What is noted of the newest one.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    /// How many.
    backup_count: usize,
    /// The newest one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_backup: Option<Timestamp>,
}

/// A guest that backups may be of.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BackupCandidate)]
struct CandidateBody {
    /// The instance.
    instance: String,
    /// The number.
    vmid: u32,
}

/// Of whom to tell.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
pub(super) struct OfWhom {
    /// The id of a guest, as in the state: only that guest, and what of the unattributed has its number. The counts
    /// stay those of all.
    guest: Option<String>,
}

/// Which guests have backups, which have none, and which backups are nobody's.
///
/// A backup counts for a guest only by evidence: a storage that shows it, the namespace, the owner, the comment, or
/// nobody else having the number. `docs/backups.md` has the rules.
#[utoipa::path(
    get, path = "/api/backups/coverage", tag = "backups",
    params(OfWhom),
    responses(
        (status = 200, body = Body), (status = 401, body = UnauthenticatedBody),
        (status = 403, body = MissingScopeBody),
    )
)]
pub(super) async fn get_coverage(
    _: Allowed<MonitoringRead>,
    State(keeper): State<Keeper>,
    Query(whom): Query<OfWhom>,
) -> Result<Json<Body>, ApiError> {
    let world = keeper.snapshot();
    let coverage = tokio::task::spawn_blocking(move || Coverage::of(&world)).await;
    let coverage = coverage.map_err(|error| ApiError::internal("attribute the backups", error))?;
    let summary = Summary::of(&coverage);
    let coverage = match whom.guest {
        Some(id) => only(coverage, &id),
        None => coverage,
    };
    Ok(Json(Body {
        summary,
        guests: coverage.guests.into_iter().map(GuestBody::from).collect(),
        unattributed: coverage.strays.into_iter().map(StrayBody::from).collect(),
    }))
}

/// One guest, and what is nobody's of its number and kind.
fn only(mut coverage: Coverage, id: &str) -> Coverage {
    coverage.guests.retain(|guest| guest.id.as_str() == id);
    let guest = coverage.guests.first();
    coverage.strays.retain(|stray| {
        guest.is_some_and(|guest| {
            let kind = if guest.kind.is_vm() { "vm" } else { "ct" };
            stray.backup_type == kind && stray.vmid.parse() == Ok(guest.vmid)
        })
    });
    coverage
}

fn kind_name(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Pbs => "pbs",
        SourceKind::Storage => "storage",
    }
}

impl Summary {
    fn of(coverage: &Coverage) -> Self {
        let is_orphan = |stray: &&Stray| matches!(stray.kind, StrayKind::Orphan { .. });
        let orphaned_groups = coverage.strays.iter().filter(is_orphan).count();
        Self {
            guests: coverage.guests.len(),
            protected: coverage.count(Standing::Protected),
            unprotected: coverage.count(Standing::Unprotected),
            ambiguous: coverage.count(Standing::Ambiguous),
            unknown: coverage.count(Standing::Unknown),
            orphaned_groups,
            ambiguous_groups: coverage.strays.len() - orphaned_groups,
        }
    }
}

impl From<GuestCoverage> for GuestBody {
    fn from(it: GuestCoverage) -> Self {
        let kind: GuestKind = it.kind;
        Self {
            id: it.id.to_string(),
            instance: it.instance.to_string(),
            vmid: it.vmid,
            kind: kind.name(),
            name: it.name,
            node: it.node,
            state: it.state.name(),
            reason: it.reason,
            last_backup: it.newest,
            backup_count: it.count,
            sources: it.sources.into_iter().map(SourceBody::from).collect(),
        }
    }
}

impl From<Source> for SourceBody {
    fn from(it: Source) -> Self {
        Self {
            kind: kind_name(it.kind),
            instance: it.instance.to_string(),
            place: it.place,
            namespace: it.namespace,
            owner: it.owner,
            attributed_by: it.by.name(),
            backup_count: it.count,
            last_backup: it.newest,
            verified: it.is_verified,
        }
    }
}

impl From<Candidate> for CandidateBody {
    fn from(it: Candidate) -> Self {
        Self { instance: it.instance.to_string(), vmid: it.vmid }
    }
}

impl From<Stray> for StrayBody {
    fn from(it: Stray) -> Self {
        let (state, reason, candidates) = match it.kind {
            StrayKind::Ambiguous { candidates, reason } => ("ambiguous", reason, candidates),
            StrayKind::Orphan { instance: Some(instance) } => {
                ("orphan", format!("{instance} has no guest of that number any more"), Vec::new())
            }
            StrayKind::Orphan { instance: None } => {
                ("orphan", "no guest that is polled has that number".to_owned(), Vec::new())
            }
        };
        Self {
            state,
            reason,
            candidates: candidates.into_iter().map(CandidateBody::from).collect(),
            kind: kind_name(it.place_kind),
            instance: it.instance.to_string(),
            place: it.place,
            namespace: it.namespace,
            owner: it.owner,
            backup_type: it.backup_type,
            vmid: it.vmid,
            comment: it.comment,
            backup_count: it.count,
            last_backup: it.newest,
        }
    }
}
