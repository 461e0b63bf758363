//! From a group of backups to the guest it is of.

use std::collections::{BTreeSet, HashMap};

use crate::{
    Snapshot,
    ids::InstanceName,
    model::{Guest, InstanceKind, InstanceView, PbsBackupGroup, PbsBackupType, StorageBackup},
};

/// What decided whose backup it is, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// A storage of one cluster shows this very backup.
    Storage,
    /// The namespace has the cluster's or instance's name.
    Namespace,
    /// The owner has the cluster's or instance's name.
    Owner,
    /// The comment has the guest's name.
    Comment,
    /// Nobody else has that number.
    OnlyCandidate,
}

impl Evidence {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Namespace => "namespace",
            Self::Owner => "owner",
            Self::Comment => "comment",
            Self::OnlyCandidate => "vmid",
        }
    }
}

/// Names that everybody gives to users, tokens and namespaces. An instance that happens to have one of them is not meant.
const GENERIC: [&str; 8] = ["pve", "pbs", "proxmox", "root", "admin", "backup", "backups", "pulse"];

/// A guest that a backup may be of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Candidate {
    /// The instance through which the guest is polled.
    pub instance: InstanceName,
    /// Its number.
    pub vmid: u32,
}

/// Whose backup it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribution {
    /// This guest's.
    Guest {
        /// The guest.
        guest: Candidate,
        /// What decided.
        by: Evidence,
    },
    /// One of several, of one that something speaks against, or of a cluster that was not read yet; nobody's until that
    /// is settled.
    Ambiguous {
        /// The guests it may be of, sorted.
        candidates: Vec<Candidate>,
        /// What is in the way, for people.
        reason: String,
    },
    /// No guest has that number, as far as is known.
    Orphan {
        /// The instance it was of, where that is known.
        instance: Option<InstanceName>,
    },
    /// A machine with the backup client, no guest.
    Host,
}

/// The estate, looked at from the side of backups.
pub(super) struct Estate<'a> {
    clusters: Vec<&'a InstanceView>,
    /// All guests by number and whether they are VMs, templates included: they have numbers too.
    guests: HashMap<(u32, bool), Vec<&'a Guest>>,
    /// Names of guests, to tell a name from any other comment.
    names: BTreeSet<&'a str>,
    /// Instances whose storage shows a backup of that number and second.
    seen: HashMap<(u32, i64), Vec<&'a InstanceName>>,
}

impl<'a> Estate<'a> {
    pub(super) fn of(world: &'a Snapshot) -> Self {
        let clusters: Vec<&InstanceView> = world
            .instances
            .iter()
            .filter(|(key, _)| key.kind == InstanceKind::Pve)
            .map(|(_, view)| &**view)
            .collect();
        let mut this =
            Self { guests: HashMap::new(), names: BTreeSet::new(), seen: HashMap::new(), clusters };
        for view in &this.clusters {
            for guest in view.guests.iter() {
                this.guests.entry((guest.vmid, guest.kind.is_vm())).or_default().push(guest);
                this.names.insert(&guest.name);
            }
            for backup in view.storage_backups.iter().filter(|backup| backup.is_pbs) {
                let seen = this.seen.entry((backup.vmid, backup.made_at.as_second())).or_default();
                if !seen.contains(&&view.key.name) {
                    seen.push(&view.key.name);
                }
            }
        }
        this
    }

    /// What to say of a backup whose guest is not there: gone, unless somebody was never asked who might have it.
    fn gone(&self, instance: Option<&InstanceName>) -> Attribution {
        let mut of_interest =
            self.clusters.iter().filter(|view| instance.is_none_or(|name| view.key.name == *name));
        match of_interest.find(|view| view.last_success.is_none()) {
            Some(view) => Attribution::Ambiguous {
                candidates: Vec::new(),
                reason: format!("{} was not read yet", view.key.name),
            },
            None => Attribution::Orphan { instance: instance.cloned() },
        }
    }

