//! Stores in temporary folders and clocks that tests move.

use std::{path::PathBuf, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use pulse_core::{
    ManualClock,
    metric::{Metric, ResourceType, Sample, SeriesKey},
};
use pulse_store::{MetricStore, Point, RangeQuery, Selector, SqliteStore, StoreOptions};

/// A folder, a clock and a store in it.
pub struct Fixture {
    pub folder: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub options: StoreOptions,
    pub store: SqliteStore,
}

/// 2026-11-23 08:00 UTC.
pub const START: i64 = 1_795_420_800;

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

impl Fixture {
    pub fn new() -> Self {
        Self::with(StoreOptions::default())
    }

    pub fn with(options: StoreOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(at(START)));
        let path = folder.path().join("metrics.db");
        let store = SqliteStore::open(&path, options.clone(), Arc::clone(&clock) as _).unwrap();
        Self { folder, clock, options, store }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("metrics.db")
    }

    /// Closes and opens again.
    pub async fn restart(&mut self) {
        self.store.close().await;
        self.reopen();
    }

    pub fn reopen(&mut self) {
        self.store =
            SqliteStore::open(&self.path(), self.options.clone(), Arc::clone(&self.clock) as _).unwrap();
    }

    /// A copy of the files as they are now, opened: what a killed process would leave behind.
    pub fn as_after_kill(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for suffix in ["", "-wal"] {
            let name = format!("metrics.db{suffix}");
            std::fs::copy(self.folder.path().join(&name), folder.path().join(&name)).unwrap();
        }
        let path = folder.path().join("metrics.db");
        let store = SqliteStore::open(&path, self.options.clone(), Arc::clone(&self.clock) as _).unwrap();
        Self { folder, clock: Arc::clone(&self.clock), options: self.options.clone(), store }
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// Appends one value of `metric` of guest `id`, at the clock's time plus `offset` seconds.
    pub fn put(&self, id: &str, metric: Metric, second: i64, value: f64) {
        self.store.append(vec![sample(id, metric, second, value)]);
    }

    /// Plays `polls` polls ten seconds apart for some guests, flushing now and then as time passes.
    pub async fn play(&self, guests: usize, polls: i64, value: impl Fn(usize, i64) -> f64) {
        let ids: Vec<Arc<str>> = (0..guests).map(|g| Arc::from(guest(g))).collect();
        for _ in 0..polls {
            let now = pulse_core::Clock::now(&*self.clock).as_second();
            let mut batch = vec![];
            for (g, id) in ids.iter().enumerate() {
                batch.push(Sample { series: key_of(id, Metric::Cpu), at: at(now), value: value(g, now) });
            }
            self.store.append(batch);
            if now % 600 == 0 {
                self.store.flush().await.unwrap();
            }
            self.advance(10);
        }
        self.store.flush().await.unwrap();
    }

    pub async fn points(&self, id: &str, from: i64, to: i64, max_points: Option<u32>) -> Vec<Point> {
        let mut answer = self.store.query(range(Some(id), from, to, max_points)).await.unwrap();
        assert!(answer.len() <= 1, "one series was asked for");
        answer.pop().map(|series| series.points).unwrap_or_default()
    }
}

pub fn guest(number: usize) -> String {
    format!("lab:n1:{}", 100 + number)
}

pub fn key_of(id: &Arc<str>, metric: Metric) -> SeriesKey {
    SeriesKey { resource_type: ResourceType::Vm, resource_id: Arc::clone(id), metric }
}

pub fn sample(id: &str, metric: Metric, second: i64, value: f64) -> Sample {
    Sample { series: key_of(&Arc::from(id), metric), at: at(second), value }
}

/// The CPU of one guest or of all.
pub fn range(id: Option<&str>, from: i64, to: i64, max_points: Option<u32>) -> RangeQuery {
    RangeQuery {
        selector: Selector {
            resource_type: ResourceType::Vm,
            resource_id: id.map(Arc::from),
            metrics: vec![Metric::Cpu],
        },
        from: at(from),
        to: at(to),
        max_points,
    }
}
