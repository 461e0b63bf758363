//! One poll of a backup server: three calls, and one for each list of jobs that is wanted. What hardly ever changes
//! is asked every five minutes.

use std::{collections::BTreeMap, sync::PoisonError, time::Duration};

use jiff::Timestamp;
use pulse_core::{
    Missing, Reading,
    model::{ConnectionHealth, DiskUse, FailureClass, MemoryUse, PbsDatastore, PbsDatastoreState, PbsJob},
};
use tokio::time::Instant;

use super::{PbsConnection, wire};
use crate::{
    PbsCycle, PollError, Polled,
    envelope::{self, list, object},
    issues::Issues,
    lenient::Int,
    link::{encoded, is_plain},
    rights::no_datastore,
};

const VERSION: &str = "/version";
const STATUS: &str = "/nodes/localhost/status";
pub(super) const USAGE: &str = "/status/datastore-usage";
pub(super) const STORES: &str = "/admin/datastore";
/// What hardly ever changes is asked again after this.
const FACTS_AFTER: Duration = Duration::from_mins(5);
/// Datastores, jobs and namespaces of one server; no real one comes near it.
const LIST_CAP: usize = 10_000;

/// What hardly ever changes.
#[derive(Debug, Default)]
pub(super) struct Facts {
    due_at: Option<Instant>,
    /// Comment and maintenance by datastore.
    stores: BTreeMap<String, StoreFacts>,
}

#[derive(Debug, Default, Clone, PartialEq)]
struct StoreFacts {
    comment: Option<String>,
    maintenance: Option<String>,
    namespaces: Vec<String>,
}

impl PbsConnection {
    pub(super) async fn poll_once(&self, now: Timestamp) -> Result<PbsCycle, PollError> {
        self.link.prepare().await?;
        // This one decides whether the server answers at all.
        let version = self.version().await?;
        let mut issues = Issues::new(now);
        let mut cycle = PbsCycle {
            host_url: self.link.origin(),
            version,
            health: ConnectionHealth::Healthy,
            ..PbsCycle::default()
        };
        let (status, datastores, sync, verify, prune, garbage) = tokio::join!(
            self.link.get(STATUS),
            self.datastores(now),
            self.jobs("/admin/sync", self.wants.sync_jobs),
            self.jobs("/admin/verify", self.wants.verify_jobs),
            self.jobs("/admin/prune", self.wants.prune_jobs),
            self.jobs("/admin/gc", self.wants.garbage_jobs),
        );
        if let Err(error) = status.and_then(|body| self.apply_status(&body, &mut cycle)) {
            let why = missing(&error);
            cycle.cpu_fraction = Reading::Unknown(why);
            cycle.memory = Reading::Unknown(why);
            cycle.root_disk = Reading::Unknown(why);
            cycle.uptime_seconds = Reading::Unknown(why);
            issues.add(&error, None, "the load of the machine is unknown");
        }
        cycle.datastores = match datastores {
            Ok(polled) => polled,
            Err(error) => {
                issues.add(&error, None, "the datastores are shown as they were");
                Polled::Failed
            }
        };
        // Without the right a server lists nothing instead of refusing.
        if matches!(&cycle.datastores, Polled::Read(stores) if stores.is_empty())
            && let Some(why) = self.rights().await.and_then(|rights| no_datastore(&rights))
        {
            issues.note(FailureClass::Permission, why);
        }
        // Disks that are changed and maintenance are nothing that goes wrong.
        for store in cycle.datastores_read().iter().filter(|store| store.state == PbsDatastoreState::Failed) {
            let error = store.error.as_deref().unwrap_or("it cannot be used");
            issues.note(FailureClass::Server, format!("datastore {}: {error}", store.name));
        }
        let mut take = |jobs: Result<Polled<Vec<PbsJob>>, PollError>, what: &str| match jobs {
            Ok(jobs) => jobs,
            Err(error) => {
                issues.add(&error, None, &format!("the {what} jobs are shown as they were"));
                Polled::Failed
            }
        };
        cycle.sync_jobs = take(sync, "sync");
        cycle.verify_jobs = take(verify, "verification");
        cycle.prune_jobs = take(prune, "prune");
        cycle.garbage_jobs = take(garbage, "garbage collection");
        cycle.issues = issues.finish();
        if !cycle.issues.is_empty() {
            cycle.health = ConnectionHealth::Degraded;
        }
        Ok(cycle)
    }

