//! A poll of a backup server, and its backups, become its view.

use std::sync::Arc;

use jiff::Timestamp;
use pulse_collectors::{PbsBackups, PbsCycle};
use pulse_core::{
    Missing, Reading,
    ids::{InstanceName, StorageId},
    model::{
        ConnectionHealth, InstanceView, PbsDatastore, PbsDatastoreState, PbsInstance, PbsJobs, SourceIssue,
        Storage, StorageStatus,
    },
};

/// A server that answered this recently still counts as online: one lost poll is no outage.
pub(super) const GRACE_MILLISECONDS: i64 = 90_000;

/// A server of which nothing is known yet but its address.
pub fn announce(previous: &InstanceView, host_url: String, guest_url: Option<String>) -> InstanceView {
    let server = match previous.pbs.as_deref() {
        Some(known) => PbsInstance { host_url, guest_url, ..known.clone() },
        None => PbsInstance {
            id: PbsInstance::id_of(&previous.key.name),
            name: previous.key.name.clone(),
            host_url,
            guest_url,
            is_online: false,
            version: None,
            cpu_fraction: Reading::Unknown(Missing::Offline),
            memory: Reading::Unknown(Missing::Offline),
            root_disk: Reading::Unknown(Missing::Offline),
            load_average: None,
            uptime_seconds: Reading::Unknown(Missing::Offline),
            datastores: None,
            jobs: PbsJobs::default(),
            health: ConnectionHealth::Error,
            last_seen: Timestamp::UNIX_EPOCH,
        },
    };
    InstanceView { pbs: Some(Arc::new(server)), ..previous.clone() }
}

/// The new view after a poll that worked, at least in part. `beside` is what went wrong with the backups.
pub fn merge(
    previous: &InstanceView,
    cycle: PbsCycle,
    guest_url: Option<String>,
    beside: &[SourceIssue],
    now: Timestamp,
) -> InstanceView {
    let before = previous.pbs.as_deref();
    let were_stores_read = matches!(cycle.datastores, pulse_collectors::Polled::Read(_));
    let is_well = beside.is_empty() && cycle.health == ConnectionHealth::Healthy;
    let health = if is_well { ConnectionHealth::Healthy } else { ConnectionHealth::Degraded };
    let jobs = before.map(|server| server.jobs.clone()).unwrap_or_default();
    let server = PbsInstance {
        id: PbsInstance::id_of(&previous.key.name),
        name: previous.key.name.clone(),
        host_url: cycle.host_url,
        guest_url,
        is_online: true,
        version: cycle.version.or_else(|| before?.version.clone()),
        cpu_fraction: cycle.cpu_fraction,
        memory: cycle.memory,
        root_disk: cycle.root_disk,
        load_average: cycle.load_average,
        uptime_seconds: cycle.uptime_seconds,
        datastores: cycle.datastores.or_previous(before.and_then(|server| server.datastores.clone())),
        jobs: PbsJobs {
            sync: cycle.sync_jobs.or_previous(jobs.sync),
            verify: cycle.verify_jobs.or_previous(jobs.verify),
            prune: cycle.prune_jobs.or_previous(jobs.prune),
            garbage: cycle.garbage_jobs.or_previous(jobs.garbage),
        },
        health,
        last_seen: now,
    };
    let mut view = previous.clone();
    // A new list is a new measurement; one that is shown as it was is none.
    if were_stores_read {
        let stores = server.datastores.iter().flatten();
        view.storages = Arc::new(stores.map(|store| storage(&previous.key.name, store)).collect());
    } else if server.datastores.is_none() {
        view.storages = Arc::default();
    }
    view.health = health;
    view.last_success = Some(now);
    view.issues = Arc::new(cycle.issues.into_iter().chain(beside.iter().cloned()).collect());
    view.pbs = Some(Arc::new(server));
    view
}

/// The new view after a poll that failed as a whole: everything is kept, a server silent for too long is offline.
pub fn fail(previous: &InstanceView, issue: SourceIssue, now: Timestamp) -> InstanceView {
    let mut view = previous.clone();
    view.health = ConnectionHealth::Error;
    view.issues = Arc::new(vec![issue]);
    if let Some(server) = previous.pbs.as_deref() {
        let mut server = PbsInstance { health: ConnectionHealth::Error, ..server.clone() };
        if !is_recent(server.last_seen, now) {
            server.is_online = false;
            server.cpu_fraction = Reading::Unknown(Missing::Offline);
            server.uptime_seconds = Reading::Unknown(Missing::Offline);
            server.load_average = None;
        }
        view.pbs = Some(Arc::new(server));
    }
    view
}

/// Near in either direction: a clock that was set back must not keep a dead server alive until it has caught up.
pub(super) fn is_recent(seen: Timestamp, now: Timestamp) -> bool {
    (now.as_millisecond() - seen.as_millisecond()).abs() < GRACE_MILLISECONDS
}

/// The new view after the backups were read. Where nothing changed the list itself stays the same, so that nobody
/// renders it anew.
pub fn backups(previous: &InstanceView, backups: PbsBackups) -> InstanceView {
    let before = &previous.pbs_backups;
    let is_same = before.len() == backups.groups.len()
        && before.iter().zip(&backups.groups).all(|(a, b)| Arc::ptr_eq(a, b));
    if is_same {
        return previous.clone();
    }
    InstanceView { pbs_backups: Arc::new(backups.groups), ..previous.clone() }
}

