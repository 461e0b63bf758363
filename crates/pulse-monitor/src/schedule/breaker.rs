//! What repeated failures do to a source's polling: a circuit breaker.
//!
//! Closed, the source is polled at its pace. After a few failures in a row the breaker opens: the source is tried
//! rarely, one try at a time (half open), until one succeeds. It is never given up: an outage over night mends
//! itself, and a password that was wrong may have been put right on the other side.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// So many failures in a row open it.
const OPENS_AFTER: u32 = 3;

/// Longest wait between tries of a source that may come back by itself: somebody waits for it to be seen again.
const LONGEST_TRANSIENT_WAIT: Duration = Duration::from_secs(30);

/// Longest wait where trying again with nothing changed cannot help. Proxmox holds every refused login back for three
/// seconds, and may lock the account.
const LONGEST_PERMANENT_WAIT: Duration = Duration::from_secs(300);

/// The states of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Polls go out at their pace.
    Closed,
    /// Polls are held back until the next try.
    Open,
    /// A try is under way; it decides.
    HalfOpen,
}

impl BreakerState {
    /// The word on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// A circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Its state.
    pub state: BreakerState,
    /// Failures in a row.
    pub failures: u32,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// When it is tried next, while it is open.
    pub retry_at: Option<Timestamp>,
}

impl Breaker {
    /// A closed one.
    pub fn new(now: Timestamp) -> Self {
        Self { state: BreakerState::Closed, failures: 0, since: now, retry_at: None }
    }

    /// A poll begins.
    pub fn try_begins(&mut self, now: Timestamp) {
        if self.state == BreakerState::Open {
            self.turn(BreakerState::HalfOpen, now);
            self.retry_at = None;
        }
    }

    /// A poll succeeded.
    pub fn succeeded(&mut self, now: Timestamp) {
        self.failures = 0;
        self.retry_at = None;
        self.turn(BreakerState::Closed, now);
    }

    /// A poll failed; returns how long to wait where that is longer than the pace.
    pub fn failed(&mut self, is_transient: bool, pace: Duration, now: Timestamp) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        let is_open = self.failures >= OPENS_AFTER;
        let doublings = match (is_transient, is_open) {
            (true, false) => return None,
            (true, true) => self.failures - OPENS_AFTER,
            // Wrong credentials do not become right by repeating them: slower from the first failure on.
            (false, _) => self.failures,
        };
        let longest = if is_transient { LONGEST_TRANSIENT_WAIT } else { LONGEST_PERMANENT_WAIT };
        let wait = (pace * 2u32.saturating_pow(doublings.min(8))).min(longest.max(pace));
        if is_open {
            self.turn(BreakerState::Open, now);
            let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
            self.retry_at = now.checked_add(wait).ok();
        }
        Some(wait)
    }

    fn turn(&mut self, state: BreakerState, now: Timestamp) {
        if self.state != state {
            self.state = state;
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACE: Duration = Duration::from_secs(10);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// Waits after so many failures of one kind.
    fn waits(is_transient: bool, count: u32) -> Vec<Option<u64>> {
        let mut breaker = Breaker::new(at(0));
        (0..count)
            .map(|n| {
                breaker.try_begins(at(n.into()));
                breaker.failed(is_transient, PACE, at(n.into())).map(|wait| wait.as_secs())
            })
            .collect()
    }

    #[test]
    fn an_outage_is_asked_about_at_the_pace_first_and_never_less_than_every_half_minute() {
        assert_eq!(waits(true, 6), [None, None, Some(10), Some(20), Some(30), Some(30)]);
    }

    #[test]
    fn wrong_credentials_are_repeated_slower_from_the_start_and_never_given_up() {
        let all = waits(false, 200);
        assert_eq!(all[..6], [Some(20), Some(40), Some(80), Some(160), Some(300), Some(300)]);
        assert_eq!(all.last(), Some(&Some(300)));
    }

    #[test]
    fn three_failures_open_it_a_try_half_opens_it_and_a_success_closes_it() {
        let mut breaker = Breaker::new(at(0));
        for second in 1..=3 {
            assert_eq!(breaker.state, BreakerState::Closed);
            breaker.failed(true, PACE, at(second));
        }
        assert_eq!((breaker.state, breaker.since), (BreakerState::Open, at(3)));
        assert_eq!(breaker.retry_at, Some(at(13)));
        breaker.try_begins(at(13));
        assert_eq!(breaker.state, BreakerState::HalfOpen);
        breaker.failed(true, PACE, at(14));
        assert_eq!((breaker.state, breaker.failures), (BreakerState::Open, 4));
        breaker.try_begins(at(34));
        breaker.succeeded(at(35));
        assert_eq!(breaker, Breaker::new(at(35)));
    }

    proptest! {
        #[test]
        fn a_longer_interval_than_the_longest_wait_is_kept(seconds in 1u64..4000, count in 1u32..400) {
            let pace = Duration::from_secs(seconds);
            let mut breaker = Breaker::new(at(0));
            for n in 0..count {
                let wait = breaker.failed(n % 2 == 0, pace, at(0));
                prop_assert!(wait.is_none_or(|wait| wait >= pace && wait <= pace.max(LONGEST_PERMANENT_WAIT)));
            }
        }
    }
}
