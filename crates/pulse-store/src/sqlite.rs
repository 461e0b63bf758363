//! The database file: its format, how it is opened, and what is read and written in it. There is one read-write
//! connection, the writer's; all others are opened for reading only.
//!
//! Format 1. Chunk tables `raw`, `minute`, `hour`, `day`: `id` is (chunk number << 32) | series, where the chunk number counts
//! chunk spans since 1970 and the series is (resource << 5) | metric. `journal` has the records of samples that are
//! not in chunks yet; `sealed` says up to which record the samples of a window are in chunks.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use pulse_core::metric::ResourceType;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

use crate::{
    error::StoreError,
    registry::{Registry, Resource},
    tables::{EachChunk, Tables, TablesMut, TierCount},
    tier::Tier,
};

/// What turns each format into the next; the first makes an empty file format 1.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE raw(id INTEGER PRIMARY KEY, chunk BLOB NOT NULL);
    CREATE TABLE minute(id INTEGER PRIMARY KEY, chunk BLOB NOT NULL);
    CREATE TABLE hour(id INTEGER PRIMARY KEY, chunk BLOB NOT NULL);
    CREATE TABLE day(id INTEGER PRIMARY KEY, chunk BLOB NOT NULL);
    CREATE TABLE journal(record INTEGER PRIMARY KEY, samples BLOB NOT NULL);
    CREATE TABLE sealed(window INTEGER PRIMARY KEY, record INTEGER NOT NULL);
    CREATE TABLE resource(
        id INTEGER PRIMARY KEY, type TEXT NOT NULL, name TEXT NOT NULL,
        metrics INTEGER NOT NULL, last_day INTEGER NOT NULL
    );
    CREATE TABLE state(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"];

/// Where a file was put that could not be read.
#[derive(Debug)]
pub(crate) struct SetAside {
    pub(crate) to: PathBuf,
    pub(crate) reason: String,
}

/// Opens the file for writing; makes it where there is none, and sets it aside where it is damaged.
pub(crate) fn open(path: &Path, now: Timestamp) -> Result<(Connection, Option<SetAside>), StoreError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)
            .map_err(|error| StoreError::NotWritable { path: path.to_owned(), reason: error.to_string() })?;
    }
    match open_sound(path) {
        Err(error) if error.is_damage() => {
            let to = set_aside(path, now)?;
            Ok((open_sound(path)?, Some(SetAside { to, reason: error.to_string() })))
        }
        result => result.map(|connection| (connection, None)),
    }
}

fn open_sound(path: &Path) -> Result<Connection, StoreError> {
    let refused = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull,
        ) => StoreError::NotWritable { path: path.to_owned(), reason: error.to_string() },
        _ => StoreError::Database(error),
    };
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(refused)?;
    // SQLite falls back to reading without a word.
    if connection.is_readonly("main").map_err(refused)? {
        return Err(StoreError::NotWritable {
            path: path.to_owned(),
            reason: "the file is read-only".to_owned(),
        });
    }
    configure(&mut connection).map_err(refused)?;
    migrate(&mut connection, path).map_err(|error| match error {
        StoreError::Database(error) => refused(error),
        error => error,
    })?;
    Ok(connection)
}

fn configure(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // Nothing is lost when an empty file is lost, so making one waits for no disk.
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.pragma_update_and_check(None, "journal_size_limit", 8 << 20, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = MIGRATIONS.len() as i64;
    if found > known || found < 0 {
        return Err(StoreError::TooNew { path: path.to_owned(), found, known });
    }
    let open = MIGRATIONS.get(found as usize..).unwrap_or_default();
    if !open.is_empty() {
        let transaction = connection.transaction()?;
        for migration in open {
            transaction.execute_batch(migration)?;
        }
        transaction.pragma_update(None, "user_version", known)?;
        transaction.commit()?;
    }
    // Each flush is one commit; what a commit has said is on disk must be there after a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    for tier in Tier::EVERY {
        SqliteTables(connection).bounds(tier)?;
    }
    Ok(())
}

/// Opens the file for reading.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.set_prepared_statement_cache_capacity(16);
    Ok(connection)
}

/// Writes a copy of the file as it is at one moment.
pub(crate) fn copy(path: &Path, to: &Path) -> Result<(), StoreError> {
    let connection = open_reader(path)?;
    connection.execute("VACUUM INTO ?1", params![to.to_string_lossy()])?;
    Ok(())
}

/// Takes what is in the write-ahead log into the file. A reader may be in the way; then the next start does it.
pub(crate) fn tidy(connection: &Connection) {
    if let Err(error) = connection.pragma(None, "wal_checkpoint", "TRUNCATE", |_| Ok(())) {
        tracing::debug!(%error, "the write-ahead log stays for the next start");
    }
}

