//! What a container uses: one-shot counters, and percentages over our own interval.
//!
//! The engine can compute the percentage itself, but then holds each answer for a second to get two readings;
//! with a hundred containers that is what pins a small machine's engine.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use jiff::Timestamp;
use pulse_core::report::docker::{BlockIo, NetworkIo};

use super::api::Stats;

/// Processor time of a container at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CpuSample {
    /// The engine's own time of the reading, where it tells one: the most exact, unless somebody sets the clock.
    at: Option<Timestamp>,
    received: Instant,
    nanos: u64,
}

impl CpuSample {
    /// Nanoseconds since an earlier reading. Where the engine's clock and the one that nobody can set differ by more
    /// than an answer may take, the clock was set in between.
    fn since(&self, earlier: &Self) -> i128 {
        let steady = i128::try_from(self.received.saturating_duration_since(earlier.received).as_nanos())
            .unwrap_or(i128::MAX);
        let told = self.at.zip(earlier.at).map(|(at, before)| at.as_nanosecond() - before.as_nanosecond());
        told.filter(|told| (told - steady).abs() <= MAX_CLOCK_DIFFERENCE_NANOS).unwrap_or(steady)
    }
}

/// Between the engine's reading and our receiving it: a slow engine takes seconds, and not always as many.
const MAX_CLOCK_DIFFERENCE_NANOS: i128 = 5_000_000_000;

/// Shorter intervals say more about the clocks than about the container.
const MIN_INTERVAL_NANOS: i128 = 50_000_000;

/// Turns successive counters into percentages of one processor, by container.
#[derive(Debug, Default)]
pub(super) struct CpuTracker {
    samples: HashMap<String, (CpuSample, Option<f64>)>,
}

impl CpuTracker {
    /// Takes a container's counters; gives the percentage since the reading before.
    pub(super) fn update(&mut self, id: &str, stats: &Stats, received: Instant) -> Option<f64> {
        let nanos = stats.cpu.usage.total_nanos?;
        let at = stats.read.as_deref().and_then(super::container::timestamp);
        let now = CpuSample { at, received, nanos };
        let Some((previous, last)) = self.samples.get(id).copied() else {
            self.samples.insert(id.to_owned(), (now, None));
            return None;
        };
        let elapsed = now.since(&previous);
        if (0..MIN_INTERVAL_NANOS).contains(&elapsed) && nanos >= previous.nanos {
            return last;
        }
        // A counter below the former one belongs to a new run of the container.
        let percent = (elapsed > 0 && nanos >= previous.nanos)
            .then(|| (nanos - previous.nanos) as f64 / elapsed as f64 * 100.0);
        self.samples.insert(id.to_owned(), (now, percent));
        percent
    }

    /// Whether a container was read before.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.samples.contains_key(id)
    }

    /// Forgets the containers that are not among `ids`.
    pub(super) fn retain(&mut self, ids: &HashSet<&str>) {
        self.samples.retain(|id, _| ids.contains(id.as_str()));
    }
}

/// Memory in use without the page cache that the kernel drops first, and the limit.
pub(super) fn memory(stats: &Stats, host_memory: Option<u64>) -> (Option<u64>, Option<u64>) {
    let details = &stats.memory.details;
    let inactive = details.total_inactive_file.or(details.inactive_file).unwrap_or(0);
    let usage = stats.memory.usage.map(|usage| usage.checked_sub(inactive).unwrap_or(usage));
    // Without a limit cgroup 1 says a number near 2^63.
    let limit = match (stats.memory.limit.filter(|limit| *limit > 0), host_memory) {
        (Some(limit), Some(host)) => Some(limit.min(host)),
        (limit, host) => limit.filter(|limit| *limit < 1 << 60).or(host),
    };
    // An engine that knows no memory of a container (no cgroup) answers with an empty object.
    usage.map_or((None, None), |usage| (Some(usage), limit))
}

/// Bytes over all interfaces; absent for containers without a network of their own.
pub(super) fn network(stats: &Stats) -> Option<NetworkIo> {
    let networks = stats.networks.as_ref().filter(|networks| !networks.is_empty())?;
    let sum = |field: fn(&super::api::NetworkStats) -> Option<u64>| {
        networks.values().filter_map(field).reduce(u64::saturating_add)
    };
    Some(NetworkIo { rx_bytes: sum(|n| n.rx_bytes), tx_bytes: sum(|n| n.tx_bytes) })
}