/// A datastore as the list of storages shows it.
fn storage(server: &InstanceName, store: &PbsDatastore) -> Storage {
    let status = match store.state {
        PbsDatastoreState::Available => StorageStatus::Available,
        PbsDatastoreState::Unmounted | PbsDatastoreState::Maintenance | PbsDatastoreState::Failed => {
            StorageStatus::Inactive
        }
    };
    // A datastore that is read-only for maintenance still answers.
    let is_active = store.space.missing().is_none();
    Storage {
        id: StorageId::from(format!("pbs-{server}-{}", store.name)),
        name: store.name.clone(),
        node: server.to_string(),
        instance: InstanceName::from(format!("pbs-{server}")),
        cluster_name: None,
        nodes: Vec::new(),
        node_ids: Vec::new(),
        kind: "pbs".into(),
        status: if is_active { StorageStatus::Available } else { status },
        space: store.space,
        content: vec!["backup".into()],
        is_shared: true,
        is_enabled: true,
        is_active,
        path: None,
        pool: None,
        zfs_pool: None,
    }
}

#[cfg(test)]
mod tests {
    use pulse_collectors::Polled;
    use pulse_core::model::{DiskUse, FailureClass, InstanceKey, InstanceKind, PbsJob};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn view() -> InstanceView {
        let key = InstanceKey { kind: InstanceKind::Pbs, name: "vault".into() };
        announce(&InstanceView::unknown(key), "https://vault:8007".into(), None)
    }

    fn store(name: &str, total: u64) -> PbsDatastore {
        PbsDatastore {
            name: name.into(),
            comment: None,
            space: Reading::from_option(DiskUse::new(total, total / 4), Missing::Offline),
            error: None,
            state: if total > 0 { PbsDatastoreState::Available } else { PbsDatastoreState::Unmounted },
            maintenance: None,
            backend: None,
            namespaces: vec![String::new()],
            deduplication_factor: None,
            full_at: None,
        }
    }

    fn cycle() -> PbsCycle {
        PbsCycle {
            host_url: "https://vault:8007".into(),
            version: Some("4.2.1".into()),
            cpu_fraction: Reading::Known(0.2),
            datastores: Polled::Read(vec![store("main", 100), store("usb", 0)]),
            sync_jobs: Polled::Read(Vec::new()),
            health: ConnectionHealth::Healthy,
            ..PbsCycle::default()
        }
    }

    fn issue() -> SourceIssue {
        SourceIssue { at: at(0), class: FailureClass::Timeout, message: "slow".into(), node: None }
    }

    #[test]
    fn before_the_first_answer_it_is_listed_as_offline_with_nothing_known() {
        let view = view();
        let server = view.pbs.unwrap();
        assert!(!server.is_online && server.datastores.is_none() && server.version.is_none());
        assert_eq!(server.id, "pbs-vault");
    }

    #[test]
    fn datastores_are_storages_too() {
        let view = merge(&view(), cycle(), None, &[], at(0));
        let main = &view.storages[0];
        assert_eq!((main.id.as_str(), main.node.as_str()), ("pbs-vault-main", "vault"));
        assert_eq!((main.instance.as_str(), main.status), ("pbs-vault", StorageStatus::Available));
        let usb = &view.storages[1];
        assert!(usb.status == StorageStatus::Inactive && !usb.is_active && usb.space.missing().is_some());
        assert_eq!(view.health, ConnectionHealth::Healthy);
    }

    #[test]
    fn a_part_that_failed_keeps_what_was_known_and_is_no_new_measurement() {
        let first = merge(&view(), cycle(), None, &[], at(0));
        let failed = PbsCycle {
            datastores: Polled::Failed,
            sync_jobs: Polled::<Vec<PbsJob>>::Off,
            version: None,
            health: ConnectionHealth::Degraded,
            issues: vec![issue()],
            ..cycle()
        };
        let next = merge(&first, failed, None, &[issue()], at(60));
        let server = next.pbs.unwrap();
        assert_eq!(server.datastores.as_ref().map(Vec::len), Some(2));
        assert_eq!((server.version.as_deref(), server.jobs.sync.as_ref()), (Some("4.2.1"), None));
        assert!(Arc::ptr_eq(&next.storages, &first.storages));
        assert_eq!((next.health, next.issues.len()), (ConnectionHealth::Degraded, 2));
    }

    #[test]
    fn one_lost_poll_is_no_outage_and_two_are() {
        let first = merge(&view(), cycle(), None, &[], at(0));
        let lost = fail(&first, issue(), at(60));
        assert!(lost.pbs.as_ref().unwrap().is_online && lost.health == ConnectionHealth::Error);
        let gone = fail(&lost, issue(), at(120));
        let server = gone.pbs.unwrap();
        assert!(!server.is_online && server.cpu_fraction == Reading::Unknown(Missing::Offline));
        assert_eq!(server.datastores.as_ref().map(Vec::len), Some(2), "what is on it is not forgotten");
        assert_eq!(gone.last_success, Some(at(0)));
    }
}
