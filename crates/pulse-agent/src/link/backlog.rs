//! Reports that did not get through, compressed, bounded in number and in bytes, on disk where that is wanted.

use std::{collections::VecDeque, io, path::PathBuf};

use bytes::Bytes;

use super::gzip;

/// Reports kept: an hour of them at the shortest usual interval.
// Pulse v5: keeps 60, which an outage of ten minutes fills.
const MAX_REPORTS: usize = 360;
/// Bytes kept: reports of a large Docker host would otherwise make a small agent a large one.
const MAX_BYTES: usize = 4 * 1024 * 1024;
const SUFFIX: &str = ".json.gz";

#[derive(Debug)]
struct Kept {
    /// `None`: it lies on disk, and memory is not spent on it.
    packed: Option<Bytes>,
    packed_bytes: usize,
    number: u64,
}

/// Reports as they were to be sent, oldest first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    reports: VecDeque<Kept>,
    bytes: usize,
    next: u64,
    folder: Option<PathBuf>,
    has_failed: bool,
}

impl Backlog {
    /// Number of reports.
    pub(super) fn len(&self) -> usize {
        self.reports.len()
    }

    /// Keeps reports in `folder` from now on, and takes over those that are there.
    pub(super) async fn open(&mut self, folder: PathBuf) {
        let loaded = {
            let folder = folder.clone();
            tokio::task::spawn_blocking(move || load(&folder)).await
        };
        match loaded.map_err(io::Error::other).and_then(|loaded| loaded) {
            Ok(found) => {
                self.folder = Some(folder);
                for (number, packed_bytes) in found {
                    self.next = self.next.max(number + 1);
                    self.bytes += packed_bytes;
                    self.reports.push_back(Kept { packed: None, packed_bytes, number });
                    self.make_room().await;
                }
                if !self.reports.is_empty() {
                    tracing::info!(count = self.len(), "reports of an earlier run wait to be sent");
                }
            }
            Err(error) => {
                tracing::warn!(folder = %folder.display(), %error, "reports cannot be kept on disk; keeping them in memory");
            }
        }
    }

    /// Keeps a report; the oldest make room.
    pub(super) async fn keep(&mut self, report: &Bytes) {
        let Some(packed) = gzip::pack(report).filter(|packed| packed.len() <= MAX_BYTES) else { return };
        let number = self.next;
        self.next += 1;
        let packed_bytes = packed.len();
        let mut is_on_disk = false;
        if let Some(path) = self.path(number) {
            let wrote = write(path, packed.clone()).await;
            is_on_disk = wrote.is_ok();
            if let Err(error) = &wrote
                && !self.has_failed
            {
                tracing::warn!(%error, "a waiting report cannot be written to disk; it is kept in memory");
            }
            self.has_failed = wrote.is_err();
        }
        self.bytes += packed_bytes;
        self.reports.push_back(Kept { packed: (!is_on_disk).then_some(packed), packed_bytes, number });
        self.make_room().await;
    }

    async fn make_room(&mut self) {
        while self.reports.len() > MAX_REPORTS || self.bytes > MAX_BYTES {
            self.drop_oldest().await;
        }
    }

    /// The oldest report that can be read; it stays.
    pub(super) async fn oldest(&mut self) -> Option<Bytes> {
        loop {
            let kept = self.reports.front()?;
            let packed = match (&kept.packed, self.path(kept.number)) {
                (Some(packed), _) => Ok(packed.clone()),
                (None, Some(path)) => tokio::fs::read(path).await.map(Bytes::from),
                (None, None) => Err(io::ErrorKind::NotFound.into()),
            };
            match packed.map(|packed| gzip::unpack(&packed)) {
                Ok(Some(report)) => return Some(report),
                Ok(None) => tracing::warn!("a waiting report is damaged and is set aside"),
                Err(error) => tracing::warn!(%error, "a waiting report cannot be read and is set aside"),
            }
            self.set_oldest_aside().await;
        }
    }

    /// Leaves the oldest report where it is under another name, for whoever wants to know.
    async fn set_oldest_aside(&mut self) {
        if let Some(kept) = self.reports.pop_front() {
            self.bytes -= kept.packed_bytes;
            if let Some(path) = self.path(kept.number) {
                // It may be gone altogether.
                tokio::fs::rename(&path, aside(&path)).await.ok();
            }
        }
    }

    /// Drops the oldest report.
    pub(super) async fn drop_oldest(&mut self) {
        if let Some(kept) = self.reports.pop_front() {
            self.bytes -= kept.packed_bytes;
            if let Some(path) = self.path(kept.number) {
                tokio::fs::remove_file(path).await.ok();
            }
        }
        if self.reports.is_empty() {
            // An outage must not leave its mark on the memory for good.
            self.reports = VecDeque::new();
        }
    }

