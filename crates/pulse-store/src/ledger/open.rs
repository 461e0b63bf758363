//! Opening the ledger's file: for the writer, with its tables brought up to date, and for readers.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    time::Duration,
};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{
    error::{LedgerError, is_damage},
    migrations::{self, MIGRATIONS},
};
use crate::sqlite;

/// Another program may look at the file; it gets this long to let go.
const PATIENCE: Duration = Duration::from_secs(5);
/// A file up to this size is read through when it is opened; a larger one would hold up the start, and its damage is
/// found where it is touched.
const MOST_CHECKED_BYTES: u64 = 16 << 20;

/// Opens the file for writing; makes it where there is none, and sets it aside where it is damaged.
pub(super) fn open(path: &Path, now: Timestamp) -> Result<Connection, LedgerError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|error| not_writable(path, error))?;
    }
    match open_sound(path) {
        Err(error) if error.is_damage() => {
            set_aside(path, &error.to_string(), now)?;
            open_sound(path)
        }
        result => result,
    }
}

/// Renames a damaged file and tells so.
pub(super) fn set_aside(path: &Path, reason: &str, now: Timestamp) -> Result<(), LedgerError> {
    let to = sqlite::set_aside(path, now)
        .map_err(|error| LedgerError::SetAside { path: path.to_owned(), reason: error.to_string() })?;
    tracing::error!(
        path = %path.display(),
        kept_as = %to.display(),
        reason,
        "the database of alerts and notifications is damaged: it was set aside, and a new one is begun"
    );
    Ok(())
}

fn not_writable(path: &Path, reason: impl ToString) -> LedgerError {
    LedgerError::NotWritable { path: path.to_owned(), reason: reason.to_string() }
}

fn open_sound(path: &Path) -> Result<Connection, LedgerError> {
    let refused = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull,
        ) => not_writable(path, error),
        _ => LedgerError::Database(error),
    };
    // SQLite would make it readable for everybody; its companions take their rights from it.
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| not_writable(path, error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(refused)?;
    // SQLite falls back to reading without a word.
    if connection.is_readonly("main").map_err(refused)? {
        return Err(not_writable(path, "the file is read-only"));
    }
    configure(&connection).map_err(refused)?;
    if fs::metadata(path).is_ok_and(|file| file.len() <= MOST_CHECKED_BYTES) && !sqlite::is_sound(&connection)
    {
        return Err(LedgerError::Damaged("SQLite's check of the file fails".to_owned()));
    }
    migrate(&mut connection, path).map_err(|error| match error {
        LedgerError::Database(error) if !is_damage(&error) => refused(error),
        error => error,
    })?;
    Ok(connection)
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    // Alerts and notices are written a few hundred bytes at a time, each to several trees, and every page that is touched is
    // written as a whole, twice. Small pages write a third of what SQLite's 4096 bytes do. An older file keeps its own.
    connection.pragma_update(None, "page_size", 1024)?;
    // In pages: 4 MiB, as much as the journal may keep.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 4096, |_| Ok(()))?;
    // Nothing is lost when an empty file is lost, so making one waits for no disk.
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.pragma_update_and_check(None, "journal_size_limit", 4 << 20, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = migrations::newest();
    if found > known || found < 0 {
        return Err(LedgerError::TooNew { path: path.to_owned(), found, known });
    }
    if found > 0 {
        // There is something to lose now, the steps themselves included.
        connection.pragma_update(None, "synchronous", "FULL")?;
    }
    let missing = MIGRATIONS.get(found as usize..).unwrap_or_default();
    if !missing.is_empty() {
        let transaction = connection.transaction()?;
        for migration in missing {
            transaction.execute_batch(migration.sql)?;
        }
        transaction.pragma_update(None, "user_version", known)?;
        transaction.commit()?;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The check has read pages that nobody needs now.
    connection.execute_batch("PRAGMA shrink_memory")?;
    Ok(())
}

/// Opens the file for reading.
pub(super) fn open_reader(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}
