//! Puts what was read beside the polls into the view of a Proxmox VE instance, and recognises Pulse agents that run
//! inside guests. Pure.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use pulse_core::{
    Missing, Reading,
    ids::HostId,
    model::{
        DiskTemperature, Guest, GuestKind, GuestStatus, Host, InstanceView, Liveness, MemorySource,
        MemoryUse, Node, PhysicalDisk, Storage, StorageBackup, Temperature, ZfsPool,
    },
};

use crate::facts::{GuestFacts, InstanceFacts};

/// Figures of a guest agent are shown for so long after the agent fell silent: one lost answer is no outage, and a
/// backup may keep a guest busy for hours.
const DISK_HOLDS_MILLISECONDS: i64 = 15 * 60_000;
const DISK_HOLDS_WHILE_LOCKED_MILLISECONDS: i64 = 24 * 3_600_000;
/// Memory moves faster.
const MEMORY_HOLDS_MILLISECONDS: i64 = 11 * 60_000;
/// A Pulse agent in a guest has reported this recently, or its figures are not used.
const AGENT_HOLDS_MILLISECONDS: i64 = 3 * 60_000;

/// Completes a view with everything that is known beside the figures of its last poll.
pub(crate) fn complete(
    view: &mut InstanceView,
    facts: &mut InstanceFacts,
    hosts: &BTreeMap<HostId, Arc<Host>>,
    now: Timestamp,
) {
    facts.keep_guests(|vmid| view.guests.binary_search_by_key(&vmid, |guest| guest.vmid).is_ok());
    if !view.nodes.is_empty() {
        facts.keep_nodes(|name| view.nodes.iter().any(|node| node.name == name));
    }
    if !view.storages.is_empty() {
        facts.keep_storages(|name| view.storages.iter().any(|storage| storage.name == name));
    }
    let nodes = Arc::make_mut(&mut view.nodes);
    for node in nodes.iter_mut() {
        node.pending_updates = facts.nodes.get(&node.name).and_then(|facts| facts.pending_updates);
    }
    let inside = AgentsInside::new(hosts, now);
    for guest in Arc::make_mut(&mut view.guests) {
        complete_guest(guest, facts, &inside, now);
    }
    complete_storages(&mut view.storages, facts);
    complete_lists(view, facts);
}

fn complete_guest(guest: &mut Guest, facts: &InstanceFacts, inside: &AgentsInside<'_>, now: Timestamp) {
    guest.last_backup = facts.last_backups.get(&guest.vmid).copied().or(guest.last_backup);
    let empty = GuestFacts::default();
    let known = facts.guests.get(&guest.vmid);
    let facts = known.unwrap_or(&empty);
    if facts.is_oci {
        guest.kind = GuestKind::OciContainer;
    }
    guest.os_name = facts.os_name.clone().or(guest.os_name.take());
    guest.os_version = facts.os_version.clone().or(guest.os_version.take());
    guest.agent_version = facts.agent_version.clone().or(guest.agent_version.take());
    if guest.status != GuestStatus::Running && guest.status != GuestStatus::Paused {
        // Addresses of a guest that is off belong to nobody.
        if guest.status == GuestStatus::Stopped {
            guest.network_interfaces.clear();
            guest.ip_addresses.clear();
        }
        return;
    }
    if !facts.interfaces.is_empty() {
        guest.network_interfaces.clone_from(&facts.interfaces);
        guest.ip_addresses = plain_addresses(guest);
    }
    if guest.kind.is_vm() {
        complete_disk(guest, facts, now);
        if let Some((memory, at)) = facts.memory
            && age(at, now) <= MEMORY_HOLDS_MILLISECONDS
        {
            use_memory(guest, memory, MemorySource::GuestAgent);
        }
    }
    if let Some(memory) = inside.memory_of(guest, facts) {
        use_memory(guest, memory, MemorySource::LinkedAgent);
    }
}

/// Addresses without prefix lengths, each once.
fn plain_addresses(guest: &Guest) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for address in guest.network_interfaces.iter().flat_map(|interface| &interface.addresses) {
        let plain = address.split('/').next().unwrap_or(address);
        if !list.iter().any(|known| known == plain) {
            list.push(plain.to_owned());
        }
    }
    list
}

