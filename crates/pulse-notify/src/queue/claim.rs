//! What is due is claimed: marked as being sent before its first byte goes out.

use std::collections::HashMap;

use jiff::Timestamp;
use pulse_store::LedgerError;
use rusqlite::{Connection, params};

use super::{
    Ids, MOST_LISTED, Queue, QueueError,
    sql::{self, HOUR_MS},
};
use crate::{alert::AlertRecord, message::Event};

/// A destination that can take something now.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// Its name in the queue.
    pub(crate) destination: String,
    /// Messages in an hour.
    pub(crate) per_hour: u32,
}

/// An item that is being sent.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) id: String,
    pub(crate) destination: String,
    pub(crate) event: Event,
    pub(crate) attempt: i64,
    pub(crate) max_attempts: i64,
    pub(crate) alerts: Vec<AlertRecord>,
    pub(crate) total: usize,
}

/// So many items of one destination are claimed at once.
const MOST_AT_ONCE: i64 = 16;

impl Queue {
    /// Marks what the last run left in the middle as due again.
    pub(crate) async fn recover(&self, now: Timestamp) -> Result<usize, QueueError> {
        let recovered = self.ledger.run(move |connection| {
            Ok(connection.execute(
                "UPDATE notify_item SET status = 'pending', due_ms = ?1,
                 last_error = 'the server stopped while this was being sent' WHERE status = 'sending'",
                [now.as_millisecond()],
            )?)
        });
        Ok(recovered.await?)
    }

    /// Claims what is due for `claims`, and cancels what waits for destinations that are not in `active` any more.
    pub(crate) async fn claim(
        &self,
        claims: Vec<Claim>,
        active: Vec<String>,
        now: Timestamp,
    ) -> Result<Vec<Claimed>, QueueError> {
        let ids = self.ids.clone();
        let claimed = self.ledger.run(move |connection| {
            cancel_gone(connection, &active, now)?;
            let mut claimed = vec![];
            for claim in &claims {
                claim_one(connection, &ids, claim, now, &mut claimed)?;
            }
            Ok(claimed)
        });
        Ok(claimed.await?)
    }

    /// Whether anything is due for one of `destinations`, and when the next thing will be.
    pub(crate) async fn next_due(&self, destinations: Vec<String>) -> Result<Option<i64>, QueueError> {
        let next = self.ledger.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT min(due_ms) FROM notify_item WHERE status = 'pending' AND destination = ?1",
            )?;
            let mut next: Option<i64> = None;
            for destination in &destinations {
                let due: Option<i64> = statement.query_row([destination], |row| row.get(0))?;
                next = match (next, due) {
                    (Some(next), Some(due)) => Some(next.min(due)),
                    (next, due) => next.or(due),
                };
            }
            Ok(next)
        });
        Ok(next.await?)
    }
}

fn cancel_gone(connection: &Connection, active: &[String], now: Timestamp) -> Result<(), LedgerError> {
    let mut statement =
        connection.prepare_cached("SELECT DISTINCT destination FROM notify_item WHERE status = 'pending'")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    let waiting: Vec<String> = rows.collect::<Result<_, _>>()?;
    for gone in waiting.iter().filter(|destination| !active.contains(destination)) {
        connection
            .prepare_cached(
                "UPDATE notify_delivery SET state = 'cancelled' WHERE state IN ('queued', 'held') AND item IN
                 (SELECT id FROM notify_item WHERE destination = ?1 AND status = 'pending')",
            )?
            .execute([gone])?;
        connection
            .prepare_cached(
                "UPDATE notify_item SET status = 'cancelled', completed_ms = ?2,
                 last_error = 'the destination was removed or switched off' WHERE destination = ?1 AND status = 'pending'",
            )?
            .execute(params![gone, now.as_millisecond()])?;
    }
    Ok(())
}

fn claim_one(
    connection: &Connection,
    ids: &Ids,
    claim: &Claim,
    now: Timestamp,
    claimed: &mut Vec<Claimed>,
) -> Result<(), LedgerError> {
    let now_ms = now.as_millisecond();
    let destination = claim.destination.as_str();
    let told: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM notify_item WHERE destination = ?1 AND kind <> 'digest'
             AND (status = 'sending' OR (status = 'sent' AND completed_ms > ?2))",
        )?
        .query_row(params![destination, now_ms - HOUR_MS], |row| row.get(0))?;
    let allowance = (i64::from(claim.per_hour) - told).max(0);
    // An attempt that failed was counted when it was allowed: its repetition is not put off.
    let beyond: Vec<String> = connection
        .prepare_cached(
            "SELECT id FROM notify_item WHERE destination = ?1 AND status = 'pending' AND due_ms <= ?2 AND kind <> 'digest'
             AND attempts = 0 ORDER BY created_ms, id LIMIT -1 OFFSET ?3",
        )?
        .query_map(params![destination, now_ms, allowance], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if !beyond.is_empty() {
        let digest = sql::digest(connection, ids, now, destination)?;
        for item in &beyond {
            connection
                .prepare_cached("UPDATE notify_delivery SET item = ?2 WHERE item = ?1 AND state = 'queued'")?
                .execute(params![item, digest])?;
            connection.prepare_cached("DELETE FROM notify_item WHERE id = ?1")?.execute([item])?;
        }
    }
    let due: Vec<(String, String, i64, i64)> = connection
        .prepare_cached(
            "SELECT id, kind, attempts, max_attempts FROM notify_item WHERE destination = ?1 AND status = 'pending'
             AND due_ms <= ?2 ORDER BY created_ms, id LIMIT ?3",
        )?
        .query_map(params![destination, now_ms, MOST_AT_ONCE], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<_, _>>()?;
    for (id, kind, attempts, max_attempts) in due {
        let (alerts, total) = told_by(connection, &id)?;
        if total == 0 {
            sql::cancel_if_empty(connection, &id, now)?;
            continue;
        }
        connection
            .prepare_cached(
                "UPDATE notify_item SET status = 'sending', attempts = attempts + 1, last_attempt_ms = ?2 WHERE id = ?1",
            )?
            .execute(params![id, now_ms])?;
        claimed.push(Claimed {
            id,
            destination: destination.to_owned(),
            event: Event::named(&kind),
            attempt: attempts + 1,
            max_attempts,
            alerts,
            total,
        });
    }
    Ok(())
}

/// The alerts that an item tells: the worst first, each once, the last state of each.
pub(super) fn told_by(connection: &Connection, item: &str) -> Result<(Vec<AlertRecord>, usize), LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT n.opening, n.alert FROM notify_delivery AS d JOIN notify_notice AS n ON n.id = d.notice
         WHERE d.item = ?1 AND d.state IN ('queued', 'failed') ORDER BY n.id",
    )?;
    let mut rows = statement.query([item])?;
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut alerts: Vec<AlertRecord> = vec![];
    while let Some(row) = rows.next()? {
        let (opening, text): (String, String) = (row.get(0)?, row.get(1)?);
        let Ok(alert) = serde_json::from_str::<AlertRecord>(&text) else { continue };
        if let Some(place) = places.get(&opening) {
            alerts[*place] = alert;
        } else {
            places.insert(opening, alerts.len());
            alerts.push(alert);
        }
    }
    let total = alerts.len();
    alerts.sort_by_key(|alert| !alert.is_critical());
    alerts.truncate(MOST_LISTED);
    Ok((alerts, total))
}
