//! What is decided about machines that agents report, in `fleet.json`: which machine has which id, what was removed and
//! hidden, which host is which Proxmox node, and commands on their way. Reports themselves are not kept.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use pulse_core::{Clock, SystemClock};
use serde::{Deserialize, Serialize};

use crate::{ConfigError, atomic_file};

/// The file in the data directory.
pub const FILE: &str = "fleet.json";

/// At most so many entries of one kind survive; more than any server knows at once.
pub const MOST_ENTRIES: usize = 30_000;

/// At most so many links are remembered as having been made or undone.
pub const MOST_LINK_EVENTS: usize = 500;

/// What kind of machine an agent reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AgentKind {
    /// A host.
    Host,
    /// A Docker or Podman host.
    Docker,
    /// A Kubernetes cluster.
    Kubernetes,
}

impl AgentKind {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Docker => "docker host",
            Self::Kubernetes => "kubernetes cluster",
        }
    }
}

/// Everything that is decided.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FleetRecord {
    /// Of hosts.
    pub hosts: FleetSection,
    /// Of Docker hosts.
    pub docker_hosts: FleetSection,
    /// Of Kubernetes clusters.
    pub kubernetes_clusters: FleetSection,
    /// Which host a person linked to which Proxmox node, by the host's id.
    pub links: BTreeMap<String, LinkDecision>,
    /// Who linked and unlinked what, oldest first.
    pub link_events: VecDeque<LinkEvent>,
    /// The last command for each Docker host, by its id.
    pub commands: BTreeMap<String, CommandRecord>,
}

impl FleetRecord {
    /// What is decided about one kind.
    pub fn section(&self, kind: AgentKind) -> &FleetSection {
        match kind {
            AgentKind::Host => &self.hosts,
            AgentKind::Docker => &self.docker_hosts,
            AgentKind::Kubernetes => &self.kubernetes_clusters,
        }
    }

    /// The same, to change it.
    pub fn section_mut(&mut self, kind: AgentKind) -> &mut FleetSection {
        match kind {
            AgentKind::Host => &mut self.hosts,
            AgentKind::Docker => &mut self.docker_hosts,
            AgentKind::Kubernetes => &mut self.kubernetes_clusters,
        }
    }

    /// Within the bounds, whatever the file held.
    fn bounded(mut self) -> Self {
        for kind in [AgentKind::Host, AgentKind::Docker, AgentKind::Kubernetes] {
            let section = self.section_mut(kind);
            cut(&mut section.identities);
            cut(&mut section.removed);
            cut(&mut section.names);
            while section.hidden.len() > MOST_ENTRIES {
                section.hidden.pop_last();
            }
            while section.pending_uninstall.len() > MOST_ENTRIES {
                section.pending_uninstall.pop_last();
            }
        }
        cut(&mut self.links);
        cut(&mut self.commands);
        while self.link_events.len() > MOST_LINK_EVENTS {
            self.link_events.pop_front();
        }
        self
    }
}

fn cut<T>(map: &mut BTreeMap<String, T>) {
    while map.len() > MOST_ENTRIES {
        map.pop_last();
    }
}

/// What is decided about one kind of machine, each by its id.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FleetSection {
    /// By what each machine is recognised.
    pub identities: BTreeMap<String, Identity>,
    /// What was removed and may not report for a while.
    pub removed: BTreeMap<String, Tombstone>,
    /// What a person hid.
    pub hidden: BTreeSet<String>,
    /// What is about to be uninstalled.
    pub pending_uninstall: BTreeSet<String>,
    /// Names that people gave; of Kubernetes clusters only, the others' stand with their notes.
    pub names: BTreeMap<String, String>,
}

/// By what a machine is recognised when it reports again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The id it claims for itself; two machines made from one image claim the same.
    pub claim: String,
    /// Its host name.
    #[serde(default)]
    pub hostname: String,
    /// Its machine id, where it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id: Option<String>,
    /// Addresses of its network hardware, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mac_addresses: Vec<String>,
    /// The token it reports with: another one does not speak for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// When it was last heard of, to the day.
    pub seen_at: Timestamp,
}

/// Something that was removed and may not report for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tombstone {
    /// When it was removed.
    pub removed_at: Timestamp,
    /// Its own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name that was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The token it reported with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
}

/// What a person decided about a host and a Proxmox node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkDecision {
    /// The node that is the same machine; `None`: none is, whatever their names say.
    pub node_id: Option<String>,
    /// When that was decided.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
}

/// A link was made or undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkEvent {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The host.
    pub host_id: String,
    /// The node it was linked to, or had been.
    pub node_id: String,
    /// Whether the link was made; else it was undone.
    pub is_linked: bool,
}

/// What a command wants of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum CommandWish {
    /// No more reports.
    Stop,
    /// All registries are to be asked anew.
    CheckUpdates,
    /// A container is to be moved to its newest image.
    UpdateContainer {
        /// Its id.
        container_id: String,
        /// Its name.
        container_name: String,
    },
}

