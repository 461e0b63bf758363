//! `storage[]` and `physicalDisks[]` and `cephClusters[]` of the state, and the detail of one storage.

use jiff::Timestamp;
use pulse_core::{
    Reading,
    ids::NodeId,
    model::{self, CephCluster, PhysicalDisk, Storage},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    time::whole_second_millis,
    usage::{MissingReasons, hundredths, note_missing, slice_is_empty},
};

/// A storage of Proxmox VE.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Name.
    pub storage: &'a str,
    /// Name.
    pub name: &'a str,
    /// Node, or the first of those that share it.
    pub node: &'a str,
    /// Name of the cluster, else of the configured instance.
    pub instance: &'a str,
    /// Nodes that share it.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub nodes: &'a [String],
    /// Their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_ids: Vec<&'a str>,
    /// How many they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_count: Option<usize>,
    /// Type.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// `available`, `inactive` or `disabled`.
    pub status: &'static str,
    /// Bytes in total; 0 where `missing` names `usage`.
    pub total: u64,
    /// Bytes in use.
    pub used: u64,
    /// Bytes available.
    pub avail: u64,
    /// Bytes available.
    pub free: u64,
    /// Use, percent.
    pub usage: f64,
    /// What may be on it, joined with commas.
    pub content: String,
    /// Whether nodes share it.
    pub shared: bool,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Whether it is reached.
    pub active: bool,
    /// Why fields are absent. Ours, beside the contract.
    #[serde(skip_serializing_if = "MissingReasons::is_empty")]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub missing: MissingReasons,
}

impl<'a> From<&'a Storage> for StorageShape<'a> {
    fn from(storage: &'a Storage) -> Self {
        let mut missing = MissingReasons::new();
        note_missing(&mut missing, "usage", &storage.space);
        let space = storage.space.known().unwrap_or_default();
        Self {
            id: storage.id.as_str(),
            storage: &storage.name,
            name: &storage.name,
            node: &storage.node,
            instance: storage.cluster_name.as_deref().unwrap_or(storage.instance.as_str()),
            nodes: &storage.nodes,
            node_ids: storage.node_ids.iter().map(NodeId::as_str).collect(),
            node_count: (!storage.nodes.is_empty()).then_some(storage.nodes.len()),
            kind: &storage.kind,
            status: storage.status.name(),
            total: space.total_bytes,
            used: space.used_bytes,
            avail: space.free_bytes,
            free: space.free_bytes,
            usage: hundredths(space.used_percent()),
            content: storage.content.join(","),
            shared: storage.is_shared,
            enabled: storage.is_enabled,
            active: storage.is_active,
            missing,
        }
    }
}

/// One storage in detail.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StorageDetail<'a> {
    /// Id.
    pub id: &'a str,
    /// Name.
    pub name: &'a str,
    /// Node.
    pub node: &'a str,
    /// Name of the cluster, else of the configured instance.
    pub instance: &'a str,
    /// Nodes that share it.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub nodes: &'a [String],
    /// Their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_ids: Vec<&'a str>,
    /// How many they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_count: Option<usize>,
    /// Type.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// `available`, `inactive` or `disabled`.
    pub status: &'static str,
    /// Path on the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
    /// Bytes in total.
    pub total: u64,
    /// Bytes in use.
    pub used: u64,
    /// Bytes available.
    pub free: u64,
    /// Use, percent.
    pub usage: f64,
    /// What may be on it.
    pub content: String,
    /// Whether nodes share it.
    pub shared: bool,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Whether it is reached.
    pub active: bool,
    /// The ZFS pool under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zfs_pool: Option<ZfsPoolShape<'a>>,
}

impl<'a> From<&'a Storage> for StorageDetail<'a> {
    fn from(storage: &'a Storage) -> Self {
        let shape = StorageShape::from(storage);
        Self {
            id: shape.id,
            name: shape.name,
            node: shape.node,
            instance: shape.instance,
            nodes: shape.nodes,
            node_ids: shape.node_ids,
            node_count: shape.node_count,
            kind: shape.kind,
            status: shape.status,
            path: storage.path.as_deref(),
            total: shape.total,
            used: shape.used,
            free: shape.free,
            usage: shape.usage,
            content: shape.content,
            shared: shape.shared,
            enabled: shape.enabled,
            active: shape.active,
            zfs_pool: storage.zfs_pool.as_ref().map(ZfsPoolShape::from),
        }
    }
}

/// A ZFS pool.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZfsPoolShape<'a> {
    /// Name.
    pub name: &'a str,
    /// State.
    pub state: &'a str,
    /// What ZFS says.
    pub status: &'a str,
    /// Progress of a scrub.
    pub scan: &'a str,
    /// Read errors.
    pub read_errors: u64,
    /// Write errors.
    pub write_errors: u64,
    /// Checksum errors.
    pub checksum_errors: u64,
    /// Devices.
    pub devices: Vec<ZfsDeviceShape<'a>>,
}

/// A device of a ZFS pool.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ZfsDeviceShape<'a> {
    /// Name.
    pub name: &'a str,
    /// Type.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// State.
    pub state: &'a str,
    /// Read errors.
    pub read_errors: u64,
    /// Write errors.
    pub write_errors: u64,
    /// Checksum errors.
    pub checksum_errors: u64,
    /// What ZFS says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
}

