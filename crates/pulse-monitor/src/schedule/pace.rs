//! The time from one poll to the next.
//!
//! Without adapting it is the configured interval, exactly: even spacing is what history compresses best. Adapting, a
//! source where something happens is asked at the shortest interval, a calm one at the base, and one that answers
//! slowly or not at all less and less often, up to the longest.

use std::time::Duration;

/// Limits of a pace that adapts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adaptive {
    /// The interval of a calm source.
    pub base: Duration,
    /// The shortest interval.
    pub min: Duration,
    /// The longest interval.
    pub max: Duration,
}

/// How often a source is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The configured interval.
    pub interval: Duration,
    /// Whether and within which limits the pace adapts.
    pub adaptive: Option<Adaptive>,
}

/// What the last poll was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastPoll {
    /// How long it took.
    pub took: Duration,
    /// Whether something happened: a guest started, moved, is being backed up.
    pub is_busy: bool,
    /// Failures in a row, this one included.
    pub failures: u32,
}

/// A poll that adapts never takes more than this share of the time.
const LARGEST_SHARE: u32 = 4;

impl Pace {
    /// The interval of a source that is well and calm.
    pub fn usual(&self) -> Duration {
        self.adaptive.map_or(self.interval, |limits| limits.base)
    }

    /// The time from the begin of the last poll to the begin of the next one.
    ///
    /// `noise` is any number; a pace that adapts is moved by up to 5 % with it, so that many sources do not march in
    /// step.
    pub fn next(&self, last: LastPoll, noise: u64) -> Duration {
        let Some(limits) = self.adaptive else { return self.interval };
        let wanted = if last.failures > 0 {
            limits.base * 2u32.saturating_pow(last.failures.min(8))
        } else if last.is_busy {
            limits.min
        } else {
            limits.base
        };
        jitter(wanted.max(last.took * LARGEST_SHARE).clamp(limits.min, limits.max), noise)
    }
}

/// Moves a time by up to 5 % either way.
pub fn jitter(time: Duration, noise: u64) -> Duration {
    let share = f64::from((noise % 1001) as u32) / 1000.0;
    time.mul_f64(0.95 + 0.1 * share)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn adaptive() -> Pace {
        let limits = Adaptive { base: seconds(10), min: seconds(5), max: seconds(300) };
        Pace { interval: seconds(10), adaptive: Some(limits) }
    }

    #[test]
    fn a_fixed_pace_is_exact_whatever_happens() {
        let pace = Pace { interval: seconds(30), adaptive: None };
        let last = LastPoll { took: seconds(90), is_busy: true, failures: 7 };
        assert_eq!(pace.next(last, 12345), seconds(30));
    }

    #[test]
    fn a_busy_source_is_asked_soon_and_a_failing_one_less_and_less() {
        // 500 is the middle of the noise: no change.
        let next = |took, is_busy, failures| {
            adaptive().next(LastPoll { took: seconds(took), is_busy, failures }, 500)
        };
        assert_eq!(next(0, false, 0), seconds(10));
        assert_eq!(next(0, true, 0), seconds(5));
        assert_eq!(next(0, false, 1), seconds(20));
        assert_eq!(next(0, false, 3), seconds(80));
        assert_eq!(next(0, false, 99), seconds(300));
        // A poll of 20 s is not begun every 10 s.
        assert_eq!(next(20, true, 0), seconds(80));
    }

    proptest! {
        #[test]
        fn an_adapting_pace_stays_within_its_limits(
            took in 0u64..1000, is_busy: bool, failures in 0u32..2000, noise: u64,
        ) {
            let next = adaptive().next(LastPoll { took: seconds(took), is_busy, failures }, noise);
            prop_assert!(next >= seconds(5).mul_f64(0.94) && next <= seconds(300).mul_f64(1.06));
        }
    }
}
