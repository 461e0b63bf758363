//! A recovery token that was made on the machine, on its way to the server: whoever can write into the data directory may
//! set a new login.
//!
//! `pulse-server recovery-token` leaves the token's hash in `.recovery_token`; the running server takes it from there when
//! somebody shows the token. Pulse v5 has a file that switches authentication off instead.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::{ConfigError, atomic_file};

/// What stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftToken {
    /// The token's hash.
    pub hash: String,
    /// Until when it counts.
    pub expires_at: Timestamp,
}

/// The file.
#[derive(Debug)]
pub struct RecoveryFile(PathBuf);

impl RecoveryFile {
    /// The file of a data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self(data_dir.join(".recovery_token"))
    }

    /// Leaves a token for the server, in the place of one that was left before. Blocks for the disk.
    pub fn leave(&self, token: &LeftToken) -> Result<(), ConfigError> {
        atomic_file::write(&self.0, format!("{} {}\n", token.hash, token.expires_at).as_bytes())
    }

    /// What was left, where there is something that can be read. Blocks for the disk.
    pub fn read(&self) -> Result<Option<LeftToken>, ConfigError> {
        let Some(bytes) = atomic_file::read(&self.0)? else { return Ok(None) };
        let parsed = std::str::from_utf8(&bytes).ok().and_then(|text| {
            let (hash, expires_at) = text.trim().split_once(' ')?;
            Some(LeftToken { hash: hash.to_owned(), expires_at: expires_at.parse().ok()? })
        });
        Ok(parsed)
    }

    /// Takes the file away. Blocks for the disk.
    pub fn remove(&self) -> Result<(), ConfigError> {
        atomic_file::remove(&self.0)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_token_is_left_privately_read_and_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let file = RecoveryFile::new(dir.path());
        assert_eq!(file.read().unwrap(), None);
        let token = LeftToken { hash: "ab".into(), expires_at: "2026-03-04T05:06:07Z".parse().unwrap() };
        file.leave(&token).unwrap();
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(file.read().unwrap(), Some(token));
        for damaged in ["", "ab", "ab soon", "\0\0", " "] {
            fs::write(file.path(), damaged).unwrap();
            assert_eq!(file.read().unwrap(), None, "{damaged}");
        }
        file.remove().unwrap();
        file.remove().unwrap();
        assert!(!file.path().exists());
    }
}