impl<'a> From<&'a model::ZfsPool> for ZfsPoolShape<'a> {
    fn from(pool: &'a model::ZfsPool) -> Self {
        let devices = pool.devices.iter().map(|device| ZfsDeviceShape {
            name: &device.name,
            kind: &device.kind,
            state: &device.state,
            read_errors: device.read_errors,
            write_errors: device.write_errors,
            checksum_errors: device.checksum_errors,
            message: device.message.as_deref(),
        });
        Self {
            name: &pool.name,
            state: &pool.state,
            status: &pool.status,
            scan: &pool.scan,
            read_errors: pool.read_errors,
            write_errors: pool.write_errors,
            checksum_errors: pool.checksum_errors,
            devices: devices.collect(),
        }
    }
}

/// A physical disk of a Proxmox node.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhysicalDiskShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Node.
    pub node: &'a str,
    /// Configured instance.
    pub instance: &'a str,
    /// Device path.
    pub dev_path: &'a str,
    /// Model.
    pub model: &'a str,
    /// Serial number.
    pub serial: &'a str,
    /// World-wide name.
    pub wwn: &'a str,
    /// Interface.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// Bytes.
    pub size: u64,
    /// Health.
    pub health: &'a str,
    /// Life left, percent; −1 where unknown.
    pub wearout: i16,
    /// Degrees Celsius; 0 where unknown.
    pub temperature: f64,
    /// Rotations per minute.
    pub rpm: u32,
    /// What uses it.
    pub used: &'a str,
    /// When it was checked.
    #[schema(value_type = String, format = DateTime)]
    pub last_checked: Timestamp,
}

impl<'a> From<&'a PhysicalDisk> for PhysicalDiskShape<'a> {
    fn from(disk: &'a PhysicalDisk) -> Self {
        Self {
            id: disk.id.as_str(),
            node: &disk.node,
            instance: disk.instance.as_str(),
            dev_path: &disk.device_path,
            model: &disk.model,
            serial: &disk.serial,
            wwn: &disk.wwn,
            kind: &disk.kind,
            size: disk.size_bytes,
            health: &disk.health,
            wearout: match disk.life_left_percent {
                Reading::Known(left) => i16::from(left),
                Reading::Unknown(_) => -1,
            },
            temperature: disk.temperature_celsius.known().unwrap_or(0.0),
            rpm: disk.rotations_per_minute.unwrap_or(0),
            used: &disk.used_as,
            last_checked: disk.checked_at,
        }
    }
}

/// A Ceph cluster.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CephShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Instance or host through which it is seen.
    pub instance: &'a str,
    /// Name.
    pub name: &'a str,
    /// Its own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fsid: Option<&'a str>,
    /// Health word.
    pub health: &'a str,
    /// What is wrong.
    pub health_message: &'a str,
    /// Bytes in total.
    pub total_bytes: u64,
    /// Bytes in use.
    pub used_bytes: u64,
    /// Bytes available.
    pub available_bytes: u64,
    /// Use, percent.
    pub usage_percent: f64,
    /// Monitors.
    pub num_mons: u32,
    /// Managers.
    pub num_mgrs: u32,
    /// Object storage daemons.
    pub num_osds: u32,
    /// Of them up.
    pub num_osds_up: u32,
    /// Of them in.
    pub num_osds_in: u32,
    /// Placement groups.
    #[serde(rename = "numPGs")]
    pub num_pgs: u32,
    /// Pools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pools: Vec<CephPoolShape<'a>>,
    /// Services.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<CephServiceShape<'a>>,
    /// When it was read, Unix milliseconds.
    pub last_updated: i64,
}

/// A pool of Ceph.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CephPoolShape<'a> {
    /// Number.
    pub id: u32,
    /// Name.
    pub name: &'a str,
    /// Bytes stored.
    pub stored_bytes: u64,
    /// Bytes available.
    pub available_bytes: u64,
    /// Objects.
    pub objects: u64,
    /// Use, percent.
    pub percent_used: f64,
}

/// A kind of service of Ceph.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CephServiceShape<'a> {
    /// `mon`, `mgr` …
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// Running.
    pub running: u32,
    /// In all.
    pub total: u32,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'a str>,
}

impl<'a> From<&'a CephCluster> for CephShape<'a> {
    fn from(ceph: &'a CephCluster) -> Self {
        let pools = ceph.pools.iter().map(|pool| CephPoolShape {
            id: pool.id,
            name: &pool.name,
            stored_bytes: pool.stored_bytes,
            available_bytes: pool.available_bytes,
            objects: pool.objects,
            percent_used: hundredths(pool.used_percent),
        });
        let services = ceph.services.iter().map(|service| CephServiceShape {
            kind: &service.kind,
            running: service.running,
            total: service.total,
            message: service.message.as_deref(),
        });
        Self {
            id: &ceph.id,
            instance: ceph.instance.as_str(),
            name: ceph.instance.as_str(),
            fsid: ceph.fsid.as_deref(),
            health: &ceph.health,
            health_message: ceph.health_message.as_deref().unwrap_or_default(),
            total_bytes: ceph.total_bytes,
            used_bytes: ceph.used_bytes,
            available_bytes: ceph.available_bytes,
            usage_percent: hundredths(model::percent(ceph.used_bytes, ceph.total_bytes)),
            num_mons: ceph.monitors,
            num_mgrs: ceph.managers,
            num_osds: ceph.osds,
            num_osds_up: ceph.osds_up,
            num_osds_in: ceph.osds_in,
            num_pgs: ceph.placement_groups,
            pools: pools.collect(),
            services: services.collect(),
            last_updated: whole_second_millis(ceph.updated_at),
        }
    }
}
