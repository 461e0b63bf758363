//! Backup tasks that failed: of a guest until one succeeds, of a job over several guests for a day or until the next one.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use pulse_core::{
    Snapshot,
    model::{AlertLevel, BackupTask},
};

use super::{Guests, ignores};
use crate::{
    engine::{
        step::Confirm,
        visit::{Finding, Look, Subject, Words},
    },
    kind::Kind,
    observe::guest::sanitise,
};

/// A job does not say which job it was: the success of another one, an hour later, ends nothing. The next night does.
const JOB_COUNTS: SignedDuration = SignedDuration::from_hours(24);

/// What one place's tasks say.
struct Tasks<'a> {
    newest: &'a BackupTask,
    newest_failed: Option<&'a BackupTask>,
}

/// Whether a task that ended went wrong. A warning is no failure, and of one whose end is unknown nobody can tell.
fn is_failure(task: &BackupTask) -> bool {
    task.error.is_some() && task.status != "unknown"
}

pub(super) fn look(look: &mut Look<'_>, world: &Snapshot, guests: &Guests<'_>) {
    let rules = look.rules;
    let config = &rules.config;
    let mut tasks: BTreeMap<(&str, u32, &str), Tasks<'_>> = BTreeMap::new();
    let ended = world.instances.values().flat_map(|view| view.backup_tasks.iter());
    for task in ended.filter(|task| task.ended_at.is_some()) {
        // The tasks of a guest count wherever they ran, those of jobs by node.
        let node = if task.vmid == 0 { task.node.as_str() } else { "" };
        let known = tasks
            .entry((task.instance.as_str(), task.vmid, node))
            .or_insert(Tasks { newest: task, newest_failed: None });
        if task.started_at > known.newest.started_at {
            known.newest = task;
        }
        if is_failure(task) && known.newest_failed.is_none_or(|failed| task.started_at > failed.started_at) {
            known.newest_failed = Some(task);
        }
    }
    for ((instance, vmid, node), tasks) in tasks {
        let (limits, guest, is_monitor_only) = if vmid == 0 {
            (config.backup_defaults.clone(), None, false)
        } else {
            // A guest that is gone needs no backup.
            let Some(guest) = guests.get(instance, vmid) else { continue };
            let Ok(effective) = rules.guest(guest) else { continue };
            let limits = effective.backup.clone().unwrap_or_else(|| config.backup_defaults.clone());
            (limits, Some(guest), effective.is_monitor_only)
        };
        if !limits.enabled || !limits.alert_failed || ignores(&limits, &vmid.to_string()) {
            continue;
        }
        let failed = tasks.newest_failed.filter(|failed| {
            failed.started_at == tasks.newest.started_at
                || vmid == 0 && look.now.duration_since(failed.started_at) < JOB_COUNTS
        });
        let (id, name) = match guest {
            Some(guest) => (guest.id.to_string(), guest.name.clone()),
            None => (format!("{instance}:{node}"), node.to_owned()),
        };
        match guest {
            Some(_) => crate::observe::key(look, "backup-failed", &format!("{instance}:{vmid}")),
            None => crate::observe::key(look, "backup-failed-job", &format!("{instance}:{node}")),
        }
        let subject = Subject {
            id: &id,
            name: &name,
            node: guest.map_or(node, |guest| &guest.node),
            instance,
            what: "Backup",
            tags: guest.map(|guest| guest.tags.as_slice()).unwrap_or_default(),
            is_monitor_only,
        };
        let mut finding = Finding::maybe(failed.map(|_| AlertLevel::Warning), 0.0, 0.0);
        finding.since = failed.and_then(|failed| failed.ended_at);
        look.resource(subject, |visit| {
            visit.check(Kind::BackupFailed, "", finding, Confirm::AT_ONCE, |subject| {
                let why = failed.map_or("", |task| task.error.as_deref().unwrap_or(&task.status));
                let message = match guest {
                    Some(_) => format!("the last backup of {} failed: {why}", subject.name),
                    None => format!("a backup job on {} failed: {why}", subject.name),
                };
                Words::new(format!("backup-failed-{}", sanitise(subject.id)), message)
                    .with_maybe("taskId", failed.map(|task| task.id.clone()))
                    .with_maybe("taskStartedAt", failed.map(|task| task.started_at.to_string()))
                    .with("error", why)
            });
        });
    }
}
