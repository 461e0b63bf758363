//! Notices come in.

use jiff::Timestamp;
use pulse_core::{
    model::Alert,
    notice::{Notice, NoticeKind},
};
use pulse_store::LedgerError;
use rusqlite::{Connection, params};

use super::{
    Ids, Queue, QueueError,
    sql::{self, Place},
};
use crate::alert::AlertRecord;

/// A notice with who is to be told of it.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    key: String,
    kind: &'static str,
    opening: String,
    alert_id: String,
    alert: String,
    at_ms: i64,
    /// Who is told; of recoveries, who may be.
    told: Vec<Told>,
}

/// One destination of a notice.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    /// The destination's name in the queue.
    pub(crate) destination: String,
    /// What is told together.
    pub(crate) group_key: String,
    /// How long to wait for more.
    pub(crate) window_ms: i64,
    /// Whether it may be told together with others.
    pub(crate) is_grouped: bool,
}

impl Arrival {
    pub(crate) fn new(notice: &Notice, told: Vec<Told>) -> Self {
        let opening = opening(&notice.alert);
        let (kind, key) = match notice.kind {
            NoticeKind::Firing => ("firing", format!("firing\n{opening}")),
            NoticeKind::Resolved => ("resolved", format!("resolved\n{opening}")),
            NoticeKind::Reminder => {
                ("reminder", format!("reminder {}\n{opening}", notice.at.as_millisecond()))
            }
            NoticeKind::Escalated { level, .. } => ("escalated", format!("escalated {level}\n{opening}")),
        };
        // Values that JSON cannot hold were left out already.
        let alert = serde_json::to_string(&AlertRecord::from(&*notice.alert)).unwrap_or_default();
        let at_ms = notice.at.as_millisecond();
        Self { key, kind, opening, alert_id: notice.alert.id.clone(), alert, at_ms, told }
    }
}

fn opening(alert: &Alert) -> String {
    format!("{}\n{}", alert.started_at.as_nanosecond(), alert.id)
}

impl Queue {
    /// Takes notices in; those that are known already change nothing.
    pub(crate) async fn take(&self, arrivals: Vec<Arrival>, now: Timestamp) -> Result<(), QueueError> {
        let ids = self.ids.clone();
        let taken = self.ledger.run(move |connection| {
            for arrival in &arrivals {
                take_one(connection, &ids, arrival, now)?;
            }
            Ok(())
        });
        Ok(taken.await?)
    }
}

fn take_one(
    connection: &Connection,
    ids: &Ids,
    arrival: &Arrival,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let added = connection
        .prepare_cached(
            "INSERT INTO notify_notice(key, kind, opening, alert_id, alert, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT(key) DO NOTHING",
        )?
        .execute(params![
            arrival.key,
            arrival.kind,
            arrival.opening,
            arrival.alert_id,
            arrival.alert,
            arrival.at_ms
        ])?;
    if added == 0 {
        return Ok(());
    }
    let notice = connection.last_insert_rowid();
    if arrival.kind == "resolved" {
        return resolve(connection, ids, arrival, notice, now);
    }
    for told in &arrival.told {
        put(connection, ids, now, notice, told, "firing")?;
    }
    Ok(())
}

fn put(
    connection: &Connection,
    ids: &Ids,
    now: Timestamp,
    notice: i64,
    told: &Told,
    kind: &str,
) -> Result<(), LedgerError> {
    let place = Place {
        destination: &told.destination,
        kind,
        group_key: &told.group_key,
        due_ms: now.as_millisecond() + told.window_ms,
        is_grouped: told.is_grouped,
    };
    sql::enqueue(connection, ids, now, notice, &place)
}

/// An alert is over: what was not sent yet is taken back; who was told hears that it is over; who is being told right now
/// hears it when that went well.
fn resolve(
    connection: &Connection,
    ids: &Ids,
    arrival: &Arrival,
    notice: i64,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT d.notice, d.destination, d.item, d.state, coalesce(i.status, '') FROM notify_delivery AS d
         JOIN notify_notice AS n ON n.id = d.notice LEFT JOIN notify_item AS i ON i.id = d.item
         WHERE n.opening = ?1 AND n.kind <> 'resolved' ORDER BY d.destination",
    )?;
    let rows = statement.query_map([&arrival.opening], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    })?;
    let found: Vec<(i64, String, String, String, String)> = rows.collect::<Result<_, _>>()?;
    for (told, destination, item, state, status) in &found {
        if state == "queued" && status == "pending" {
            connection
                .prepare_cached(
                    "UPDATE notify_delivery SET state = 'cancelled' WHERE notice = ?1 AND destination = ?2",
                )?
                .execute(params![told, destination])?;
            sql::cancel_if_empty(connection, item, now)?;
        }
    }
    for told in &arrival.told {
        let of = || found.iter().filter(|(_, destination, ..)| *destination == told.destination);
        if of().any(|(_, _, _, state, _)| state == "delivered") {
            put(connection, ids, now, notice, told, "resolved")?;
        } else if let Some((_, destination, item, ..)) =
            of().find(|(_, _, _, state, status)| state == "queued" && status == "sending")
        {
            connection
                .prepare_cached("INSERT INTO notify_delivery(notice, destination, item, state) VALUES (?1, ?2, ?3, 'held')")?
                .execute(params![notice, destination, item])?;
        }
    }
    Ok(())
}