/// Bytes over all devices; absent where the kernel keeps no such counters.
pub(super) fn block_io(stats: &Stats) -> Option<BlockIo> {
    let entries = stats.block.bytes.as_ref().filter(|entries| !entries.is_empty())?;
    let sum = |op: &str| {
        entries
            .iter()
            .filter(|entry| entry.op.eq_ignore_ascii_case(op))
            .map(|entry| entry.value)
            .reduce(u64::saturating_add)
    };
    Some(BlockIo { read_bytes: sum("read"), write_bytes: sum("write") })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn stats(json: &str) -> Stats {
        serde_json::from_str(json).unwrap()
    }

    fn cpu(read: &str, nanos: u64) -> Stats {
        stats(&format!(
            r#"{{"read":"2026-03-02T10:15:{read}Z","cpu_stats":{{"cpu_usage":{{"total_usage":{nanos}}}}}}}"#
        ))
    }

    #[test]
    fn the_percentage_is_of_one_processor_over_our_own_interval() {
        let mut tracker = CpuTracker::default();
        let begin = Instant::now();
        let at = |millis: u64| begin + Duration::from_millis(millis);
        assert_eq!(tracker.update("a", &cpu("30", 1_000_000_000), at(0)), None);
        // The engine took 40 ms longer over the first answer.
        assert_eq!(tracker.update("a", &cpu("40", 16_000_000_000), at(9_960)), Some(150.0));
        assert_eq!(tracker.update("a", &cpu("40.01", 16_000_000_000), at(9_970)), Some(150.0));
        assert_eq!(tracker.update("a", &cpu("50.0", 100), at(20_000)), None, "it was restarted");
        assert_eq!(tracker.update("a", &cpu("51.0", 500_000_100), at(21_000)), Some(50.0));
        tracker.retain(&HashSet::from(["b"]));
        assert!(!tracker.knows("a"));
    }

    #[test]
    fn a_clock_that_is_set_changes_no_percentage() {
        let mut tracker = CpuTracker::default();
        let begin = Instant::now();
        let mut round = 0_u64;
        let mut read = |time: &str| {
            round += 1;
            let answer = stats(&format!(
                r#"{{"read":"{time}","cpu_stats":{{"cpu_usage":{{"total_usage":{}}}}}}}"#,
                round * 5_000_000_000
            ));
            tracker.update("a", &answer, begin + Duration::from_secs(10 * round))
        };
        assert_eq!(read("2026-03-02T10:00:00Z"), None);
        assert_eq!(read("2026-03-02T10:00:10Z"), Some(50.0));
        assert_eq!(read("2026-03-02T12:00:20Z"), Some(50.0), "two hours on");
        assert_eq!(read("2026-03-02T12:00:30Z"), Some(50.0));
        assert_eq!(read("1970-01-01T00:00:40Z"), Some(50.0), "back to the beginning");
        assert_eq!(read("no time at all"), Some(50.0));
        assert_eq!(read("2026-03-02T10:00:50Z"), Some(50.0));
    }

    #[test]
    fn page_cache_is_taken_out_under_both_kinds_of_cgroup() {
        let v2 = stats(r#"{"memory_stats":{"usage":100,"limit":1000,"stats":{"inactive_file":30}}}"#);
        assert_eq!(memory(&v2, Some(5000)), (Some(70), Some(1000)));
        let v1 = stats(
            r#"{"memory_stats":{"usage":100,"limit":9223372036854771712,"stats":{"inactive_file":1,"total_inactive_file":40}}}"#,
        );
        assert_eq!(memory(&v1, Some(5000)), (Some(60), Some(5000)));
        assert_eq!(memory(&v1, None), (Some(60), None));
        let odd = stats(r#"{"memory_stats":{"usage":100,"stats":{"inactive_file":200}}}"#);
        assert_eq!(memory(&odd, None), (Some(100), None));
        assert_eq!(memory(&stats(r#"{"memory_stats":{}}"#), Some(5000)), (None, None));
    }

    #[test]
    fn counters_are_summed_and_absent_ones_stay_absent() {
        let full = stats(
            r#"{"networks":{"eth0":{"rx_bytes":1,"tx_bytes":2},"eth1":{"rx_bytes":10}},
                "blkio_stats":{"io_service_bytes_recursive":[{"op":"Read","value":5},{"op":"write","value":7},
                {"op":"read","value":1},{"op":"total","value":99}]}}"#,
        );
        assert_eq!(network(&full), Some(NetworkIo { rx_bytes: Some(11), tx_bytes: Some(2) }));
        assert_eq!(block_io(&full), Some(BlockIo { read_bytes: Some(6), write_bytes: Some(7) }));
        let none = stats(r#"{"networks":null,"blkio_stats":{"io_service_bytes_recursive":null}}"#);
        assert_eq!((network(&none), block_io(&none)), (None, None));
        assert_eq!(network(&stats(r#"{"networks":{"eth0":"odd"}}"#)), None);
    }
}
