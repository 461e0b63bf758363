//! Processor use from `/proc/stat`, accounted over our own interval.

/// Clock ticks since boot, summed over all processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct CpuTimes {
    /// All ticks.
    pub(super) total: u64,
    /// Ticks in which nothing ran, waiting for I/O included.
    pub(super) idle: u64,
}

/// The summed times and the number of processors, as `/proc/stat` tells them.
pub(super) fn parse_stat(text: &str) -> (Option<CpuTimes>, Option<u32>) {
    let mut times = None;
    let mut count = 0u32;
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("cpu") else { continue };
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            count += 1;
        } else if rest.starts_with(' ') && times.is_none() {
            times = parse_times(rest);
        }
    }
    (times, (count > 0).then_some(count))
}

fn parse_times(fields: &str) -> Option<CpuTimes> {
    // user nice system idle iowait irq softirq steal; guest time stands in user already and is not added again.
    let ticks: Vec<u64> =
        fields.split_ascii_whitespace().take(8).map_while(|field| field.parse().ok()).collect();
    if ticks.len() < 4 {
        return None;
    }
    let total = ticks.iter().fold(0u64, |sum, tick| sum.saturating_add(*tick));
    let idle = ticks[3].saturating_add(ticks.get(4).copied().unwrap_or(0));
    Some(CpuTimes { total, idle })
}

/// Turns successive readings into percentages.
#[derive(Debug, Default)]
pub(super) struct CpuTracker {
    previous: Option<CpuTimes>,
    last: Option<f64>,
}

/// Fewer ticks than this (50 ms of one processor) make a percentage of steps, not of use.
const MIN_TICKS: u64 = 5;

impl CpuTracker {
    /// Whether the next reading can be turned into a percentage.
    pub(super) fn is_primed(&self) -> bool {
        self.previous.is_some()
    }

    /// Takes a reading; gives the percentage since the one before.
    pub(super) fn update(&mut self, now: CpuTimes) -> Option<f64> {
        let Some(previous) = self.previous else {
            self.previous = Some(now);
            return None;
        };
        let total = now.total.saturating_sub(previous.total);
        if now.total >= previous.total && total < MIN_TICKS {
            return self.last;
        }
        self.previous = Some(now);
        if total == 0 {
            // Counters ran backwards: a container was moved or a counter reset. The next reading is good again.
            self.last = None;
            return None;
        }
        let idle = now.idle.saturating_sub(previous.idle).min(total);
        let percent = (total - idle) as f64 / total as f64 * 100.0;
        self.last = Some(percent);
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  1000 20 300 8000 200 10 30 40 500 0\n\
        cpu0 500 10 150 4000 100 5 15 20 250 0\n\
        cpu1 500 10 150 4000 100 5 15 20 250 0\n\
        intr 123 0 0\nctxt 9\nbtime 1700000000\n";

    #[test]
    fn guest_time_is_not_counted_twice_and_io_wait_is_idle() {
        let (times, count) = parse_stat(STAT);
        assert_eq!(times, Some(CpuTimes { total: 9600, idle: 8200 }));
        assert_eq!(count, Some(2));
    }

    #[test]
    fn the_percentage_is_that_of_the_interval_not_of_the_time_since_boot() {
        let mut tracker = CpuTracker::default();
        assert_eq!(tracker.update(CpuTimes { total: 1000, idle: 900 }), None);
        assert_eq!(tracker.update(CpuTimes { total: 1200, idle: 950 }), Some(75.0));
        assert_eq!(tracker.update(CpuTimes { total: 1300, idle: 1050 }), Some(0.0));
    }

    #[test]
    fn two_readings_at_once_repeat_the_last_value_instead_of_dividing_by_nothing() {
        let mut tracker = CpuTracker::default();
        tracker.update(CpuTimes { total: 1000, idle: 900 });
        tracker.update(CpuTimes { total: 1200, idle: 950 });
        assert_eq!(tracker.update(CpuTimes { total: 1202, idle: 950 }), Some(75.0));
    }

    #[test]
    fn counters_that_run_backwards_give_no_value_and_then_recover() {
        let mut tracker = CpuTracker::default();
        tracker.update(CpuTimes { total: 1000, idle: 900 });
        assert_eq!(tracker.update(CpuTimes { total: 100, idle: 90 }), None);
        assert_eq!(tracker.update(CpuTimes { total: 200, idle: 140 }), Some(50.0));
    }

    #[test]
    fn an_idle_counter_that_steps_back_never_gives_more_than_all() {
        let mut tracker = CpuTracker::default();
        tracker.update(CpuTimes { total: 1000, idle: 900 });
        assert_eq!(tracker.update(CpuTimes { total: 1100, idle: 890 }), Some(100.0));
    }
}
