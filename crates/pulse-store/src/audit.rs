//! The audit log: who came in, who could not, and who changed what others may do. Each event carries a signature that its
//! owner made; this module only keeps it.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{Ledger, LedgerError};

/// Events are kept this long.
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);
/// So many that succeeded and so many that failed are kept: whoever fails again and again pushes out only other failures.
const MOST_OF_EACH: i64 = 50_000;
/// Events that are too old go so many at a time with each new one: a clock that jumps ahead for a moment costs a few, not
/// the log.
const OLD_AT_ONCE: i64 = 4;
/// Finding out whether there are more takes a while: it is done at every so manieth event.
const TRIMMED_EVERY: i64 = 32;
/// The longest text of each field, in bytes.
const LONGEST_FIELD: usize = 1_024;
/// Events of one answer.
pub const MOST_ASKED: usize = 1_000;

/// Keeps the audit log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AuditLog {
    ledger: Ledger,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Its id; no other event has the same.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// What, in one word.
    pub event: String,
    /// Who, or who it claimed to be.
    pub user: String,
    /// From where.
    pub ip: String,
    /// By which path.
    pub path: String,
    /// Whether it was done.
    pub success: bool,
    /// More, in words.
    pub details: String,
    /// What shows that nobody changed the rest.
    pub signature: String,
}

impl AuditEvent {
    /// Cuts texts that are longer than any that helps; before it is signed.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        for field in [&mut self.event, &mut self.user, &mut self.ip, &mut self.path, &mut self.details] {
            field.truncate(field.floor_char_boundary(LONGEST_FIELD));
        }
        self
    }
}

/// Which events.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Only of this kind.
    pub event: Option<String>,
    /// Only of this user.
    pub user: Option<String>,
    /// Only those that were done, or were not.
    pub success: Option<bool>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
    /// At most so many; never more than [`MOST_ASKED`].
    pub limit: usize,
    /// Without so many of the newest.
    pub offset: u64,
}

/// Some events, and how many there are of their kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundEvents {
    /// The newest first.
    pub events: Vec<AuditEvent>,
    /// How many the query finds without its limit and offset.
    pub total: u64,
}

const COLUMNS: &str = "id, at_ms, event, user, ip, path, success, details, signature";
const WHERE: &str =
    "(?1 IS NULL OR event = ?1) AND (?2 IS NULL OR user = ?2) AND (?3 IS NULL OR success = ?3)
    AND (?4 IS NULL OR at_ms >= ?4) AND (?5 IS NULL OR at_ms <= ?5)";

impl AuditLog {
    /// The log in a ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }

    /// Writes an event down. It is on the disk when this returns; what is too old or too much goes.
    pub async fn append(&self, event: AuditEvent) -> Result<(), LedgerError> {
        let write = move |connection: &Connection| {
            connection.execute(
                "INSERT INTO audit_event (id, at_ms, event, user, ip, path, success, details, signature)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    event.id,
                    event.at.as_millisecond(),
                    event.event,
                    event.user,
                    event.ip,
                    event.path,
                    event.success,
                    event.details,
                    event.signature
                ],
            )?;
            let oldest = event.at.as_millisecond() - i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
            connection.execute(
                "DELETE FROM audit_event WHERE rowid IN
                 (SELECT rowid FROM audit_event WHERE at_ms < ?1 ORDER BY at_ms, rowid LIMIT ?2)",
                [oldest, OLD_AT_ONCE],
            )?;
            if connection.last_insert_rowid() % TRIMMED_EVERY != 0 {
                return Ok(());
            }
            connection.execute(
                "DELETE FROM audit_event WHERE rowid IN (SELECT rowid FROM audit_event WHERE success = ?1
                 ORDER BY rowid DESC LIMIT -1 OFFSET ?2)",
                params![event.success, MOST_OF_EACH],
            )?;
            Ok(())
        };
        self.ledger.run(write).await
    }

    /// The events that a query finds.
    pub async fn find(&self, query: AuditQuery) -> Result<FoundEvents, LedgerError> {
        let read = move |connection: &Connection| {
            let ms = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
            let (from, until) = (ms(query.from), ms(query.until));
            let limit = i64::try_from(query.limit.min(MOST_ASKED)).unwrap_or(0);
            let offset = i64::try_from(query.offset).unwrap_or(i64::MAX);
            let count = format!("SELECT count(*) FROM audit_event WHERE {WHERE}");
            let total: i64 = connection.query_row(
                &count,
                params![query.event, query.user, query.success, from, until],
                |row| row.get(0),
            )?;
            let select = format!(
                "SELECT {COLUMNS} FROM audit_event WHERE {WHERE} ORDER BY at_ms DESC, rowid DESC LIMIT ?6 OFFSET ?7"
            );
            let mut statement = connection.prepare(&select)?;
            let found = statement.query_map(
                params![query.event, query.user, query.success, from, until, limit, offset],
                event_of,
            )?;
            let events = found.collect::<Result<Vec<_>, _>>()?;
            Ok(FoundEvents { events, total: u64::try_from(total).unwrap_or(0) })
        };
        self.ledger.read(read).await
    }

    /// The event of that id.
    pub async fn get(&self, id: String) -> Result<Option<AuditEvent>, LedgerError> {
        let read = move |connection: &Connection| {
            let select = format!("SELECT {COLUMNS} FROM audit_event WHERE id = ?1");
            Ok(connection.query_row(&select, [id], event_of).optional()?)
        };
        self.ledger.read(read).await
    }
}

