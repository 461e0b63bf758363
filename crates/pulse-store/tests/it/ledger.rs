//! The ledger on real files: what is acknowledged is there, what refuses leaves nothing, damage is set aside.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use pulse_core::SystemClock;
use pulse_store::{Ledger, LedgerError};
use rusqlite::Connection;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, text TEXT) STRICT";

fn open(path: &Path) -> Ledger {
    Ledger::open(path, Arc::new(SystemClock)).unwrap()
}

async fn with_table(path: &Path) -> Ledger {
    let ledger = open(path);
    ledger.run(|connection| Ok(connection.execute_batch(TABLE)?)).await.unwrap();
    ledger
}

fn insert(connection: &Connection, n: i64) -> Result<i64, LedgerError> {
    connection.execute("INSERT INTO t(n) VALUES (?1)", [n])?;
    Ok(n)
}

fn numbers(connection: &Connection) -> Result<Vec<i64>, LedgerError> {
    let mut statement = connection.prepare("SELECT n FROM t ORDER BY n")?;
    let rows = statement.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[tokio::test]
async fn what_is_acknowledged_is_read_and_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pulse.db");
    let ledger = with_table(&path).await;
    for n in 1..=3 {
        assert_eq!(ledger.run(move |connection| insert(connection, n)).await.unwrap(), n);
        let read = ledger.read(numbers).await.unwrap();
        assert_eq!(read, (1..=n).collect::<Vec<_>>());
    }
    ledger.close().await;
    assert!(!folder.path().join("pulse.db-wal").exists(), "a closed ledger leaves one file");
    assert!(matches!(ledger.run(|c| insert(c, 9)).await, Err(LedgerError::Closed)));
    assert!(matches!(ledger.read(numbers).await, Err(LedgerError::Closed)));
    assert_eq!(open(&path).read(numbers).await.unwrap(), [1, 2, 3]);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_change_that_refuses_or_panics_leaves_nothing_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = with_table(&folder.path().join("pulse.db")).await;
    let refusing = ledger.run(|connection| {
        insert(connection, 1)?;
        insert(connection, 1)
    });
    let panicking = ledger.run::<()>(|connection| {
        insert(connection, 2)?;
        panic!("of the test");
    });
    let good = ledger.run(|connection| insert(connection, 3));
    let (refused, lost, good) = tokio::join!(refusing, panicking, good);
    assert!(matches!(refused, Err(LedgerError::Database(_))), "{refused:?}");
    assert!(matches!(lost, Err(LedgerError::Lost)), "{lost:?}");
    assert_eq!(good.unwrap(), 3);
    assert_eq!(ledger.read(numbers).await.unwrap(), [3]);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = with_table(&folder.path().join("pulse.db")).await;
    assert!(ledger.read(|connection| insert(connection, 1)).await.is_err());
    assert_eq!(ledger.read(numbers).await.unwrap(), [0_i64; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_changes_at_once_are_all_made_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = with_table(&folder.path().join("pulse.db")).await;
    let tasks: Vec<_> = (0..500)
        .map(|n| {
            let ledger = ledger.clone();
            tokio::spawn(async move { ledger.run(move |connection| insert(connection, n)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(ledger.read(numbers).await.unwrap(), (0..500).collect::<Vec<_>>());
    ledger.close().await;
}

#[tokio::test]
async fn what_waits_when_it_is_closed_is_still_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pulse.db");
    let ledger = with_table(&path).await;
    let changes = async { tokio::join!(ledger.run(|c| insert(c, 1)), ledger.run(|c| insert(c, 2))) };
    let ((one, two), ()) = tokio::join!(changes, ledger.close());
    assert_eq!((one.unwrap(), two.unwrap()), (1, 2));
    assert_eq!(open(&path).read(numbers).await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pulse.db");
    std::fs::write(&path, "this is no database, whatever its name says ".repeat(200)).unwrap();
    let ledger = with_table(&path).await;
    ledger.run(|connection| insert(connection, 1)).await.unwrap();
    let aside = names(folder.path()).into_iter().filter(|name| name.starts_with("pulse.db.damaged-")).count();
    assert_eq!(aside, 1);
}

#[tokio::test]
async fn damage_that_is_found_later_is_set_aside_and_the_ledger_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pulse.db");
    let ledger = with_table(&path).await;
    let fill = |connection: &Connection| {
        for n in 0..2000 {
            connection.execute("INSERT INTO t VALUES (?1, ?2)", (n, "x".repeat(100)))?;
        }
        Ok(())
    };
    ledger.run(fill).await.unwrap();
    ledger.close().await;
    let ledger = open(&path);
    // Behind the back of the open ledger, as a failing disk would.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8192..].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let count =
        |c: &Connection| Ok(c.query_row("SELECT sum(length(text)) FROM t", [], |row| row.get::<_, i64>(0))?);
    assert!(ledger.read(count).await.unwrap_err().is_damage());
    // The file is looked at on the writer's thread; this change waits behind that.
    ledger.run(|connection| Ok(connection.execute_batch(TABLE)?)).await.unwrap();
    ledger.run(|connection| insert(connection, 7)).await.unwrap();
    assert_eq!(ledger.read(numbers).await.unwrap(), [7]);
    assert!(names(folder.path()).iter().any(|name| name.starts_with("pulse.db.damaged-")));
}

#[tokio::test]
async fn a_file_of_a_newer_version_and_a_folder_in_the_way_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pulse.db");
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 9999).unwrap();
    drop(connection);
    let error = Ledger::open(&path, Arc::new(SystemClock)).unwrap_err().to_string();
    assert!(error.contains("format 9999") && error.contains("newer version"), "{error}");
    let path = folder.path().join("folder.db");
    std::fs::create_dir(&path).unwrap();
    let error = Ledger::open(&path, Arc::new(SystemClock)).unwrap_err().to_string();
    assert!(error.starts_with("cannot write ") && error.contains("folder.db"), "{error}");
}

#[tokio::test]
async fn the_steps_lead_from_every_past_format_to_the_newest() {
    use pulse_store::ledger::migrations::MIGRATIONS;
    let schema = |connection: &Connection| {
        let mut statement =
            connection.prepare("SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY name")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    };
    let folder = tempfile::tempdir().unwrap();
    let newest = open(&folder.path().join("new.db")).read(schema).await.unwrap();
    for past in 0..MIGRATIONS.len() {
        let path = folder.path().join(format!("{past}.db"));
        let connection = Connection::open(&path).unwrap();
        for step in &MIGRATIONS[..past] {
            connection.execute_batch(step.sql).unwrap();
        }
        connection.pragma_update(None, "user_version", past as i64).unwrap();
        drop(connection);
        assert_eq!(open(&path).read(schema).await.unwrap(), newest, "from format {past}");
    }
}

/// What the child of the next test does: it counts, and says each number once it is acknowledged.
#[tokio::test]
async fn child_that_is_killed() {
    let Ok(path) = std::env::var("PULSE_TEST_LEDGER") else { return };
    let ledger = with_table(Path::new(&path)).await;
    let first = ledger.read(numbers).await.unwrap().last().map_or(0, |n| n + 1);
    for n in first.. {
        ledger.run(move |connection| insert(connection, n)).await.unwrap();
        println!("kept {n}");
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pulse.db");
    let mut last = -1;
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "ledger::child_that_is_killed", "--nocapture"])
            .env("PULSE_TEST_LEDGER", &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        // A line more or less each round, so that it is not killed at the same place.
        let mut wanted = 20 + round * 7;
        while wanted > 0 {
            let line = said.next().unwrap().unwrap();
            if let Some(n) = line.strip_prefix("kept ") {
                last = n.parse().unwrap();
                wanted -= 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for n in said.map_while(Result::ok).filter_map(|line| line.strip_prefix("kept ")?.parse().ok()) {
            last = n;
        }
        let kept = open(&path).read(numbers).await.unwrap();
        assert!(*kept.last().unwrap() >= last, "round {round}: {last} was acknowledged");
        assert_eq!(kept, (0..kept.len() as i64).collect::<Vec<_>>(), "without gaps");
    }
    assert!(!names(folder.path()).iter().any(|name| name.contains("damaged")));
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).collect()
}
