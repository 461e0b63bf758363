//! Counter → rate. Proxmox refreshes a guest's counters about every 10 seconds, so a poll may see the same
//! counters twice; a counter that goes backwards means that the guest restarted or moved.

use jiff::Timestamp;
use pulse_core::{Missing, Reading, model::IoCounters, model::IoRates};

/// Counters unchanged for longer than this mean that nothing flows, not that the source has yet to refresh them.
const HOLD_MILLISECONDS: i64 = 15_000;

/// A step backwards by more than this is no correction of the clock but a new time.
const LARGEST_STEP_MILLISECONDS: i64 = 60_000;

/// What is remembered of one guest between polls.
#[derive(Debug, Clone, Copy)]
pub struct RateMemory {
    counters: IoCounters,
    changed_at: Timestamp,
    rates: IoRates,
}

/// The rates from the counters of this poll, and what to remember for the next one.
pub fn step(memory: Option<RateMemory>, counters: IoCounters, at: Timestamp) -> (IoRates, RateMemory) {
    let Some(last) = memory else {
        let rates = first(counters);
        return (rates, RateMemory { counters, changed_at: at, rates });
    };
    let elapsed = at.as_millisecond() - last.changed_at.as_millisecond();
    if elapsed < -LARGEST_STEP_MILLISECONDS {
        // The clock was set back: waiting for it to catch up would freeze the rates for as long.
        let rates = first(counters);
        return (rates, RateMemory { counters, changed_at: at, rates });
    }
    if counters == last.counters {
        // Unchanged: repeat the last rate while the source may just not have refreshed, then it is idle.
        let rates = if elapsed <= HOLD_MILLISECONDS { last.rates } else { idle(counters, last.rates) };
        return (rates, RateMemory { rates, ..last });
    }
    if elapsed <= 0 {
        return (last.rates, last);
    }
    let rate = |now: Option<u64>, before: Option<u64>| match (now, before) {
        (Some(now), Some(before)) => per_second(now, before, elapsed),
        (Some(_), None) => Reading::Unknown(Missing::FirstSample),
        (None, _) => Reading::Unknown(Missing::NotReported),
    };
    let rates = IoRates {
        network_in_bytes_per_second: rate(counters.network_in_bytes, last.counters.network_in_bytes),
        network_out_bytes_per_second: rate(counters.network_out_bytes, last.counters.network_out_bytes),
        disk_read_bytes_per_second: rate(counters.disk_read_bytes, last.counters.disk_read_bytes),
        disk_write_bytes_per_second: rate(counters.disk_write_bytes, last.counters.disk_write_bytes),
    };
    (rates, RateMemory { counters, changed_at: at, rates })
}

/// Bytes per second between two readings of a cumulative counter; unknown when the counter was reset.
pub fn per_second(now: u64, before: u64, elapsed_milliseconds: i64) -> Reading<u64> {
    match now.checked_sub(before) {
        Some(difference) if elapsed_milliseconds > 0 => {
            Reading::Known((difference as f64 * 1000.0 / elapsed_milliseconds as f64).round() as u64)
        }
        _ => Reading::Unknown(Missing::FirstSample),
    }
}

fn first(counters: IoCounters) -> IoRates {
    let reading = |counter: Option<u64>| {
        Reading::Unknown(if counter.is_some() { Missing::FirstSample } else { Missing::NotReported })
    };
    IoRates {
        network_in_bytes_per_second: reading(counters.network_in_bytes),
        network_out_bytes_per_second: reading(counters.network_out_bytes),
        disk_read_bytes_per_second: reading(counters.disk_read_bytes),
        disk_write_bytes_per_second: reading(counters.disk_write_bytes),
    }
}

fn idle(counters: IoCounters, last: IoRates) -> IoRates {
    let reading =
        |counter: Option<u64>, last: Reading<u64>| if counter.is_some() { Reading::Known(0) } else { last };
    IoRates {
        network_in_bytes_per_second: reading(counters.network_in_bytes, last.network_in_bytes_per_second),
        network_out_bytes_per_second: reading(counters.network_out_bytes, last.network_out_bytes_per_second),
        disk_read_bytes_per_second: reading(counters.disk_read_bytes, last.disk_read_bytes_per_second),
        disk_write_bytes_per_second: reading(counters.disk_write_bytes, last.disk_write_bytes_per_second),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn net_in(bytes: u64) -> IoCounters {
        IoCounters { network_in_bytes: Some(bytes), ..IoCounters::default() }
    }

    /// Plays (second, counter) pairs and returns the last network-in rate.
    fn play(rows: &[(i64, u64)]) -> Reading<u64> {
        let mut memory = None;
        let mut last = Reading::default();
        for (second, counter) in rows {
            let (rates, next) = step(memory, net_in(*counter), at(*second));
            memory = Some(next);
            last = rates.network_in_bytes_per_second;
        }
        last
    }

    #[test]
    fn the_first_sample_gives_no_rate() {
        assert_eq!(play(&[(0, 5)]), Reading::Unknown(Missing::FirstSample));
    }

    #[test]
    fn a_rate_is_the_difference_over_the_time() {
        assert_eq!(play(&[(0, 1000), (10, 3000)]), Reading::Known(200));
    }

    #[test]
    fn counters_not_yet_refreshed_repeat_the_rate_and_the_next_difference_spans_both_polls() {
        assert_eq!(play(&[(0, 1000), (10, 3000), (20, 3000)]), Reading::Known(200));
        assert_eq!(play(&[(0, 1000), (10, 3000), (20, 3000), (30, 7000)]), Reading::Known(200));
    }

    #[test]
    fn counters_that_stand_still_mean_idle() {
        assert_eq!(play(&[(0, 1000), (10, 3000), (20, 3000), (30, 3000)]), Reading::Known(0));
    }

    #[test]
    fn a_reset_gives_no_rate_and_never_a_huge_one() {
        assert_eq!(play(&[(0, 9000), (10, 100)]), Reading::Unknown(Missing::FirstSample));
        assert_eq!(play(&[(0, 9000), (10, 100), (20, 300)]), Reading::Known(20));
    }

    #[test]
    fn a_clock_that_steps_backwards_changes_nothing() {
        assert_eq!(play(&[(0, 1000), (10, 3000), (5, 9000)]), Reading::Known(200));
    }

    #[test]
    fn a_clock_that_is_set_back_far_starts_anew_instead_of_standing_still() {
        let year = 365 * 24 * 3600;
        assert_eq!(play(&[(year, 1000), (0, 3000)]), Reading::Unknown(Missing::FirstSample));
        assert_eq!(play(&[(year, 1000), (0, 3000), (10, 5000)]), Reading::Known(200));
    }

    proptest! {
        #[test]
        fn a_rate_never_exceeds_the_largest_step_per_second(
            steps in proptest::collection::vec((1i64..60, 0u64..1_000_000), 1..50),
        ) {
            let (mut second, mut counter) = (0, 0);
            let mut rows = vec![(0, 0)];
            let mut top = 0.0f64;
            for (wait, bytes) in steps {
                second += wait;
                counter += bytes;
                top = top.max(bytes as f64 / wait as f64);
                rows.push((second, counter));
                if let Reading::Known(rate) = play(&rows) {
                    prop_assert!(rate as f64 <= top.ceil());
                }
            }
        }
    }
}