    /// `4.2.1`, from `4.2` and `1`.
    pub(super) async fn version(&self) -> Result<Option<String>, PollError> {
        let body = self.link.get(VERSION).await?;
        let answer: wire::Version<'_> =
            object(&body).map_err(|detail| self.link.unreadable(VERSION, detail))?;
        Ok(answer.version.as_str().map(|version| match answer.release.as_str() {
            Some(release) => format!("{version}.{release}"),
            None => version.to_owned(),
        }))
    }

    fn apply_status(&self, body: &str, cycle: &mut PbsCycle) -> Result<(), PollError> {
        let status: wire::NodeStatus = object(body).map_err(|detail| self.link.unreadable(STATUS, detail))?;
        let known = Missing::NotReported;
        cycle.cpu_fraction = Reading::from_option(status.cpu.fraction().map(|cpu| cpu.min(1.0)), known);
        let memory = status.memory.0.unwrap_or_default();
        let used = MemoryUse::new(memory.total.0.unwrap_or(0), memory.used.0.unwrap_or(0));
        let swap = status.swap.0.unwrap_or_default();
        let with_swap = |use_of: MemoryUse| MemoryUse {
            swap_total_bytes: swap.total.0,
            swap_used_bytes: swap.used.0,
            ..use_of
        };
        cycle.memory = Reading::from_option(used.filter(|_| memory.used.0.is_some()).map(with_swap), known);
        cycle.root_disk = Reading::from_option(
            status.root.0.and_then(|root| space(root.total, root.used, root.avail)),
            known,
        );
        cycle.uptime_seconds = Reading::from_option(status.uptime.0, known);
        cycle.load_average = status.loadavg.three();
        Ok(())
    }

    async fn datastores(&self, now: Timestamp) -> Result<Polled<Vec<PbsDatastore>>, PollError> {
        if !self.wants.datastores {
            return Ok(Polled::Off);
        }
        let body = self.link.get(USAGE).await?;
        let rows = list::<wire::Usage<'_>>(&body).map_err(|detail| self.link.unreadable(USAGE, detail))?;
        let mut stores: Vec<PbsDatastore> = rows
            .iter()
            .take(LIST_CAP)
            .filter_map(|row| datastore(row, now))
            .filter(|store| !self.is_excluded(&store.name))
            .collect();
        stores.sort_by(|a, b| a.name.cmp(&b.name));
        stores.dedup_by(|a, b| a.name == b.name);
        self.add_facts(&mut stores).await;
        Ok(Polled::Read(stores))
    }

    /// Adds what hardly ever changes; what cannot be read of it stays as it was known.
    async fn add_facts(&self, stores: &mut [PbsDatastore]) {
        let known = {
            let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = facts.due_at.is_none_or(|at| Instant::now() >= at)
                || stores.iter().any(|store| !facts.stores.contains_key(&store.name));
            if is_due { None } else { Some(facts.stores.clone()) }
        };
        let facts = match known {
            Some(facts) => facts,
            None => self.read_facts(stores).await,
        };
        for store in stores {
            let Some(facts) = facts.get(&store.name) else { continue };
            store.comment.clone_from(&facts.comment);
            store.namespaces.clone_from(&facts.namespaces);
            if let Some(maintenance) = &facts.maintenance {
                store.maintenance = Some(maintenance.clone());
                store.state = PbsDatastoreState::Maintenance;
            }
        }
    }

