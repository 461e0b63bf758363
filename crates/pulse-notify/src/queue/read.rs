//! What people ask the queue.

use std::collections::BTreeMap;

use jiff::Timestamp;
use pulse_store::LedgerError;
use rusqlite::{Connection, Row, params};

use super::{Queue, QueueError, claim::told_by};
use crate::{alert::AlertRecord, trouble::Trouble};

/// Items per status: those that are not done, and those of the last day.
pub type QueueStats = BTreeMap<String, u64>;

/// An item that will not be tried again by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// Id.
    pub id: String,
    /// Its destination's name in the queue.
    pub destination: String,
    /// `firing`, `resolved` or `digest`.
    pub kind: String,
    /// What it tells.
    pub alerts: Vec<AlertRecord>,
    /// How many alerts it tells.
    pub total: usize,
    /// Attempts made.
    pub attempts: i64,
    /// Attempts allowed.
    pub max_attempts: i64,
    /// The last attempt.
    pub last_attempt_at: Option<Timestamp>,
    /// Why it failed.
    pub last_error: String,
    /// When it came into the queue.
    pub created_at: Timestamp,
    /// When it was last due.
    pub due_at: Timestamp,
    /// When it was given up.
    pub completed_at: Option<Timestamp>,
}

/// One attempt to send.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// The item.
    pub item: String,
    /// Its destination's name in the queue.
    pub destination: String,
    /// What people call the destination.
    pub name: String,
    /// The service of a webhook, else the kind of destination.
    pub service: String,
    /// Where to, without secrets; empty for mail.
    pub url: String,
    /// `firing`, `resolved` or `digest`.
    pub kind: String,
    /// The first alert.
    pub alert_id: String,
    /// How many alerts.
    pub alerts: u64,
    /// Which attempt, counted from 1.
    pub attempt: u64,
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    pub took_ms: u64,
    /// Whether it arrived.
    pub is_delivered: bool,
    /// HTTP status.
    pub status_code: Option<u16>,
    /// What went wrong.
    pub error: Option<String>,
    /// Bytes sent.
    pub payload_bytes: u64,
}

impl Queue {
    pub(crate) async fn stats(&self, now: Timestamp) -> Result<QueueStats, QueueError> {
        let day = now.as_millisecond() - 86_400_000;
        let stats = self.ledger.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT status, count(*) FROM notify_item WHERE completed_ms IS NULL OR completed_ms > ?1 GROUP BY status",
            )?;
            let rows = statement
                .query_map([day], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            Ok(rows.collect::<Result<_, _>>()?)
        });
        Ok(stats.await?)
    }

    pub(crate) async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        Ok(self.ledger.read(move |connection| dead_letters(connection, limit)).await?)
    }

    /// Items that are due or being sent.
    pub(crate) async fn overdue(&self, now: Timestamp) -> Result<u64, QueueError> {
        let now = now.as_millisecond();
        let count = self.ledger.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT count(*) FROM notify_item WHERE status = 'sending' OR (status = 'pending' AND due_ms <= ?1)",
            )?;
            Ok(statement.query_row([now], |row| row.get::<_, i64>(0))?.unsigned_abs())
        });
        Ok(count.await?)
    }

    /// How the last attempts at these destinations failed, where they did.
    pub(crate) async fn troubles(&self, destinations: Vec<String>) -> Result<Vec<Trouble>, QueueError> {
        let troubles = self.ledger.read(move |connection| {
            let mut found = vec![];
            for destination in &destinations {
                found.extend(trouble(connection, destination)?);
            }
            Ok(found)
        });
        Ok(troubles.await?)
    }

    /// Attempts, newest first; of webhooks only where wanted.
    pub(crate) async fn log(
        &self,
        limit: usize,
        is_webhooks_only: bool,
    ) -> Result<Vec<LogEntry>, QueueError> {
        let log = self.ledger.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT item, destination, name, service, url, kind, alert_id, alerts, attempt, at_ms, took_ms, is_delivered,
                 status_code, error, payload_bytes FROM notify_attempt WHERE ?2 = 0 OR destination LIKE 'webhook:%'
                 ORDER BY id DESC LIMIT ?1",
            )?;
            let rows = statement.query_map(params![limit as i64, is_webhooks_only], entry)?;
            Ok(rows.collect::<Result<_, _>>()?)
        });
        Ok(log.await?)
    }
}

/// The failures since something last arrived at a destination.
fn trouble(connection: &Connection, destination: &str) -> Result<Option<Trouble>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT a.name, a.error, a.at_ms, coalesce(i.status, '') FROM notify_attempt AS a
         LEFT JOIN notify_item AS i ON i.id = a.item
         WHERE a.destination = ?1 AND a.is_delivered = 0 AND a.id >
         (SELECT coalesce(max(id), 0) FROM notify_attempt WHERE destination = ?1 AND is_delivered = 1) ORDER BY a.id DESC",
    )?;
    let mut rows = statement.query([destination])?;
    let mut found: Option<Trouble> = None;
    while let Some(row) = rows.next()? {
        let (since, is_given_up) = (time(row.get(2)?), row.get::<_, String>(3)? == "dlq");
        let trouble = match &mut found {
            Some(trouble) => trouble,
            None => found.insert(Trouble {
                destination: destination.to_owned(),
                name: row.get(0)?,
                failures: 0,
                since,
                is_given_up: false,
                error: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
            }),
        };
        trouble.failures = trouble.failures.saturating_add(1);
        trouble.is_given_up |= is_given_up;
        trouble.since = since;
    }
    Ok(found)
}

fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or_default()
}

fn entry(row: &Row<'_>) -> rusqlite::Result<LogEntry> {
    let count = |at: usize| row.get::<_, i64>(at).map(i64::unsigned_abs);
    Ok(LogEntry {
        item: row.get(0)?,
        destination: row.get(1)?,
        name: row.get(2)?,
        service: row.get(3)?,
        url: row.get(4)?,
        kind: row.get(5)?,
        alert_id: row.get(6)?,
        alerts: count(7)?,
        attempt: count(8)?,
        at: time(row.get(9)?),
        took_ms: count(10)?,
        is_delivered: row.get(11)?,
        status_code: row.get(12)?,
        error: row.get(13)?,
        payload_bytes: count(14)?,
    })
}

fn dead_letters(connection: &Connection, limit: usize) -> Result<Vec<DeadLetter>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, destination, kind, attempts, max_attempts, last_attempt_ms, coalesce(last_error, ''), created_ms, due_ms,
         completed_ms FROM notify_item WHERE status = 'dlq' ORDER BY completed_ms DESC, id DESC LIMIT ?1",
    )?;
    let rows = statement.query_map([limit as i64], |row| {
        Ok(DeadLetter {
            id: row.get(0)?,
            destination: row.get(1)?,
            kind: row.get(2)?,
            alerts: vec![],
            total: 0,
            attempts: row.get(3)?,
            max_attempts: row.get(4)?,
            last_attempt_at: row.get::<_, Option<i64>>(5)?.map(time),
            last_error: row.get(6)?,
            created_at: time(row.get(7)?),
            due_at: time(row.get(8)?),
            completed_at: row.get::<_, Option<i64>>(9)?.map(time),
        })
    })?;
    let mut letters = rows.collect::<Result<Vec<_>, _>>()?;
    for letter in &mut letters {
        (letter.alerts, letter.total) = told_by(connection, &letter.id)?;
    }
    Ok(letters)
}
