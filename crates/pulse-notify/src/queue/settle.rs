//! How an attempt went, and what follows from it; dead letters tried again; what is old goes.

use jiff::Timestamp;
use pulse_store::LedgerError;
use rusqlite::{Connection, params};

use super::{
    Claimed, Ids, Queue, QueueError,
    sql::{self, Place},
};

/// How an attempt went.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) at: Timestamp,
    pub(crate) took_ms: i64,
    /// The destination as people know it.
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) url: String,
    pub(crate) status_code: Option<u16>,
    pub(crate) payload_bytes: usize,
    /// `None` when it was delivered.
    pub(crate) failure: Option<Failure>,
}

/// Why an attempt failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) error: String,
    /// When to try again; `None` for never.
    pub(crate) again_at: Option<Timestamp>,
}

const DAY_MS: i64 = 86_400_000;

impl Queue {
    /// Writes down how an attempt went.
    pub(crate) async fn settle(&self, claimed: Claimed, outcome: Outcome) -> Result<(), QueueError> {
        let ids = self.ids.clone();
        Ok(self.ledger.run(move |connection| settle(connection, &ids, &claimed, &outcome)).await?)
    }

    /// Tries a dead letter again, with all its attempts.
    pub(crate) async fn retry(&self, id: String, now: Timestamp) -> Result<(), QueueError> {
        let wanted = id.clone();
        let changed = self.ledger.run(move |connection| {
            let changed = connection.execute(
                "UPDATE notify_item SET status = 'pending', attempts = 0, due_ms = ?2, completed_ms = NULL
                 WHERE id = ?1 AND status = 'dlq'",
                params![wanted, now.as_millisecond()],
            )?;
            if changed > 0 {
                connection.execute(
                    "UPDATE notify_delivery SET state = 'queued' WHERE item = ?1 AND state = 'failed'",
                    [&wanted],
                )?;
            }
            Ok(changed)
        });
        if changed.await? == 0 { Err(QueueError::NotFound(id)) } else { Ok(()) }
    }

    /// Gives a dead letter up.
    pub(crate) async fn give_up(&self, id: String, now: Timestamp) -> Result<(), QueueError> {
        let wanted = id.clone();
        let changed = self.ledger.run(move |connection| {
            Ok(connection.execute(
                "UPDATE notify_item SET status = 'cancelled', completed_ms = ?2 WHERE id = ?1 AND status = 'dlq'",
                params![wanted, now.as_millisecond()],
            )?)
        });
        if changed.await? == 0 { Err(QueueError::NotFound(id)) } else { Ok(()) }
    }

    /// Deletes what is old: the log after a week, dead letters after a month, notices when nothing can follow from them.
    pub(crate) async fn retain(&self, now: Timestamp) -> Result<(), QueueError> {
        let now = now.as_millisecond();
        let retained = self.ledger.run(move |connection| {
            let week = now - 7 * DAY_MS;
            connection.execute("DELETE FROM notify_attempt WHERE at_ms < ?1", [week])?;
            connection.execute(
                "DELETE FROM notify_item WHERE status IN ('sent', 'cancelled') AND completed_ms < ?1",
                [week],
            )?;
            connection.execute(
                "DELETE FROM notify_item WHERE status = 'dlq' AND completed_ms < ?1",
                [now - 30 * DAY_MS],
            )?;
            // A firing that was told is kept until its alert is over, however long that takes.
            connection.execute(
                "DELETE FROM notify_notice WHERE at_ms < ?1 AND (at_ms < ?2 OR opening IN
                 (SELECT opening FROM notify_notice WHERE kind = 'resolved' AND at_ms < ?1))
                 AND NOT EXISTS (SELECT 1 FROM notify_delivery AS d JOIN notify_item AS i ON i.id = d.item
                                 WHERE d.notice = notify_notice.id AND i.status IN ('pending', 'sending', 'dlq'))",
                [week, now - 180 * DAY_MS],
            )?;
            connection.execute(
                "DELETE FROM notify_delivery WHERE NOT EXISTS (SELECT 1 FROM notify_notice WHERE id = notice)",
                [],
            )?;
            Ok(())
        });
        Ok(retained.await?)
    }
}

