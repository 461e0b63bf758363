//! Tasks of a backup server, and the jobs that begin them: every job runs once a day, and each backup is a task too.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{
    backups::{GroupTruth, StoreTruth},
    pbs_shapes::gc_status,
    routes::parameter,
};
use crate::figures::{derive, derive_text};

const DAY: u64 = 86_400;
/// Tasks are listed this far back.
const TASK_DAYS: u64 = 7;
/// So many are listed where nobody says how many.
const USUAL_LIMIT: usize = 50;
const PROCESS: u64 = 0x208D;
const PROCESS_START: u64 = 0x2_F29E;

/// A job that runs once a day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    name: &'static str,
    worker: &'static str,
    schedule: &'static str,
    second_of_day: u64,
    took: u64,
    state: &'static str,
}

pub(super) const SYNC: Job = Job {
    name: "sync-offsite",
    worker: "syncjob",
    schedule: "05:00",
    second_of_day: 18_000,
    took: 1_260,
    state: "sync failed with some errors.",
};
pub(super) const VERIFY: Job = Job {
    name: "verify-main",
    worker: "verificationjob",
    schedule: "02:30",
    second_of_day: 9_000,
    took: 3_900,
    state: "OK",
};
pub(super) const PRUNE: Job = Job {
    name: "prune-main",
    worker: "prunejob",
    schedule: "04:15",
    second_of_day: 15_300,
    took: 45,
    state: "OK",
};
/// Garbage collection, which every datastore has.
const GARBAGE: Job = Job {
    name: "",
    worker: "garbage_collection",
    schedule: "daily",
    second_of_day: 0,
    took: 120,
    state: "OK",
};

impl Job {
    /// When its last run that has ended began.
    fn last_run(&self, now: u64) -> u64 {
        let today = now / DAY * DAY + self.second_of_day;
        if today + self.took > now { today.saturating_sub(DAY) } else { today }
    }

    fn next_run(&self, now: u64) -> u64 {
        let today = now / DAY * DAY + self.second_of_day;
        if today > now { today } else { today + DAY }
    }

    fn worker_id(&self, store: &str) -> String {
        match self.worker {
            "garbage_collection" => store.to_owned(),
            "syncjob" => format!("offsite:copy:{store}::{}", self.name),
            _ => format!("{store}:{}", self.name),
        }
    }

    fn task(&self, store: &str, began: u64) -> Task<'static> {
        let (id, user) = (self.worker_id(store), "root@pam");
        Task { began, ended: began + self.took, worker: self.worker, id, user, status: self.state }
    }

    /// The job in the list of its kind, with what only that kind has.
    pub(super) fn listed(&self, now: u64, more: Value) -> Value {
        let last = self.last_run(now);
        let mut entry = json!({
            "id": self.name, "store": "main", "schedule": self.schedule, "comment": "simulated",
            "last-run-endtime": last + self.took, "last-run-state": self.state,
            "last-run-upid": self.task("main", last).upid(), "next-run": self.next_run(now),
        });
        if let (Some(entry), Value::Object(more)) = (entry.as_object_mut(), more) {
            entry.extend(more);
        }
        entry
    }
}

/// Garbage collection of a datastore in the list of those jobs.
pub(super) fn garbage_job(store: &StoreTruth, now: u64) -> Value {
    let last = GARBAGE.last_run(now);
    let mut entry = gc_status(store);
    if let Some(entry) = entry.as_object_mut() {
        entry.extend([
            ("store".to_owned(), json!(store.name)),
            ("schedule".to_owned(), json!(GARBAGE.schedule)),
            ("duration".to_owned(), json!(GARBAGE.took)),
            ("last-run-endtime".to_owned(), json!(last + GARBAGE.took)),
            ("last-run-state".to_owned(), json!(GARBAGE.state)),
            ("next-run".to_owned(), json!(GARBAGE.next_run(now))),
            ("upid".to_owned(), json!(GARBAGE.task(&store.name, last).upid())),
        ]);
    }
    entry
}

/// Something the server did, or does.
struct Task<'a> {
    began: u64,
    ended: u64,
    worker: &'static str,
    id: String,
    user: &'a str,
    status: &'static str,
}

impl Task<'_> {
    fn upid(&self) -> String {
        // No two tasks of one process have the same number.
        let number = derive_text(derive(self.began, 1), &self.id) & 0xFFFF_FFFF;
        format!(
            "UPID:vault:{PROCESS:08X}:{PROCESS_START:08X}:{number:08X}:{:08X}:{}:{}:{}:",
            self.began,
            self.worker,
            escaped(&self.id),
            self.user
        )
    }

    fn kind_of_status(&self) -> &'static str {
        match self.status {
            "OK" => "ok",
            status if status.starts_with("WARNINGS") => "warning",
            _ => "error",
        }
    }

    fn listed(&self, now: u64) -> Value {
        let mut entry = json!({
            "node": "localhost", "pid": PROCESS, "pstart": PROCESS_START, "starttime": self.began,
            "upid": self.upid(), "user": self.user, "worker_id": self.id, "worker_type": self.worker,
        });
        if self.ended <= now {
            entry["endtime"] = self.ended.into();
            entry["status"] = self.status.into();
        }
        entry
    }
}

