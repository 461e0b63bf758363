//! How old the newest backup of each guest is, over all the places where backups are, and whether the last one failed.

mod failed;

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use pulse_core::{
    Snapshot,
    model::{Guest, InstanceKind, InstanceView},
};

use super::guest::{round, sanitise};
use crate::{
    config::BackupRules,
    engine::{
        step::Confirm,
        visit::{Finding, Look, Subject, Words},
    },
    kind::Kind,
};

/// The newest backup of one thing.
struct Newest<'a> {
    at: Timestamp,
    source: &'static str,
    place: Place<'a>,
    kind: &'a str,
}

/// Where it is.
#[derive(Clone, Copy)]
enum Place<'a> {
    Storage(&'a str, &'a str),
    Datastore(&'a str, &'a str),
    File(&'a str),
}

/// What a backup is of.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Of<'a> {
    /// A guest, by its stable name.
    Guest(&'a str, u32),
    /// Something that no longer exists, or that is no guest.
    Orphan(String),
}

pub(crate) fn look(look: &mut Look<'_>, world: &Snapshot) {
    let rules = look.rules;
    let config = &rules.config;
    let is_any_on = config.backup_defaults.enabled
        || config.overrides.values().any(|over| over.backup.as_ref().is_some_and(|backup| backup.enabled))
        || config
            .custom_rules
            .iter()
            .any(|rule| rule.thresholds.backup.as_ref().is_some_and(|backup| backup.enabled));
    if !config.enabled || !is_any_on {
        return;
    }
    let guests = Guests::of(world);
    failed::look(look, world, &guests);
    let newest = newest(world, &guests);
    for (of, newest) in &newest {
        let (guest, limits) = match of {
            Of::Guest(instance, vmid) => {
                let Some(guest) = guests.get(instance, *vmid) else { continue };
                let Ok(effective) = rules.guest(guest) else { continue };
                let limits = effective.backup.clone().unwrap_or_else(|| config.backup_defaults.clone());
                (Some((guest, effective.is_monitor_only)), limits)
            }
            Of::Orphan(_) if config.backup_defaults.alert_orphaned => (None, config.backup_defaults.clone()),
            Of::Orphan(_) => continue,
        };
        let is_ignored = guest.is_some_and(|(guest, _)| ignores(&limits, &guest.vmid.to_string()))
            || matches!(of, Of::Orphan(key) if key.rsplit('/').next().is_some_and(|vmid| ignores(&limits, vmid)));
        if limits.enabled && !is_ignored {
            one(look, of, guest, newest, &limits);
        }
    }
}

fn ignores(limits: &BackupRules, vmid: &str) -> bool {
    limits.ignore_vmids.iter().any(|pattern| match pattern.trim().strip_suffix('*') {
        Some(prefix) => vmid.starts_with(prefix),
        None => vmid == pattern.trim(),
    })
}

fn one(
    look: &mut Look<'_>,
    of: &Of<'_>,
    guest: Option<(&Guest, bool)>,
    newest: &Newest<'_>,
    limits: &BackupRules,
) {
    let (name, key) = match (of, guest) {
        (_, Some((guest, _))) => (guest.name.clone(), sanitise(guest.id.as_str())),
        (Of::Orphan(key), None) => (key.clone(), sanitise(key)),
        (Of::Guest(..), None) => return,
    };
    match of {
        Of::Guest(instance, vmid) => super::key(look, "backup", &format!("{instance}:{vmid}")),
        Of::Orphan(orphan) => super::key(look, "backup-orphan", orphan),
    }
    let instance = match newest.place {
        Place::Storage(instance, _) | Place::Datastore(instance, _) | Place::File(instance) => instance,
    };
    let subject = Subject {
        id: &key,
        name: &name,
        node: guest.map(|(guest, _)| guest.node.as_str()).unwrap_or_default(),
        instance: guest.map_or(instance, |(guest, _)| guest.instance.as_str()),
        what: "Backup",
        tags: guest.map(|(guest, _)| guest.tags.as_slice()).unwrap_or_default(),
        is_monitor_only: guest.is_some_and(|(_, is_monitor_only)| is_monitor_only),
    };
    let days = (look.now.duration_since(newest.at).as_secs_f64() / 86_400.0).max(0.0);
    let mut finding = Finding::limits(days, limits.warning_days as f64, limits.critical_days as f64);
    if !finding.is_bad() {
        // A new backup ends it, however young the limit.
        finding = Finding::FINE;
    }
    // Publishing an age anew every time it grew a little helps nobody.
    finding.value = days.floor();
    look.resource(subject, |visit| {
        visit.check(Kind::BackupAge, "", finding, Confirm::AT_ONCE, |subject| {
            let message = format!("the newest backup of {name} is {days:.0} days old");
            let words = Words::new(format!("backup-age-{}", subject.id), message)
                .with("source", newest.source)
                .with("lastBackupTime", newest.at.to_string())
                .with("ageDays", round(days))
                .with("thresholdDays", finding.threshold)
                .with("backupType", newest.kind);
            match newest.place {
                Place::Storage(_, storage) => words.with("storage", storage),
                Place::Datastore(_, datastore) => words.with("datastore", datastore),
                Place::File(file) => words.with("filename", file),
            }
        });
    });
}

