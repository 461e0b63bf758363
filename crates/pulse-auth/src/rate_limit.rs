//! How often somebody may ask: a sliding window per caller, in a fixed amount of memory each.
//!
//! A window is counted in twelve parts, and a part leaves as a whole: never more than the limit is let through in
//! any window, and at worst one comes in a twelfth of the window late.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

const PARTS: usize = 12;

/// Too often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests, {limit} are allowed")]
pub struct Limited {
    /// How many are allowed in the window.
    pub limit: u32,
    /// When asking again makes sense.
    pub retry_at: Timestamp,
}

/// A limit for each of many callers.
#[derive(Debug)]
pub struct RateLimiter<K> {
    limit: u32,
    part_ms: i64,
    capacity: usize,
    by_caller: Mutex<HashMap<K, Counts>>,
}

#[derive(Debug, Clone, Copy)]
struct Counts {
    /// The newest part, counted from the epoch.
    newest: i64,
    /// Requests per part; the one that is not over yet is at `newest % (PARTS + 1)`.
    parts: [u32; PARTS + 1],
}

impl<K: Hash + Eq + Clone> RateLimiter<K> {
    /// At most `limit` in every `window`, for at most `capacity` callers at once.
    pub fn new(limit: u32, window: SignedDuration, capacity: usize) -> Self {
        let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        let part_ms = (window_ms / PARTS as i64).max(1);
        Self { limit, part_ms, capacity: capacity.max(1), by_caller: Mutex::default() }
    }

    /// Counts a request: how many are left, or that it is one too many.
    pub fn check(&self, caller: &K, now: Timestamp) -> Result<u32, Limited> {
        let part = now.as_millisecond().div_euclid(self.part_ms);
        let mut by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        if !by_caller.contains_key(caller) {
            self.make_room(&mut by_caller, part);
        }
        let counts =
            by_caller.entry(caller.clone()).or_insert(Counts { newest: part, parts: [0; PARTS + 1] });
        counts.advance(part);
        let used = counts.parts.iter().sum::<u32>();
        if used >= self.limit {
            let ms = counts.free_at().saturating_mul(self.part_ms);
            let retry_at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
            return Err(Limited { limit: self.limit, retry_at });
        }
        counts.parts[place(counts.newest)] += 1;
        Ok(self.limit - used - 1)
    }

    /// Makes room for one: who has not asked within a window goes, then who asked least lately.
    fn make_room(&self, by_caller: &mut HashMap<K, Counts>, part: i64) {
        if by_caller.len() < self.capacity {
            return;
        }
        by_caller.retain(|_, counts| part - counts.newest <= PARTS as i64);
        while by_caller.len() >= self.capacity {
            let oldest = by_caller.iter().min_by_key(|(_, counts)| counts.newest).map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { return };
            by_caller.remove(&oldest);
        }
    }
}

impl Counts {
    /// Lets go what is older than a window. A clock that runs backwards changes nothing.
    fn advance(&mut self, part: i64) {
        if part - self.newest > PARTS as i64 {
            self.parts = [0; PARTS + 1];
            self.newest = part;
        }
        while self.newest < part {
            self.newest += 1;
            self.parts[place(self.newest)] = 0;
        }
    }

    /// The part with which the oldest requests have left.
    fn free_at(&self) -> i64 {
        let oldest = (self.newest - PARTS as i64..=self.newest)
            .find(|part| self.parts[place(*part)] > 0)
            .unwrap_or(self.newest);
        oldest + PARTS as i64 + 1
    }
}

fn place(part: i64) -> usize {
    part.rem_euclid(PARTS as i64 + 1) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    fn limiter(limit: u32) -> RateLimiter<&'static str> {
        RateLimiter::new(limit, SignedDuration::from_mins(1), 100)
    }

    #[test]
    fn ten_in_a_minute_and_not_one_more() {
        let limiter = limiter(10);
        for n in 0..10_u32 {
            assert_eq!(limiter.check(&"a", at(i64::from(n))), Ok(9 - n));
        }
        let limited = limiter.check(&"a", at(59_999)).unwrap_err();
        assert_eq!(limited.limit, 10);
        assert!(limited.retry_at > at(60_000) && limited.retry_at <= at(65_000), "{limited:?}");
        assert!(limiter.check(&"b", at(59_999)).is_ok(), "another caller has a window of its own");
        assert_eq!(limiter.check(&"a", limited.retry_at), Ok(9));
    }

    #[test]
    fn after_a_long_silence_all_is_new_and_a_clock_going_back_frees_nobody() {
        let limiter = limiter(1);
        assert!(limiter.check(&"a", at(0)).is_ok());
        assert!(limiter.check(&"a", at(-3_600_000)).is_err());
        assert!(limiter.check(&"a", at(86_400_000)).is_ok());
    }

    #[test]
    fn there_are_never_more_callers_than_the_bound() {
        let limiter = RateLimiter::new(1, SignedDuration::from_mins(1), 10);
        for n in 0..1_000 {
            assert!(limiter.check(&n, at(n)).is_ok());
        }
        assert!(limiter.by_caller.lock().unwrap().len() <= 10);
    }

    proptest! {
        /// However requests fall, no window of a minute ever sees more than the limit; and who waits as told gets in.
        #[test]
        fn no_window_holds_more_than_the_limit(waits in proptest::collection::vec(0_i64..20_000, 1..120)) {
            let limiter = limiter(5);
            let (mut now, mut allowed) = (0, Vec::new());
            for wait in waits {
                now += wait;
                match limiter.check(&"a", at(now)) {
                    Ok(_) => allowed.push(now),
                    Err(limited) => prop_assert!(limited.retry_at > at(now) && limited.retry_at <= at(now + 65_000)),
                }
                prop_assert!(allowed.iter().filter(|ms| **ms > now - 60_000).count() <= 5);
            }
        }
    }
}
