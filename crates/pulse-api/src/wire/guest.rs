//! `vms[]` and `containers[]` of the state.

use pulse_core::{
    Reading,
    model::{Guest, GuestKind, GuestStatus, MemorySource},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    time::whole_second_millis,
    usage::{
        Disk, Interface, Memory, MissingReasons, is_false, note_missing, slice_is_empty, ten_thousandths,
    },
};

/// A VM or container of Proxmox VE.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuestShape<'a> {
    /// Id.
    pub id: &'a str,
    /// Number in the cluster.
    pub vmid: u32,
    /// Name.
    pub name: &'a str,
    /// Node it is on.
    pub node: &'a str,
    /// Configured instance.
    pub instance: &'a str,
    /// `running`, `stopped`, `paused`, `suspended` or `unknown`.
    pub status: &'static str,
    /// `qemu`, `lxc` or `oci`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it is an OCI container.
    #[serde(skip_serializing_if = "is_false")]
    pub is_oci: bool,
    /// Template or image it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_template: Option<&'a str>,
    /// Processor use, 0 to 1; 0 where `missing` names it.
    pub cpu: f64,
    /// Processors.
    pub cpus: u32,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// Memory in use, bytes; 0 where `missing` names `memory`.
    pub mem: u64,
    /// Memory in total, bytes.
    pub maxmem: u64,
    /// Disk use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<Disk<'a>>,
    /// File systems.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<Disk<'a>>,
    /// Why the disk use is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_status_reason: Option<&'static str>,
    /// Operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_name: Option<&'a str>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_version: Option<&'a str>,
    /// Version of the guest agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<&'a str>,
    /// Network interfaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_interfaces: Vec<Interface<'a>>,
    /// Addresses.
    #[serde(skip_serializing_if = "slice_is_empty")]
    pub ip_addresses: &'a [String],
    /// Bytes received per second; 0 where `missing` names it.
    pub network_in: u64,
    /// Bytes sent per second; 0 where `missing` names it.
    pub network_out: u64,
    /// Bytes read per second; 0 where `missing` names it.
    pub disk_read: u64,
    /// Bytes written per second; 0 where `missing` names it.
    pub disk_write: u64,
    /// Seconds since start.
    pub uptime: u64,
    /// Whether it is a template.
    pub template: bool,
    /// Time of the newest backup, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_backup: Option<i64>,
    /// Tags, joined with commas.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tags: String,
    /// What holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<&'a str>,
    /// When its figures were read, Unix milliseconds.
    pub last_seen: i64,
    /// Where the memory figure came from. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_source: Option<&'static str>,
    /// State in high availability. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ha_state: Option<&'a str>,
    /// Resource pool. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<&'a str>,
    /// Why fields are absent. Ours, beside the contract.
    #[serde(skip_serializing_if = "MissingReasons::is_empty")]
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub missing: MissingReasons,
}

impl<'a> From<&'a Guest> for GuestShape<'a> {
    fn from(guest: &'a Guest) -> Self {
        let mut missing = MissingReasons::new();
        let is_on = guest.status == GuestStatus::Running;
        // A stopped guest needs no reason for each of its figures: its status says it.
        if guest.status != GuestStatus::Stopped {
            note_missing(&mut missing, "cpu", &guest.cpu_fraction);
            note_missing(&mut missing, "memory", &guest.memory);
            note_missing(&mut missing, "uptime", &guest.uptime_seconds);
            note_missing(&mut missing, "networkIn", &guest.rates.network_in_bytes_per_second);
            note_missing(&mut missing, "networkOut", &guest.rates.network_out_bytes_per_second);
            note_missing(&mut missing, "diskRead", &guest.rates.disk_read_bytes_per_second);
            note_missing(&mut missing, "diskWrite", &guest.rates.disk_write_bytes_per_second);
        }
        if is_on {
            note_missing(&mut missing, "disk", &guest.disk);
        }
        let memory = guest.memory.known();
        let rate = |reading: Reading<u64>| reading.known().unwrap_or(0);
        let disk = match guest.disk {
            Reading::Known(space) => Some(Disk::from(&space)),
            Reading::Unknown(_) => guest.allocated_disk_bytes.map(Disk::allocated),
        };
        Self {
            id: guest.id.as_str(),
            vmid: guest.vmid,
            name: &guest.name,
            node: &guest.node,
            instance: guest.instance.as_str(),
            status: guest.status.name(),
            kind: guest.kind.name(),
            is_oci: guest.kind == GuestKind::OciContainer,
            os_template: guest.os_template.as_deref(),
            cpu: guest.cpu_fraction.known().map_or(0.0, ten_thousandths),
            cpus: guest.cpu_count.unwrap_or(0),
            memory: memory.as_ref().map(Memory::from),
            mem: memory.map_or(0, |memory| memory.used_bytes),
            maxmem: memory.map_or(0, |memory| memory.total_bytes),
            disk,
            disks: guest.file_systems.iter().map(Disk::from).collect(),
            disk_status_reason: guest.disk.missing().filter(|_| guest.kind.is_vm()).map(|why| {
                if guest.status == GuestStatus::Stopped { "vm-stopped" } else { why.disk_status_reason() }
            }),
            os_name: guest.os_name.as_deref(),
            os_version: guest.os_version.as_deref(),
            agent_version: guest.agent_version.as_deref(),
            network_interfaces: guest.network_interfaces.iter().map(Interface::from).collect(),
            ip_addresses: &guest.ip_addresses,
            network_in: rate(guest.rates.network_in_bytes_per_second),
            network_out: rate(guest.rates.network_out_bytes_per_second),
            disk_read: rate(guest.rates.disk_read_bytes_per_second),
            disk_write: rate(guest.rates.disk_write_bytes_per_second),
            uptime: guest.uptime_seconds.known().unwrap_or(0),
            template: guest.is_template,
            last_backup: guest.last_backup.map(whole_second_millis),
            tags: guest.tags.join(","),
            lock: guest.lock.as_deref(),
            last_seen: whole_second_millis(guest.last_seen),
            memory_source: guest.memory_source.map(MemorySource::name),
            ha_state: guest.ha_state.as_deref(),
            pool: guest.pool.as_deref(),
            missing,
        }
    }
}
