//! The worker of one node: its jobs, one after the other.

use std::{collections::HashMap, sync::Arc, time::Duration};

use pulse_collectors::{PollError, PveDetails, rights};
use pulse_core::model::{FailureClass, GuestKind};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Assignment, Desk, KnownGuest,
    timetable::{Outcome, Timetable},
    visit::GuestVisits,
};
use crate::facts::Finding;

/// A pause between two jobs at least.
const PAUSE: Duration = Duration::from_millis(200);
/// No job takes longer.
const LONGEST_JOB: Duration = Duration::from_secs(120);

/// Usual times between two looks.
const CONTAINER: Duration = Duration::from_secs(10 * 60);
const STOPPED_CONTAINER: Duration = Duration::from_secs(60 * 60);
const POOLS: Duration = Duration::from_secs(5 * 60);
const UPDATES: Duration = Duration::from_secs(30 * 60);
const REPLICATION: Duration = Duration::from_secs(60);
const CEPH: Duration = Duration::from_secs(60);
const DISKS: Duration = Duration::from_secs(5 * 60);
/// A guest's snapshots are not asked for more often than this per guest of the node: few change them.
const SNAPSHOT_SHARE: Duration = Duration::from_secs(12);
/// A guest's agent is visited this often, less on a node with many.
const VISIT: Duration = Duration::from_secs(60);
const VISIT_SHARE: Duration = Duration::from_secs(9);
const LONGEST_VISIT_INTERVAL: Duration = Duration::from_secs(300);
/// How far back tasks that made backups are read.
const TASKS_SINCE: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 30);

/// What an account may do hardly ever changes.
const RIGHTS: Duration = Duration::from_secs(60 * 60);

/// What is said of backups, which need two privileges at once.
const BACKUPS_ADVICE: &str = "give the user and its token Datastore.AllocateSpace on the storage and VM.Backup on the \
                              guests, or Datastore.Allocate on the storage";

/// One thing to look at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Job {
    Visit(u32),
    Container(u32),
    Snapshots(u32),
    Disks,
    Pools,
    Updates,
    Replication,
    Tasks,
    Backups(String),
    Ceph,
    Rights,
}

/// The worker of one node.
pub(super) struct Worker {
    desk: Arc<Desk>,
    node: String,
    told: watch::Receiver<Arc<Assignment>>,
    visits: GuestVisits,
}

impl Worker {
    pub(super) fn new(desk: Arc<Desk>, node: String, told: watch::Receiver<Arc<Assignment>>) -> Self {
        Self { desk, node, told, visits: GuestVisits::default() }
    }

    /// Works until it is dropped.
    pub(super) async fn work(mut self) {
        let mut table = Timetable::default();
        loop {
            let assignment = self.told.borrow_and_update().clone();
            self.visits.keep(&assignment.guests);
            let wanted = self.wanted(&assignment);
            table.want(wanted.iter().map(|(job, (_, delay))| (job.clone(), *delay)), Instant::now());
            let due = table.next().filter(|(_, due)| *due <= Instant::now());
            let Some((job, _)) = due else {
                let next = table.next().map(|(_, due)| due);
                tokio::select! {
                    changed = self.told.changed() => if changed.is_err() { return },
                    () = async { match next {
                        Some(due) => sleep_until(due).await,
                        None => std::future::pending().await,
                    } } => {}
                }
                continue;
            };
            let interval = wanted.get(&job).map_or(CONTAINER, |(interval, _)| *interval);
            let began = Instant::now();
            let outcome = timeout(LONGEST_JOB, self.run(&job, &assignment)).await.unwrap_or(Outcome::Failed);
            table.done(&job, outcome, interval, Instant::now());
            // As long a pause as the work took: at most half of the node's attention.
            sleep(began.elapsed().clamp(PAUSE, LONGEST_JOB)).await;
        }
    }

    /// The jobs there are, each with its interval and how long the first one waits.
    fn wanted(&self, assignment: &Assignment) -> HashMap<Job, (Duration, Duration)> {
        let settings = *self.desk.settings.borrow();
        let instance = self.desk.instance();
        let mut jobs = HashMap::new();
        let vms = assignment.guests.iter().filter(|guest| guest.kind == GuestKind::Vm).count() as u32;
        let visit = (VISIT_SHARE * vms).clamp(VISIT, LONGEST_VISIT_INTERVAL);
        let are_backups_wanted = settings.are_backups_polled && instance.monitor_backups;
        let backups = settings.backup_interval(pulse_core::model::InstanceKind::Pve);
        let snapshots = backups.max(SNAPSHOT_SHARE * assignment.guests.len() as u32);
        for (place, guest) in assignment.guests.iter().enumerate() {
            let first = PAUSE * place as u32;
            match guest.kind {
                // Not even looked at while it is locked.
                GuestKind::Vm if guest.is_running && !guest.is_locked => {
                    jobs.insert(Job::Visit(guest.vmid), (visit, first));
                }
                GuestKind::Vm => {}
                GuestKind::Container | GuestKind::OciContainer => {
                    let usual = if guest.is_running { CONTAINER } else { STOPPED_CONTAINER };
                    jobs.insert(Job::Container(guest.vmid), (usual, first));
                }
            }
            if are_backups_wanted {
                jobs.insert(Job::Snapshots(guest.vmid), (snapshots, first * 2));
            }
        }
        if instance.monitor_physical_disks.unwrap_or(true) {
            let minutes = u64::from(instance.physical_disk_polling_minutes);
            let usual = if minutes == 0 { DISKS } else { Duration::from_secs(minutes * 60) };
            jobs.insert(Job::Disks, (usual, Duration::ZERO));
        }
        if instance.monitor_storage {
            jobs.insert(Job::Pools, (POOLS, Duration::ZERO));
            if assignment.is_first && assignment.has_ceph {
                jobs.insert(Job::Ceph, (CEPH, Duration::ZERO));
            }
        }
        if assignment.is_first {
            jobs.insert(Job::Rights, (RIGHTS, Duration::ZERO));
        }
        if are_backups_wanted {
            jobs.insert(Job::Tasks, (backups, Duration::ZERO));
            for storage in &assignment.storages {
                jobs.insert(Job::Backups(storage.name.clone()), (backups, Duration::ZERO));
            }
        }
        if assignment.is_member {
            jobs.insert(Job::Replication, (REPLICATION, Duration::ZERO));
        }
        jobs.insert(Job::Updates, (UPDATES, Duration::from_secs(5)));
        jobs
    }