    fn path(&self, number: u64) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{number:012}{SUFFIX}")))
    }
}

/// Whole or not at all: a report cut by a power failure would be refused for ever.
async fn write(path: PathBuf, packed: Bytes) -> io::Result<()> {
    let half = path.with_extension("part");
    tokio::fs::write(&half, &packed).await?;
    tokio::fs::rename(&half, &path).await
}

/// The name of a report that cannot be read.
fn aside(path: &std::path::Path) -> PathBuf {
    path.with_extension("damaged")
}

/// Numbers and sizes of the reports that lie in a folder and can be read, oldest first.
fn load(folder: &std::path::Path) -> io::Result<Vec<(u64, usize)>> {
    std::fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Reports say much about a machine.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    let mut numbers: Vec<u64> = std::fs::read_dir(folder)?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(SUFFIX)?.parse().ok())
        .collect();
    numbers.sort_unstable();
    let mut found = Vec::new();
    for number in numbers {
        let path = folder.join(format!("{number:012}{SUFFIX}"));
        let is_small = path.metadata().is_ok_and(|data| data.len() <= MAX_BYTES as u64);
        match std::fs::read(&path) {
            Ok(bytes) if is_small && gzip::unpack(&bytes).is_some() => {
                found.push((number, bytes.len()));
            }
            _ => {
                tracing::warn!(file = %path.display(), "a waiting report cannot be read and is set aside");
                std::fs::rename(&path, aside(&path))?;
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(n: usize) -> Bytes {
        Bytes::from(format!("{{\"n\":{n}}}"))
    }

    #[tokio::test]
    async fn the_oldest_make_room_for_the_newest() {
        let mut backlog = Backlog::default();
        for n in 0..MAX_REPORTS + 15 {
            backlog.keep(&report(n)).await;
        }
        assert_eq!(backlog.len(), MAX_REPORTS);
        assert_eq!(backlog.oldest().await.unwrap(), report(15));
    }

    #[tokio::test]
    async fn bytes_are_bounded_too() {
        let mut backlog = Backlog::default();
        let mut seed = 1u32;
        // Noise does not get smaller by compression.
        let mut noise = || {
            let bytes: Vec<u8> = (0..1024 * 1024)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 24) as u8
                })
                .collect();
            Bytes::from(bytes)
        };
        for _ in 0..6 {
            backlog.keep(&noise()).await;
        }
        assert!(backlog.len() == 3 && backlog.bytes <= MAX_BYTES, "{}", backlog.len());
        while backlog.len() > 0 {
            backlog.drop_oldest().await;
        }
        assert_eq!(backlog.bytes, 0);
    }

    #[tokio::test]
    async fn what_waits_on_disk_survives_a_restart_and_damage_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("host");
        let mut backlog = Backlog::default();
        backlog.open(folder.clone()).await;
        for n in 0..3 {
            backlog.keep(&report(n)).await;
        }
        backlog.drop_oldest().await;
        drop(backlog);
        std::fs::write(folder.join(format!("{:012}{SUFFIX}", 7)), "cut short").unwrap();
        let mut again = Backlog::default();
        again.open(folder.clone()).await;
        assert_eq!((again.len(), again.oldest().await.unwrap()), (2, report(1)));
        assert!(again.reports.iter().all(|kept| kept.packed.is_none()), "disk instead of memory");
        again.keep(&report(9)).await;
        again.drop_oldest().await;
        again.drop_oldest().await;
        assert_eq!(again.oldest().await.unwrap(), report(9));
        let names: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(names.iter().any(|name| name.ends_with("damaged")), "{names:?}");
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[tokio::test]
    async fn a_report_that_vanished_from_the_disk_does_not_block_those_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut backlog = Backlog::default();
        backlog.open(dir.path().to_owned()).await;
        for n in 0..3 {
            backlog.keep(&report(n)).await;
        }
        std::fs::remove_file(backlog.path(0).unwrap()).unwrap();
        std::fs::write(backlog.path(1).unwrap(), "damaged").unwrap();
        let damaged = aside(&backlog.path(1).unwrap());
        assert_eq!(backlog.oldest().await.unwrap(), report(2));
        assert_eq!(backlog.len(), 1);
        assert_eq!(std::fs::read(damaged).unwrap(), b"damaged", "kept for whoever wants to know");
    }

    #[tokio::test]
    async fn a_full_disk_or_a_lost_folder_leaves_reports_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("gone");
        let mut backlog = Backlog::default();
        backlog.open(folder.clone()).await;
        std::fs::remove_dir_all(&folder).unwrap();
        backlog.keep(&report(1)).await;
        assert_eq!(backlog.oldest().await.unwrap(), report(1));
    }
}
