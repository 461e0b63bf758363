//! What is written beside the program about its last update, and the exchange of files itself.
//!
//! The record says from which version to which; until the new one has proved itself, each of its starts is counted, and
//! one too many brings the old program back.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{fetch::beside, version::Version};

/// Starts of a new version that did not get as far as a report.
const MAX_STARTS: u32 = 3;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Record {
    from: String,
    to: String,
    is_confirmed: bool,
    starts: u32,
    /// The version that was taken back, not to be tried again.
    rejected: Option<String>,
}

/// What a starting program has to do about its last update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Run.
    Run,
    /// The former version lies where the program was: start that one.
    RolledBack,
}

fn path(binary: &Path) -> std::path::PathBuf {
    binary.with_file_name(".pulse-update-info")
}

fn read(binary: &Path) -> Option<Record> {
    serde_json::from_slice(&fs::read(path(binary)).ok()?).ok()
}

fn write(binary: &Path, record: &Record) -> io::Result<()> {
    let target = path(binary);
    let half = target.with_extension("part");
    let text = serde_json::to_vec(record).map_err(io::Error::other)?;
    let written = fs::File::create(&half).and_then(|mut file| {
        file.write_all(&text)?;
        // After a power failure it must still be known that the program is a new one.
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&half, target)).inspect_err(|_| {
        fs::remove_file(&half).ok();
    })
}

/// To be called once by a program that may have been replaced, before anything else. Reads and writes files.
pub fn on_start(binary: &Path, own: &str) -> Start {
    let Some(mut record) = read(binary).filter(|record| record.to == own && !record.is_confirmed) else {
        return Start::Run;
    };
    record.starts += 1;
    if record.starts > MAX_STARTS && roll_back(binary, own).is_ok() {
        return Start::RolledBack;
    }
    // A count that cannot be written must not keep the agent from running.
    write(binary, &record).ok();
    Start::Run
}

/// The version before, while this one is new.
pub(super) fn unconfirmed_from(binary: &Path, own: &str) -> Option<String> {
    let record = read(binary)?;
    (record.to == own && !record.is_confirmed).then_some(record.from)
}

/// This version works.
pub(super) fn confirm(binary: &Path, own: &str) {
    let Some(record) = read(binary).filter(|record| record.to == own && !record.is_confirmed) else { return };
    if write(binary, &Record { is_confirmed: true, ..record }).is_ok() {
        // The second is where Windows has the program that ran before.
        for left in ["backup", "old"] {
            fs::remove_file(beside(binary, left)).ok();
        }
    }
}

/// Whether a version was tried and taken back.
pub(super) fn is_rejected(binary: &Path, version: &Version) -> bool {
    let rejected = read(binary).and_then(|record| record.rejected);
    rejected.and_then(|rejected| Version::parse(&rejected)).as_ref() == Some(version)
}

/// Puts a new program in the place of this one; the old one is kept beside it. Where that fails, nothing of the try stays:
/// the disk may be full.
pub(super) fn replace(binary: &Path, fresh: &Path, from: &str, to: &str) -> io::Result<()> {
    let backup = beside(binary, "backup");
    fs::remove_file(&backup).ok();
    let exchange = || {
        // A second name for the same file, so that there is a program at every moment.
        fs::hard_link(binary, &backup).or_else(|_| fs::copy(binary, &backup).map(drop))?;
        write(binary, &Record { from: from.to_owned(), to: to.to_owned(), ..Record::default() })?;
        take_place(fresh, binary)
    };
    exchange().inspect_err(|_| {
        fs::remove_file(&backup).ok();
        fs::remove_file(fresh).ok();
    })
}

/// Gives a file the name of the program, which runs.
#[cfg(not(windows))]
fn take_place(file: &Path, binary: &Path) -> io::Result<()> {
    fs::rename(file, binary)
}

/// Gives a file the name of the program, which runs. Windows lets nobody take that name, but the program may be given
/// another one first; what cannot be done after that is undone.
#[cfg(windows)]
fn take_place(file: &Path, binary: &Path) -> io::Result<()> {
    let aside = beside(binary, "old");
    fs::remove_file(&aside).ok();
    fs::rename(binary, &aside)?;
    fs::rename(file, binary).inspect_err(|_| {
        fs::rename(&aside, binary).ok();
    })
}

/// Puts the former program back.
pub(super) fn roll_back(binary: &Path, own: &str) -> io::Result<()> {
    take_place(&beside(binary, "backup"), binary)?;
    let record = read(binary).unwrap_or_default();
    write(binary, &Record { is_confirmed: true, rejected: Some(own.to_owned()), ..record })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("pulse-agent");
        fs::write(&binary, "old").unwrap();
        let fresh = beside(&binary, "new");
        fs::write(&fresh, "new").unwrap();
        replace(&binary, &fresh, "5.1.0", "5.2.0").unwrap();
        (dir, binary)
    }

    #[test]
    fn a_new_version_that_works_is_confirmed_and_said_once() {
        let (_dir, binary) = installed();
        assert_eq!(fs::read_to_string(&binary).unwrap(), "new");
        assert_eq!(on_start(&binary, "5.2.0"), Start::Run);
        assert_eq!(unconfirmed_from(&binary, "5.2.0").as_deref(), Some("5.1.0"));
        confirm(&binary, "5.2.0");
        assert_eq!(unconfirmed_from(&binary, "5.2.0"), None);
        assert!(!beside(&binary, "backup").exists());
    }

    #[test]
    fn a_new_version_that_never_gets_far_is_taken_back_and_not_tried_again() {
        let (_dir, binary) = installed();
        for _ in 0..3 {
            assert_eq!(on_start(&binary, "5.2.0"), Start::Run);
        }
        assert_eq!(on_start(&binary, "5.2.0"), Start::RolledBack);
        assert_eq!(fs::read_to_string(&binary).unwrap(), "old");
        let is_rejected = |text: &str| is_rejected(&binary, &Version::parse(text).unwrap());
        assert!(is_rejected("v5.2.0") && !is_rejected("5.3.0"));
        assert_eq!(on_start(&binary, "5.1.0"), Start::Run);
    }

    #[test]
    fn a_replacement_that_fails_leaves_the_program_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("pulse-agent");
        fs::write(&binary, "old").unwrap();
        let fresh = beside(&binary, "new");
        fs::write(&fresh, "new").unwrap();
        // The record cannot be put in its place, as on a disk that is full.
        fs::create_dir(path(&binary)).unwrap();
        fs::write(path(&binary).join("in the way"), "").unwrap();
        replace(&binary, &fresh, "5.1.0", "5.2.0").unwrap_err();
        assert_eq!(fs::read_to_string(&binary).unwrap(), "old");
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        assert_eq!(on_start(&binary, "5.1.0"), Start::Run);
    }

    #[test]
    fn without_a_record_or_with_a_damaged_one_the_agent_just_runs() {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("pulse-agent");
        assert_eq!(on_start(&binary, "5.1.0"), Start::Run);
        fs::write(dir.path().join(".pulse-update-info"), "{damaged").unwrap();
        assert_eq!(on_start(&binary, "5.1.0"), Start::Run);
    }
}
