//! Which disks may be asked something without being kept awake.
//!
//! A question about its health or its temperature is no work for a disk, but some begin their time of idling anew with it:
//! asked every few minutes, they never fall asleep. So a rotating disk that does nothing is asked rarely.

#[cfg(target_os = "linux")]
use std::path::Path;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How rarely. Disks are told to fall asleep after a shorter time, and what is told of them is no older than this.
const IDLE_PERIOD: Duration = Duration::from_mins(20);
/// Disks remembered; there are fewer.
const MAX_DISKS: usize = 512;

/// When which disk was asked, and what it had done until then.
#[derive(Debug, Default)]
pub(super) struct Rest {
    asked: BTreeMap<String, (u64, Instant)>,
}

impl Rest {
    /// Whether a disk may be asked now; if so, it counts as asked. `activity` is what it has done so far; `None` for disks
    /// that do not sleep, or of which that is not known.
    pub(super) fn is_over(&mut self, disk: &str, activity: Option<u64>, now: Instant) -> bool {
        let Some(activity) = activity else { return true };
        if let Some((before, at)) = self.asked.get(disk)
            && *before == activity
            && now.saturating_duration_since(*at) < IDLE_PERIOD
        {
            return false;
        }
        if self.asked.len() >= MAX_DISKS {
            self.asked.clear();
        }
        self.asked.insert(disk.to_owned(), (activity, now));
        true
    }
}

/// How many reads and writes each rotating disk has done. Questions are not among them.
#[cfg(target_os = "linux")]
pub(super) fn activities(proc: &Path, sys: &Path) -> BTreeMap<String, u64> {
    use super::{
        block::parse_diskstats,
        files::{read_text, read_word},
    };
    let rotates = |disk: &str| {
        read_word(&sys.join("block").join(disk).join("queue/rotational")).as_deref() == Some("1")
    };
    let text = read_text(&proc.join("diskstats")).unwrap_or_default();
    parse_diskstats(&text, rotates)
        .into_iter()
        .filter_map(|disk| Some((disk.device, disk.read_ops?.wrapping_add(disk.write_ops?))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_does_nothing_is_left_alone_for_a_while() {
        let mut rest = Rest::default();
        let begin = Instant::now();
        let after = |minutes: u64| begin + Duration::from_mins(minutes);
        assert!(rest.is_over("sda", Some(7), after(0)));
        assert!(!rest.is_over("sda", Some(7), after(5)) && !rest.is_over("sda", Some(7), after(19)));
        assert!(rest.is_over("sda", Some(8), after(19)), "it is awake anyway");
        assert!(!rest.is_over("sda", Some(8), after(24)));
        assert!(rest.is_over("sda", Some(8), after(39)));
        assert!(rest.is_over("nvme0", None, after(0)) && rest.is_over("nvme0", None, after(0)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_rotating_disks_are_spared() {
        let dir = tempfile::tempdir().unwrap();
        let (proc, sys) = (dir.path().join("proc"), dir.path().join("sys"));
        std::fs::create_dir_all(&proc).unwrap();
        std::fs::write(
            proc.join("diskstats"),
            "8 0 sda 100 0 8 1 20 0 8 1 0 1 1\n8 16 sdb 5 0 8 1 6 0 8 1 0 1 1\n8 1 sda1 9 0 8 1 9 0 8 1 0 1 1\n",
        )
        .unwrap();
        for (disk, rotates) in [("sda", "1\n"), ("sdb", "0\n")] {
            let queue = sys.join("block").join(disk).join("queue");
            std::fs::create_dir_all(&queue).unwrap();
            std::fs::write(queue.join("rotational"), rotates).unwrap();
        }
        assert_eq!(activities(&proc, &sys), BTreeMap::from([("sda".to_owned(), 120)]));
        assert!(activities(dir.path(), dir.path()).is_empty());
    }
}
