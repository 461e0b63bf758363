//! From whose backup it is to who is covered.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use super::attribution::{Attribution, Candidate, Estate, Evidence};
use crate::{
    Snapshot,
    ids::{GuestId, InstanceName},
    model::{ConnectionHealth, Guest, GuestKind, InstanceKind, InstanceView, PbsBackupGroup, StorageBackup},
};

/// Where backups of a guest are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// A backup server that is polled itself.
    Pbs,
    /// A storage of Proxmox VE.
    Storage,
}

/// Backups of a guest in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What kind of place.
    pub kind: SourceKind,
    /// The backup server, or the instance with the storage.
    pub instance: InstanceName,
    /// Datastore or storage.
    pub place: String,
    /// Namespace, empty for the root.
    pub namespace: String,
    /// Owner, where the place has owners.
    pub owner: Option<String>,
    /// What decided that they are this guest's.
    pub by: Evidence,
    /// How many.
    pub count: usize,
    /// The newest one.
    pub newest: Timestamp,
    /// Whether the newest one that was verified is good; `None` where none was.
    pub is_verified: Option<bool>,
}

/// How a guest stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It has a backup.
    Protected,
    /// It has none.
    Unprotected,
    /// None is certainly its own, but there are some that may be.
    Ambiguous,
    /// Its backups could not be seen.
    Unknown,
}

impl State {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Unprotected => "unprotected",
            Self::Ambiguous => "ambiguous",
            Self::Unknown => "unknown",
        }
    }
}

/// A guest and its backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestCoverage {
    /// Its id on the wire.
    pub id: GuestId,
    /// The instance through which it is polled.
    pub instance: InstanceName,
    /// Its number.
    pub vmid: u32,
    /// What it is.
    pub kind: GuestKind,
    /// Its name.
    pub name: String,
    /// The node it is on.
    pub node: String,
    /// How it stands.
    pub state: State,
    /// Why, where that is not plain.
    pub reason: Option<String>,
    /// Its newest backup.
    pub newest: Option<Timestamp>,
    /// How many different ones there are.
    pub count: usize,
    /// Where they are.
    pub sources: Vec<Source>,
}

/// Why a backup is nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StrayKind {
    /// Several guests may have it.
    Ambiguous {
        /// The guests.
        candidates: Vec<Candidate>,
        /// What is in the way.
        reason: String,
    },
    /// No guest has its number.
    Orphan {
        /// The instance it was of, where that is known.
        instance: Option<InstanceName>,
    },
}

/// Backups that are nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    /// What kind of place they are in.
    pub place_kind: SourceKind,
    /// The backup server, or the instance with the storage.
    pub instance: InstanceName,
    /// Datastore or storage.
    pub place: String,
    /// Namespace, empty for the root.
    pub namespace: String,
    /// Owner.
    pub owner: Option<String>,
    /// `vm` or `ct`.
    pub backup_type: &'static str,
    /// The number.
    pub vmid: String,
    /// What is noted of them.
    pub comment: Option<String>,
    /// How many.
    pub count: usize,
    /// The newest one.
    pub newest: Option<Timestamp>,
    /// Why they are nobody's.
    pub kind: StrayKind,
}

/// Every guest with its backups, and the backups that are nobody's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coverage {
    /// Guests without templates, by instance and number.
    pub guests: Vec<GuestCoverage>,
    /// What is nobody's.
    pub strays: Vec<Stray>,
}

type Found = HashMap<Candidate, (Vec<Source>, HashSet<i64>)>;

