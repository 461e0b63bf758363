//! What can be wrong with the data directory and the files in it.

use std::{io, path::PathBuf};

use crate::BadSetting;

/// Why configuration cannot be read or kept. Every text names the path and no secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The directory does not exist and cannot be made.
    #[error("cannot create the data directory {}: {source}; create it for this user or set PULSE_DATA_DIR to another one", path.display())]
    CreateDir {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing can be written into the directory.
    #[error("the data directory {} is not writable: {source}; give this user the right to write there or set PULSE_DATA_DIR to another one", path.display())]
    NotWritable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another server works on the directory.
    #[error("another Pulse server{} already uses the data directory {}; stop it or set PULSE_DATA_DIR to another one", pid.map(|pid| format!(" (process {pid})")).unwrap_or_default(), path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The other server's process id, where it left one.
        pid: Option<u32>,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file cannot be removed.
    #[error("cannot remove {}: {source}", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are sealed files but the key that opens them is gone.
    #[error("the encryption key {} is missing but sealed files exist ({}); put the key back, or move those files away to start without them", key.display(), sealed.join(", "))]
    KeyLost {
        /// Where the key should be.
        key: PathBuf,
        /// The files that need it.
        sealed: Vec<String>,
    },
    /// The key file does not hold a key.
    #[error("{} does not hold an encryption key (base64 of 32 bytes); put the right key back, or move it and the sealed files away to start anew", path.display())]
    BadKey {
        /// The key file.
        path: PathBuf,
    },
    /// A file on which rights depend cannot be read: to go on without it could give somebody more rights.
    #[error("{} is damaged: {problem}; put a good copy back, or move it away to start without what it says", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, without quoting it.
        problem: String,
    },
    /// The key file vanished while the server runs.
    #[error("the encryption key {} has disappeared; nothing is written until it is back", path.display())]
    KeyVanished {
        /// Where the key was.
        path: PathBuf,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    NoRandom,
    /// Something of ours cannot be put into its file format.
    #[error("cannot encode {what}")]
    Encode {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A bundle that no import takes back is none.
    #[error(
        "the export would be larger than {largest} bytes, and no import takes that; remove notes or tokens that are no longer needed"
    )]
    ExportTooLarge {
        /// What an import takes.
        largest: usize,
    },
    /// A text cannot stand in the `.env` file.
    #[error("{key} must not contain line breaks or single quotes")]
    Unquotable {
        /// The variable.
        key: &'static str,
    },
    /// The login comes from the process environment, where it cannot be changed from here.
    #[error(
        "the login is set by PULSE_AUTH_USER and PULSE_AUTH_PASS in the environment of the server; change it there"
    )]
    ManagedByEnvironment,
    /// A variable of the environment makes no sense.
    #[error(transparent)]
    Setting(#[from] BadSetting),
}

/// Why an update was not made: the change itself was refused, or it could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError<E> {
    /// The closure refused; nothing changed.
    #[error("{0}")]
    Refused(E),
    /// The change could not be written; nothing changed.
    #[error(transparent)]
    Config(#[from] ConfigError),
}
