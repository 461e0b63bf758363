//! Sessions in `sessions.json`, so that a restart logs nobody out. Keys are hashes of the cookies.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use pulse_core::{Clock, SystemClock, credential::SessionRecord};

use crate::{ConfigError, atomic_file};

/// The file of sessions; who holds the sessions reads it once and writes it on change.
#[derive(Debug)]
pub struct SessionFile {
    path: PathBuf,
    writing: Mutex<()>,
}

impl SessionFile {
    /// The file of a data directory.
    pub fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join("sessions.json"), writing: Mutex::new(()) }
    }

    /// Reads the sessions; a damaged file is set aside and everybody logs in again. Blocks for the disk.
    pub fn load(&self) -> Result<Vec<SessionRecord>, ConfigError> {
        Ok(atomic_file::read_json_or_set_aside(&self.path, SystemClock.now())?.unwrap_or_default())
    }

    /// Writes the sessions. Blocks for the disk.
    pub fn save(&self, sessions: &[SessionRecord]) -> Result<(), ConfigError> {
        self.save_with(|| sessions.to_vec())
    }

    /// Writes what `export` gives when it is this caller's turn: of several at once the last one writes the newest,
    /// never an older one. Blocks for the disk.
    pub fn save_with(&self, export: impl FnOnce() -> Vec<SessionRecord>) -> Result<(), ConfigError> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let text = serde_json::to_vec(&export())
            .map_err(|source| ConfigError::Encode { what: "the sessions", source })?;
        atomic_file::write(&self.path, &text)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn sessions_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let file = SessionFile::new(dir.path());
        assert_eq!(file.load().unwrap(), []);
        // As Pulse v5 writes them, with members we do not use.
        let text = r#"[{"key":"ab","username":"admin","expires_at":"2026-01-03T00:00:00.5+01:00",
            "created_at":"2026-01-02T00:00:00Z","original_duration":86400000000000,"oidc_issuer":"x"}]"#;
        fs::write(dir.path().join("sessions.json"), text).unwrap();
        let sessions = file.load().unwrap();
        assert_eq!(sessions[0].username.as_deref(), Some("admin"));
        file.save(&sessions).unwrap();
        assert_eq!(file.load().unwrap(), sessions);
    }

    #[test]
    fn writers_at_once_do_not_disturb_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let file = SessionFile::new(dir.path());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| file.save(&[]).unwrap());
            }
        });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_file_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("sessions.json"), "[{").unwrap();
        let file = SessionFile::new(dir.path());
        assert_eq!(file.load().unwrap(), []);
        assert!(!dir.path().join("sessions.json").exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
