//! `pbs[]` and `pbsBackups[]` of the state.

use jiff::Timestamp;
use pulse_core::model::{PbsBackupGroup, PbsDatastore, PbsInstance, PbsJob, PbsSnapshot};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    time::NEVER,
    usage::{MissingReasons, hundredths, note_missing},
};

/// A namespace of a datastore.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceShape<'a> {
    /// Path; empty for the root.
    pub path: &'a str,
    /// Path of the one above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<&'a str>,
    /// How deep it lies.
    pub depth: usize,
}

impl<'a> From<&'a String> for NamespaceShape<'a> {
    fn from(path: &'a String) -> Self {
        let depth = if path.is_empty() { 0 } else { path.split('/').count() };
        Self { path, parent: path.rsplit_once('/').map(|(parent, _)| parent), depth }
    }
}

/// A backup server.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PbsShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Configured name.
    pub name: &'a str,
    /// URL.
    pub host: &'a str,
    /// Link for people.
    #[serde(rename = "guestURL", skip_serializing_if = "Option::is_none")]
    pub guest_url: Option<&'a str>,
    /// `online` or `offline`.
    pub status: &'static str,
    /// Version.
    pub version: &'a str,
    /// Processor use, percent; 0 where `missing` names it.
    // Pulse v5: a fraction, so that its thresholds in percent never held.
    pub cpu: f64,
    /// Memory use, percent; 0 where `missing` names it.
    pub memory: f64,
    /// Memory in use, bytes; 0 where `missing` names `memory`.
    pub memory_used: u64,
    /// Memory in total, bytes; 0 where `missing` names `memory`.
    pub memory_total: u64,
    /// Seconds since boot; 0 where `missing` names it.
    pub uptime: u64,
    /// Load over 1, 5 and 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_average: Option<[f64; 3]>,
    /// Use of the system's own file system, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_usage: Option<f64>,
    /// Why a figure is absent, by field. Ours, beside the contract.
    #[serde(skip_serializing_if = "MissingReasons::is_empty")]
    pub missing: MissingReasons,
    /// Datastores; null when they are not polled or were never read.
    pub datastores: Option<Vec<DatastoreShape<'a>>>,
    /// Always null: the server does not run backups, it receives them.
    #[schema(value_type = Option<Vec<Object>>)]
    pub backup_jobs: Option<()>,
    /// Sync jobs; null when they are not polled or could not be read.
    pub sync_jobs: Option<Vec<SyncJobShape<'a>>>,
    /// Verification jobs; null likewise.
    pub verify_jobs: Option<Vec<VerifyJobShape<'a>>>,
    /// Prune jobs; null likewise.
    pub prune_jobs: Option<Vec<PruneJobShape<'a>>>,
    /// Garbage collection; null likewise.
    pub garbage_jobs: Option<Vec<GarbageJobShape<'a>>>,
    /// `healthy`, `degraded` or `error`.
    pub connection_health: &'static str,
    /// When it last answered.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Timestamp,
}

impl<'a> From<&'a PbsInstance> for PbsShape<'a> {
    fn from(it: &'a PbsInstance) -> Self {
        let mut missing = MissingReasons::new();
        note_missing(&mut missing, "cpu", &it.cpu_fraction);
        note_missing(&mut missing, "memory", &it.memory);
        note_missing(&mut missing, "uptime", &it.uptime_seconds);
        Self {
            missing,
            id: &it.id,
            name: it.name.as_str(),
            host: &it.host_url,
            guest_url: it.guest_url.as_deref(),
            status: if it.is_online { "online" } else { "offline" },
            version: it.version.as_deref().unwrap_or("unknown"),
            cpu: it.cpu_fraction.known().map_or(0.0, |cpu| hundredths(cpu * 100.0)),
            memory: it.memory.known().map_or(0.0, |memory| hundredths(memory.used_percent())),
            memory_used: it.memory.known().map_or(0, |memory| memory.used_bytes),
            memory_total: it.memory.known().map_or(0, |memory| memory.total_bytes),
            uptime: it.uptime_seconds.known().unwrap_or(0),
            load_average: it.load_average,
            disk_usage: it.root_disk.known().map(|disk| hundredths(disk.used_percent())),
            datastores: it.datastores.as_ref().map(|list| list.iter().map(DatastoreShape::from).collect()),
            backup_jobs: None,
            sync_jobs: shapes(it.jobs.sync.as_ref()),
            verify_jobs: shapes(it.jobs.verify.as_ref()),
            prune_jobs: shapes(it.jobs.prune.as_ref()),
            garbage_jobs: shapes(it.jobs.garbage.as_ref()),
            connection_health: it.health.name(),
            last_seen: it.last_seen,
        }
    }
}

/// A datastore.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatastoreShape<'a> {
    /// Name.
    pub name: &'a str,
    /// Bytes in total.
    pub total: u64,
    /// Bytes in use.
    pub used: u64,
    /// Bytes free.
    pub free: u64,
    /// Use, percent.
    pub usage: f64,
    /// `available`, `unmounted`, `maintenance` or `error`.
    pub status: &'static str,
    /// Comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<&'a str>,
    /// Why it is in maintenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance: Option<&'a str>,
    /// Where its data lie, such as `filesystem` or `s3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<&'a str>,
    /// When it will be full if it goes on like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub estimated_full_date: Option<Timestamp>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
    /// Namespaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<NamespaceShape<'a>>,
    /// Deduplication.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deduplication_factor: Option<f64>,
}

