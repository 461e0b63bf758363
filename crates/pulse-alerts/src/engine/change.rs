//! What an evaluation did.

use std::sync::Arc;

use jiff::Timestamp;
use pulse_core::{model::Alert, notice::Notice};

/// Why an alert closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseReason {
    /// Its condition no longer holds.
    Recovered,
    /// Its threshold or resource was switched off, or its resource no longer runs.
    NoLongerWatched,
    /// Its resource is gone.
    Removed,
    /// A person cleared it.
    Cleared,
    /// It was too old.
    Expired,
}

impl CloseReason {
    /// A word for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::NoLongerWatched => "no_longer_watched",
            Self::Removed => "removed",
            Self::Cleared => "cleared",
            Self::Expired => "expired",
        }
    }

    /// A sentence for people.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Recovered => "the condition no longer holds",
            Self::NoLongerWatched => "it is no longer watched",
            Self::Removed => "the resource is gone",
            Self::Cleared => "a person cleared it",
            Self::Expired => "it was too old",
        }
    }
}

/// One thing that happened to an alert.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It was raised.
    Opened(Arc<Alert>),
    /// It became critical, or what it counts grew.
    Worsened(Arc<Alert>),
    /// It is over.
    Closed {
        /// As it was at the end.
        alert: Arc<Alert>,
        /// Why.
        reason: CloseReason,
        /// Whether its firing notice was handed over.
        was_told: bool,
    },
    /// A person, or time, acknowledged it.
    Acknowledged(Arc<Alert>),
    /// A person took that back.
    Unacknowledged(Arc<Alert>),
    /// A person put it off until then.
    Snoozed(Arc<Alert>, Timestamp),
    /// It reached an escalation level.
    Escalated(Arc<Alert>),
}

impl Change {
    /// The alert.
    pub fn alert(&self) -> &Arc<Alert> {
        match self {
            Self::Opened(alert)
            | Self::Worsened(alert)
            | Self::Closed { alert, .. }
            | Self::Acknowledged(alert)
            | Self::Unacknowledged(alert)
            | Self::Snoozed(alert, _)
            | Self::Escalated(alert) => alert,
        }
    }
}

/// What an evaluation or an action did, in the order in which it happened.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// What happened to alerts.
    pub changes: Vec<Change>,
    /// What people may want to be told.
    pub notices: Vec<Notice>,
}

impl Changes {
    /// Whether nothing happened.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.notices.is_empty()
    }
}
