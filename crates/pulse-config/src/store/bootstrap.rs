//! The token of the first run in `.bootstrap_token`: whoever can read the data directory may set the password.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwapOption;
use pulse_core::{Clock, SystemClock};

use crate::{ConfigError, Secret, atomic_file};

const LENGTH: usize = 48;

/// The bootstrap token; there is one only while nothing else lets anybody in.
#[derive(Debug)]
pub struct BootstrapToken {
    path: PathBuf,
    current: ArcSwapOption<Secret>,
}

impl BootstrapToken {
    /// Reads the token or makes one, unless a login or token is configured: then there is none, and an old file
    /// stays where it is.
    pub fn open(data_dir: &Path, is_configured: bool) -> Result<Self, ConfigError> {
        let path = Self::path_in(data_dir);
        let token = if is_configured { None } else { Some(Arc::new(read_or_create(&path)?)) };
        Ok(Self { path, current: ArcSwapOption::new(token) })
    }

    /// Where a data directory keeps its token.
    pub fn path_in(data_dir: &Path) -> PathBuf {
        data_dir.join(".bootstrap_token")
    }

    /// The token while it counts. Never waits.
    pub fn current(&self) -> Option<Arc<Secret>> {
        self.current.load_full()
    }

    /// Where it can be read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends the token for good. It counts no more even where the file cannot be removed. Blocks for the disk.
    pub fn consume(&self) -> Result<(), ConfigError> {
        self.current.store(None);
        atomic_file::remove(&self.path)
    }
}

fn read_or_create(path: &Path) -> Result<Secret, ConfigError> {
    let found = atomic_file::read_or_set_aside(path, SystemClock.now(), |bytes| {
        let text = std::str::from_utf8(bytes).unwrap_or_default().trim();
        let is_token = text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_token { Ok(Secret::new(text)) } else { Err("it does not hold 48 hexadecimal digits") }
    })?;
    if let Some(token) = found {
        return Ok(token);
    }
    let mut bytes = [0_u8; LENGTH / 2];
    getrandom::fill(&mut bytes).map_err(|_| ConfigError::NoRandom)?;
    let mut text = String::with_capacity(LENGTH + 1);
    for byte in bytes {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    let token = Secret::new(text.clone());
    text.push('\n');
    // One that is lost with the power is made anew at the next start.
    atomic_file::write_unsynced(path, text.as_bytes())?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn the_token_is_made_once_private_and_ends_when_used() {
        let dir = tempfile::tempdir().unwrap();
        let token = BootstrapToken::open(dir.path(), false).unwrap();
        let value = token.current().unwrap();
        let file = fs::read_to_string(token.path()).unwrap();
        assert_eq!(file, format!("{}\n", value.expose()));
        assert_eq!(value.expose().len(), 48);
        assert_eq!(fs::metadata(token.path()).unwrap().permissions().mode() & 0o777, 0o600);
        let again = BootstrapToken::open(dir.path(), false).unwrap();
        assert_eq!(again.current(), Some(value));
        again.consume().unwrap();
        assert_eq!(again.current(), None);
        assert!(!again.path().exists());
        again.consume().unwrap();
    }

    #[test]
    fn a_configured_server_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let token = BootstrapToken::open(dir.path(), true).unwrap();
        assert!(token.current().is_none() && !token.path().exists());
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_a_new_token_made() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".bootstrap_token"), "short\n").unwrap();
        let token = BootstrapToken::open(dir.path(), false).unwrap();
        assert_eq!(token.current().unwrap().expose().len(), 48);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
