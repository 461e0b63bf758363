//! The log in a file, besides standard error: turned over when it has grown, packed, and thrown away when it is old.
//!
//! A file that cannot be written holds nobody up: the line is then on standard error alone.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use pulse_config::LogFileSettings;
use pulse_core::Clock;
use tracing_subscriber::fmt::MakeWriter;

/// So many old files are kept at most, however young they are.
const MOST_FILES: usize = 50;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A log file. Cheap to clone.
#[derive(Clone)]
pub struct LogFile(Arc<Shared>);

struct Shared {
    settings: LogFileSettings,
    clock: Arc<dyn Clock>,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    size_bytes: u64,
}

impl LogFile {
    /// Opens the file, behind what stands in it, and throws away what is too old.
    pub fn open(settings: LogFileSettings, clock: Arc<dyn Clock>) -> io::Result<Self> {
        if let Some(folder) = settings.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let open = Open::at(&settings.path)?;
        let log = Self(Arc::new(Shared { settings, clock, open: Mutex::new(open) }));
        throw_away(&log.0.settings);
        Ok(log)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the full file aside and begins a new one; packing and throwing away are done by a thread of their own.
    fn turn_over(&self, open: &mut Open) -> io::Result<()> {
        let settings = &self.0.settings;
        let aside = free_name(&settings.path, self.0.clock.now());
        fs::rename(&settings.path, &aside)?;
        *open = Open::at(&settings.path)?;
        let settings = settings.clone();
        let tidy = move || {
            if settings.is_compressed && pack(&aside).is_err() {
                // It stays as it is.
                let _ = fs::remove_file(packed_name(&aside));
            }
            throw_away(&settings);
        };
        std::thread::Builder::new().name("log-file".into()).spawn(tidy).map(drop)
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        // Names of hosts and people are in it: nobody else needs to read them.
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let size_bytes = file.metadata()?.len();
        Ok(Self { file, size_bytes })
    }
}

impl Write for LogFile {
    /// Each write is a whole line: that is how the subscriber writes, so that no line is cut by a turn.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
        let mut open = self.lock();
        if open.size_bytes > 0
            && open.size_bytes.saturating_add(length) > self.0.settings.max_bytes
            && self.turn_over(&mut open).is_err()
        {
            // Where it cannot be put aside it goes on; a try with every line would cost more than it helps.
            open.size_bytes = 0;
        }
        if open.file.write_all(line).is_ok() {
            open.size_bytes = open.size_bytes.saturating_add(length);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// `pulse.log.20260304T050607Z`, with a number where that is taken.
fn free_name(path: &Path, now: Timestamp) -> PathBuf {
    let stamp = now.strftime("%Y%m%dT%H%M%SZ");
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{stamp}"));
    let mut number = 1;
    loop {
        let candidate = if number == 1 {
            PathBuf::from(&name)
        } else {
            let mut numbered = name.clone();
            numbered.push(format!("-{number}"));
            PathBuf::from(numbered)
        };
        if !candidate.exists() && !packed_name(&candidate).exists() {
            return candidate;
        }
        number += 1;
    }
}

fn packed_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    PathBuf::from(name)
}

fn pack(path: &Path) -> io::Result<()> {
    let packed = OpenOptions::new().create_new(true).write(true).mode(0o600).open(packed_name(path))?;
    let mut encoder = GzEncoder::new(packed, Compression::default());
    io::copy(&mut File::open(path)?, &mut encoder)?;
    encoder.finish()?.sync_all()?;
    fs::remove_file(path)
}

/// Whether a name ends as [`free_name`] and [`packed_name`] make it end: whatever else lies beside the log is somebody's.
fn is_stamp(end: &str) -> bool {
    let end = end.strip_suffix(".gz").unwrap_or(end);
    let (stamp, number) = end.split_once('-').map_or((end, None), |(stamp, number)| (stamp, Some(number)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_time = stamp
        .strip_suffix('Z')
        .and_then(|rest| rest.split_once('T'))
        .is_some_and(|(date, time)| (date.len(), time.len()) == (8, 6) && is_digits(date) && is_digits(time));
    is_time && number.is_none_or(is_digits)
}

/// Files that were put aside and are too old or too many.
fn throw_away(settings: &LogFileSettings) {
    let Some(name) = settings.path.file_name().and_then(OsStr::to_str) else { return };
    let folder = settings.path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return };
    let is_ours =
        |file: &str| file.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')).is_some_and(is_stamp);
    let mut old: Vec<(Duration, PathBuf)> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(is_ours))
        .filter_map(|entry| {
            let age = entry.metadata().ok()?.modified().ok()?.elapsed().unwrap_or_default();
            Some((age, entry.path()))
        })
        .collect();
    old.sort();
    let most = DAY.saturating_mul(settings.max_age_days);
    for (number, (age, path)) in old.iter().enumerate() {
        if number >= MOST_FILES || (settings.max_age_days > 0 && *age > most) {
            // The next turn tries again.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::fs::PermissionsExt, time::SystemTime};

    use flate2::read::GzDecoder;
    use pulse_core::ManualClock;

    use super::*;

    fn settings(folder: &Path, is_compressed: bool) -> LogFileSettings {
        LogFileSettings {
            path: folder.join("logs/pulse.log"),
            max_bytes: 100,
            max_age_days: 30,
            is_compressed,
        }
    }

    fn open(settings: &LogFileSettings) -> LogFile {
        let clock = Arc::new(ManualClock::new("2026-03-04T05:06:07Z".parse().unwrap()));
        LogFile::open(settings.clone(), clock).unwrap()
    }

    fn names(settings: &LogFileSettings) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(settings.path.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_has_grown_is_put_aside_and_no_line_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), false);
        let mut log = open(&settings);
        for number in 0..10 {
            log.write_all(format!("{number:039}\n").as_bytes()).unwrap();
        }
        drop(log);
        let mut log = open(&settings);
        log.write_all(format!("{:039}\n", 10).as_bytes()).unwrap();
        let mut lines: Vec<String> = names(&settings)
            .iter()
            .flat_map(|name| {
                let path = settings.path.with_file_name(name);
                assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
                let text = fs::read_to_string(path).unwrap();
                assert!(text.len() <= 100, "{name}");
                text.lines().map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        lines.sort();
        assert_eq!(lines, (0..=10).map(|number| format!("{number:039}")).collect::<Vec<_>>());
        assert!(names(&settings).contains(&"pulse.log.20260304T050607Z-2".to_owned()));
    }

    #[test]
    fn what_was_put_aside_is_packed_and_what_is_old_is_thrown_away() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(folder.path(), true);
        drop(open(&settings));
        let aside = settings.path.with_file_name("pulse.log.20260101T000000Z");
        fs::write(&aside, "a line\n").unwrap();
        pack(&aside).unwrap();
        let mut text = String::new();
        GzDecoder::new(File::open(packed_name(&aside)).unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), aside.exists()), ("a line\n", false));
        let second = settings.path.with_file_name("pulse.log.20260101T000000Z-2");
        fs::write(&second, "a line\n").unwrap();
        let foreign = ["pulse.log.20260101-kept-by-somebody", "pulse.log.of-somebody"]
            .map(|name| settings.path.with_file_name(name));
        for path in &foreign {
            fs::write(path, "kept").unwrap();
        }
        for path in [packed_name(&aside), second].into_iter().chain(foreign) {
            let old = SystemTime::now() - 31 * DAY;
            File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
        }
        throw_away(&settings);
        assert_eq!(
            names(&settings),
            ["pulse.log", "pulse.log.20260101-kept-by-somebody", "pulse.log.of-somebody"]
        );
    }

    #[test]
    fn where_nothing_can_be_written_the_start_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let settings = LogFileSettings { path: file.join("pulse.log"), ..settings(folder.path(), true) };
        assert!(LogFile::open(settings, Arc::new(pulse_core::SystemClock)).is_err());
    }
}
