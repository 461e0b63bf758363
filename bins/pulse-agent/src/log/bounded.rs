//! A log file that never grows beyond its limit: when it is full, it becomes the old one, and a new one begins.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::PathBuf,
};

/// Two files of this size are what a log may take.
const MAX_BYTES: u64 = 1024 * 1024;

/// The file. What cannot be written is lost: a full disk must not end the agent.
#[derive(Debug)]
pub struct BoundedFile {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
}

impl BoundedFile {
    /// Goes on with the file at `path`, or begins it.
    pub fn open(path: PathBuf) -> Self {
        let file = append(&path);
        let bytes = file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |data| data.len());
        Self { path, file, bytes }
    }

    fn turn(&mut self) {
        // Closed first: Windows renames no file that is open.
        self.file = None;
        fs::rename(&self.path, self.path.with_extension("old.log")).ok();
        self.file = append(&self.path);
        self.bytes = 0;
    }
}

fn append(path: &PathBuf) -> Option<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).ok();
    }
    OpenOptions::new().create(true).append(true).open(path).ok()
}

impl Write for BoundedFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.bytes + line.len() as u64 > MAX_BYTES {
            self.turn();
        }
        if let Some(file) = &mut self.file {
            file.write_all(line)?;
            self.bytes += line.len() as u64;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_becomes_the_old_one_and_both_stay_small() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/pulse-agent.log");
        let line = [b'x'; 1000];
        for round in 0..3 {
            // A restart goes on where the one before ended.
            let mut log = BoundedFile::open(path.clone());
            for _ in 0..1000 {
                log.write_all(&line).unwrap();
            }
            assert!(fs::metadata(&path).unwrap().len() <= MAX_BYTES, "round {round}");
        }
        assert!(fs::metadata(path.with_extension("old.log")).unwrap().len() <= MAX_BYTES);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
    }

    #[test]
    fn a_place_that_cannot_be_written_to_ends_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let mut log = BoundedFile::open(dir.path().join("file/log"));
        log.write_all(b"line\n").unwrap();
        log.flush().unwrap();
    }
}
