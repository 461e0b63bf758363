//! Files that are whole or not there: written beside, synced, renamed; a damaged one is set aside, never deleted.
//!
//! Everything here blocks. It must never be called on an async thread.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::de::DeserializeOwned;

use crate::ConfigError;

/// Replaces `path` by `bytes` at once: whoever reads sees the old file or the new one. Mode 0600.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
    replace(path, bytes, true)
}

/// The same without waiting for the disk: after a power cut the file may be empty or missing. For what is made anew
/// then at no loss; it keeps the start fast.
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<(), ConfigError> {
    replace(path, bytes, false)
}

/// Waits until a file and its name are on the disk.
pub fn sync(path: &Path) -> Result<(), ConfigError> {
    let synced = File::open(path).and_then(|file| file.sync_all()).and_then(|()| sync_name(path));
    synced.map_err(|source| ConfigError::Write { path: path.to_owned(), source })
}

fn replace(path: &Path, bytes: &[u8], is_synced: bool) -> Result<(), ConfigError> {
    let temporary = beside(path, ".tmp");
    let result = write_and_rename(&temporary, path, bytes, is_synced);
    if result.is_err() {
        // The half-written copy is worth nothing; a leftover would only puzzle people.
        let _ = fs::remove_file(&temporary);
    }
    result.map_err(|source| ConfigError::Write { path: path.to_owned(), source })
}

fn write_and_rename(temporary: &Path, path: &Path, bytes: &[u8], is_synced: bool) -> io::Result<()> {
    // Removed first: an old copy may have another mode, and the mode is set on creation only.
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(temporary)?;
    file.write_all(bytes)?;
    if is_synced {
        file.sync_all()?;
    }
    drop(file);
    fs::rename(temporary, path)?;
    if is_synced { sync_name(path) } else { Ok(()) }
}

/// Without this the rename itself may be lost with the power.
fn sync_name(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// The file's bytes; `None` where there is none.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, ConfigError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
    }
}

/// Removes a file; it is no error when it is gone already.
pub fn remove(path: &Path) -> Result<(), ConfigError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ConfigError::Remove { path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// Renames a damaged file to `<name>.corrupt-<timestamp>`, so that the server can go on and a person can look at it.
pub fn set_aside(path: &Path, reason: &str, now: Timestamp) -> Result<PathBuf, ConfigError> {
    let stamp = now.strftime("%Y%m%d-%H%M%S");
    let mut target = beside(path, &format!(".corrupt-{stamp}"));
    let mut attempt = 1;
    while target.exists() {
        attempt += 1;
        target = beside(path, &format!(".corrupt-{stamp}-{attempt}"));
    }
    fs::rename(path, &target).map_err(|source| ConfigError::Write { path: target.clone(), source })?;
    tracing::warn!(
        file.path = %path.display(),
        file.kept_as = %target.display(),
        reason,
        "a damaged file was set aside, the server goes on without it"
    );
    Ok(target)
}

/// Reads a file and decodes it; one that cannot be decoded is set aside and counts as absent.
pub fn read_or_set_aside<T, E: std::fmt::Display>(
    path: &Path,
    now: Timestamp,
    decode: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Result<Option<T>, ConfigError> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    match decode(&bytes) {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            set_aside(path, &error.to_string(), now)?;
            Ok(None)
        }
    }
}

/// Reads a JSON file; one that is no such JSON is set aside and counts as absent.
pub fn read_json_or_set_aside<T: DeserializeOwned>(
    path: &Path,
    now: Timestamp,
) -> Result<Option<T>, ConfigError> {
    read_or_set_aside(path, now, decode_json)
}

/// Decodes JSON. Serde's messages may quote the text, which may hold credentials: only the place is told.
pub fn decode_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| {
        format!("it does not hold what it should (line {}, column {})", error.line(), error.column())
    })
}

/// `path` with `suffix` appended to its file name.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn now() -> Timestamp {
        "2026-03-04T05:06:07Z".parse().unwrap()
    }

    #[test]
    fn a_written_file_is_private_and_whole_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        fs::write(beside(&path, ".tmp"), "left over from a crash").unwrap();
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_keeps_the_old_file_and_names_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        // A directory in the way of the temporary file makes the write fail, for root as well.
        fs::create_dir(beside(&path, ".tmp")).unwrap();
        fs::write(&path, "old").unwrap();
        let error = write(&path, b"new").unwrap_err().to_string();
        assert!(error.contains("a.json"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn what_cannot_be_decoded_is_set_aside_under_a_name_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        for text in ["{", "}"] {
            fs::write(&path, text).unwrap();
            let read = read_json_or_set_aside::<u32>(&path, now()).unwrap();
            assert_eq!(read, None);
            assert!(!path.exists());
        }
        let kept = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(kept("a.json.corrupt-20260304-050607"), "{");
        assert_eq!(kept("a.json.corrupt-20260304-050607-2"), "}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        fs::create_dir(&path).unwrap();
        assert!(read_json_or_set_aside::<u32>(&path, now()).is_err());
        assert!(path.exists());
    }
}
