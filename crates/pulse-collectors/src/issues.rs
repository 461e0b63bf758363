//! What went wrong with parts of a poll, bounded: a hundred nodes that all refuse are one fact, not a hundred.

use jiff::Timestamp;
use pulse_core::model::{FailureClass, SourceIssue};

use crate::error::PollError;

const CAP: usize = 24;

/// Issues of one poll.
pub(crate) struct Issues {
    now: Timestamp,
    list: Vec<SourceIssue>,
    left_out: usize,
}

impl Issues {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { now, list: Vec::new(), left_out: 0 }
    }

    /// Adds a failure of a part; `what` says what is missing because of it.
    pub(crate) fn add(&mut self, error: &PollError, node: Option<&str>, what: &str) {
        let message = if what.is_empty() { error.to_string() } else { format!("{what}: {error}") };
        self.push(SourceIssue { at: self.now, class: error.class(), message, node: node.map(str::to_owned) });
    }

    /// Adds an issue that is no failed call.
    pub(crate) fn note(&mut self, class: FailureClass, message: String) {
        self.push(SourceIssue { at: self.now, class, message, node: None });
    }

    /// Adds an issue in words.
    pub(crate) fn push(&mut self, issue: SourceIssue) {
        if self.list.iter().any(|known| known.message == issue.message) {
            return;
        }
        if self.list.len() < CAP {
            self.list.push(issue);
        } else {
            self.left_out += 1;
        }
    }

    /// All of them, the last one telling how many there were besides.
    pub(crate) fn finish(mut self) -> Vec<SourceIssue> {
        if let (true, Some(last)) = (self.left_out > 0, self.list.last().cloned()) {
            let message = format!("{} more of the same kind are not listed", self.left_out);
            self.list.push(SourceIssue { message, node: None, ..last });
        }
        self.list
    }
}
