//! What was read of a Proxmox VE instance beside its polls: remembered by the keeper, and put into every new view.
//! Pure.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use pulse_collectors::details::{AgentAnswer, ContainerFacts};
use pulse_core::{
    Missing, Reading,
    model::{
        BackupTask, CephCluster, DiskUse, FileSystem, GuestSnapshot, MemoryUse, NetworkInterface,
        PhysicalDisk, ReplicationJob, SourceIssue, StorageBackup, ZfsPool,
    },
};

/// One thing that was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Finding {
    /// A guest agent answered.
    Agent { vmid: u32, at: Timestamp, answer: AgentAnswer },
    /// A guest agent could not be asked, or did not answer.
    AgentTrouble { vmid: u32, why: Missing },
    /// Hardware addresses of a VM.
    Addresses { vmid: u32, list: Vec<String> },
    /// Configuration and addresses of a container.
    Container { vmid: u32, facts: ContainerFacts },
    /// Snapshots of a guest.
    Snapshots { vmid: u32, list: Vec<GuestSnapshot> },
    /// Disks of a node.
    Disks { node: String, list: Vec<PhysicalDisk> },
    /// ZFS pools of a node.
    Pools { node: String, list: Vec<ZfsPool> },
    /// Packages of a node that wait.
    Updates { node: String, count: u32 },
    /// Replication jobs of a node.
    Replication { node: String, list: Vec<ReplicationJob> },
    /// Tasks of a node that made backups.
    Tasks { node: String, list: Vec<BackupTask> },
    /// Backups on a storage; no node for one that several share.
    Backups { node: String, storage: String, list: Vec<StorageBackup> },
    /// Ceph, where there is one.
    Ceph(Option<CephCluster>),
    /// What a missing right hides, or that it does no longer.
    Hidden { what: &'static str, issue: Option<SourceIssue> },
}

/// What is known of one guest beside its figures.
#[derive(Debug, Clone, Default)]
pub(crate) struct GuestFacts {
    /// Sum of its file systems, the list, and when that was read.
    pub(crate) disk: Option<(Reading<DiskUse>, Arc<Vec<FileSystem>>, Timestamp)>,
    /// Memory as the guest itself sees it, and when.
    pub(crate) memory: Option<(MemoryUse, Timestamp)>,
    pub(crate) interfaces: Arc<Vec<NetworkInterface>>,
    pub(crate) addresses: Vec<String>,
    pub(crate) os_name: Option<String>,
    pub(crate) os_version: Option<String>,
    pub(crate) agent_version: Option<String>,
    /// Why its agent says nothing.
    pub(crate) trouble: Option<Missing>,
    pub(crate) is_oci: bool,
}

impl GuestFacts {
    /// Every hardware address that is known, lower case.
    pub(crate) fn hardware_addresses(&self) -> impl Iterator<Item = &str> {
        let of_interfaces = self.interfaces.iter().filter_map(|interface| interface.mac.as_deref());
        of_interfaces.chain(self.addresses.iter().map(String::as_str))
    }
}

/// What is known of one node beside its figures.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeFacts {
    pub(crate) pending_updates: Option<u32>,
    pub(crate) disks: Vec<PhysicalDisk>,
    pub(crate) pools: Vec<ZfsPool>,
    pub(crate) replication: Vec<ReplicationJob>,
    pub(crate) tasks: Vec<BackupTask>,
}

/// What is known of an instance beside its figures.
#[derive(Debug, Default)]
pub(crate) struct InstanceFacts {
    pub(crate) guests: HashMap<u32, GuestFacts>,
    pub(crate) nodes: BTreeMap<String, NodeFacts>,
    pub(crate) snapshots: BTreeMap<u32, Vec<GuestSnapshot>>,
    /// By storage and node.
    pub(crate) backups: BTreeMap<(String, String), Vec<StorageBackup>>,
    pub(crate) last_backups: HashMap<u32, Timestamp>,
    pub(crate) ceph: Vec<CephCluster>,
    pub(crate) hidden: BTreeMap<&'static str, SourceIssue>,
    /// Which lists have changed since they were last put into the view.
    pub(crate) changed: Changed,
}

/// Lists that have to be put together anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) disks: bool,
    pub(crate) replication: bool,
    pub(crate) tasks: bool,
    pub(crate) backups: bool,
    pub(crate) snapshots: bool,
    pub(crate) ceph: bool,
    pub(crate) hidden: bool,
}

impl Changed {
    /// Everything.
    pub(crate) const ALL: Self = Self {
        disks: true,
        replication: true,
        tasks: true,
        backups: true,
        snapshots: true,
        ceph: true,
        hidden: true,
    };
}

