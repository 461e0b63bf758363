//! What the alert engine hands to the notifications: one thing a person may want to be told.
//!
//! The engine says what happened and when; whether, how and to whom it is told is the business of the notifications,
//! which also know per destination whether a firing was ever delivered, and so whether its recovery is worth telling.

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::Alert;

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// It was raised. One opening gives exactly one of these.
    Firing,
    /// It is still raised and nobody took note: said again.
    Reminder,
    /// It reached an escalation level, counted from 1.
    Escalated {
        /// The level.
        level: u32,
        /// Whom the level asks to be told.
        to: Channels,
    },
    /// It is over. One closing gives at most one of these.
    Resolved,
}

/// Kinds of destinations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channels {
    /// Mail only.
    Email,
    /// Webhooks only.
    Webhook,
    /// Every enabled destination.
    All,
}

/// One thing a person may want to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What happened.
    pub kind: NoticeKind,
    /// The alert as it was then. `(alert.id, alert.started_at)` names its opening: the same for every notice of it.
    pub alert: Arc<Alert>,
    /// When it happened.
    pub at: Timestamp,
}

/// A destination to which nothing can be delivered: worth an alert of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenDestination {
    /// Its name in the queue, such as `email` or `webhook:ops`.
    pub destination: String,
    /// What people call it.
    pub name: String,
    /// Since when nothing arrives.
    pub since: Timestamp,
    /// Why, without secrets.
    pub error: String,
}

/// The type of the alert that a destination is broken. Whoever delivers it must not try that destination.
pub const DELIVERY_ALERT: &str = "notification-delivery";

/// The key under which such an alert names its destination in the metadata.
pub const DESTINATION_KEY: &str = "destination";

/// Notices could not be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeError(pub String);

impl std::fmt::Display for NoticeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "queue notices: {}", self.0)
    }
}

impl std::error::Error for NoticeError {}

/// Where notices go.
#[async_trait::async_trait]
pub trait NoticeSink: Send + Sync {
    /// Takes notices; returns once a crash can no longer lose them. The same notice handed over twice (same kind, same
    /// opening) is kept once, so that a caller that crashed before it heard the answer may ask again.
    async fn take(&self, notices: Vec<Notice>) -> Result<(), NoticeError>;

    /// Destinations to which nothing can be delivered now; `None` while that is not known yet, as after a start.
    fn broken_destinations(&self) -> Option<Vec<BrokenDestination>>;
}