fn complete_disk(guest: &mut Guest, facts: &GuestFacts, now: Timestamp) {
    let holds =
        if guest.lock.is_some() { DISK_HOLDS_WHILE_LOCKED_MILLISECONDS } else { DISK_HOLDS_MILLISECONDS };
    match (&facts.disk, facts.trouble) {
        (Some((space, list, at)), trouble) if trouble.is_none() || age(*at, now) <= holds => {
            guest.disk = *space;
            guest.file_systems.clone_from(list);
        }
        (_, Some(why)) => guest.disk = Reading::Unknown(why),
        (Some(_) | None, None) => guest.disk = Reading::Unknown(Missing::NotAskedYet),
    }
}

/// Takes a figure from inside the guest. How much there is stays what the guest was given: what its kernel keeps for
/// itself is in use.
fn use_memory(guest: &mut Guest, inside: MemoryUse, source: MemorySource) {
    let (total, balloon) = match guest.memory {
        Reading::Known(known) => (known.total_bytes, known.balloon_bytes),
        Reading::Unknown(_) => (inside.total_bytes, None),
    };
    // A container sees the memory of its host where its own is not limited: then the figures do not fit.
    if inside.total_bytes > total {
        return;
    }
    let Some(mut memory) = MemoryUse::new(total, inside.used_bytes) else { return };
    memory.balloon_bytes = balloon;
    memory.swap_total_bytes = inside.swap_total_bytes;
    memory.swap_used_bytes = inside.swap_used_bytes;
    guest.memory = Reading::Known(memory);
    guest.memory_source = Some(source);
}

/// How long ago, by the server's clock; a clock that was set back makes nothing older.
fn age(at: Timestamp, now: Timestamp) -> i64 {
    now.as_millisecond() - at.as_millisecond()
}

/// Pulse agents by the hardware addresses of their machines.
struct AgentsInside<'a> {
    by_address: HashMap<String, Option<&'a Host>>,
}

impl<'a> AgentsInside<'a> {
    fn new(hosts: &'a BTreeMap<HostId, Arc<Host>>, now: Timestamp) -> Self {
        let mut by_address: HashMap<String, Option<&Host>> = HashMap::new();
        let is_fresh = |host: &&Arc<Host>| {
            age(host.last_seen, now) <= AGENT_HOLDS_MILLISECONDS && host.liveness == Liveness::Online
        };
        for host in hosts.values().filter(is_fresh) {
            for mac in host.network.iter().filter_map(|interface| interface.mac.as_deref()) {
                let mac = mac.to_lowercase();
                if mac.chars().all(|c| matches!(c, '0' | ':')) {
                    continue;
                }
                // Two machines with one address are a clone: neither is believed.
                by_address.entry(mac).and_modify(|known| *known = None).or_insert(Some(host));
            }
        }
        Self { by_address }
    }

    /// Memory as an agent in the guest reports it. Two proofs are needed: a hardware address and the name.
    fn memory_of(&self, guest: &Guest, facts: &GuestFacts) -> Option<MemoryUse> {
        if self.by_address.is_empty() {
            return None;
        }
        let short = |name: &str| name.split('.').next().unwrap_or(name).to_lowercase();
        let host = facts
            .hardware_addresses()
            .filter_map(|mac| self.by_address.get(&mac.to_lowercase()).copied().flatten())
            .find(|host| short(&host.info.hostname) == short(&guest.name))?;
        let memory = host.memory.as_ref()?;
        let mut inside = MemoryUse::new(memory.total_bytes, memory.used_bytes)?;
        inside.swap_total_bytes = memory.swap_total_bytes;
        inside.swap_used_bytes = memory.swap_used_bytes;
        Some(inside)
    }
}

/// The ZFS pool under a storage: the configured one up to the first slash.
fn complete_storages(storages: &mut Arc<Vec<Storage>>, facts: &InstanceFacts) {
    let pool_of = |storage: &Storage| -> Option<ZfsPool> {
        if storage.kind != "zfspool" && storage.kind != "zfs" {
            return None;
        }
        let name = storage.pool.as_deref().unwrap_or(&storage.name).split('/').next()?;
        facts.nodes.get(&storage.node)?.pools.iter().find(|pool| pool.name == name).cloned()
    };
    let pools: Vec<Option<ZfsPool>> = storages.iter().map(pool_of).collect();
    if storages.iter().zip(&pools).any(|(storage, pool)| storage.zfs_pool != *pool) {
        for (storage, pool) in Arc::make_mut(storages).iter_mut().zip(pools) {
            storage.zfs_pool = pool;
        }
    }
}

