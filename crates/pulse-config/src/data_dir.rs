//! The directory that holds everything of one server: made private, checked, and held by one server at a time.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::ConfigError;

const LOCK_FILE: &str = ".pulse.lock";

/// A data directory that this process owns; the operating system frees it when the process ends, however it ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory where it is missing (mode 0700), checks that it can be written, and takes its lock.
    pub fn open(path: &Path) -> Result<Self, ConfigError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|source| ConfigError::CreateDir { path: path.to_owned(), source })?;
        let not_writable = |source| ConfigError::NotWritable { path: path.to_owned(), source };
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join(LOCK_FILE))
            .map_err(not_writable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(ConfigError::InUse { path: path.to_owned(), pid: read_pid(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(not_writable(source)),
        }
        write_pid(&mut lock).and_then(|()| probe(path)).map_err(not_writable)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// The lock file may be writable where the directory is not: every later write makes a new file, so try that.
fn probe(path: &Path) -> io::Result<()> {
    let file = path.join(".pulse.probe");
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&file)?;
    fs::remove_file(&file)
}

fn write_pid(lock: &mut File) -> io::Result<()> {
    // Always as long, so that nothing needs to be cut off: that can wait for the disk.
    lock.rewind()?;
    writeln!(lock, "{:<10}", std::process::id())
}

fn read_pid(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_missing_directory_is_made_private() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a/b");
        let dir = DataDir::open(&path).unwrap();
        assert_eq!(fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(dir.file("x"), path.join("x"));
        assert!(!path.join(".pulse.probe").exists());
    }

    #[test]
    fn a_second_server_is_refused_until_the_first_is_gone() {
        let base = tempfile::tempdir().unwrap();
        let first = DataDir::open(base.path()).unwrap();
        let error = DataDir::open(base.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("(process {})", std::process::id())), "{error}");
        assert!(error.contains(&base.path().display().to_string()), "{error}");
        drop(first);
        DataDir::open(base.path()).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_one_plain_sentence_with_its_path() {
        // Nobody can write there, not even root.
        let proc = DataDir::open(Path::new("/proc")).unwrap_err();
        assert!(matches!(proc, ConfigError::NotWritable { .. }), "{proc}");
        assert!(proc.to_string().starts_with("the data directory /proc is not writable: "), "{proc}");

        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("file");
        fs::write(&file, "").unwrap();
        let below = DataDir::open(&file.join("data")).unwrap_err();
        assert!(matches!(below, ConfigError::CreateDir { .. }), "{below}");
        assert!(!below.to_string().contains('\n'));
    }
}
