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
}

/// What is known of an instance beside its figures.
#[derive(Debug, Default)]
pub(crate) struct InstanceFacts {
    pub(crate) guests: HashMap<u32, GuestFacts>,
    pub(crate) nodes: BTreeMap<String, NodeFacts>,
    /// Long lists that were read since the last poll. They are kept in the view only: twice would be tens of
    /// megabytes.
    pub(crate) news: News,
    /// The newest backup of each guest; `None` until backups were read for the first time.
    pub(crate) last_backups: Option<HashMap<u32, Timestamp>>,
    pub(crate) ceph: Vec<CephCluster>,
    pub(crate) hidden: BTreeMap<&'static str, SourceIssue>,
    /// Which lists have changed since they were last put into the view.
    pub(crate) changed: Changed,
}

/// Long lists that were read since the last poll.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Tasks that made backups, by node.
    pub(crate) tasks: HashMap<String, Vec<BackupTask>>,
    /// Backups by storage and node; no node for a storage that several share.
    pub(crate) backups: HashMap<(String, String), Vec<StorageBackup>>,
    /// Snapshots by guest.
    pub(crate) snapshots: HashMap<u32, Vec<GuestSnapshot>>,
}

/// Lists that have to be put together anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    pub(crate) disks: bool,
    pub(crate) replication: bool,
    pub(crate) ceph: bool,
    pub(crate) hidden: bool,
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
                self.news.snapshots.insert(vmid, list);
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
                self.news.tasks.insert(node, list);
            }
            Finding::Backups { node, storage, list } => {
                self.news.backups.insert((storage, node), list);
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

    /// Forgets guests that are no longer there.
    pub(crate) fn keep_guests(&mut self, is_known: impl Fn(u32) -> bool) {
        self.guests.retain(|vmid, _| is_known(*vmid));
    }

    /// Forgets nodes that are no longer there.
    pub(crate) fn keep_nodes(&mut self, is_known: impl Fn(&str) -> bool) {
        let before = self.nodes.len();
        self.nodes.retain(|name, _| is_known(name));
        let has_lost = self.nodes.len() != before;
        self.changed.replication |= has_lost;
        self.changed.disks |= has_lost;
    }
}