fn event_of(row: &Row<'_>) -> rusqlite::Result<AuditEvent> {
    Ok(AuditEvent {
        id: row.get(0)?,
        at: Timestamp::from_millisecond(row.get(1)?).unwrap_or(Timestamp::UNIX_EPOCH),
        event: row.get(2)?,
        user: row.get(3)?,
        ip: row.get(4)?,
        path: row.get(5)?,
        success: row.get(6)?,
        details: row.get(7)?,
        signature: row.get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use pulse_core::ManualClock;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn event(id: &str, second: i64, success: bool) -> AuditEvent {
        AuditEvent {
            id: id.into(),
            at: at(second),
            event: "login".into(),
            user: "kim".into(),
            ip: "192.0.2.7".into(),
            path: "/api/login".into(),
            success,
            details: String::new(),
            signature: "s".into(),
        }
    }

    fn open(dir: &Path) -> Ledger {
        Ledger::open(&dir.join("pulse.db"), Arc::new(ManualClock::new(at(0)))).unwrap()
    }

    fn ids(found: &FoundEvents) -> String {
        found.events.iter().map(|event| event.id.as_str()).collect()
    }

    #[tokio::test]
    async fn events_outlive_a_restart_and_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        let log = AuditLog::new(ledger.clone());
        log.append(event("a", 1, true)).await.unwrap();
        log.append(event("b", 2, false)).await.unwrap();
        log.append(AuditEvent { user: "' OR 1=1 --".into(), event: "logout".into(), ..event("c", 3, true) })
            .await
            .unwrap();
        assert!(log.append(event("b", 4, true)).await.is_err(), "an id names one event");
        ledger.close().await;

        let log = AuditLog::new(open(dir.path()));
        let all = AuditQuery { limit: 100, ..AuditQuery::default() };
        let found = async |query: AuditQuery| log.find(query).await.unwrap();
        assert_eq!(ids(&found(all.clone()).await), "cba");
        let page = found(AuditQuery { limit: 1, offset: 1, ..all.clone() }).await;
        assert_eq!((ids(&page).as_str(), page.total), ("b", 3));
        assert_eq!(ids(&found(AuditQuery { success: Some(false), ..all.clone() }).await), "b");
        assert_eq!(ids(&found(AuditQuery { user: Some("' OR 1=1 --".into()), ..all.clone() }).await), "c");
        assert_eq!(ids(&found(AuditQuery { event: Some("logout".into()), ..all.clone() }).await), "c");
        let between = AuditQuery { from: Some(at(2)), until: Some(at(2)), ..all.clone() };
        assert_eq!(ids(&found(between).await), "b");
        assert_eq!(found(AuditQuery { offset: u64::MAX, ..all }).await.events, []);
        assert_eq!(log.get("a".into()).await.unwrap(), Some(event("a", 1, true)));
        assert_eq!(log.get("x".into()).await.unwrap(), None);
    }

    #[tokio::test]
    async fn failures_push_out_failures_only() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        let log = AuditLog::new(ledger.clone());
        log.append(event("good", 0, true)).await.unwrap();
        let fill = |connection: &Connection| {
            Ok(connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                 INSERT INTO audit_event SELECT 'old' || i, 1800000000000, 'login', 'x', '', '', 0, '', '' FROM n",
                [MOST_OF_EACH],
            )?)
        };
        ledger.run(fill).await.unwrap();
        for at in 0..TRIMMED_EVERY {
            log.append(event(&format!("bad{at}"), 1, false)).await.unwrap();
        }
        let count = async |success| {
            let query = AuditQuery { success: Some(success), limit: 0, ..AuditQuery::default() };
            log.find(query).await.unwrap().total
        };
        let most = u64::try_from(MOST_OF_EACH).unwrap();
        assert_eq!(count(true).await, 1);
        assert!((most..most + 32).contains(&count(false).await));
        assert!(log.get("old1".into()).await.unwrap().is_none());
        ledger.close().await;
    }

    #[tokio::test]
    async fn what_is_old_goes_and_a_clock_that_jumps_costs_a_few_only() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(dir.path());
        let log = AuditLog::new(ledger.clone());
        for second in 0..20 {
            log.append(event(&format!("{second}"), second, second % 2 == 0)).await.unwrap();
        }
        let count = async || log.find(AuditQuery::default()).await.unwrap().total;
        let days = 86_400;
        log.append(event("jumped", 1_000 * days, true)).await.unwrap();
        assert_eq!(count().await, 20 - 4 + 1);
        assert!(log.get("3".into()).await.unwrap().is_none() && log.get("4".into()).await.unwrap().is_some());
        // It is right again: nothing goes.
        log.append(event("right", 21, true)).await.unwrap();
        assert_eq!(count().await, 18);
        for second in 0..5 {
            log.append(event(&format!("late{second}"), 91 * days + second, false)).await.unwrap();
        }
        assert_eq!(count().await, 1 + 5, "the one from the future and the late ones");
        ledger.close().await;
    }

    #[test]
    fn endless_texts_end() {
        let long = AuditEvent { user: "é".repeat(10_000), ..event("a", 1, false) }.bounded();
        assert!(long.user.len() <= LONGEST_FIELD && long.user.ends_with('é'));
    }
}