impl Coverage {
    /// The coverage of a world.
    pub fn of(world: &Snapshot) -> Self {
        let estate = Estate::of(world);
        let mut found = Found::new();
        let mut strays = Vec::new();
        let mut doubts: HashMap<Candidate, usize> = HashMap::new();
        let servers = world.instances.values().filter(|view| view.key.kind == InstanceKind::Pbs);
        for group in servers.clone().flat_map(|view| view.pbs_backups.iter()) {
            let attribution = estate.attribute(group);
            match attribution {
                Attribution::Host => {}
                Attribution::Guest { guest, by } => add_group(&mut found, guest, group, by),
                Attribution::Ambiguous { candidates, reason } => {
                    for one in &candidates {
                        *doubts.entry(one.clone()).or_default() += 1;
                    }
                    strays.push(stray(group, StrayKind::Ambiguous { candidates, reason }));
                }
                Attribution::Orphan { instance } => {
                    strays.push(stray(group, StrayKind::Orphan { instance }));
                }
            }
        }
        add_stored(&estate, &mut found, &mut strays, &mut doubts);
        let is_any_server_read = servers.clone().any(|view| view.last_success.is_some());
        let guests = estate
            .clusters()
            .iter()
            .flat_map(|view| view.guests.iter().map(move |guest| (view, guest)))
            .filter(|(_, guest)| !guest.is_template)
            .map(|(view, guest)| {
                let key = Candidate { instance: guest.instance.clone(), vmid: guest.vmid };
                let own = found.remove(&key).unwrap_or_default();
                covered(view, guest, own, doubts.get(&key).copied().unwrap_or(0), is_any_server_read)
            })
            .collect();
        Self { guests, strays }
    }

    /// How many guests stand like this.
    pub fn count(&self, state: State) -> usize {
        self.guests.iter().filter(|guest| guest.state == state).count()
    }
}

fn add_group(found: &mut Found, guest: Candidate, group: &PbsBackupGroup, by: Evidence) {
    let Some(newest) = group.newest() else { return };
    let (sources, times) = found.entry(guest).or_default();
    times.extend(group.snapshots.iter().map(|snapshot| snapshot.made_at.as_second()));
    sources.push(Source {
        kind: SourceKind::Pbs,
        instance: group.key.instance.clone(),
        place: group.key.datastore.to_string(),
        namespace: group.key.namespace.to_string(),
        owner: group.owner.as_deref().map(str::to_owned),
        by,
        count: group.snapshots.len(),
        newest: newest.made_at,
        is_verified: group.snapshots.iter().find_map(|snapshot| snapshot.is_verified),
    });
}

/// Backups that the clusters themselves list. What is on a backup server that is polled too is the same backup: it
/// counts once.
fn add_stored(
    estate: &Estate<'_>,
    found: &mut Found,
    strays: &mut Vec<Stray>,
    doubts: &mut HashMap<Candidate, usize>,
) {
    // The same file seen through two clusters is on a storage that both have.
    let mut seen: HashMap<(&str, i64, u64), Vec<&InstanceName>> = HashMap::new();
    let all = || estate.clusters().iter().flat_map(|view| view.storage_backups.iter());
    for backup in all() {
        let sharers = seen.entry(identity(backup)).or_default();
        if !sharers.contains(&&backup.instance) {
            sharers.push(&backup.instance);
        }
    }
    // Put together by storage, as the groups of a backup server are.
    let mut groups: BTreeMap<(&InstanceName, &str, u32, bool), Vec<&StorageBackup>> = BTreeMap::new();
    for backup in all() {
        let key = (&backup.instance, backup.storage.as_str(), backup.vmid, backup.kind == "lxc");
        groups.entry(key).or_default().push(backup);
    }
    for ((instance, storage, vmid, is_container), mut backups) in groups {
        backups.sort_by_key(|backup| std::cmp::Reverse(backup.made_at));
        let mut given: BTreeMap<Candidate, (Evidence, Vec<&StorageBackup>)> = BTreeMap::new();
        let mut lost: Option<(StrayKind, Vec<&StorageBackup>)> = None;
        for backup in backups {
            let shared = seen.get(&identity(backup)).map(Vec::as_slice).unwrap_or_default();
            let kind = match estate.attribute_stored(backup, shared) {
                Attribution::Host => continue,
                // Through the other cluster it is found there.
                Attribution::Guest { guest, .. } if guest.instance != *instance => continue,
                Attribution::Guest { guest, by } => {
                    given.entry(guest).or_insert_with(|| (by, Vec::new())).1.push(backup);
                    continue;
                }
                Attribution::Ambiguous { candidates, reason } => StrayKind::Ambiguous { candidates, reason },
                Attribution::Orphan { instance } => StrayKind::Orphan { instance },
            };
            lost.get_or_insert_with(|| (kind, Vec::new())).1.push(backup);
        }
        for (guest, (by, backups)) in given {
            let (sources, times) = found.entry(guest).or_default();
            let before = times.len();
            times.extend(backups.iter().map(|backup| backup.made_at.as_second()));
            let Some(newest) = backups.first() else { continue };
            // All of them are known from the backup server itself, which tells more.
            if newest.is_pbs && times.len() == before {
                continue;
            }
            sources.push(Source {
                kind: SourceKind::Storage,
                instance: instance.clone(),
                place: storage.to_owned(),
                namespace: String::new(),
                owner: None,
                by,
                count: backups.len(),
                newest: newest.made_at,
                is_verified: backups.iter().find_map(|backup| backup.is_verified),
            });
        }
        // What a backup server shows as nobody's is said once, there.
        if let Some((kind, backups)) = lost.filter(|(_, backups)| backups.iter().any(|backup| !backup.is_pbs))
        {
            if let StrayKind::Ambiguous { candidates, .. } = &kind {
                for one in candidates {
                    *doubts.entry(one.clone()).or_default() += 1;
                }
            }
            strays.push(Stray {
                place_kind: SourceKind::Storage,
                instance: instance.clone(),
                place: storage.to_owned(),
                namespace: String::new(),
                owner: None,
                backup_type: if is_container { "ct" } else { "vm" },
                vmid: vmid.to_string(),
                comment: backups.first().and_then(|backup| backup.notes.clone()),
                count: backups.len(),
                newest: backups.first().map(|backup| backup.made_at),
                kind,
            });
        }
    }
}

