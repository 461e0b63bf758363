//! What can go wrong with history.

use std::path::PathBuf;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file or its folder cannot be written.
    #[error("cannot write {}: {reason}; check who owns the folder, whether it is read-only, and free space", path.display())]
    NotWritable {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file was written by a newer version of the program.
    #[error("{} has format {found}, and this version reads up to {known}; use a newer version or move the file away", path.display())]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// The format of the file.
        found: i64,
        /// The newest format that this version knows.
        known: i64,
    },
    /// The damaged file cannot be renamed.
    #[error("{} is damaged and cannot be renamed: {source}; move it away by hand", path.display())]
    SetAside {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file holds something that is not what was written.
    #[error("the metrics database is damaged: {0}")]
    Damaged(String),
    /// SQLite refused.
    #[error("metrics database: {0}")]
    Database(#[from] rusqlite::Error),
    /// Another engine could not do it.
    #[error("the history engine: {doing}: {problem}")]
    Remote {
        /// What was to be done.
        doing: &'static str,
        /// What it or the network said.
        problem: String,
    },
    /// A thread could not be started.
    #[error("cannot start the thread that writes history: {0}")]
    Thread(std::io::Error),
    /// The store is closed.
    #[error("the metrics store is closed")]
    Closed,
}

impl StoreError {
    /// Whether the file itself is damaged, so that trying again is of no use.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Database(error) => matches!(
                error.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ),
            Self::NotWritable { .. }
            | Self::TooNew { .. }
            | Self::SetAside { .. }
            | Self::Remote { .. }
            | Self::Thread(_)
            | Self::Closed => false,
        }
    }
}
