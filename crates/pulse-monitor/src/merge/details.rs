//! Puts what was read beside the polls into the view of a Proxmox VE instance, and recognises Pulse agents that run
//! inside guests. Pure.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use pulse_core::{
    Missing, Reading,
    ids::HostId,
    model::{
        BackupTask, DiskTemperature, Guest, GuestKind, GuestSnapshot, GuestStatus, Host, InstanceView,
        Liveness, MemorySource, MemoryUse, Node, PhysicalDisk, Storage, StorageBackup, Temperature, ZfsPool,
    },
};

use crate::facts::{GuestFacts, InstanceFacts};

/// Figures of a guest agent are shown for so long after the agent fell silent: one lost answer is no outage, and a
/// backup may keep a guest busy for hours.
const DISK_HOLDS_MILLISECONDS: i64 = 15 * 60_000;
const DISK_HOLDS_UNASKED_MILLISECONDS: i64 = 24 * 3_600_000;
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
    complete_long_lists(view, facts);
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
    if let Some(newest) = &facts.last_backups {
        // The clock of the node that made it may be ahead: nothing was backed up tomorrow.
        guest.last_backup = newest.get(&guest.vmid).map(|at| (*at).min(now));
    }
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
    // Without trouble nobody has asked: the guest is locked, or its node works on many, or cannot be asked itself.
    let was_asked = facts.trouble.is_some() && guest.lock.is_none();
    let holds = if was_asked { DISK_HOLDS_MILLISECONDS } else { DISK_HOLDS_UNASKED_MILLISECONDS };
    match (&facts.disk, facts.trouble) {
        (Some((space, list, at)), _) if age(*at, now) <= holds => {
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
    // Its kernel counts less than it was given: without the one figure the other has no whole.
    let Reading::Known(known) = guest.memory else { return };
    let (total, balloon) = (known.total_bytes, known.balloon_bytes);
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
    if changed.ceph {
        view.ceph = Arc::new(facts.ceph.clone());
    }
    if changed.hidden {
        view.hidden = Arc::new(facts.hidden.values().cloned().collect());
    }
}

/// Puts what was read of the long lists into the view, and takes out what is of nodes, storages and guests that are no
/// longer there. A list in which nothing changed stays shared with the view before.
fn complete_long_lists(view: &mut InstanceView, facts: &mut InstanceFacts) {
    let news = std::mem::take(&mut facts.news);
    let nodes: HashSet<&str> = view.nodes.iter().map(|node| node.name.as_str()).collect();
    let stays = |task: &BackupTask| nodes.is_empty() || nodes.contains(task.node.as_str());
    if !news.tasks.is_empty() || !view.backup_tasks.iter().all(stays) {
        let kept = view.backup_tasks.iter();
        let kept = kept.filter(|task| stays(task) && !news.tasks.contains_key(&task.node));
        let mut tasks: Vec<BackupTask> = kept.cloned().collect();
        tasks.extend(news.tasks.into_values().flatten());
        tasks.sort_by(|a, b| b.started_at.cmp(&a.started_at).then_with(|| a.id.cmp(&b.id)));
        replace(&mut view.backup_tasks, tasks);
    }
    complete_backups(view, facts, news.backups);
    let is_known = |snapshot: &GuestSnapshot| {
        view.guests.binary_search_by_key(&snapshot.vmid, |guest| guest.vmid).is_ok()
    };
    if !news.snapshots.is_empty() || !view.guest_snapshots.iter().all(is_known) {
        let kept = view.guest_snapshots.iter();
        let kept = kept.filter(|one| is_known(one) && !news.snapshots.contains_key(&one.vmid));
        let mut snapshots: Vec<GuestSnapshot> = kept.cloned().collect();
        snapshots.extend(news.snapshots.into_values().flatten());
        snapshots.sort_by(|a, b| (a.vmid, a.made_at, &a.name).cmp(&(b.vmid, b.made_at, &b.name)));
        replace(&mut view.guest_snapshots, snapshots);
    }
}

fn complete_backups(
    view: &mut InstanceView,
    facts: &mut InstanceFacts,
    news: HashMap<(String, String), Vec<StorageBackup>>,
) {
    let shared: HashSet<&str> = view
        .storages
        .iter()
        .filter(|storage| storage.is_shared)
        .map(|storage| storage.name.as_str())
        .collect();
    let own: HashSet<(&str, &str)> =
        view.storages.iter().map(|storage| (storage.name.as_str(), storage.node.as_str())).collect();
    let stays = |backup: &StorageBackup| {
        own.is_empty()
            || shared.contains(backup.storage.as_str())
            || own.contains(&(backup.storage.as_str(), backup.node.as_str()))
    };
    if news.is_empty() && view.storage_backups.iter().all(stays) {
        return;
    }
    let is_read_anew = |backup: &StorageBackup| {
        let of = |node: &str| news.contains_key(&(backup.storage.clone(), node.to_owned()));
        of("") || of(&backup.node)
    };
    let mut backups: Vec<StorageBackup> = view
        .storage_backups
        .iter()
        .filter(|backup| stays(backup) && !is_read_anew(backup))
        .cloned()
        .collect();
    for ((_, node), list) in news {
        // What every node sees is shown where its guest is.
        let placed = |mut backup: StorageBackup| {
            if node.is_empty()
                && let Ok(place) = view.guests.binary_search_by_key(&backup.vmid, |guest| guest.vmid)
                && let Some(guest) = view.guests.get(place)
            {
                backup.node.clone_from(&guest.node);
            }
            backup
        };
        backups.extend(list.into_iter().map(placed));
    }
    backups.sort_by(|a, b| b.made_at.cmp(&a.made_at).then_with(|| a.id.cmp(&b.id)));
    // A file in a directory that several nodes mount without saying so is seen from each.
    backups.dedup_by(|a, b| a.id == b.id && a.node == b.node);
    let newest = facts.last_backups.insert(HashMap::new());
    for backup in backups.iter().filter(|backup| backup.vmid != 0) {
        // The newest stand first.
        newest.entry(backup.vmid).or_insert(backup.made_at);
    }
    replace(&mut view.storage_backups, backups);
}

/// Takes the new list unless it says the same.
fn replace<T: PartialEq>(list: &mut Arc<Vec<T>>, mut new: Vec<T>) {
    if **list != new {
        new.shrink_to_fit();
        *list = Arc::new(new);
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

#[cfg(test)]
mod tests {
    use pulse_core::model::{InstanceKey, InstanceKind};

    use super::*;
    use crate::facts::Finding;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn task(node: &str, second: i64) -> BackupTask {
        BackupTask {
            id: format!("{node}-{second}"),
            node: node.into(),
            instance: "lab".into(),
            kind: "vzdump".into(),
            vmid: 0,
            status: "OK".into(),
            started_at: at(second),
            ended_at: None,
            size_bytes: None,
            error: None,
        }
    }

    fn backup(storage: &str, node: &str, vmid: u32, second: i64) -> StorageBackup {
        StorageBackup {
            id: format!("lab-{storage}-{vmid}-{second}"),
            storage: storage.into(),
            node: node.into(),
            instance: "lab".into(),
            kind: "qemu".into(),
            vmid,
            made_at: at(second),
            size_bytes: 1,
            format: "vma".into(),
            notes: None,
            is_protected: false,
            volume_id: String::new(),
            is_pbs: false,
            is_verified: None,
            verification: None,
        }
    }

    fn view() -> InstanceView {
        InstanceView::unknown(InstanceKey { kind: InstanceKind::Pve, name: "lab".into() })
    }

    /// Takes findings as a poll would; nodes, guests and storages are not known yet and so nothing is taken out.
    fn after(view: &mut InstanceView, facts: &mut InstanceFacts, findings: Vec<Finding>) {
        for finding in findings {
            facts.take(finding);
        }
        complete_long_lists(view, facts);
    }

    #[test]
    fn a_nodes_tasks_replace_that_nodes_tasks_and_an_equal_list_changes_nothing() {
        let (mut view, mut facts) = (view(), InstanceFacts::default());
        let tasks = |node: &str, seconds: &[i64]| Finding::Tasks {
            node: node.into(),
            list: seconds.iter().map(|second| task(node, *second)).collect(),
        };
        after(&mut view, &mut facts, vec![tasks("a", &[1, 5]), tasks("b", &[3])]);
        let order: Vec<_> = view.backup_tasks.iter().map(|task| task.id.as_str()).collect();
        assert_eq!(order, ["a-5", "b-3", "a-1"]);
        after(&mut view, &mut facts, vec![tasks("a", &[7])]);
        let order: Vec<_> = view.backup_tasks.iter().map(|task| task.id.as_str()).collect();
        assert_eq!(order, ["a-7", "b-3"]);
        let before = view.backup_tasks.clone();
        after(&mut view, &mut facts, vec![tasks("a", &[7])]);
        assert!(Arc::ptr_eq(&before, &view.backup_tasks), "readers keep what they have");
    }

    #[test]
    fn the_newest_backup_over_all_storages_counts_and_goes_when_it_is_deleted() {
        let (mut view, mut facts) = (view(), InstanceFacts::default());
        let backups = |storage: &str, node: &str, list: Vec<StorageBackup>| Finding::Backups {
            node: node.into(),
            storage: storage.into(),
            list,
        };
        let newest = |facts: &InstanceFacts| facts.last_backups.as_ref().unwrap().get(&100).copied();
        after(
            &mut view,
            &mut facts,
            vec![
                backups("nas", "", vec![backup("nas", "a", 100, 10), backup("nas", "a", 100, 20)]),
                backups("local", "a", vec![backup("local", "a", 100, 15)]),
                backups("local", "b", vec![backup("local", "b", 100, 12)]),
            ],
        );
        assert_eq!((newest(&facts), view.storage_backups.len()), (Some(at(20)), 4));
        after(&mut view, &mut facts, vec![backups("nas", "", Vec::new())]);
        assert_eq!((newest(&facts), view.storage_backups.len()), (Some(at(15)), 2));
        after(
            &mut view,
            &mut facts,
            vec![backups("local", "a", Vec::new()), backups("local", "b", Vec::new())],
        );
        assert_eq!(newest(&facts), None);
    }
}
