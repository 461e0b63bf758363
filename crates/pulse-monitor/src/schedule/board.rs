//! The health of every source: written by its poller and the watchdog, read by the API.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use pulse_core::model::{InstanceKey, SourceIssue};

use super::{Breaker, BreakerState};

/// A source with so many failures in a row is listed among the dead letters, though it is still tried.
const DEAD_AFTER: u32 = 5;

/// What a source does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It waits for its next poll.
    Waiting {
        /// When that is.
        until: Timestamp,
    },
    /// It is being polled.
    Polling {
        /// Since when.
        since: Timestamp,
    },
}

/// How polling of one source goes.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceHealth {
    /// Where it is polled.
    pub host: String,
    /// What it does.
    pub run: RunState,
    /// The interval it is polled at.
    pub interval: Duration,
    /// How long the last poll took.
    pub took: Option<Duration>,
    /// When a poll last succeeded.
    pub last_success: Option<Timestamp>,
    /// What the last failed poll complained of, until one succeeds.
    pub last_error: Option<SourceIssue>,
    /// When the failures in a row began.
    pub first_failure: Option<Timestamp>,
    /// The circuit breaker.
    pub breaker: Breaker,
    /// How often the watchdog had to start it anew.
    pub restarts: u32,
    /// Why it did so last.
    pub restart_reason: Option<String>,
}

/// A source that fails so persistently that a person should look.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// What is wrong.
    pub reason: String,
    /// When it began.
    pub first_attempt: Timestamp,
    /// When it was last tried.
    pub last_attempt: Timestamp,
    /// How often it was tried since.
    pub retries: u32,
    /// When it is tried next.
    pub next_retry: Option<Timestamp>,
}

impl SourceHealth {
    pub(crate) fn new(host: String, interval: Duration, now: Timestamp) -> Self {
        Self {
            host,
            run: RunState::Waiting { until: now },
            interval,
            took: None,
            last_success: None,
            last_error: None,
            first_failure: None,
            breaker: Breaker::new(now),
            restarts: 0,
            restart_reason: None,
        }
    }

    /// How old the figures are, 0 (fresh) to 1 (older than `limit`, or none ever).
    pub fn staleness(&self, limit: Duration, now: Timestamp) -> f64 {
        let Some(last) = self.last_success else { return 1.0 };
        let age = (now.as_millisecond() - last.as_millisecond()).max(0) as f64 / 1000.0;
        (age / limit.as_secs_f64().max(1.0)).clamp(0.0, 1.0)
    }

    /// Set where the source fails persistently: for a reason that does not pass by itself, or often.
    // Pulse v5: what is in the list is never tried again; here it is, only rarely.
    pub fn dead_letter(&self) -> Option<DeadLetter> {
        let error = self.last_error.as_ref()?;
        let is_dead = !error.class.is_transient() || self.breaker.failures >= DEAD_AFTER;
        is_dead.then(|| DeadLetter {
            reason: error.message.clone(),
            first_attempt: self.first_failure.unwrap_or(error.at),
            last_attempt: error.at,
            retries: self.breaker.failures.saturating_sub(1),
            next_retry: match self.run {
                RunState::Waiting { until } => Some(until),
                RunState::Polling { .. } => None,
            },
        })
    }
}

/// How all polling goes.
#[derive(Debug, Clone, PartialEq)]
pub struct SchedulerHealth {
    /// When this was put together.
    pub at: Timestamp,
    /// Whether the pace adapts.
    pub is_adaptive: bool,
    /// Every source.
    pub sources: BTreeMap<InstanceKey, SourceHealth>,
}

impl SchedulerHealth {
    /// Sources that wait for their next poll, with its time.
    pub fn waiting(&self) -> impl Iterator<Item = (&InstanceKey, Timestamp)> {
        self.sources.iter().filter_map(|(key, source)| match source.run {
            RunState::Waiting { until } => Some((key, until)),
            RunState::Polling { .. } => None,
        })
    }

    /// Sources whose breaker is not closed or has counted failures.
    pub fn troubled(&self) -> impl Iterator<Item = (&InstanceKey, &SourceHealth)> {
        self.sources
            .iter()
            .filter(|(_, source)| source.breaker.state != BreakerState::Closed || source.breaker.failures > 0)
    }
}

/// Reads how polling goes. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Scheduler {
    board: Arc<Mutex<Board>>,
}

#[derive(Debug, Default)]
struct Board {
    is_adaptive: bool,
    sources: BTreeMap<InstanceKey, SourceHealth>,
}

impl Scheduler {
    /// How polling goes now.
    pub fn health(&self, now: Timestamp) -> SchedulerHealth {
        let board = self.lock();
        SchedulerHealth { at: now, is_adaptive: board.is_adaptive, sources: board.sources.clone() }
    }

    pub(crate) fn set_adaptive(&self, is_adaptive: bool) {
        self.lock().is_adaptive = is_adaptive;
    }

    /// Changes what is known of a source; nothing happens for one that was removed.
    pub(crate) fn note(&self, key: &InstanceKey, change: impl FnOnce(&mut SourceHealth)) {
        if let Some(source) = self.lock().sources.get_mut(key) {
            change(source);
        }
    }

    /// What is known of one source.
    pub(crate) fn of(&self, key: &InstanceKey) -> Option<SourceHealth> {
        self.lock().sources.get(key).cloned()
    }

    pub(crate) fn add(&self, key: InstanceKey, health: SourceHealth) {
        self.lock().sources.insert(key, health);
    }

    pub(crate) fn remove(&self, key: &InstanceKey) {
        self.lock().sources.remove(key);
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use pulse_core::model::FailureClass;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn failed(class: FailureClass, failures: u32) -> SourceHealth {
        let mut health = SourceHealth::new("h".into(), Duration::from_secs(10), at(0));
        health.first_failure = Some(at(1));
        health.last_error = Some(SourceIssue { at: at(9), class, message: "no".into(), node: None });
        health.breaker.failures = failures;
        health
    }

    #[test]
    fn a_passing_failure_is_no_dead_letter_and_a_wrong_password_is_one_at_once() {
        assert_eq!(failed(FailureClass::Timeout, 1).dead_letter(), None);
        assert!(failed(FailureClass::Timeout, 5).dead_letter().is_some());
        let dead = failed(FailureClass::Authentication, 1).dead_letter().unwrap();
        assert_eq!((dead.first_attempt, dead.last_attempt, dead.retries), (at(1), at(9), 0));
        assert_eq!(dead.next_retry, Some(at(0)), "it is tried again");
    }

    #[test]
    fn figures_grow_stale_from_0_to_1() {
        let mut health = SourceHealth::new("h".into(), Duration::from_secs(10), at(0));
        let limit = Duration::from_secs(300);
        assert_eq!(health.staleness(limit, at(0)), 1.0);
        health.last_success = Some(at(0));
        assert_eq!(health.staleness(limit, at(-5)), 0.0);
        assert_eq!(health.staleness(limit, at(150)), 0.5);
        assert_eq!(health.staleness(limit, at(9_999)), 1.0);
    }
}
