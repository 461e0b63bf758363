//! `pbs[]` and `pbsBackups[]` of the state.

use jiff::Timestamp;
use pulse_core::model::{PbsBackup, PbsDatastore, PbsInstance};
use serde::Serialize;
use utoipa::ToSchema;

use super::usage::{hundredths, ten_thousandths};

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
    /// Processor use, percent.
    pub cpu: f64,
    /// Memory use, percent.
    pub memory: f64,
    /// Memory in use, bytes.
    pub memory_used: u64,
    /// Memory in total, bytes.
    pub memory_total: u64,
    /// Seconds since boot.
    pub uptime: u64,
    /// Datastores.
    pub datastores: Vec<DatastoreShape<'a>>,
    /// How the connection is.
    pub connection_health: &'static str,
    /// When it last answered.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen: Timestamp,
}

impl<'a> From<&'a PbsInstance> for PbsShape<'a> {
    fn from(it: &'a PbsInstance) -> Self {
        Self {
            id: &it.id,
            name: it.name.as_str(),
            host: &it.host_url,
            guest_url: it.guest_url.as_deref(),
            status: if it.is_online { "online" } else { "offline" },
            version: it.version.as_deref().unwrap_or("unknown"),
            cpu: it.cpu_fraction.known().map_or(0.0, |cpu| ten_thousandths(cpu) * 100.0),
            memory: it.memory.known().map_or(0.0, |memory| hundredths(memory.used_percent())),
            memory_used: it.memory.known().map_or(0, |memory| memory.used_bytes),
            memory_total: it.memory.known().map_or(0, |memory| memory.total_bytes),
            uptime: it.uptime_seconds.known().unwrap_or(0),
            datastores: it.datastores.iter().map(DatastoreShape::from).collect(),
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
    /// Always `available`.
    pub status: &'static str,
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
            status: "available",
            error: it.error.as_deref(),
            namespaces: it.namespaces.iter().map(NamespaceShape::from).collect(),
            deduplication_factor: it.deduplication_factor,
        }
    }
}

/// A backup on a backup server.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PbsBackupShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Configured name of the server.
    pub instance: &'a str,
    /// Datastore.
    pub datastore: &'a str,
    /// Namespace.
    pub namespace: &'a str,
    /// `vm`, `ct` or `host`.
    pub backup_type: &'a str,
    /// VMID or host name.
    pub vmid: &'a str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub backup_time: Timestamp,
    /// Bytes.
    pub size: u64,
    /// Whether it is protected.
    pub protected: bool,
    /// Whether it was verified.
    pub verified: bool,
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

impl<'a> From<&'a PbsBackup> for PbsBackupShape<'a> {
    fn from(it: &'a PbsBackup) -> Self {
        Self {
            id: &it.id,
            instance: it.instance.as_str(),
            datastore: &it.datastore,
            namespace: &it.namespace,
            backup_type: &it.backup_type,
            vmid: &it.backup_id,
            backup_time: it.made_at,
            size: it.size_bytes,
            protected: it.is_protected,
            verified: it.is_verified.unwrap_or(false),
            comment: it.comment.as_deref(),
            files: it.files.iter().map(String::as_str).collect(),
            owner: it.owner.as_deref(),
        }
    }
}