impl<'a> From<&'a PbsDatastore> for DatastoreShape<'a> {
    fn from(it: &'a PbsDatastore) -> Self {
        Self {
            name: &it.name,
            total: it.space.known().map_or(0, |space| space.total_bytes),
            used: it.space.known().map_or(0, |space| space.used_bytes),
            free: it.space.known().map_or(0, |space| space.free_bytes),
            usage: it.space.known().map_or(0.0, |space| hundredths(space.used_percent())),
            status: it.state.name(),
            comment: it.comment.as_deref(),
            maintenance: it.maintenance.as_deref(),
            backend: it.backend.as_deref(),
            estimated_full_date: it.full_at,
            error: it.error.as_deref(),
            namespaces: it.namespaces.iter().map(NamespaceShape::from).collect(),
            deduplication_factor: it.deduplication_factor,
        }
    }
}

fn shapes<'a, T: From<&'a PbsJob>>(jobs: Option<&'a Vec<PbsJob>>) -> Option<Vec<T>> {
    jobs.map(|list| list.iter().map(T::from).collect())
}

macro_rules! job_shape {
    ($(#[$doc:meta])* $name:ident, $last:ident, $($(#[$field_doc:meta])* $field:ident: $type:ty = $value:expr),*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, ToSchema)]
        #[serde(rename_all = "camelCase")]
        pub struct $name<'a> {
            /// Id on the server.
            pub id: &'a str,
            /// Datastore.
            pub store: &'a str,
            /// Namespace.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub namespace: Option<&'a str>,
            /// `ok`, `warning`, `error`, `disabled` or `unknown` (it never ran).
            pub status: &'static str,
            /// End of the last run; year 1 when it never ran.
            #[schema(value_type = String, format = DateTime)]
            pub $last: Timestamp,
            /// Start of the next run; year 1 when none is planned.
            #[schema(value_type = String, format = DateTime)]
            pub next_run: Timestamp,
            /// When it runs.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub schedule: Option<&'a str>,
            /// Comment.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub comment: Option<&'a str>,
            /// What went wrong in the last run.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub error: Option<&'a str>,
            $($(#[$field_doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: $type,)*
        }

        impl<'a> From<&'a PbsJob> for $name<'a> {
            fn from(it: &'a PbsJob) -> Self {
                Self {
                    id: &it.id,
                    store: &it.datastore,
                    namespace: it.namespace.as_deref(),
                    status: it.status(),
                    $last: it.last_run_at.unwrap_or(NEVER),
                    next_run: it.next_run_at.unwrap_or(NEVER),
                    schedule: it.schedule.as_deref(),
                    comment: it.comment.as_deref(),
                    error: it.failure(),
                    $($field: $value(it),)*
                }
            }
        }
    };
}

job_shape!(
    /// A sync job.
    SyncJobShape, last_sync,
    /// The other server.
    remote: Option<&'a str> = (|it: &'a PbsJob| it.remote.as_deref())
);
job_shape!(
    /// A verification job.
    VerifyJobShape, last_verify,
);
job_shape!(
    /// A prune job.
    PruneJobShape, last_prune,
);
job_shape!(
    /// Garbage collection of a datastore.
    GarbageJobShape, last_garbage,
    /// Bytes the last run freed.
    removed_bytes: Option<u64> = (|it: &PbsJob| it.removed_bytes),
    /// How long the last run took, seconds.
    duration: Option<u64> = (|it: &PbsJob| it.duration_seconds)
);

/// A backup on a backup server.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PbsBackupShape<'a> {
    /// Id.
    pub id: String,
    /// Configured name of the server.
    pub instance: &'a str,
    /// Datastore.
    pub datastore: &'a str,
    /// Namespace.
    pub namespace: &'a str,
    /// `vm`, `ct` or `host`.
    pub backup_type: &'static str,
    /// VMID or host name.
    pub vmid: &'a str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub backup_time: Timestamp,
    /// Bytes.
    pub size: u64,
    /// Whether it is protected.
    pub protected: bool,
    /// Whether its last verification succeeded.
    pub verified: bool,
    /// `ok` or `failed`; absent where it never was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<&'static str>,
    /// Whether its archives are encrypted; absent where they are not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
    /// Comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<&'a str>,
    /// Archives.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<&'a str>,
    /// Owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<&'a str>,
}

impl<'a> PbsBackupShape<'a> {
    /// One backup of a group.
    pub fn of(group: &'a PbsBackupGroup, it: &'a PbsSnapshot) -> Self {
        Self {
            id: group.snapshot_id(it),
            instance: group.key.instance.as_str(),
            datastore: &group.key.datastore,
            namespace: &group.key.namespace,
            backup_type: group.key.backup_type.name(),
            vmid: &group.key.backup_id,
            backup_time: it.made_at,
            size: it.size_bytes.unwrap_or(0),
            protected: it.is_protected,
            verified: it.is_verified == Some(true),
            verification: it.is_verified.map(|is_good| if is_good { "ok" } else { "failed" }),
            encrypted: it.is_encrypted,
            comment: it.comment.as_deref(),
            files: it.files.iter().map(|file| &**file).collect(),
            owner: group.owner.as_deref(),
        }
    }

    /// All backups of groups.
    pub fn all(
        groups: impl IntoIterator<Item = &'a std::sync::Arc<PbsBackupGroup>>,
    ) -> impl Iterator<Item = Self> {
        groups.into_iter().flat_map(|group| group.snapshots.iter().map(|snapshot| Self::of(group, snapshot)))
    }
}