/// Renames the file and what belongs to it, and returns its new name. Nothing is deleted.
pub(crate) fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, StoreError> {
    let failed = |source: io::Error| StoreError::SetAside { path: path.to_owned(), source };
    let with = |path: &Path, suffix: &str| {
        let mut name = OsString::from(path);
        name.push(suffix);
        PathBuf::from(name)
    };
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut to = with(path, &format!(".damaged-{stamp}"));
    for attempt in 2..1000 {
        if !to.try_exists().map_err(failed)? {
            break;
        }
        to = with(path, &format!(".damaged-{stamp}-{attempt}"));
    }
    for suffix in ["-wal", "-shm", ""] {
        match fs::rename(with(path, suffix), with(&to, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    Ok(to)
}

/// Bytes on disk of the file and what belongs to it.
pub(crate) fn size(path: &Path) -> u64 {
    ["", "-wal", "-shm"]
        .into_iter()
        .filter_map(|suffix| {
            let mut name = OsString::from(path);
            name.push(suffix);
            fs::metadata(name).ok()
        })
        .map(|file| file.len())
        .sum()
}

/// Whether SQLite finds the file sound. Reads all of it.
pub(crate) fn is_sound(connection: &Connection) -> bool {
    connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        .is_ok_and(|answer| answer == "ok")
}

/// The chunk tables of the file.
pub(crate) struct SqliteTables<'c>(pub(crate) &'c Connection);

impl SqliteTables<'_> {
    fn name(tier: Tier) -> &'static str {
        match tier {
            Tier::Raw => "raw",
            Tier::Minute => "minute",
            Tier::Hour => "hour",
            Tier::Day => "day",
        }
    }
}

impl Tables for SqliteTables<'_> {
    fn get(&self, tier: Tier, id: i64, each: EachChunk<'_>) -> Result<(), StoreError> {
        let sql = match tier {
            Tier::Raw => "SELECT chunk FROM raw WHERE id = ?1",
            Tier::Minute => "SELECT chunk FROM minute WHERE id = ?1",
            Tier::Hour => "SELECT chunk FROM hour WHERE id = ?1",
            Tier::Day => "SELECT chunk FROM day WHERE id = ?1",
        };
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query([id])?;
        match rows.next()? {
            Some(row) => each(id, blob(row, 0)?),
            None => Ok(()),
        }
    }

    fn scan(&self, tier: Tier, first: i64, end: i64, each: EachChunk<'_>) -> Result<(), StoreError> {
        let name = Self::name(tier);
        let sql = format!("SELECT id, chunk FROM {name} WHERE id >= ?1 AND id < ?2 ORDER BY id");
        let mut statement = self.0.prepare_cached(&sql)?;
        let mut rows = statement.query([first, end])?;
        while let Some(row) = rows.next()? {
            each(row.get(0)?, blob(row, 1)?)?;
        }
        Ok(())
    }

    fn bounds(&self, tier: Tier) -> Result<Option<(i64, i64)>, StoreError> {
        let name = Self::name(tier);
        let sql = format!("SELECT (SELECT min(id) FROM {name}), (SELECT max(id) FROM {name})");
        let ends =
            |row: &rusqlite::Row<'_>| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?));
        let (first, last) = self.0.prepare_cached(&sql)?.query_row([], ends)?;
        Ok(first.zip(last))
    }
}

impl TablesMut for SqliteTables<'_> {
    fn put(&mut self, tier: Tier, id: i64, chunk: &[u8]) -> Result<(), StoreError> {
        let sql = match tier {
            Tier::Raw => "REPLACE INTO raw(id, chunk) VALUES (?1, ?2)",
            Tier::Minute => "REPLACE INTO minute(id, chunk) VALUES (?1, ?2)",
            Tier::Hour => "REPLACE INTO hour(id, chunk) VALUES (?1, ?2)",
            Tier::Day => "REPLACE INTO day(id, chunk) VALUES (?1, ?2)",
        };
        self.0.prepare_cached(sql)?.execute(params![id, chunk])?;
        Ok(())
    }

    fn delete_before(&mut self, tier: Tier, end: i64) -> Result<(), StoreError> {
        let name = Self::name(tier);
        self.0.prepare_cached(&format!("DELETE FROM {name} WHERE id < ?1"))?.execute([end])?;
        Ok(())
    }
}

/// A blob column; another type in it is damage.
fn blob<'r>(row: &'r rusqlite::Row<'_>, column: usize) -> Result<&'r [u8], StoreError> {
    row.get_ref(column)?.as_blob().map_err(|error| StoreError::Damaged(error.to_string()))
}

/// Adds a record to the journal.
pub(crate) fn put_record(connection: &Connection, record: u32, samples: &[u8]) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("REPLACE INTO journal(record, samples) VALUES (?1, ?2)")?;
    statement.execute(params![record, samples])?;
    Ok(())
}