    async fn run(&mut self, job: &Job, assignment: &Assignment) -> Outcome {
        let Ok(api) = self.desk.api() else { return Outcome::Failed };
        let Some(details) = api.details() else { return Outcome::Absent };
        match self.ask(details, job, assignment).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::debug!(node.name = self.node, ?job, %error, "a look beside the polls failed");
                match error.class() {
                    FailureClass::Permission => Outcome::Denied,
                    _ if matches!(error, PollError::Status { status: 501, .. }) => Outcome::Absent,
                    _ => Outcome::Failed,
                }
            }
        }
    }

    async fn ask(
        &mut self,
        details: &dyn PveDetails,
        job: &Job,
        assignment: &Assignment,
    ) -> Result<Outcome, PollError> {
        let (desk, node) = (&self.desk, &self.node);
        let now = desk.now();
        let name = node.clone();
        let guest = |vmid: u32| assignment.guests.iter().find(|guest| guest.vmid == vmid).copied();
        let finding = match job {
            Job::Visit(vmid) => return self.visits.visit(desk, details, node, *vmid).await,
            Job::Container(vmid) => {
                let is_running = guest(*vmid).is_some_and(|guest| guest.is_running);
                let facts = details.container(node, *vmid, is_running).await?;
                Finding::Container { vmid: *vmid, facts }
            }
            Job::Snapshots(vmid) => {
                let Some(KnownGuest { kind, .. }) = guest(*vmid) else { return Ok(Outcome::Done) };
                let list = details.snapshots(node, kind, *vmid).await?;
                Finding::Snapshots { vmid: *vmid, list }
            }
            Job::Disks => Finding::Disks { node: name, list: details.disks(node, now).await? },
            Job::Pools => Finding::Pools { node: name, list: details.pools(node).await? },
            Job::Replication => {
                Finding::Replication { node: name, list: details.replication(node, now).await? }
            }
            Job::Ceph => Finding::Ceph(details.ceph(node, now).await?),
            Job::Tasks => {
                let since = now.checked_sub(TASKS_SINCE).unwrap_or(now);
                Finding::Tasks { node: name, list: details.backup_tasks(node, since).await? }
            }
            Job::Rights => {
                let granted = details.privileges(node).await?;
                let instance = desk.instance();
                let are_guests_wanted = instance.monitor_vms || instance.monitor_containers;
                for (need, is_wanted) in
                    [(rights::GUESTS, are_guests_wanted), (rights::STORAGES, instance.monitor_storage)]
                {
                    if need.is_met(&granted) || !is_wanted {
                        desk.grant(need.what);
                    } else {
                        desk.lack(need.what, &need.lack(), need.advice);
                    }
                }
                let settings = *desk.settings.borrow();
                let are_backups_wanted = settings.are_backups_polled && instance.monitor_backups;
                if !are_backups_wanted || rights::BACKUPS.is_met(&granted) {
                    desk.grant(rights::BACKUPS.what);
                } else {
                    desk.lack(
                        rights::BACKUPS.what,
                        "Proxmox shows them only to who may restore them",
                        BACKUPS_ADVICE,
                    );
                }
                return Ok(Outcome::Done);
            }
            Job::Updates => {
                if desk.is_denied(rights::UPDATES.what) {
                    return Ok(Outcome::Denied);
                }
                let rights::Need { what, advice, .. } = rights::UPDATES;
                let count = denied(desk, what, advice, details.updates(node).await)?;
                Finding::Updates { node: name, count }
            }
            Job::Backups(storage) => {
                let Some(storage) = assignment.storages.iter().find(|one| one.name == *storage) else {
                    return Ok(Outcome::Done);
                };
                let list = denied(
                    desk,
                    rights::BACKUPS.what,
                    BACKUPS_ADVICE,
                    details.backups_on(node, storage).await,
                )?;
                let place = if storage.is_shared { String::new() } else { name };
                Finding::Backups { node: place, storage: storage.name.clone(), list }
            }
        };
        desk.found(finding);
        Ok(Outcome::Done)
    }
}

/// Notes whether a right is missing, and passes the outcome on.
fn denied<T>(
    desk: &Desk,
    what: &'static str,
    advice: &'static str,
    outcome: Result<T, PollError>,
) -> Result<T, PollError> {
    match &outcome {
        // A list of backups may be empty for want of a right: that is for `Job::Rights` to tell.
        Ok(_) if what != rights::BACKUPS.what => desk.grant(what),
        Err(error) if error.class() == FailureClass::Permission => desk.deny(what, advice, error),
        Ok(_) | Err(_) => {}
    }
    outcome
}
