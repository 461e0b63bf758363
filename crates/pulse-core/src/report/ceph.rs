//! Ceph in the host report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lenient::null_default;

/// Ceph as a host sees it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CephReport {
    /// Id of the cluster.
    #[serde(default, deserialize_with = "null_default")]
    pub fsid: String,
    /// Health.
    #[serde(default, deserialize_with = "null_default")]
    pub health: CephHealth,
    /// Monitors.
    #[serde(default, deserialize_with = "null_default")]
    pub mon_map: CephMonMap,
    /// Managers.
    #[serde(default, deserialize_with = "null_default")]
    pub mgr_map: CephMgrMap,
    /// Object storage daemons.
    #[serde(default, deserialize_with = "null_default")]
    pub osd_map: CephOsdMap,
    /// Placement groups and space.
    #[serde(default, deserialize_with = "null_default")]
    pub pg_map: CephPgMap,
    /// Pools.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<CephReportPool>,
    /// Services.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<CephReportService>,
    /// When it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected_at: Option<Timestamp>,
}

/// Health of Ceph.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CephHealth {
    /// `HEALTH_OK` and so on.
    #[serde(default, deserialize_with = "null_default")]
    pub status: String,
    /// What Ceph complains of, by check.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, CephCheck>,
    /// The same in words, as older versions of Ceph tell it.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub summary: Vec<CephSummary>,
}

/// One complaint in words.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CephSummary {
    /// How bad.
    #[serde(default, deserialize_with = "null_default")]
    pub severity: String,
    /// What.
    #[serde(default, deserialize_with = "null_default")]
    pub message: String,
}

/// One complaint of Ceph.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CephCheck {
    /// How bad.
    #[serde(default, deserialize_with = "null_default")]
    pub severity: String,
    /// What.
    #[serde(default, deserialize_with = "null_default")]
    pub message: String,
    /// More lines.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
}

/// Monitors of Ceph.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CephMonMap {
    /// How many.
    #[serde(default, deserialize_with = "null_default")]
    pub num_mons: u32,
    /// Number of the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Each of them.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub monitors: Vec<CephMonitor>,
}

/// A monitor of Ceph.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CephMonitor {
    /// Name.
    #[serde(default, deserialize_with = "null_default")]
    pub name: String,
    /// Rank.
    #[serde(default, deserialize_with = "null_default")]
    pub rank: u32,
    /// Address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addr: Option<String>,
    /// `up` while it is in the quorum, `down` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// Managers of Ceph.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CephMgrMap {
    /// Whether one is active.
    #[serde(default, deserialize_with = "null_default")]
    pub available: bool,
    /// How many.
    #[serde(default, deserialize_with = "null_default")]
    pub num_mgrs: u32,
    /// The active one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_mgr: Option<String>,
    /// How many stand by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standbys: Option<u32>,
}

/// Object storage daemons of Ceph.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CephOsdMap {
    /// How many.
    #[serde(default, deserialize_with = "null_default")]
    pub num_osds: u32,
    /// Up.
    #[serde(default, deserialize_with = "null_default")]
    pub num_up: u32,
    /// In.
    #[serde(default, deserialize_with = "null_default")]
    pub num_in: u32,
    /// Down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_down: Option<u32>,
    /// Out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_out: Option<u32>,
    /// Number of the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
}

/// Placement groups and space of Ceph.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CephPgMap {
    /// How many.
    #[serde(default, deserialize_with = "null_default")]
    pub num_pgs: u32,
    /// Bytes in total.
    #[serde(default, deserialize_with = "null_default")]
    pub bytes_total: u64,
    /// Bytes in use.
    #[serde(default, deserialize_with = "null_default")]
    pub bytes_used: u64,
    /// Bytes available.
    #[serde(default, deserialize_with = "null_default")]
    pub bytes_available: u64,
    /// Use, percent.
    #[serde(default, deserialize_with = "null_default")]
    pub usage_percent: f64,
    /// Bytes of data, copies not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_bytes: Option<u64>,
    /// Share of objects with too few copies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded_ratio: Option<f64>,
    /// Share of objects in the wrong place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misplaced_ratio: Option<f64>,
    /// Bytes read per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_bytes_per_sec: Option<u64>,
    /// Bytes written per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_bytes_per_sec: Option<u64>,
    /// Reads per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_ops_per_sec: Option<u64>,
    /// Writes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_ops_per_sec: Option<u64>,
}

/// A pool of Ceph.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CephReportPool {
    /// Number.
    #[serde(default, deserialize_with = "null_default")]
    pub id: u32,
    /// Name.
    #[serde(default, deserialize_with = "null_default")]
    pub name: String,
    /// Bytes in use.
    #[serde(default, deserialize_with = "null_default")]
    pub bytes_used: u64,
    /// Bytes available.
    #[serde(default, deserialize_with = "null_default")]
    pub bytes_available: u64,
    /// Objects.
    #[serde(default, deserialize_with = "null_default")]
    pub objects: u64,
    /// Use, percent.
    #[serde(default, deserialize_with = "null_default")]
    pub percent_used: f64,
}

/// A kind of service of Ceph.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct CephReportService {
    /// `mon`, `mgr` …
    #[serde(rename = "type", default, deserialize_with = "null_default")]
    pub kind: String,
    /// Running.
    #[serde(default, deserialize_with = "null_default")]
    pub running: u32,
    /// In all.
    #[serde(default, deserialize_with = "null_default")]
    pub total: u32,
    /// Their names.
    #[serde(default, deserialize_with = "null_default", skip_serializing_if = "Vec::is_empty")]
    pub daemons: Vec<String>,
}
