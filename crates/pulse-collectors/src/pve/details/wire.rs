//! What Proxmox VE sends to the questions beside the polls. As in the polls, no field fails and no item fails its list.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lenient::{Flag, Float, Int, Part, Text};

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $kind:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default)]
        pub(super) struct $name<'a> {
            $($(#[$attribute])* pub(super) $field: $kind,)*
        }
    )*};
}

shapes! {
    /// `GET /nodes/{node}/qemu/{vmid}/status/current`.
    VmStatus {
        #[serde(borrow)] status: Text<'a>,
        #[serde(borrow)] qmpstatus: Text<'a>,
        #[serde(borrow)] lock: Text<'a>,
        agent: Agent,
    }
    /// An entry of `GET /nodes/{node}/tasks`.
    Task {
        #[serde(borrow)] upid: Text<'a>,
        #[serde(borrow)] id: Text<'a>,
        #[serde(borrow, rename = "type")] kind: Text<'a>,
        #[serde(borrow)] status: Text<'a>,
        starttime: Int,
        endtime: Int,
    }
    /// An entry of `GET /nodes/{node}/disks/list`.
    Disk {
        #[serde(borrow)] devpath: Text<'a>,
        #[serde(borrow)] model: Text<'a>,
        #[serde(borrow)] serial: Text<'a>,
        #[serde(borrow)] wwn: Text<'a>,
        #[serde(borrow, rename = "type")] kind: Text<'a>,
        #[serde(borrow)] health: Text<'a>,
        #[serde(borrow)] used: Text<'a>,
        #[serde(borrow)] parent: Text<'a>,
        wearout: Float,
        rpm: Float,
        size: Int,
    }
    /// An entry of `GET /nodes/{node}/disks/zfs`.
    Pool {
        #[serde(borrow)] name: Text<'a>,
        #[serde(borrow)] health: Text<'a>,
    }
    /// `GET /nodes/{node}/disks/zfs/{pool}`.
    PoolDetail {
        #[serde(borrow)] state: Text<'a>,
        #[serde(borrow)] status: Text<'a>,
        #[serde(borrow)] scan: Text<'a>,
        #[serde(borrow)] errors: Text<'a>,
        children: Devices<'a>,
    }
    /// A device of a pool, or a heading such as `spares`.
    Device {
        #[serde(borrow)] name: Text<'a>,
        #[serde(borrow)] state: Text<'a>,
        #[serde(borrow)] msg: Text<'a>,
        #[serde(borrow)] read: Text<'a>,
        #[serde(borrow)] write: Text<'a>,
        #[serde(borrow)] cksum: Text<'a>,
        leaf: Flag,
        children: Devices<'a>,
    }
    /// An entry of `GET /nodes/{node}/apt/update`.
    Package {
        #[serde(borrow, rename = "Package")] package: Text<'a>,
    }
    /// An entry of `GET /nodes/{node}/replication`.
    Replication {
        #[serde(borrow)] id: Text<'a>,
        #[serde(borrow)] source: Text<'a>,
        #[serde(borrow)] target: Text<'a>,
        #[serde(borrow)] schedule: Text<'a>,
        #[serde(borrow)] comment: Text<'a>,
        #[serde(borrow)] error: Text<'a>,
        #[serde(borrow)] vmtype: Text<'a>,
        #[serde(borrow, rename = "type")] kind: Text<'a>,
        guest: Int,
        jobnum: Int,
        pid: Int,
        last_sync: Int,
        next_sync: Int,
        fail_count: Int,
        duration: Float,
        rate: Float,
        disable: Flag,
    }
    /// An entry of `GET /nodes/{node}/storage/{storage}/content`.
    Volume {
        #[serde(borrow)] volid: Text<'a>,
        #[serde(borrow)] content: Text<'a>,
        #[serde(borrow)] subtype: Text<'a>,
        #[serde(borrow)] format: Text<'a>,
        #[serde(borrow)] notes: Text<'a>,
        #[serde(borrow)] verification: Part<Verification<'a>>,
        size: Int,
        ctime: Int,
        vmid: Int,
        protected: Flag,
    }
    /// How a backup's verification ended.
    Verification {
        #[serde(borrow)] state: Text<'a>,
    }
    /// An entry of `GET …/snapshot`.
    Snapshot {
        #[serde(borrow)] name: Text<'a>,
        #[serde(borrow)] description: Text<'a>,
        #[serde(borrow)] parent: Text<'a>,
        snaptime: Int,
        vmstate: Flag,
    }
    /// An entry of `GET …/lxc/{vmid}/interfaces`.
    Interface {
        #[serde(borrow)] name: Text<'a>,
        #[serde(borrow)] hwaddr: Text<'a>,
        #[serde(borrow, rename = "hardware-address")] hardware_address: Text<'a>,
        #[serde(borrow)] inet: Text<'a>,
        #[serde(borrow)] inet6: Text<'a>,
        #[serde(borrow, rename = "ip-addresses")] ip_addresses: Items<Address<'a>>,
    }
    /// An address of an interface.
    Address {
        #[serde(borrow, rename = "ip-address")] address: Text<'a>,
        #[serde(borrow)] prefix: Text<'a>,
    }
    /// What every answer of a guest agent is wrapped in.
    AgentResult {
        #[serde(borrow)] result: Raw<'a>,
    }
    /// What stands there where the agent could not answer.
    AgentError {
        #[serde(borrow)] error: Raw<'a>,
    }
    /// `agent/file-read`.
    FileContent {
        #[serde(borrow)] content: Text<'a>,
    }
    /// A file system of `agent/get-fsinfo`.
    MountedFileSystem {
        #[serde(borrow)] name: Text<'a>,
        #[serde(borrow)] mountpoint: Text<'a>,
        #[serde(borrow, rename = "type")] kind: Text<'a>,
        #[serde(rename = "total-bytes")] total: Int,
        #[serde(rename = "used-bytes")] used: Int,
        #[serde(borrow)] disk: Items<BlockDevice<'a>>,
    }
    /// A device under a file system.
    BlockDevice {
        #[serde(borrow)] dev: Text<'a>,
        #[serde(borrow)] serial: Text<'a>,
    }
    /// An interface of `agent/network-get-interfaces`.
    AgentInterface {
        #[serde(borrow)] name: Text<'a>,
        #[serde(borrow, rename = "hardware-address")] hardware_address: Text<'a>,
        #[serde(borrow, rename = "ip-addresses")] ip_addresses: Items<Address<'a>>,
        statistics: Part<Statistics>,
    }
    /// `agent/get-osinfo`.
    OsInfo {
        #[serde(borrow)] name: Text<'a>,
        #[serde(borrow, rename = "pretty-name")] pretty_name: Text<'a>,
        #[serde(borrow)] version: Text<'a>,
        #[serde(borrow, rename = "version-id")] version_id: Text<'a>,
    }
    /// `agent/info`.
    AgentVersion {
        #[serde(borrow)] version: Text<'a>,
    }
    /// `GET /cluster/ceph/status`.
    CephStatus {
        #[serde(borrow)] fsid: Text<'a>,
        #[serde(borrow)] health: Part<CephHealth<'a>>,
        #[serde(borrow)] monmap: Part<MonMap<'a>>,
        #[serde(borrow)] mgrmap: Part<MgrMap<'a>>,
        #[serde(borrow)] quorum_names: Items<Text<'a>>,
        osdmap: Part<OsdMap>,
        pgmap: Part<PgMap>,
        fsmap: Part<FsMap>,
    }
    /// Health of Ceph.
    CephHealth {
        #[serde(borrow)] status: Text<'a>,
        #[serde(borrow)] checks: Raw<'a>,
    }
    /// Monitors of Ceph.
    MonMap {
        #[serde(borrow)] mons: Items<Named<'a>>,
    }
    /// Managers of Ceph.
    MgrMap {
        #[serde(borrow)] active_name: Text<'a>,
        #[serde(borrow)] standbys: Items<Named<'a>>,
    }
    /// Something with a name.
    Named {
        #[serde(borrow)] name: Text<'a>,
    }
    /// One of Ceph's health checks.
    CephCheck {
        #[serde(borrow)] summary: Part<CephSummary<'a>>,
        muted: Flag,
    }
    /// What it says.
    CephSummary {
        #[serde(borrow)] message: Text<'a>,
    }
    /// An entry of `GET /nodes/{node}/ceph/pool`.
    CephPoolRow {
        #[serde(borrow)] pool_name: Text<'a>,
        pool: Int,
        bytes_used: Int,
        percent_used: Float,
    }
}