    pub(super) fn clusters(&self) -> &[&'a InstanceView] {
        &self.clusters
    }

    fn with_number(&self, vmid: u32, is_vm: bool) -> &[&'a Guest] {
        self.guests.get(&(vmid, is_vm)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The one instance that a name means: an instance's or a cluster's, whatever the case.
    fn named(&self, name: &str) -> Option<&'a InstanceName> {
        if GENERIC.iter().any(|word| word.eq_ignore_ascii_case(name)) {
            return None;
        }
        let is_it = |view: &&&InstanceView| {
            view.key.name.as_str().eq_ignore_ascii_case(name)
                || view.cluster_name.as_deref().is_some_and(|cluster| cluster.eq_ignore_ascii_case(name))
        };
        let mut found = self.clusters.iter().filter(is_it);
        match (found.next(), found.next()) {
            (Some(view), None) => Some(&view.key.name),
            _ => None,
        }
    }

    /// The instance a namespace speaks of: the innermost part that is a name decides.
    fn of_namespace(&self, namespace: &str) -> Option<&'a InstanceName> {
        namespace.rsplit('/').find_map(|part| self.named(part))
    }

    /// The instance an owner speaks of: `user@realm!token` with the token's or the user's name.
    fn of_owner(&self, owner: &str) -> Option<&'a InstanceName> {
        let (user, token) = owner.split_once('!').unwrap_or((owner, ""));
        let user = user.split('@').next().unwrap_or_default();
        [token, user].into_iter().filter(|name| !name.is_empty()).find_map(|name| self.named(name))
    }

    /// The instances whose storages show backups of this group.
    fn that_see(&self, group: &PbsBackupGroup, vmid: u32) -> Vec<&'a InstanceName> {
        let mut found: Vec<&InstanceName> = Vec::new();
        for snapshot in &group.snapshots {
            for instance in self.seen.get(&(vmid, snapshot.made_at.as_second())).into_iter().flatten() {
                if !found.contains(instance) {
                    found.push(instance);
                }
            }
        }
        found.sort();
        found
    }

    pub(super) fn attribute(&self, group: &PbsBackupGroup) -> Attribution {
        let is_vm = match group.key.backup_type {
            PbsBackupType::Host => return Attribution::Host,
            PbsBackupType::Vm => true,
            PbsBackupType::Ct => false,
        };
        let Some(vmid) = group.vmid() else { return Attribution::Orphan { instance: None } };
        let candidates = self.with_number(vmid, is_vm);
        let comments = comments(group);

        // Who shows it in a storage has its namespace in the configuration; several may share one.
        let seers = self.that_see(group, vmid);
        if let [instance] = seers[..] {
            return self.within(instance, vmid, candidates, Evidence::Storage);
        }
        let claims = [
            (self.of_namespace(&group.key.namespace), Evidence::Namespace),
            (group.owner.as_deref().and_then(|owner| self.of_owner(owner)), Evidence::Owner),
        ];
        for (instance, evidence) in claims {
            let Some(instance) = instance else { continue };
            // A claim of somebody who does not see it, while others do, is an old name.
            if seers.is_empty() || seers.contains(&instance) {
                return self.within(instance, vmid, candidates, evidence);
            }
        }
        let candidates: Vec<&&Guest> =
            candidates.iter().filter(|guest| seers.is_empty() || seers.contains(&&guest.instance)).collect();
        self.by_comment(&candidates, comments)
    }

    /// The guest of that number in the instance the evidence points to. Where it has none, the guest is gone: whoever
    /// else has the number has nothing to do with it.
    fn within(&self, instance: &InstanceName, vmid: u32, candidates: &[&Guest], by: Evidence) -> Attribution {
        if candidates.iter().any(|guest| guest.instance == *instance) {
            Attribution::Guest { guest: Candidate { instance: instance.clone(), vmid }, by }
        } else {
            self.gone(Some(instance))
        }
    }

    fn by_comment(&self, candidates: &[&&Guest], comments: Vec<&str>) -> Attribution {
        let named: Vec<&&&Guest> = candidates.iter().filter(|guest| says(&comments, &guest.name)).collect();
        match (candidates, &named[..]) {
            ([], _) => self.gone(None),
            (_, [guest]) => Attribution::Guest { guest: candidate(guest), by: Evidence::Comment },
            ([guest], []) => match comments.iter().find(|comment| self.names.contains(*comment)) {
                // The number was given to another guest since, or it is another cluster's.
                Some(other) => Attribution::Ambiguous {
                    candidates: vec![candidate(guest)],
                    reason: format!("it was made of a guest called {other:?}, not {:?}", guest.name),
                },
                None => Attribution::Guest { guest: candidate(guest), by: Evidence::OnlyCandidate },
            },
            (several, _) => {
                let mut candidates: Vec<Candidate> = several.iter().map(|guest| candidate(guest)).collect();
                candidates.sort();
                Attribution::Ambiguous {
                    reason: format!(
                        "{} guests have that number, and neither namespace, owner nor comment tells which; give each \
                         cluster a namespace or a token of its own name",
                        candidates.len()
                    ),
                    candidates,
                }
            }
        }
    }

    /// Whether a backup on a storage is the guest's of that instance. A storage that two clusters share shows both the
    /// backups of both.
    pub(super) fn attribute_stored(
        &self,
        backup: &StorageBackup,
        shared_with: &[&InstanceName],
    ) -> Attribution {
        if backup.vmid == 0 {
            return Attribution::Host;
        }
        let is_vm = backup.kind != "lxc";
        let own =
            |guest: &&&Guest| guest.instance == backup.instance || shared_with.contains(&&guest.instance);
        let candidates: Vec<&&Guest> = self.with_number(backup.vmid, is_vm).iter().filter(own).collect();
        if candidates.is_empty() {
            return self.gone(Some(&backup.instance));
        }
        if let [guest] = candidates[..]
            && guest.instance == backup.instance
        {
            return Attribution::Guest { guest: candidate(guest), by: Evidence::Storage };
        }
        let notes: Vec<&str> = backup.notes.as_deref().into_iter().collect();
        self.by_comment(&candidates, notes)
    }
}