/// Notes that the samples of a window are in chunks, up to that record.
pub(crate) fn put_sealed(connection: &Connection, window: i64, record: u32) -> Result<(), StoreError> {
    connection
        .prepare_cached("REPLACE INTO sealed(window, record) VALUES (?1, ?2)")?
        .execute(params![window, record])?;
    Ok(())
}

/// Drops the records before `record`, whose samples are all in chunks.
pub(crate) fn trim_journal(connection: &Connection, record: u32) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM journal WHERE record < ?1")?.execute([record])?;
    connection.prepare_cached("DELETE FROM sealed WHERE record < ?1")?.execute([record])?;
    Ok(())
}

/// What the sealed windows are, and up to which record.
pub(crate) fn sealed(connection: &Connection) -> Result<std::collections::HashMap<i64, u32>, StoreError> {
    let mut statement = connection.prepare("SELECT window, record FROM sealed")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Hands out the records of the journal, oldest first.
pub(crate) fn each_record(
    connection: &Connection,
    mut each: impl FnMut(u32, &[u8]),
) -> Result<(), StoreError> {
    let mut statement = connection.prepare("SELECT record, samples FROM journal ORDER BY record")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(row.get(0)?, blob(row, 1)?);
    }
    Ok(())
}

/// Reads which resources there are.
pub(crate) fn load_registry(connection: &Connection, registry: &mut Registry) -> Result<(), StoreError> {
    let mut statement = connection.prepare("SELECT type, name, id, metrics, last_day FROM resource")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let kind = row.get_ref(0)?.as_str().map_err(|error| StoreError::Damaged(error.to_string()))?;
        let name: Arc<str> = row.get(1)?;
        let resource = Resource { number: row.get(2)?, metrics: row.get(3)?, last_day: row.get(4)? };
        // A type that a newer version stored is kept and not shown.
        let kind = ResourceType::from_name(kind);
        registry.restore(kind, name, resource);
    }
    Ok(())
}

/// Stores what changed about resources.
pub(crate) fn save_registry(connection: &Connection, registry: &Registry) -> Result<(), StoreError> {
    let sql = "REPLACE INTO resource(id, type, name, metrics, last_day) VALUES (?1, ?2, ?3, ?4, ?5)";
    for (kind, name, resource) in registry.changed() {
        let row = params![resource.number, kind.name(), &**name, resource.metrics, resource.last_day];
        connection.prepare_cached(sql)?.execute(row)?;
    }
    Ok(())
}

/// Deletes resources.
pub(crate) fn delete_resources(connection: &Connection, numbers: &[u32]) -> Result<(), StoreError> {
    for number in numbers {
        connection.prepare_cached("DELETE FROM resource WHERE id = ?1")?.execute([number])?;
    }
    Ok(())
}

/// A number that is kept by name; 0 where there is none.
pub(crate) fn state(connection: &Connection, key: &str) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT value FROM state WHERE key = ?1")?;
    Ok(statement.query_row([key], |row| row.get(0)).optional()?.unwrap_or(0))
}

/// Keeps a number by name.
pub(crate) fn put_state(connection: &Connection, key: &str, value: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("REPLACE INTO state(key, value) VALUES (?1, ?2)")?
        .execute(params![key, value])?;
    Ok(())
}

/// The keys under which a tier's counts are kept.
fn count_keys(tier: Tier) -> [String; 3] {
    ["points", "chunks", "bytes"].map(|what| format!("{}.{what}", SqliteTables::name(tier)))
}

/// Reads what the tiers hold.
pub(crate) fn load_counts(connection: &Connection) -> Result<[TierCount; 4], StoreError> {
    let mut counts = [TierCount::default(); 4];
    for (tier, count) in Tier::EVERY.into_iter().zip(&mut counts) {
        let [points, chunks, bytes] = count_keys(tier);
        count.points = state(connection, &points)?;
        count.chunks = state(connection, &chunks)?;
        count.bytes = state(connection, &bytes)?;
    }
    Ok(counts)
}

/// Stores what the tiers hold.
pub(crate) fn save_counts(connection: &Connection, counts: &[TierCount; 4]) -> Result<(), StoreError> {
    for (tier, count) in Tier::EVERY.into_iter().zip(counts) {
        let [points, chunks, bytes] = count_keys(tier);
        put_state(connection, &points, count.points)?;
        put_state(connection, &chunks, count.chunks)?;
        put_state(connection, &bytes, count.bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_is_closed_leaves_nothing_in_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.db");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
        let log = folder.path().join("metrics.db-wal");
        assert!(std::fs::metadata(&log).unwrap().len() > 0);
        tidy(&connection);
        assert_eq!(std::fs::metadata(&log).unwrap().len(), 0);
    }
}
