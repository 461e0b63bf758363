//! What can go wrong with the ledger.

use std::path::PathBuf;

/// Why the ledger could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
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
    #[error("{} is damaged and cannot be renamed: {reason}; move it away by hand", path.display())]
    SetAside {
        /// The database file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file holds something that is not what was written.
    #[error("the database is damaged: {0}")]
    Damaged(String),
    /// SQLite refused.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    /// The transaction was undone because another change that shared its commit, or the commit itself, failed.
    #[error("the change could not be written: {0}")]
    NotCommitted(String),
    /// The work panicked; nothing of it has happened.
    #[error("the change was given up because of an error in the program")]
    Lost,
    /// A thread could not be started.
    #[error("cannot start the thread that writes the database: {0}")]
    Thread(std::io::Error),
    /// The ledger is closed.
    #[error("the database is closed")]
    Closed,
}

impl LedgerError {
    /// Whether the file itself is damaged, so that trying again is of no use.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Database(error) => is_damage(error),
            Self::NotWritable { .. }
            | Self::TooNew { .. }
            | Self::SetAside { .. }
            | Self::NotCommitted(_)
            | Self::Lost
            | Self::Thread(_)
            | Self::Closed => false,
        }
    }
}

/// Whether SQLite found damage.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}
