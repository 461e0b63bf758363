//! What the alert engine keeps in the ledger: raised alerts, notices on their way, history and incidents.
//!
//! Bodies are JSON that the engine writes and reads; here only what is asked by is a column. History is only ever added
//! to: an opening is a row, what happens to it are rows beside it, and retention takes the oldest of both.

mod history;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

pub use history::{AlertEvent, HistoryQuery, Opening};

use crate::{Ledger, LedgerError};

/// Openings are kept this long.
const KEPT: SignedDuration = SignedDuration::from_hours(366 * 24);

/// At most so many openings are kept: about 100 MB.
const MOST_OPENINGS: i64 = 100_000;

/// At most so many events are kept of one opening; a note more is refused.
const MOST_EVENTS: i64 = 1_000;

/// Keeps alerts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AlertStore {
    ledger: Ledger,
}

/// What was kept before a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Bodies of raised alerts.
    pub active: Vec<String>,
    /// The memory of some types.
    pub memory: Option<String>,
    /// Notices that were not taken, oldest first.
    pub outbox: Vec<(i64, String)>,
}

/// An opening to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOpening {
    /// Id of the alert.
    pub alert_id: String,
    /// Since when its condition holds; with the id it names the opening.
    pub started_at: Timestamp,
    /// When it was raised.
    pub opened_at: Timestamp,
    /// `warning` or `critical`.
    pub level: String,
    /// The resource.
    pub resource_id: String,
    /// The alert as it was then.
    pub body: String,
}

/// Something that happened to an opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Id of the alert.
    pub alert_id: String,
    /// Start of its opening.
    pub started_at: Timestamp,
    /// When it happened.
    pub at: Timestamp,
    /// What, as the contract names it.
    pub kind: &'static str,
    /// In words.
    pub summary: String,
    /// More, as JSON.
    pub details: Option<String>,
}

/// Changes that are written together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Raised alerts by id, as they are now.
    pub put: Vec<(String, String)>,
    /// Ids of alerts that are no longer raised.
    pub remove: Vec<String>,
    /// The memory of some types, where it changed.
    pub memory: Option<String>,
    /// New openings.
    pub openings: Vec<NewOpening>,
    /// What happened.
    pub events: Vec<NewEvent>,
    /// Notices to be handed over.
    pub outbox: Vec<String>,
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

impl AlertStore {
    /// Keeps alerts in this ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }

    /// What was kept before a restart.
    pub async fn load(&self) -> Result<Kept, LedgerError> {
        self.ledger
            .read(|connection| {
                let mut active = connection.prepare("SELECT body FROM alert_active ORDER BY alert_id")?;
                let active = active.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
                let memory = connection
                    .query_row("SELECT body FROM alert_memory WHERE name = 'engine'", [], |row| row.get(0))
                    .optional()?;
                let mut outbox = connection.prepare("SELECT id, body FROM alert_outbox ORDER BY id")?;
                let outbox =
                    outbox.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
                Ok(Kept { active, memory, outbox })
            })
            .await
    }

    /// Writes changes, all or none; returns the numbers of the notices.
    pub async fn write(&self, batch: Batch) -> Result<Vec<i64>, LedgerError> {
        self.ledger.run(move |connection| write(connection, &batch)).await
    }

    /// Forgets notices that were taken.
    pub async fn taken(&self, notices: Vec<i64>) -> Result<(), LedgerError> {
        self.ledger
            .run(move |connection| {
                let mut delete = connection.prepare_cached("DELETE FROM alert_outbox WHERE id = ?1")?;
                for id in notices {
                    delete.execute([id])?;
                }
                Ok(())
            })
            .await
    }

    /// Forgets the oldest openings: those beyond the time and those beyond the number.
    pub async fn purge(&self, now: Timestamp) -> Result<(), LedgerError> {
        let oldest = now.checked_sub(KEPT).unwrap_or(Timestamp::UNIX_EPOCH).as_millisecond();
        self.ledger
            .run(move |connection| {
                let newest: Option<i64> =
                    connection.query_row("SELECT max(id) FROM alert_opening", [], |row| row.get(0))?;
                let Some(newest) = newest else { return Ok(()) };
                connection.execute(
                    "DELETE FROM alert_opening WHERE opened_ms < ?1 OR id <= ?2",
                    params![oldest, newest - MOST_OPENINGS],
                )?;
                connection.execute(
                    "DELETE FROM alert_event WHERE opening_id NOT IN (SELECT id FROM alert_opening)",
                    [],
                )?;
                Ok(())
            })
            .await
    }
}

fn write(connection: &Connection, batch: &Batch) -> Result<Vec<i64>, LedgerError> {
    let mut put = connection.prepare_cached(
        "INSERT INTO alert_active (alert_id, body) VALUES (?1, ?2) ON CONFLICT (alert_id) DO UPDATE SET body = ?2",
    )?;
    for (id, body) in &batch.put {
        put.execute(params![id, body])?;
    }
    let mut remove = connection.prepare_cached("DELETE FROM alert_active WHERE alert_id = ?1")?;
    for id in &batch.remove {
        remove.execute([id])?;
    }
    if let Some(memory) = &batch.memory {
        connection.execute(
            "INSERT INTO alert_memory (name, body) VALUES ('engine', ?1) ON CONFLICT (name) DO UPDATE SET body = ?1",
            [memory],
        )?;
    }
    let mut open = connection.prepare_cached(
        "INSERT INTO alert_opening (alert_id, started_ms, opened_ms, level, resource_id, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for it in &batch.openings {
        open.execute(params![
            it.alert_id,
            it.started_at.as_millisecond(),
            it.opened_at.as_millisecond(),
            it.level,
            it.resource_id,
            it.body
        ])?;
    }
    for event in &batch.events {
        // An opening whose history was cleared has no timeline any more.
        if let Some(opening) = history::opening_of(connection, &event.alert_id, event.started_at)? {
            history::add_event(
                connection,
                opening,
                event.at,
                event.kind,
                &event.summary,
                event.details.as_deref(),
            )?;
        }
    }
    let mut outbox = connection.prepare_cached("INSERT INTO alert_outbox (body) VALUES (?1)")?;
    batch.outbox.iter().map(|body| Ok(outbox.insert([body])?)).collect()
}