    async fn read_facts(&self, stores: &[PbsDatastore]) -> BTreeMap<String, StoreFacts> {
        let before = self.facts.lock().unwrap_or_else(PoisonError::into_inner).stores.clone();
        let mut next: BTreeMap<String, StoreFacts> = stores
            .iter()
            .map(|store| (store.name.clone(), before.get(&store.name).cloned().unwrap_or_default()))
            .collect();
        if let Ok(body) = self.link.get(STORES).await
            && let Ok(rows) = list::<wire::Store<'_>>(&body)
        {
            for row in rows {
                let Some(facts) = row.store.as_str().and_then(|name| next.get_mut(name)) else { continue };
                facts.comment = row.comment.to_owned();
                facts.maintenance = row.maintenance.as_str().map(in_words);
            }
        }
        for (name, facts) in &mut next {
            let is_usable = stores.iter().any(|store| store.name == *name && store.error.is_none());
            if is_usable && let Ok(namespaces) = self.namespaces(name).await {
                facts.namespaces = namespaces;
            }
        }
        let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        facts.due_at = Some(Instant::now() + FACTS_AFTER);
        facts.stores.clone_from(&next);
        next
    }

    /// The namespaces of a datastore with the root first. A server of version 1 has only that.
    pub(super) async fn namespaces(&self, store: &str) -> Result<Vec<String>, PollError> {
        if !is_plain(store) {
            return Ok(Vec::new());
        }
        let path = format!("/admin/datastore/{}/namespace", encoded(store));
        let body = match self.link.get(&path).await {
            Ok(body) => body,
            Err(PollError::Status { status: 404, .. }) => return Ok(vec![String::new()]),
            Err(error) => return Err(error),
        };
        let rows =
            list::<wire::Namespace<'_>>(&body).map_err(|detail| self.link.unreadable(&path, detail))?;
        let mut namespaces: Vec<String> =
            rows.into_iter().take(LIST_CAP).map(|row| row.ns.to_name().unwrap_or_default()).collect();
        namespaces.push(String::new());
        namespaces.sort();
        namespaces.dedup();
        Ok(namespaces)
    }

    async fn jobs(&self, path: &str, is_wanted: bool) -> Result<Polled<Vec<PbsJob>>, PollError> {
        if !is_wanted {
            return Ok(Polled::Off);
        }
        let body = match self.link.get(path).await {
            Ok(body) => body,
            // Lists of jobs came one after the other: this version has none of this kind.
            Err(PollError::Status { status: 404, .. }) => return Ok(Polled::Read(Vec::new())),
            Err(error) => return Err(error),
        };
        let rows =
            envelope::list::<wire::Job<'_>>(&body).map_err(|detail| self.link.unreadable(path, detail))?;
        let mut jobs: Vec<PbsJob> = rows.iter().take(LIST_CAP).filter_map(job).collect();
        jobs.retain(|job| !self.is_excluded(&job.datastore));
        jobs.sort_by(|a, b| (&a.datastore, &a.id).cmp(&(&b.datastore, &b.id)));
        jobs.dedup_by(|a, b| (&a.datastore, &a.id) == (&b.datastore, &b.id));
        Ok(Polled::Read(jobs))
    }
}

impl PbsCycle {
    fn datastores_read(&self) -> &[PbsDatastore] {
        match &self.datastores {
            Polled::Read(stores) => stores,
            Polled::Off | Polled::Failed => &[],
        }
    }
}

/// `type=read-only,message=…` without the keys.
fn in_words(maintenance: &str) -> String {
    let part = |key: &str| {
        maintenance.split_once(key).map(|(_, rest)| rest.trim_matches('"')).filter(|text| !text.is_empty())
    };
    let kind = maintenance.split(',').next().unwrap_or_default().trim_start_matches("type=");
    match part("message=") {
        Some(message) => format!("{kind}: {message}"),
        None => kind.to_owned(),
    }
}

fn datastore(row: &wire::Usage<'_>, now: Timestamp) -> Option<PbsDatastore> {
    let name = row.store.to_name()?;
    let is_unmounted = row.mount_status.is("notmounted");
    let error = row.error.to_owned();
    let state = match (&error, is_unmounted) {
        (_, true) => PbsDatastoreState::Unmounted,
        (Some(error), _) if error.contains("maintenance mode") => PbsDatastoreState::Maintenance,
        (Some(_), _) => PbsDatastoreState::Failed,
        (None, _) => PbsDatastoreState::Available,
    };
    let why = if state == PbsDatastoreState::Available { Missing::NotReported } else { Missing::Inactive };
    let gc = row.gc_status.0.unwrap_or_default();
    let deduplication_factor = match (gc.index_data_bytes.0, gc.disk_bytes.positive()) {
        (Some(needed), Some(taken)) if needed > 0 => Some(needed as f64 / taken as f64),
        _ => None,
    };
    // An estimate in the past means that it is not filling up.
    let full_at = row
        .estimated_full_date
        .0
        .and_then(time)
        .filter(|at| *at > now && state == PbsDatastoreState::Available);
    Some(PbsDatastore {
        space: Reading::from_option(space(row.total, row.used, row.avail), why),
        comment: None,
        error: error.or_else(|| is_unmounted.then(|| "its removable disk is not mounted".to_owned())),
        state,
        maintenance: None,
        backend: row.backend_type.to_owned(),
        namespaces: Vec::new(),
        deduplication_factor,
        full_at,
        name,
    })
}

