//! The trail of commands that people had run on other machines: who, what, where, and what came of it. A row is written
//! before the command is sent; one without an outcome was on its way when the server stopped.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::{Ledger, LedgerError};

/// At most so many are kept; the oldest go first.
const MOST_KEPT: i64 = 20_000;

/// Keeps the trail. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CommandTrail {
    ledger: Ledger,
}

/// A command that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedCommand {
    /// Its id; no other command ever has the same.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Id of the host whose agent is to run it.
    pub host_id: String,
    /// Name of that host.
    pub hostname: String,
    /// Where on it: `host`, `container 101`, `vm 102`.
    pub target: String,
    /// What is to be run.
    pub command: String,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedCommand {
    /// When.
    pub at: Timestamp,
    /// In one word.
    pub outcome: String,
    /// The program's exit status, where it ran to its end.
    pub exit_code: Option<i32>,
    /// What went wrong.
    pub error: Option<String>,
}

/// A command and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandEntry {
    /// What was asked for.
    pub asked: AskedCommand,
    /// What came of it; `None` while it runs, and for ever where the server stopped meanwhile.
    pub ended: Option<EndedCommand>,
}

impl CommandTrail {
    /// The trail in a ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }

    /// Writes down that a command was asked for. It is on the disk when this returns.
    pub async fn ask(&self, asked: AskedCommand) -> Result<(), LedgerError> {
        let write = move |connection: &Connection| {
            connection.execute(
                "INSERT INTO agent_command (id, asked_ms, asked_by, host_id, hostname, target, command)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    asked.id,
                    asked.at.as_millisecond(),
                    asked.by,
                    asked.host_id,
                    asked.hostname,
                    asked.target,
                    asked.command
                ],
            )?;
            // Rows are numbered one by one, as only the oldest ever go.
            connection.execute(
                "DELETE FROM agent_command WHERE rowid <= (SELECT max(rowid) FROM agent_command) - ?1",
                [MOST_KEPT],
            )?;
            Ok(())
        };
        self.ledger.run(write).await
    }

    /// Writes down what came of a command.
    pub async fn end(&self, id: String, ended: EndedCommand) -> Result<(), LedgerError> {
        let write = move |connection: &Connection| {
            connection.execute(
                "UPDATE agent_command SET outcome = ?2, exit_code = ?3, error = ?4, ended_ms = ?5 WHERE id = ?1",
                params![id, ended.outcome, ended.exit_code, ended.error, ended.at.as_millisecond()],
            )?;
            Ok(())
        };
        self.ledger.run(write).await
    }

    /// The newest commands, newest first: of one host, or of all.
    pub async fn newest(
        &self,
        host_id: Option<String>,
        most: usize,
    ) -> Result<Vec<CommandEntry>, LedgerError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX).min(MOST_KEPT);
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare(
                "SELECT id, asked_ms, asked_by, host_id, hostname, target, command, outcome, exit_code, error, ended_ms
                 FROM agent_command WHERE ?1 IS NULL OR host_id = ?1 ORDER BY rowid DESC LIMIT ?2",
            )?;
            let rows = statement.query_map(params![host_id, most], entry)?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        };
        self.ledger.read(read).await
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<CommandEntry> {
    let time = |ms: i64| Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let asked = AskedCommand {
        id: row.get(0)?,
        at: time(row.get(1)?),
        by: row.get(2)?,
        host_id: row.get(3)?,
        hostname: row.get(4)?,
        target: row.get(5)?,
        command: row.get(6)?,
    };
    let ended = match (row.get::<_, Option<String>>(7)?, row.get::<_, Option<i64>>(10)?) {
        (Some(outcome), Some(ended_ms)) => {
            Some(EndedCommand { at: time(ended_ms), outcome, exit_code: row.get(8)?, error: row.get(9)? })
        }
        _ => None,
    };
    Ok(CommandEntry { asked, ended })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pulse_core::ManualClock;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn asked(id: &str, host: &str, second: i64) -> AskedCommand {
        AskedCommand {
            id: id.into(),
            at: at(second),
            by: "admin".into(),
            host_id: host.into(),
            hostname: host.into(),
            target: "host".into(),
            command: "df -h".into(),
        }
    }

    #[tokio::test]
    async fn the_trail_outlives_the_server_and_tells_what_was_on_its_way() {
        let dir = tempfile::tempdir().unwrap();
        let open = || {
            let clock = Arc::new(ManualClock::new(at(0)));
            Ledger::open(&dir.path().join("pulse.db"), clock).unwrap()
        };
        let ledger = open();
        let trail = CommandTrail::new(ledger.clone());
        trail.ask(asked("a", "nas1", 1)).await.unwrap();
        trail.ask(asked("b", "nas2", 2)).await.unwrap();
        assert!(trail.ask(asked("b", "nas2", 3)).await.is_err(), "an id names one command");
        let ended = EndedCommand {
            at: at(4),
            outcome: "failed".into(),
            exit_code: Some(3),
            error: Some("no such disk".into()),
        };
        trail.end("a".into(), ended.clone()).await.unwrap();
        ledger.close().await;

        let trail = CommandTrail::new(open());
        let all = trail.newest(None, 10).await.unwrap();
        assert_eq!(
            all,
            [
                CommandEntry { asked: asked("b", "nas2", 2), ended: None },
                CommandEntry { asked: asked("a", "nas1", 1), ended: Some(ended) },
            ]
        );
        assert_eq!(trail.newest(Some("nas1".into()), 10).await.unwrap().len(), 1);
        assert_eq!(trail.newest(None, 1).await.unwrap()[0].asked.id, "b");
    }

    #[tokio::test]
    async fn the_oldest_go_first_and_no_more_than_there_must() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&dir.path().join("pulse.db"), Arc::new(ManualClock::new(at(0)))).unwrap();
        let fill = |connection: &Connection| {
            let filled = connection.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
                 INSERT INTO agent_command (id, asked_ms, asked_by, host_id, hostname, target, command)
                 SELECT 'old' || i, i, 'admin', 'nas', 'nas', 'host', 'df' FROM n",
                [MOST_KEPT - 1],
            )?;
            Ok(filled)
        };
        ledger.run(fill).await.unwrap();
        let trail = CommandTrail::new(ledger.clone());
        for (id, oldest) in [("a", "old1"), ("b", "old2"), ("c", "old3")] {
            trail.ask(asked(id, "nas", 1)).await.unwrap();
            let all = trail.newest(None, usize::MAX).await.unwrap();
            assert_eq!(all.len(), usize::try_from(MOST_KEPT).unwrap());
            assert_eq!((all[0].asked.id.as_str(), all.last().unwrap().asked.id.as_str()), (id, oldest));
        }
        ledger.close().await;
    }
}