fn settle(
    connection: &Connection,
    ids: &Ids,
    claimed: &Claimed,
    outcome: &Outcome,
) -> Result<(), LedgerError> {
    let now = outcome.at;
    log(connection, claimed, outcome)?;
    match &outcome.failure {
        None => {
            finish(connection, claimed, "sent", None, now)?;
            let state = if claimed.event == crate::message::Event::Digest { "digested" } else { "delivered" };
            set_states(connection, &claimed.id, "queued", state)?;
            tell_held(connection, ids, claimed, now)
        }
        Some(Failure { error, again_at: Some(again_at) }) if claimed.attempt < claimed.max_attempts => {
            drop_resolved(connection, claimed)?;
            connection
                .prepare_cached(
                    "UPDATE notify_item SET status = 'pending', due_ms = ?2, last_error = ?3 WHERE id = ?1",
                )?
                .execute(params![claimed.id, again_at.as_millisecond(), error])?;
            sql::cancel_if_empty(connection, &claimed.id, now)
        }
        Some(Failure { error, .. }) => {
            drop_resolved(connection, claimed)?;
            finish(connection, claimed, "dlq", Some(error), now)?;
            set_states(connection, &claimed.id, "queued", "failed")
        }
    }
}

fn log(connection: &Connection, claimed: &Claimed, outcome: &Outcome) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "INSERT INTO notify_attempt(item, destination, name, service, url, kind, alert_id, alerts, attempt, at_ms,
             took_ms, is_delivered, status_code, error, payload_bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            claimed.id,
            claimed.destination,
            outcome.name,
            outcome.service,
            outcome.url,
            claimed.event.name(),
            claimed.alerts.first().map_or("", |alert| alert.id.as_str()),
            claimed.total as i64,
            claimed.attempt,
            outcome.at.as_millisecond(),
            outcome.took_ms,
            outcome.failure.is_none(),
            outcome.status_code,
            outcome.failure.as_ref().map(|failure| failure.error.as_str()),
            outcome.payload_bytes as i64,
        ])?;
    Ok(())
}

fn finish(
    connection: &Connection,
    claimed: &Claimed,
    status: &str,
    error: Option<&String>,
    now: Timestamp,
) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "UPDATE notify_item SET status = ?2, last_error = ?3, completed_ms = ?4 WHERE id = ?1",
        )?
        .execute(params![claimed.id, status, error, now.as_millisecond()])?;
    Ok(())
}

fn set_states(connection: &Connection, item: &str, from: &str, to: &str) -> Result<(), LedgerError> {
    connection
        .prepare_cached("UPDATE notify_delivery SET state = ?3 WHERE item = ?1 AND state = ?2")?
        .execute(params![item, from, to])?;
    Ok(())
}

/// Recoveries that came while their firing was being sent: it has arrived, so they are told.
fn tell_held(
    connection: &Connection,
    ids: &Ids,
    claimed: &Claimed,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let held: Vec<i64> = connection
        .prepare_cached("SELECT notice FROM notify_delivery WHERE item = ?1 AND state = 'held'")?
        .query_map([&claimed.id], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for notice in held {
        let place = Place {
            destination: &claimed.destination,
            kind: "resolved",
            group_key: "",
            due_ms: now.as_millisecond(),
            is_grouped: true,
        };
        sql::enqueue(connection, ids, now, notice, &place)?;
    }
    Ok(())
}

/// The firing did not arrive: alerts that are over meanwhile are not told at all.
fn drop_resolved(connection: &Connection, claimed: &Claimed) -> Result<(), LedgerError> {
    connection
        .prepare_cached(
            "UPDATE notify_delivery SET state = 'cancelled' WHERE item = ?1 AND state = 'queued' AND notice IN
             (SELECT told.id FROM notify_notice AS told JOIN notify_notice AS over ON over.opening = told.opening
              JOIN notify_delivery AS held ON held.notice = over.id AND held.item = ?1 AND held.state = 'held')",
        )?
        .execute([&claimed.id])?;
    set_states(connection, &claimed.id, "held", "cancelled")
}