/// Each group of every backup server with whose it is.
pub fn attribute(world: &Snapshot) -> Vec<(&PbsBackupGroup, Attribution)> {
    let estate = Estate::of(world);
    world
        .instances
        .values()
        .flat_map(|view| view.pbs_backups.iter())
        .map(|group| (&**group, estate.attribute(group)))
        .collect()
}

fn candidate(guest: &Guest) -> Candidate {
    Candidate { instance: guest.instance.clone(), vmid: guest.vmid }
}

/// What the newest backup says of itself, and what is noted of the group.
fn comments(group: &PbsBackupGroup) -> Vec<&str> {
    let newest = group.newest().and_then(|snapshot| snapshot.comment.as_deref());
    newest
        .into_iter()
        .chain(group.comment.as_deref())
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .collect()
}

/// Whether one of the comments has the name as a word of its own: templates put more around it.
fn says(comments: &[&str], name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == '.';
    !name.is_empty()
        && comments.iter().any(|comment| {
            comment.match_indices(name).any(|(at, _)| {
                let before = comment[..at].chars().next_back();
                let after = comment[at + name.len()..].chars().next();
                !before.is_some_and(is_part) && !after.is_some_and(is_part)
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_word_only() {
        for (comment, name, expect) in [
            ("web", "web", true),
            ("nightly, web, node1", "web", true),
            ("web-2", "web", false),
            ("my web: 100", "web", true),
            ("webber", "web", false),
            ("", "web", false),
            ("anything", "", false),
            ("größe web ü", "web", true),
        ] {
            assert_eq!(says(&[comment], name), expect, "{comment} {name}");
        }
    }
}