fn space(total: Int, used: Int, available: Int) -> Option<DiskUse> {
    let total = total.0?;
    let used_bytes = used.0.or_else(|| available.0.map(|free| total.saturating_sub(free)))?;
    let space = DiskUse::new(total, used_bytes)?;
    // Blocks reserved for root are neither used nor free.
    Some(available.0.map_or(space, |free_bytes| DiskUse { free_bytes: free_bytes.min(total), ..space }))
}

fn job(row: &wire::Job<'_>) -> Option<PbsJob> {
    let datastore = row.store.to_name()?;
    let remote = match (row.remote.as_str(), row.remote_store.as_str()) {
        (Some(remote), Some(store)) => Some(format!("{remote}:{store}")),
        (None, Some(store)) => Some(store.to_owned()),
        (remote, None) => remote.map(str::to_owned),
    };
    Some(PbsJob {
        id: row.id.to_name().unwrap_or_else(|| datastore.clone()),
        namespace: row.ns.to_name(),
        remote,
        schedule: row.schedule.to_owned(),
        comment: row.comment.to_owned(),
        is_enabled: !row.disable.is_set(),
        last_run_at: row.last_run_endtime.0.and_then(time),
        last_run_state: row.last_run_state.to_owned(),
        next_run_at: row.next_run.0.and_then(time),
        duration_seconds: row.duration.0,
        removed_bytes: row.removed_bytes.0,
        datastore,
    })
}

/// Unix seconds; 0 is no time.
pub(super) fn time(seconds: u64) -> Option<Timestamp> {
    i64::try_from(seconds).ok().filter(|seconds| *seconds > 0).and_then(|s| Timestamp::from_second(s).ok())
}

fn missing(error: &PollError) -> Missing {
    match error.class() {
        FailureClass::Permission => Missing::PermissionDenied,
        FailureClass::Decode => Missing::Unreadable,
        FailureClass::Connection
        | FailureClass::Timeout
        | FailureClass::Certificate
        | FailureClass::Authentication
        | FailureClass::Server => Missing::Offline,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maintenance_is_told_in_words() {
        assert_eq!(in_words("read-only"), "read-only");
        assert_eq!(in_words("type=offline,message=new disks"), "offline: new disks");
        assert_eq!(in_words("offline,message=\"a, b\""), "offline: a, b");
    }

    #[test]
    fn a_datastore_without_space_is_unknown_and_never_empty() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let of = |json: &str| {
            let row: wire::Usage<'_> = serde_json::from_str(json).unwrap();
            datastore(&row, now).unwrap()
        };
        let store = of(r#"{"store":"a","error":"no disk","avail":-1,"mount-status":"notmounted"}"#);
        assert_eq!(store.state, PbsDatastoreState::Unmounted);
        assert_eq!(store.space, Reading::Unknown(Missing::Inactive));
        let store = of(r#"{"store":"a","total":100,"used":40,"avail":50,"estimated-full-date":1700000000,
                "gc-status":{"disk-bytes":10,"index-data-bytes":80}}"#);
        assert_eq!(store.space, Reading::Known(DiskUse { total_bytes: 100, used_bytes: 40, free_bytes: 50 }));
        assert_eq!((store.deduplication_factor, store.full_at), (Some(8.0), None));
        let store =
            of(r#"{"store":"a","total":100,"used":40,"gc-status":{"disk-bytes":0,"index-data-bytes":0}}"#);
        assert_eq!(store.deduplication_factor, None);
    }
}
