//! The tiers of history: how fine each is, and how its points are grouped into chunks.

use pulse_core::metric::{Metric, ResourceType};

/// How fine a stretch of history is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// Every sample.
    Raw,
    /// One aggregate a minute.
    Minute,
    /// One aggregate an hour.
    Hour,
    /// One aggregate a day (UTC).
    Day,
}

/// One hour: how long samples stay open, and what a raw chunk spans.
pub(crate) const WINDOW_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * WINDOW_MS;

impl Tier {
    /// All tiers, finest first.
    pub const EVERY: [Self; 4] = [Self::Raw, Self::Minute, Self::Hour, Self::Day];

    /// How long one point stands for; 1 for single samples.
    pub(crate) fn resolution_ms(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::Minute => 60_000,
            Self::Hour => WINDOW_MS,
            Self::Day => DAY_MS,
        }
    }

    /// How long one chunk stands for. A chunk of hours is rewritten each hour and one of days each day, so that they
    /// are kept short; the others are written once.
    pub(crate) fn chunk_ms(self) -> i64 {
        match self {
            Self::Raw | Self::Minute => WINDOW_MS,
            Self::Hour => DAY_MS,
            Self::Day => 32 * DAY_MS,
        }
    }

    /// The next coarser tier.
    pub(crate) fn coarser(self) -> Option<Self> {
        match self {
            Self::Raw => Some(Self::Minute),
            Self::Minute => Some(Self::Hour),
            Self::Hour => Some(Self::Day),
            Self::Day => None,
        }
    }
}

/// The number of the window that holds a time.
#[inline]
pub(crate) fn window_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(WINDOW_MS)
}

/// Names a chunk on disk: chunks of the same time stand together, so that sealing appends and retention cuts off.
#[inline]
pub(crate) fn chunk_id(number: i64, series: u32) -> i64 {
    (number << 32) | i64::from(series)
}

/// The chunk number and the series of a [`chunk_id`].
#[inline]
pub(crate) fn parts_of(chunk_id: i64) -> (i64, u32) {
    (chunk_id >> 32, chunk_id as u32)
}

/// Chunk numbers stay within these, whatever clocks say: ids must not overflow.
pub(crate) const NUMBERS: std::ops::RangeInclusive<i64> = 0..=0x7fff_fffe;

/// How many metrics a resource may have; the lowest bits of a series number.
const METRIC_BITS: u32 = 5;
/// The highest resource number.
pub(crate) const MOST_RESOURCE: u32 = u32::MAX >> METRIC_BITS;

/// The number of a series: stored, hence never to be changed.
#[inline]
pub(crate) fn series_of(resource: u32, metric: Metric) -> u32 {
    (resource << METRIC_BITS) | u32::from(metric_number(metric))
}

/// The number of a metric: stored, hence never to be changed or given again.
pub(crate) fn metric_number(metric: Metric) -> u8 {
    match metric {
        Metric::Cpu => 0,
        Metric::Memory => 1,
        Metric::Disk => 2,
        Metric::DiskRead => 3,
        Metric::DiskWrite => 4,
        Metric::NetIn => 5,
        Metric::NetOut => 6,
        Metric::Usage => 7,
        Metric::Used => 8,
        Metric::Total => 9,
        Metric::Available => 10,
        Metric::Temperature => 11,
        Metric::Nodes => 12,
        Metric::NodesReady => 13,
        Metric::Pods => 14,
        Metric::PodsRunning => 15,
        Metric::MailQueue => 16,
    }
}

/// The metrics that a bit set names.
pub(crate) fn metrics_in(set: u32) -> impl Iterator<Item = Metric> {
    Metric::EVERY.into_iter().filter(move |metric| set & (1 << metric_number(*metric)) != 0)
}

/// The place of a resource type in tables in memory.
pub(crate) fn kind_index(kind: ResourceType) -> usize {
    ResourceType::EVERY.iter().position(|k| *k == kind).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_disk_are_what_they_were() {
        let numbers: Vec<(u8, &str)> =
            Metric::EVERY.into_iter().map(|m| (metric_number(m), m.name())).collect();
        let expected = [
            "cpu",
            "memory",
            "disk",
            "diskread",
            "diskwrite",
            "netin",
            "netout",
            "usage",
            "used",
            "total",
            "avail",
            "temperature",
            "nodes",
            "nodesready",
            "pods",
            "podsrunning",
            "mailqueue",
        ];
        assert_eq!(numbers, (0..).zip(expected).collect::<Vec<_>>());
        assert_eq!(series_of(77, Metric::Temperature), 77 * 32 + 11);
        assert_eq!(parts_of(chunk_id(498_728, u32::MAX)), (498_728, u32::MAX));
        assert!(chunk_id(*NUMBERS.end(), u32::MAX) > 0);
    }
}