/// The name of a task's object as it stands in its id.
fn escaped(id: &str) -> String {
    let mut out = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'/' => out.push('-'),
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' => out.push(char::from(byte)),
            _ => {
                // Writing to a text cannot fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out
}

/// The tasks that a query asks for, the newest first; or which parameter makes no sense.
pub(super) fn tasks(
    groups: &[GroupTruth],
    stores: &[StoreTruth],
    query: &[(String, String)],
    now: u64,
) -> Result<Vec<Value>, String> {
    let wanted = Wanted::read(query)?;
    let oldest = now.saturating_sub(TASK_DAYS * DAY);
    let mut list = Vec::new();
    let runs = |job: Job| {
        let today = now / DAY * DAY + job.second_of_day;
        (0..=TASK_DAYS).map(move |days| today.saturating_sub(days * DAY))
    };
    for job in [SYNC, VERIFY, PRUNE] {
        list.extend(runs(job).map(|began| job.task("main", began)));
    }
    for store in stores.iter().filter(|store| store.total.is_some()) {
        list.extend(runs(GARBAGE).map(|began| GARBAGE.task(&store.name, began)));
    }
    for group in groups {
        let store = match group.namespace.as_str() {
            "" => group.store.clone(),
            namespace => format!("{}:{namespace}", group.store),
        };
        let id = format!("{store}:{}/{}", group.kind, group.id);
        let key = derive_text(1, &id);
        list.extend(group.backups.iter().take(TASK_DAYS as usize).map(|backup| Task {
            began: backup.at,
            ended: backup.at + 20 + derive(key, backup.at / DAY) % 600,
            worker: "backup",
            id: id.clone(),
            user: &group.owner,
            status: "OK",
        }));
    }
    list.retain(|task| (oldest..=now).contains(&task.began) && wanted.is_met(task, now));
    list.sort_by(|a, b| b.began.cmp(&a.began).then_with(|| a.id.cmp(&b.id)));
    Ok(list.iter().skip(wanted.start).take(wanted.limit).map(|task| task.listed(now)).collect())
}

/// Which tasks somebody wants to see.
struct Wanted<'a> {
    errors: bool,
    running: bool,
    limit: usize,
    start: usize,
    since: Option<u64>,
    until: Option<u64>,
    store: Option<&'a str>,
    kind: Option<&'a str>,
    user: Option<&'a str>,
    states: Vec<&'a str>,
}

impl<'a> Wanted<'a> {
    fn read(query: &'a [(String, String)]) -> Result<Self, String> {
        let wrong = |name: &str, what: &str| {
            format!("parameter verification errors\n\nparameter '{name}': value does not look like {what}\n")
        };
        let number = |name: &str| {
            let parse = |text: &str| text.parse::<u64>().map_err(|_| wrong(name, "a valid integer"));
            parameter(query, name).map(parse).transpose()
        };
        let flag = |name: &str| match parameter(query, name) {
            None | Some("0" | "false" | "off" | "no") => Ok(false),
            Some("1" | "true" | "on" | "yes") => Ok(true),
            Some(_) => Err(wrong(name, "a boolean")),
        };
        let limit = match number("limit")? {
            None => USUAL_LIMIT,
            Some(0) => usize::MAX,
            Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let states: Vec<&str> =
            query.iter().filter(|(name, _)| name == "statusfilter").map(|(_, state)| &**state).collect();
        if states.iter().any(|state| !["ok", "warning", "error", "unknown"].contains(state)) {
            return Err(wrong("statusfilter", "one of its values"));
        }
        Ok(Self {
            errors: flag("errors")?,
            running: flag("running")?,
            limit,
            start: number("start")?.and_then(|start| usize::try_from(start).ok()).unwrap_or(0),
            since: number("since")?,
            until: number("until")?,
            store: parameter(query, "store"),
            kind: parameter(query, "typefilter"),
            user: parameter(query, "userfilter"),
            states,
        })
    }

    fn is_met(&self, task: &Task<'_>, now: u64) -> bool {
        let is_running = task.ended > now;
        let state = task.kind_of_status();
        (!self.running || is_running)
            && !(self.errors && (is_running || state == "ok"))
            && (self.states.is_empty() || (!is_running && self.states.contains(&state)))
            && self.since.is_none_or(|since| task.began >= since)
            && self.until.is_none_or(|until| task.began <= until)
            && self.store.is_none_or(|store| task.id.split(':').any(|part| part == store))
            && self.kind.is_none_or(|kind| task.worker.contains(kind))
            && self.user.is_none_or(|user| task.user.contains(user))
    }
}
