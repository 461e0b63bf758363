//! Asking for history and incidents.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params, types::ToSql};

use super::{AlertStore, MOST_EVENTS};
use crate::LedgerError;

/// Which openings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// Not before.
    pub from: Option<Timestamp>,
    /// Not after.
    pub to: Option<Timestamp>,
    /// Of that level.
    pub level: Option<String>,
    /// Of that resource.
    pub resource_id: Option<String>,
    /// Of that alert.
    pub alert_id: Option<String>,
    /// Of the alert that began then.
    pub started_at: Option<Timestamp>,
    /// Only this one.
    pub opening_id: Option<i64>,
    /// At most so many; `None` for all.
    pub limit: Option<u32>,
    /// Without the newest so many.
    pub offset: u32,
}

/// One opening of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Its number.
    pub id: i64,
    /// When it was raised.
    pub opened_at: Timestamp,
    /// The alert as it was then.
    pub body: String,
    /// When it closed.
    pub closed_at: Option<Timestamp>,
    /// Why, as JSON.
    pub closing: Option<String>,
}

/// Something that happened to an opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertEvent {
    /// Its number.
    pub id: i64,
    /// What.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// In words.
    pub summary: String,
    /// More, as JSON.
    pub details: Option<String>,
}

impl AlertStore {
    /// Openings, newest first.
    pub async fn history(&self, query: HistoryQuery) -> Result<Vec<Opening>, LedgerError> {
        self.ledger.read(move |connection| openings(connection, &query)).await
    }

    /// Openings with what happened to each, newest first.
    pub async fn incidents(
        &self,
        query: HistoryQuery,
    ) -> Result<Vec<(Opening, Vec<AlertEvent>)>, LedgerError> {
        self.ledger
            .read(move |connection| {
                let openings = openings(connection, &query)?;
                let mut events = connection.prepare_cached(
                    "SELECT id, type, at_ms, summary, details FROM alert_event WHERE opening_id = ?1 ORDER BY id",
                )?;
                openings
                    .into_iter()
                    .map(|opening| {
                        let events = events.query_map([opening.id], event)?.collect::<Result<Vec<_>, _>>()?;
                        Ok((opening, events))
                    })
                    .collect()
            })
            .await
    }

    /// Adds a note to an opening, or to the newest of an alert; returns whether there is one.
    pub async fn add_note(
        &self,
        query: HistoryQuery,
        at: Timestamp,
        summary: String,
        details: String,
    ) -> Result<bool, LedgerError> {
        let query = HistoryQuery { limit: Some(1), ..query };
        self.ledger
            .run(move |connection| match openings(connection, &query)?.first() {
                Some(opening) => add_event(connection, opening.id, at, "note", &summary, Some(&details)),
                None => Ok(false),
            })
            .await
    }

    /// Forgets all openings and what happened to them; returns how many there were.
    pub async fn clear_history(&self) -> Result<usize, LedgerError> {
        self.ledger
            .run(|connection| {
                connection.execute("DELETE FROM alert_event", [])?;
                Ok(connection.execute("DELETE FROM alert_opening", [])?)
            })
            .await
    }
}

fn openings(connection: &Connection, query: &HistoryQuery) -> Result<Vec<Opening>, LedgerError> {
    let mut conditions = Vec::new();
    let mut values: Vec<Box<dyn ToSql>> = Vec::new();
    let mut put = |condition: &'static str, value: Box<dyn ToSql>| {
        conditions.push(condition);
        values.push(value);
    };
    let millis = |at: Timestamp| Box::new(at.as_millisecond());
    if let Some(from) = query.from {
        put("o.opened_ms >= ?", millis(from));
    }
    if let Some(to) = query.to {
        put("o.opened_ms <= ?", millis(to));
    }
    if let Some(level) = &query.level {
        put("o.level = ?", Box::new(level.clone()));
    }
    if let Some(resource) = &query.resource_id {
        put("o.resource_id = ?", Box::new(resource.clone()));
    }
    if let Some(alert) = &query.alert_id {
        put("o.alert_id = ?", Box::new(alert.clone()));
    }
    if let Some(started) = query.started_at {
        // A caller may have the time to the second only.
        put("o.started_ms / 1000 = ?", Box::new(started.as_second()));
    }
    if let Some(opening) = query.opening_id {
        put("o.id = ?", Box::new(opening));
    }
    let filter =
        if conditions.is_empty() { String::new() } else { format!("WHERE {}", conditions.join(" AND ")) };
    let limit = query.limit.map_or(-1, i64::from);
    // Every value is bound; what is put into the text are our own words and two numbers.
    let sql = format!(
        "SELECT o.id, o.opened_ms, o.body, e.at_ms, e.details FROM alert_opening o
         LEFT JOIN alert_event e ON e.opening_id = o.id AND e.type = 'alert_resolved'
         {filter} ORDER BY o.id DESC LIMIT {limit} OFFSET {}",
        query.offset
    );
    let mut statement = connection.prepare(&sql)?;
    let values = values.iter().map(|value| &**value);
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| {
        Ok(Opening {
            id: row.get(0)?,
            opened_at: time(row, 1)?,
            body: row.get(2)?,
            closed_at: row.get::<_, Option<i64>>(3)?.map(from_millis),
            closing: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn event(row: &Row<'_>) -> rusqlite::Result<AlertEvent> {
    Ok(AlertEvent {
        id: row.get(0)?,
        kind: row.get(1)?,
        at: time(row, 2)?,
        summary: row.get(3)?,
        details: row.get(4)?,
    })
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(from_millis)
}

fn from_millis(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The newest opening of an alert that began then.
pub(super) fn opening_of(
    connection: &Connection,
    alert_id: &str,
    started_at: Timestamp,
) -> Result<Option<i64>, LedgerError> {
    let mut find = connection.prepare_cached(
        "SELECT id FROM alert_opening WHERE alert_id = ?1 AND started_ms = ?2 ORDER BY id DESC LIMIT 1",
    )?;
    Ok(find.query_row(params![alert_id, started_at.as_millisecond()], |row| row.get(0)).optional()?)
}

/// Adds an event; returns whether there was room. A closing always finds room.
pub(super) fn add_event(
    connection: &Connection,
    opening: i64,
    at: Timestamp,
    kind: &str,
    summary: &str,
    details: Option<&str>,
) -> Result<bool, LedgerError> {
    if kind != "alert_resolved" {
        let mut count =
            connection.prepare_cached("SELECT count(*) FROM alert_event WHERE opening_id = ?1")?;
        if count.query_row([opening], |row| row.get::<_, i64>(0))? >= MOST_EVENTS {
            return Ok(false);
        }
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO alert_event (opening_id, at_ms, type, summary, details) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    insert.execute(params![opening, at.as_millisecond(), kind, summary, details])?;
    Ok(true)
}