/// Counters of an interface.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Statistics {
    #[serde(rename = "rx-bytes")]
    pub(super) received: Int,
    #[serde(rename = "tx-bytes")]
    pub(super) sent: Int,
}

/// Object storage daemons of Ceph.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct OsdMap {
    pub(super) num_osds: Int,
    pub(super) num_up_osds: Int,
    pub(super) num_in_osds: Int,
    /// Before Ceph 15 the figures stand one level deeper.
    pub(super) osdmap: Part<InnerOsdMap>,
}

/// The same, as older versions nest it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct InnerOsdMap {
    pub(super) num_osds: Int,
    pub(super) num_up_osds: Int,
    pub(super) num_in_osds: Int,
}

/// Space and placement groups of Ceph.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct PgMap {
    pub(super) bytes_total: Int,
    pub(super) bytes_used: Int,
    pub(super) bytes_avail: Int,
    pub(super) num_pgs: Int,
}

/// Metadata servers of Ceph.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct FsMap {
    pub(super) up: Int,
    #[serde(rename = "up:standby")]
    pub(super) standby: Int,
}

/// Whether an agent is switched on: a truth value in every release; an object with `enabled` is taken too.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Agent(pub(super) bool);

impl<'de> Deserialize<'de> for Agent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Detailed {
            enabled: Flag,
            available: Flag,
        }
        let raw = <&RawValue>::deserialize(deserializer)?;
        let flag = serde_json::from_str::<Flag>(raw.get()).unwrap_or_default();
        let detailed = serde_json::from_str::<Detailed>(raw.get()).unwrap_or_default();
        Ok(Self(flag.is_set() || detailed.enabled.is_set() || detailed.available.is_set()))
    }
}

/// A list; of another shape it is empty, and an item of another shape is left out.
#[derive(Debug)]
pub(super) struct Items<T>(pub(super) Vec<T>);

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Items<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        let items: Vec<&'de RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
        Ok(Self(items.into_iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect()))
    }
}

/// Devices of a pool: the same, apart because the type contains itself.
#[derive(Debug, Default)]
pub(super) struct Devices<'a>(pub(super) Vec<Device<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Devices<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Items::<Device<'a>>::deserialize(deserializer).map(|items| Self(items.0))
    }
}

/// Whatever stands there, unread.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Raw<'a>(#[serde(borrow)] pub(super) Option<&'a RawValue>);
