//! The statements that several steps share.

use jiff::Timestamp;
use pulse_store::LedgerError;
use rusqlite::{Connection, OptionalExtension, params};

use super::{Ids, MOST_ATTEMPTS, MOST_PENDING, MOST_PER_ITEM};

/// An hour, over which caps count.
pub(super) const HOUR_MS: i64 = 3_600_000;

/// Where a delivery goes.
pub(super) struct Place<'a> {
    pub(super) destination: &'a str,
    pub(super) kind: &'a str,
    pub(super) group_key: &'a str,
    /// When the item is due, if it has to be made.
    pub(super) due_ms: i64,
    /// Whether it may join an item that waits.
    pub(super) is_grouped: bool,
}

/// Puts a notice into an item.
pub(super) fn enqueue(
    connection: &Connection,
    ids: &Ids,
    now: Timestamp,
    notice: i64,
    place: &Place<'_>,
) -> Result<(), LedgerError> {
    let item = match find_open(connection, place)? {
        Some(item) => item,
        None if pending(connection, place.destination)? >= MOST_PENDING => {
            digest(connection, ids, now, place.destination)?
        }
        None => make(connection, ids, now, place)?,
    };
    connection
        .prepare_cached(
            "INSERT INTO notify_delivery(notice, destination, item, state) VALUES (?1, ?2, ?3, 'queued')
             ON CONFLICT(notice, destination) DO UPDATE SET item = excluded.item, state = 'queued'",
        )?
        .execute(params![notice, place.destination, item])?;
    Ok(())
}

fn find_open(connection: &Connection, place: &Place<'_>) -> Result<Option<String>, LedgerError> {
    if !place.is_grouped {
        return Ok(None);
    }
    let mut statement = connection.prepare_cached(
        "SELECT id FROM notify_item AS i WHERE destination = ?1 AND status = 'pending' AND kind = ?2 AND group_key = ?3
         AND attempts = 0 AND (SELECT count(*) FROM notify_delivery WHERE item = i.id) < ?4 ORDER BY created_ms LIMIT 1",
    )?;
    let row = params![place.destination, place.kind, place.group_key, MOST_PER_ITEM];
    Ok(statement.query_row(row, |row| row.get(0)).optional()?)
}

fn pending(connection: &Connection, destination: &str) -> Result<i64, LedgerError> {
    let mut statement = connection
        .prepare_cached("SELECT count(*) FROM notify_item WHERE destination = ?1 AND status = 'pending'")?;
    Ok(statement.query_row([destination], |row| row.get(0))?)
}

fn make(
    connection: &Connection,
    ids: &Ids,
    now: Timestamp,
    place: &Place<'_>,
) -> Result<String, LedgerError> {
    let kind = place.destination.split(':').next().unwrap_or_default();
    let suffix = if place.kind == "resolved" { "_resolved" } else { "" };
    let id = ids.next(&format!("{kind}{suffix}"), now);
    connection
        .prepare_cached(
            "INSERT INTO notify_item(id, destination, kind, group_key, status, attempts, max_attempts, created_ms, due_ms)
             VALUES (?1, ?2, ?3, ?4, 'pending', 0, ?5, ?6, ?7)",
        )?
        .execute(params![
            id,
            place.destination,
            place.kind,
            place.group_key,
            MOST_ATTEMPTS,
            now.as_millisecond(),
            place.due_ms
        ])?;
    Ok(id)
}

/// The digest of a destination that waits, or a new one. It is due once the hour of the oldest message is over, and an
/// hour after the digest before it.
pub(super) fn digest(
    connection: &Connection,
    ids: &Ids,
    now: Timestamp,
    destination: &str,
) -> Result<String, LedgerError> {
    let waiting = connection
        .prepare_cached(
            "SELECT id FROM notify_item WHERE destination = ?1 AND status = 'pending' AND kind = 'digest' AND attempts = 0",
        )?
        .query_row([destination], |row| row.get(0))
        .optional()?;
    if let Some(waiting) = waiting {
        return Ok(waiting);
    }
    let from = now.as_millisecond() - HOUR_MS;
    let times: (Option<i64>, Option<i64>) = connection
        .prepare_cached(
            "SELECT min(completed_ms), max(CASE WHEN kind = 'digest' THEN completed_ms END) FROM notify_item
             WHERE destination = ?1 AND status = 'sent' AND completed_ms > ?2",
        )?
        .query_row(params![destination, from], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let begin = times.1.or(times.0).unwrap_or_else(|| now.as_millisecond());
    let place =
        Place { destination, kind: "digest", group_key: "", due_ms: begin + HOUR_MS, is_grouped: false };
    make(connection, ids, now, &place)
}

/// Ends an item that has nothing left to tell.
pub(super) fn cancel_if_empty(
    connection: &Connection,
    item: &str,
    now: Timestamp,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "UPDATE notify_item SET status = 'cancelled', last_error = 'Alert resolved', completed_ms = ?2
             WHERE id = ?1 AND status = 'pending'
             AND NOT EXISTS (SELECT 1 FROM notify_delivery WHERE item = ?1 AND state = 'queued')",
        )?
        .execute(params![item, now.as_millisecond()])?;
    Ok(())
}
