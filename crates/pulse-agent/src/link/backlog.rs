//! Reports that did not get through, bounded in number and in bytes.

use std::collections::VecDeque;

use bytes::Bytes;

/// Reports kept (contract B-10 §3).
const MAX_REPORTS: usize = 60;
/// Bytes kept: reports of a large Docker host would otherwise make a small agent a large one.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Reports as they were to be sent, oldest first.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    reports: VecDeque<Bytes>,
    bytes: usize,
}

impl Backlog {
    /// Number of reports.
    pub(super) fn len(&self) -> usize {
        self.reports.len()
    }

    /// Keeps a report; the oldest make room.
    pub(super) fn keep(&mut self, report: Bytes) {
        if report.len() > MAX_BYTES {
            return;
        }
        self.bytes += report.len();
        self.reports.push_back(report);
        while self.reports.len() > MAX_REPORTS || self.bytes > MAX_BYTES {
            self.drop_oldest();
        }
    }

    /// The oldest report; it stays.
    pub(super) fn oldest(&self) -> Option<Bytes> {
        self.reports.front().cloned()
    }

    /// Drops the oldest report.
    pub(super) fn drop_oldest(&mut self) {
        if let Some(report) = self.reports.pop_front() {
            self.bytes -= report.len();
        }
        if self.reports.is_empty() {
            // An outage must not leave its mark on the memory for good.
            self.reports = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room_for_the_newest() {
        let mut backlog = Backlog::default();
        for n in 0..75u8 {
            backlog.keep(Bytes::from(vec![n]));
        }
        assert_eq!(backlog.len(), 60);
        assert_eq!(backlog.oldest().unwrap()[0], 15);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut backlog = Backlog::default();
        for n in 0..10u8 {
            backlog.keep(Bytes::from(vec![n; 1024 * 1024]));
        }
        assert_eq!((backlog.len(), backlog.bytes), (4, MAX_BYTES));
        assert_eq!(backlog.oldest().unwrap()[0], 6);
        backlog.keep(Bytes::from(vec![0; MAX_BYTES + 1]));
        assert_eq!(backlog.len(), 4, "what cannot be kept throws out nothing");
        while backlog.oldest().is_some() {
            backlog.drop_oldest();
        }
        assert_eq!(backlog.bytes, 0);
    }
}