/// Guests by what backups know of them.
struct Guests<'a> {
    by_vmid: HashMap<u32, Vec<&'a Guest>>,
}

impl<'a> Guests<'a> {
    fn of(world: &'a Snapshot) -> Self {
        let mut by_vmid: HashMap<u32, Vec<&Guest>> = HashMap::new();
        for view in world.instances.values() {
            for guest in view.guests.iter() {
                by_vmid.entry(guest.vmid).or_default().push(guest);
            }
        }
        Self { by_vmid }
    }

    fn get(&self, instance: &str, vmid: u32) -> Option<&'a Guest> {
        let guests = self.by_vmid.get(&vmid)?;
        guests.iter().find(|guest| guest.instance.as_str() == instance).copied()
    }

    /// Whose backup on a backup server it is. Clusters that share a server may use a VMID twice: a namespace or server
    /// that is named like the instance decides; without one nobody knows, and nothing is said.
    // Pulse v5: takes the first, so that the backups of one cluster hide that another has none.
    fn of_pbs(&self, vmid: u32, namespace: &str, server: &str) -> Owner<'a> {
        match self.by_vmid.get(&vmid).map(Vec::as_slice) {
            None | Some([]) => Owner::Nobody,
            Some([one]) => Owner::Guest(one),
            Some(several) => {
                let last = namespace.rsplit('/').next().unwrap_or_default().to_lowercase();
                let is_named = |guest: &&&Guest| {
                    let instance = guest.instance.as_str().to_lowercase();
                    (!last.is_empty() && (instance.ends_with(&last) || last.ends_with(&instance)))
                        || (last.is_empty() && server.to_lowercase().ends_with(&instance))
                };
                let mut named = several.iter().filter(is_named);
                match (named.next(), named.next()) {
                    (Some(one), None) => Owner::Guest(one),
                    _ => Owner::Ambiguous,
                }
            }
        }
    }
}

enum Owner<'a> {
    Guest(&'a Guest),
    Nobody,
    Ambiguous,
}

fn newest<'a>(world: &'a Snapshot, guests: &Guests<'a>) -> BTreeMap<Of<'a>, Newest<'a>> {
    let mut out: BTreeMap<Of<'a>, Newest<'a>> = BTreeMap::new();
    let mut put = |of: Of<'a>, backup: Newest<'a>| match out.get_mut(&of) {
        Some(known) if known.at >= backup.at => {}
        Some(known) => *known = backup,
        None => {
            out.insert(of, backup);
        }
    };
    for view in world.instances.values() {
        let instance = view.key.name.as_str();
        for backup in view.storage_backups.iter().filter(|backup| backup.vmid != 0) {
            let of = match guests.get(instance, backup.vmid) {
                Some(guest) => Of::Guest(guest.instance.as_str(), backup.vmid),
                None if is_unsure(view) => continue,
                None => Of::Orphan(format!("{instance}/{}", backup.vmid)),
            };
            let place = Place::Storage(instance, &backup.storage);
            put(of, Newest { at: backup.made_at, source: "PVE storage", place, kind: &backup.kind });
        }
        for group in view.pbs_backups.iter() {
            let Some(snapshot) = group.newest() else { continue };
            let key = &group.key;
            let place = Place::Datastore(instance, &key.datastore);
            let newest = Newest { at: snapshot.made_at, source: "PBS", place, kind: key.backup_type.name() };
            let orphan = || format!("{instance}/{}/{}/{}", key.datastore, key.namespace, key.backup_id);
            let of = match group.vmid() {
                Some(0) => continue,
                Some(vmid) => match guests.of_pbs(vmid, &key.namespace, instance) {
                    Owner::Guest(guest) => Of::Guest(guest.instance.as_str(), vmid),
                    Owner::Ambiguous => continue,
                    // Before every cluster has answered, nobody knows who is gone.
                    Owner::Nobody if world.instances.values().any(|view| is_unsure(view)) => continue,
                    Owner::Nobody => Of::Orphan(orphan()),
                },
                None => Of::Orphan(orphan()),
            };
            put(of, newest);
        }
        for backup in view.pmg_backups.iter() {
            let newest = Newest {
                at: backup.made_at,
                source: "PMG",
                place: Place::File(&backup.file_name),
                kind: "pmg",
            };
            put(Of::Orphan(format!("{instance}/pmg/{}", backup.node)), newest);
        }
    }
    out
}

/// Whether the guests of a cluster are not known now.
fn is_unsure(view: &InstanceView) -> bool {
    view.key.kind == InstanceKind::Pve && (view.last_success.is_none() || view.guests.is_empty())
}
