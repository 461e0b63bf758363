//! What keeps a guest busy, so that its agent must be left alone.

use super::wire::{Task, VmStatus};
use crate::details::{VmState, Work};

/// Tasks over all guests of a node that do not say which one it is at.
const ON_ALL: &[&str] = &["vzdump", "migrateall", "stopall", "suspendall"];
/// Tasks about a guest that do not touch it: somebody looks at its screen.
const HARMLESS: &[&str] = &["vncproxy", "vncshell", "spiceproxy", "spiceshell", "termproxy"];

pub(super) fn vm_state(status: &VmStatus<'_>) -> VmState {
    let is_running =
        status.status.is("running") && status.qmpstatus.as_str().is_none_or(|state| state == "running");
    VmState { is_running, lock: status.lock.to_owned(), has_agent: status.agent.0 }
}

/// Reads the list of active tasks. One that has ended is still listed for a moment and counts no more.
pub(super) fn from_tasks(rows: &[Task<'_>]) -> Work {
    let mut work = Work::default();
    for row in rows.iter().filter(|row| row.endtime.0.is_none()) {
        let Some(kind) = row.kind.as_str().filter(|kind| !HARMLESS.contains(kind)) else { continue };
        // The id of a task about a guest is its number; a job over several has none.
        match row.id.as_str().map(str::parse) {
            Some(Ok(vmid)) => {
                work.on_guests.insert(vmid, kind.to_owned());
            }
            Some(Err(_)) | None if ON_ALL.contains(&kind) => work.on_all = Some(kind.to_owned()),
            Some(Err(_)) | None => {}
        }
    }
    work
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pve::wire::{list, object};

    fn work(rows: &str) -> Work {
        from_tasks(&list(&format!(r#"{{"data":[{rows}]}}"#)).unwrap())
    }

    #[test]
    fn a_task_about_a_guest_holds_that_guest_and_a_job_over_many_holds_all() {
        let one = work(r#"{"type":"vzdump","id":"100","starttime":1}, {"type":"vncproxy","id":"101"}"#);
        assert_eq!((one.on(100), one.on(101)), (Some("vzdump"), None));
        let migration = work(r#"{"type":"qmigrate","id":"7"}"#);
        assert_eq!((migration.on(7), migration.on(8)), (Some("qmigrate"), None));
        assert_eq!(work(r#"{"type":"vzdump","id":""}"#).on(5), Some("vzdump"));
        assert_eq!(work(r#"{"type":"vzdump"}"#).on(5), Some("vzdump"));
        assert_eq!(work(r#"{"type":"aptupdate","id":""}"#), Work::default());
        assert_eq!(work(r#"{"type":"vzdump","id":"","endtime":5}"#), Work::default());
    }

    #[test]
    fn a_paused_or_locked_machine_is_told_from_a_running_one() {
        let state = |json: &str| vm_state(&object(&format!(r#"{{"data":{json}}}"#)).unwrap());
        let running = state(r#"{"status":"running","qmpstatus":"running","agent":1}"#);
        assert_eq!(running, VmState { is_running: true, lock: None, has_agent: true });
        for json in [
            r#"{"status":"stopped"}"#,
            r#"{"status":"running","qmpstatus":"paused"}"#,
            r#"{"status":"running","qmpstatus":"suspended"}"#,
        ] {
            assert!(!state(json).is_running, "{json}");
        }
        assert_eq!(state(r#"{"status":"running","lock":"backup"}"#).lock.as_deref(), Some("backup"));
        assert!(state(r#"{"status":"running","agent":{"enabled":"1"}}"#).has_agent);
        assert!(!state(r#"{"status":"running","agent":0}"#).has_agent);
    }
}
