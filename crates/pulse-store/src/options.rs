//! How much is kept, and how safely.

use std::time::Duration;

/// How long each tier is kept.
///
/// The defaults keep far more than Pulse v5 (2 h, 24 h, 7 days, 90 days) on less disk; see the crate's documentation
/// for the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Single samples.
    pub raw: Duration,
    /// Points of a minute.
    pub minute: Duration,
    /// Points of an hour.
    pub hourly: Duration,
    /// Points of a day.
    pub daily: Duration,
}

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

impl Default for Retention {
    fn default() -> Self {
        Self { raw: 3 * DAY, minute: 30 * DAY, hourly: 2 * 365 * DAY, daily: 10 * 365 * DAY }
    }
}

impl Retention {
    /// What fits in memory.
    pub const IN_MEMORY: Self = Self {
        raw: Duration::from_hours(2),
        minute: DAY,
        hourly: Duration::from_hours(7 * 24),
        daily: Duration::from_hours(90 * 24),
    };

    /// Tiers are computed from the one before, so none may end before it, and the first not before it is computed.
    pub(crate) fn sanitized(self) -> Self {
        let raw = self.raw.max(2 * HOUR);
        let minute = self.minute.max(raw);
        let hourly = self.hourly.max(minute).max(2 * DAY);
        let daily = self.daily.max(hourly);
        Self { raw, minute, hourly, daily }
    }
}

/// How a store works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// How long each tier is kept; `None` for what suits where it is kept.
    pub retention: Option<Retention>,
    /// Keep everything in memory and write nothing.
    pub is_memory_only: bool,
    /// How often open samples are written to disk and synced: what a power cut costs at most. Zero: after every batch.
    pub flush_every: Duration,
    /// Keep milliseconds. Otherwise times are cut to whole seconds, as the API serves them.
    pub keeps_milliseconds: bool,
    /// How many appended samples may wait to be taken in. More are dropped.
    pub most_queued: usize,
    /// How many queries may run at once.
    pub most_queries: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            retention: None,
            is_memory_only: false,
            flush_every: Duration::from_secs(30),
            keeps_milliseconds: false,
            most_queued: 500_000,
            most_queries: 4,
        }
    }
}

impl StoreOptions {
    /// How long each tier is kept.
    pub(crate) fn effective_retention(&self) -> Retention {
        let default = if self.is_memory_only { Retention::IN_MEMORY } else { Retention::default() };
        self.retention.unwrap_or(default).sanitized()
    }
}