impl InstanceFacts {
    /// Takes what was found.
    pub(crate) fn take(&mut self, finding: Finding) {
        match finding {
            Finding::Agent { vmid, at, answer } => self.agent(vmid, at, answer),
            Finding::AgentTrouble { vmid, why } => {
                self.guests.entry(vmid).or_default().trouble = Some(why);
            }
            Finding::Addresses { vmid, list } => self.guests.entry(vmid).or_default().addresses = list,
            Finding::Container { vmid, facts } => {
                let guest = self.guests.entry(vmid).or_default();
                // Once it is known to be one it stays one.
                guest.is_oci |= facts.is_oci;
                guest.os_name = facts.os_name.or(guest.os_name.take());
                guest.interfaces = Arc::new(facts.interfaces);
            }
            Finding::Snapshots { vmid, list } => {
                self.changed.snapshots |= set_list(&mut self.snapshots, vmid, list);
            }
            Finding::Disks { node, list } => {
                self.nodes.entry(node).or_default().disks = list;
                self.changed.disks = true;
            }
            Finding::Pools { node, list } => self.nodes.entry(node).or_default().pools = list,
            Finding::Updates { node, count } => {
                self.nodes.entry(node).or_default().pending_updates = Some(count);
            }
            Finding::Replication { node, list } => {
                self.nodes.entry(node).or_default().replication = list;
                self.changed.replication = true;
            }
            Finding::Tasks { node, list } => {
                let tasks = &mut self.nodes.entry(node).or_default().tasks;
                if *tasks != list {
                    *tasks = list;
                    self.changed.tasks = true;
                }
            }
            Finding::Backups { node, storage, list } => {
                if set_list(&mut self.backups, (storage, node), list) {
                    self.changed.backups = true;
                    self.count_last_backups();
                }
            }
            Finding::Ceph(cluster) => {
                self.ceph = cluster.into_iter().collect();
                self.changed.ceph = true;
            }
            Finding::Hidden { what, issue } => {
                match issue {
                    Some(issue) => self.hidden.insert(what, issue),
                    None => self.hidden.remove(what),
                };
                self.changed.hidden = true;
            }
        }
    }

    fn agent(&mut self, vmid: u32, at: Timestamp, answer: AgentAnswer) {
        let guest = self.guests.entry(vmid).or_default();
        guest.trouble = None;
        match answer {
            AgentAnswer::FileSystems { space, list } => guest.disk = Some((space, Arc::new(list), at)),
            AgentAnswer::Memory(memory) => guest.memory = Some((memory, at)),
            AgentAnswer::Network(interfaces) => guest.interfaces = Arc::new(interfaces),
            AgentAnswer::OperatingSystem { name, version } => {
                (guest.os_name, guest.os_version) = (name, version);
            }
            AgentAnswer::Version(version) => guest.agent_version = version,
        }
    }

    fn count_last_backups(&mut self) {
        self.last_backups.clear();
        for backup in self.backups.values().flatten().filter(|backup| backup.vmid != 0) {
            let last = self.last_backups.entry(backup.vmid).or_insert(backup.made_at);
            *last = (*last).max(backup.made_at);
        }
    }

    /// Forgets guests that are no longer there.
    pub(crate) fn keep_guests(&mut self, is_known: impl Fn(u32) -> bool) {
        self.guests.retain(|vmid, _| is_known(*vmid));
        let before = self.snapshots.len();
        self.snapshots.retain(|vmid, _| is_known(*vmid));
        self.changed.snapshots |= self.snapshots.len() != before;
    }

    /// Forgets nodes that are no longer there, with storages that only they had.
    pub(crate) fn keep_nodes(&mut self, is_known: impl Fn(&str) -> bool) {
        let before = (self.nodes.len(), self.backups.len());
        self.nodes.retain(|name, _| is_known(name));
        self.backups.retain(|(_, node), _| node.is_empty() || is_known(node));
        if before != (self.nodes.len(), self.backups.len()) {
            self.changed = Changed::ALL;
            self.count_last_backups();
        }
    }

    /// Forgets storages that are no longer there.
    pub(crate) fn keep_storages(&mut self, is_known: impl Fn(&str) -> bool) {
        let before = self.backups.len();
        self.backups.retain(|(storage, _), _| is_known(storage));
        if self.backups.len() != before {
            self.changed.backups = true;
            self.count_last_backups();
        }
    }
}

/// Puts a list into the map, an empty one not; says whether anything changed.
fn set_list<K: Ord, T: PartialEq>(map: &mut BTreeMap<K, Vec<T>>, key: K, list: Vec<T>) -> bool {
    if list.is_empty() {
        return map.remove(&key).is_some();
    }
    if map.get(&key) == Some(&list) {
        return false;
    }
    map.insert(key, list);
    true
}