/// Puts the lists together that have changed; the others stay shared with the view before.
fn complete_lists(view: &mut InstanceView, facts: &mut InstanceFacts) {
    let disks = physical_disks(facts, &view.nodes);
    if *view.physical_disks != disks {
        view.physical_disks = Arc::new(disks);
    }
    let changed = std::mem::take(&mut facts.changed);
    let guest = |vmid: u32| {
        let place = view.guests.binary_search_by_key(&vmid, |guest| guest.vmid).ok()?;
        view.guests.get(place)
    };
    if changed.replication {
        let mut jobs: Vec<_> =
            facts.nodes.values().flat_map(|node| node.replication.iter().cloned()).collect();
        for job in &mut jobs {
            if let Some(guest) = job.guest_vmid.and_then(guest) {
                job.guest_name = Some(guest.name.clone());
                job.guest_node = Some(guest.node.clone());
            }
        }
        jobs.sort_by(|a, b| a.job_id.cmp(&b.job_id));
        jobs.dedup_by(|a, b| a.job_id == b.job_id);
        view.replication_jobs = Arc::new(jobs);
    }
    if changed.tasks {
        let mut tasks: Vec<_> = facts.nodes.values().flat_map(|node| node.tasks.iter().cloned()).collect();
        tasks.sort_by(|a, b| b.started_at.cmp(&a.started_at).then_with(|| a.id.cmp(&b.id)));
        view.backup_tasks = Arc::new(tasks);
    }
    if changed.backups {
        let placed = |backup: &StorageBackup| {
            let node = guest(backup.vmid).map_or(&backup.node, |guest| &guest.node).clone();
            StorageBackup { node, ..backup.clone() }
        };
        let mut backups: Vec<_> = facts.backups.values().flatten().map(placed).collect();
        backups.sort_by(|a, b| b.made_at.cmp(&a.made_at).then_with(|| a.id.cmp(&b.id)));
        // A file on a directory that several nodes mount without saying so is seen from each.
        backups.dedup_by(|a, b| a.id == b.id && a.node == b.node);
        view.storage_backups = Arc::new(backups);
    }
    if changed.snapshots {
        view.guest_snapshots = Arc::new(facts.snapshots.values().flatten().cloned().collect());
    }
    if changed.ceph {
        view.ceph = Arc::new(facts.ceph.clone());
    }
    if changed.hidden {
        view.hidden = Arc::new(facts.hidden.values().cloned().collect());
    }
}

fn physical_disks(facts: &InstanceFacts, nodes: &[Node]) -> Vec<PhysicalDisk> {
    let mut disks = Vec::new();
    for (name, facts) in &facts.nodes {
        let node = nodes.iter().find(|node| node.name == *name);
        let mut of_node = facts.disks.clone();
        if let Some(temperature) = node.and_then(|node| node.temperature.as_ref()) {
            add_temperatures(&mut of_node, temperature);
        }
        disks.append(&mut of_node);
    }
    disks
}

/// Temperatures that an agent on the node measured: by world-wide name, then serial, then device; NVMe sensors that
/// are left over go to NVMe disks that are left over, in order.
fn add_temperatures(disks: &mut [PhysicalDisk], temperature: &Temperature) {
    let mut left: Vec<&DiskTemperature> = temperature.smart.iter().chain(&temperature.nvme).collect();
    let same = |a: &str, b: Option<&str>| !a.is_empty() && b.is_some_and(|b| a.eq_ignore_ascii_case(b));
    for disk in disks.iter_mut() {
        let name = disk.device_path.rsplit('/').next().unwrap_or_default().to_owned();
        let found = left
            .iter()
            .position(|sensor| same(&disk.wwn, sensor.wwn.as_deref()))
            .or_else(|| left.iter().position(|sensor| same(&disk.serial, sensor.serial.as_deref())))
            .or_else(|| {
                left.iter().position(|sensor| {
                    let device = sensor.device.rsplit('/').next().unwrap_or_default();
                    !device.is_empty()
                        && (device == name
                            || name
                                .strip_prefix(device)
                                .is_some_and(|rest| rest.starts_with('n') && device.starts_with("nvme")))
                })
            });
        if let Some(place) = found {
            disk.temperature_celsius = Reading::Known(left.remove(place).celsius);
        }
    }
    let mut nvme =
        left.into_iter().filter(|sensor| sensor.device.contains("nvme") && sensor.serial.is_none());
    for disk in
        disks.iter_mut().filter(|disk| disk.kind == "nvme" && disk.temperature_celsius.missing().is_some())
    {
        if let Some(sensor) = nvme.next() {
            disk.temperature_celsius = Reading::Known(sensor.celsius);
        }
    }
}