/// What tells one backup file from another, without the name of its storage: two clusters may call it differently.
fn identity(backup: &StorageBackup) -> (&str, i64, u64) {
    let volume = backup.volume_id.split_once(':').map_or(backup.volume_id.as_str(), |(_, rest)| rest);
    (volume, backup.made_at.as_second(), backup.size_bytes)
}

fn stray(group: &PbsBackupGroup, kind: StrayKind) -> Stray {
    let noted = group.newest().and_then(|snapshot| snapshot.comment.as_deref()).or(group.comment.as_deref());
    Stray {
        place_kind: SourceKind::Pbs,
        instance: group.key.instance.clone(),
        place: group.key.datastore.to_string(),
        namespace: group.key.namespace.to_string(),
        owner: group.owner.as_deref().map(str::to_owned),
        backup_type: group.key.backup_type.name(),
        vmid: group.key.backup_id.to_string(),
        comment: noted.map(str::to_owned),
        count: group.snapshots.len(),
        newest: group.newest().map(|snapshot| snapshot.made_at),
        kind,
    }
}

fn covered(
    view: &InstanceView,
    guest: &Guest,
    (mut sources, times): (Vec<Source>, HashSet<i64>),
    doubts: usize,
    is_any_server_read: bool,
) -> GuestCoverage {
    sources.sort_by(|a, b| {
        b.newest
            .cmp(&a.newest)
            .then_with(|| (a.kind, &a.instance, &a.place).cmp(&(b.kind, &b.instance, &b.place)))
    });
    // Somebody must have looked before "none" means anything.
    let was_looked = is_any_server_read || !view.storage_backups.is_empty();
    let (state, reason) = match (sources.is_empty(), doubts, was_looked) {
        (false, _, _) => (State::Protected, None),
        (true, 1.., _) => {
            let text = format!("{doubts} groups of backups may be its own, but may be another guest's too");
            (State::Ambiguous, Some(text))
        }
        (true, 0, true) => (State::Unprotected, None),
        (true, 0, false) => {
            let why = if view.health == ConnectionHealth::Error {
                "its cluster does not answer"
            } else {
                "no backup of its cluster was seen at all: there is none, they were not read yet, or the \
                 credentials may not list them"
            };
            (State::Unknown, Some(why.to_owned()))
        }
    };
    GuestCoverage {
        id: guest.id.clone(),
        instance: guest.instance.clone(),
        vmid: guest.vmid,
        kind: guest.kind,
        name: guest.name.clone(),
        node: guest.node.clone(),
        state,
        reason,
        newest: sources.first().map(|source| source.newest),
        count: times.len(),
        sources,
    }
}