impl CommandWish {
    /// The word on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::CheckUpdates => "check_updates",
            Self::UpdateContainer { .. } => "update_container",
        }
    }
}

/// How far a command got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandStatus {
    /// It waits for the agent's next report.
    Queued,
    /// It was given to the agent.
    Dispatched,
    /// The agent took it on.
    Acknowledged,
    /// The agent is at it.
    InProgress,
    /// It is done.
    Completed,
    /// It failed.
    Failed,
    /// Its time went by.
    Expired,
}

impl CommandStatus {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Dispatched => "dispatched",
            Self::Acknowledged => "acknowledged",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    /// Whether something may still come of it.
    pub fn is_active(self) -> bool {
        match self {
            Self::Queued | Self::Dispatched | Self::Acknowledged | Self::InProgress => true,
            Self::Completed | Self::Failed | Self::Expired => false,
        }
    }
}

/// A command and how far it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandRecord {
    /// Its id.
    pub id: String,
    /// What it wants.
    pub wish: CommandWish,
    /// How far it got.
    pub status: CommandStatus,
    /// What the agent says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it is given up.
    pub expires_at: Timestamp,
    /// When the agent got it: it is never given twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatched_at: Option<Timestamp>,
    /// When the agent took it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// When it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_at: Option<Timestamp>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
}

/// The file of decisions. The world holds them while the server runs; this writes what it holds.
#[derive(Debug)]
pub struct FleetStore {
    path: PathBuf,
    written: Mutex<u64>,
}

impl FleetStore {
    /// Reads the file; a damaged one is set aside, and nothing is decided. Blocks for the disk.
    pub fn open(data_dir: &Path) -> Result<(Self, FleetRecord), ConfigError> {
        let path = data_dir.join(FILE);
        let record: Option<FleetRecord> = atomic_file::read_json_or_set_aside(&path, SystemClock.now())?;
        Ok((Self { path, written: Mutex::new(0) }, record.unwrap_or_default().bounded()))
    }

    /// Writes `record`, the decisions as of `revision`, unless newer ones were written meanwhile. Blocks for the disk.
    pub fn save(&self, revision: u64, record: &FleetRecord) -> Result<(), ConfigError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written >= revision {
            return Ok(());
        }
        let text = serde_json::to_vec(record)
            .map_err(|source| ConfigError::Encode { what: "decisions about agents", source })?;
        atomic_file::write(&self.path, &text)?;
        *written = revision;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn decided() -> FleetRecord {
        let mut record = FleetRecord::default();
        let command = CommandRecord {
            id: "u:abc".into(),
            wish: CommandWish::UpdateContainer { container_id: "abc".into(), container_name: "web".into() },
            status: CommandStatus::InProgress,
            message: None,
            created_at: at(0),
            updated_at: at(1),
            expires_at: at(600),
            dispatched_at: Some(at(1)),
            acknowledged_at: None,
            completed_at: None,
            failed_at: None,
            failure_reason: None,
        };
        record.commands.insert("dock".into(), command);
        let hosts = record.section_mut(AgentKind::Host);
        hosts.hidden.insert("nas".into());
        let grave = Tombstone { removed_at: at(0), name: None, display_name: None, token_id: None };
        hosts.removed.insert("old".into(), grave);
        let link = LinkDecision { node_id: None, at: at(0), by: "admin".into() };
        record.links.insert("nas".into(), link);
        record
    }

    #[test]
    fn decisions_survive_a_restart_and_an_older_one_never_overwrites_a_newer_one() {
        let dir = tempfile::tempdir().unwrap();
        let (store, empty) = FleetStore::open(dir.path()).unwrap();
        assert_eq!(empty, FleetRecord::default());
        store.save(7, &decided()).unwrap();
        store.save(6, &FleetRecord::default()).unwrap();
        assert_eq!(FleetStore::open(dir.path()).unwrap().1, decided());
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_nothing_is_decided() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), r#"{"commands":{"dock":{"id":1}}}"#).unwrap();
        assert_eq!(FleetStore::open(dir.path()).unwrap().1, FleetRecord::default());
        let names: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names[0].to_string_lossy().starts_with("fleet.json.corrupt-"), "{names:?}");
    }

    #[test]
    fn a_file_that_somebody_filled_up_is_cut() {
        let mut record = decided();
        let event = |n: i64| LinkEvent {
            at: at(n),
            by: "x".into(),
            host_id: n.to_string(),
            node_id: "n".into(),
            is_linked: true,
        };
        record.link_events.extend((0..=MOST_LINK_EVENTS as i64).map(event));
        record.hosts.hidden.extend((0..MOST_ENTRIES + 5).map(|n| n.to_string()));
        let bounded = record.bounded();
        assert_eq!(bounded.link_events.len(), MOST_LINK_EVENTS);
        assert_eq!(bounded.link_events[0].at, at(1));
        assert_eq!(bounded.hosts.hidden.len(), MOST_ENTRIES);
    }
}
