//! What the rest of the program sees of history: a trait, so that an engine other than the embedded one can stand
//! behind it.

use std::sync::Arc;

use jiff::Timestamp;
use pulse_core::metric::{Metric, ResourceType, Sample, SeriesKey};

use crate::error::StoreError;

/// Takes the series of an answer one by one, on a thread that may block.
pub type EachSeries = Box<dyn FnMut(Series) + Send>;

/// Keeps samples and answers questions about them.
#[async_trait::async_trait]
pub trait MetricStore: Send + Sync {
    /// Takes samples. Never blocks: what does not fit into the queue is dropped and counted
    /// ([`StoreStats::dropped`]). They are on disk after the next flush. Samples of the same resource side by side are
    /// taken fastest.
    fn append(&self, samples: Vec<Sample>);

    /// Answers a range. Series without a point in it are left out, unknown resources and empty ranges give nothing.
    async fn query(&self, query: RangeQuery) -> Result<Vec<Series>, StoreError>;

    /// Answers a range series by series: for questions whose whole answer would take much memory, such as all guests.
    /// Metrics of one resource follow each other. After an error, what was handed out so far is right but not all.
    async fn query_each(&self, query: RangeQuery, each: EachSeries) -> Result<(), StoreError> {
        self.query(query).await?.into_iter().for_each(each);
        Ok(())
    }

    /// Says how the store is doing.
    async fn stats(&self) -> Result<StoreStats, StoreError>;

    /// Waits until everything appended so far is on disk and can be queried; also does what upkeep is due.
    async fn flush(&self) -> Result<(), StoreError>;

    /// Flushes and stops. Samples appended later are dropped. May be called more than once.
    async fn close(&self);
}

/// Which series.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// Of what kind of resource.
    pub resource_type: ResourceType,
    /// Of which resource; all of the type where there is none.
    pub resource_id: Option<Arc<str>>,
    /// Which metrics; all where there are none.
    pub metrics: Vec<Metric>,
}

/// Which series, and which part of them.
#[derive(Debug, Clone, PartialEq)]
pub struct RangeQuery {
    /// Which series.
    pub selector: Selector,
    /// The first instant of the range.
    pub from: Timestamp,
    /// The last instant of the range.
    pub to: Timestamp,
    /// At most about this many points per series. Points are then of equal spans of whole seconds and stand in the middle
    /// of their span. Without it, the points are those of the finest tier that suits the length of the range.
    pub max_points: Option<u32>,
}

/// How the points of an answer are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    /// What one point stands for; 1 for samples as they are. Spans are whole multiples of it since 1970.
    pub span_ms: i64,
    /// How long after the beginning of its span a point stands.
    pub offset_ms: i64,
}

impl RangeQuery {
    /// How the points of the answer are spaced, so that every engine draws the same line.
    pub fn spans(&self) -> Spans {
        let (from, to) = (self.from.as_millisecond().max(0), self.to.as_millisecond());
        let plan = crate::query::Plan::new(from, to.max(from), self.max_points, false);
        Spans { span_ms: plan.span_ms, offset_ms: plan.offset_ms }
    }
}

/// One series' part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Which series.
    pub key: SeriesKey,
    /// Its points, oldest first.
    pub points: Vec<Point>,
}

/// What was measured at one time, or over a span around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When, in Unix milliseconds.
    pub at: i64,
    /// The mean.
    pub value: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

/// How a store is doing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoreStats {
    /// Whether history is kept at all.
    pub is_enabled: bool,
    /// Bytes on disk, with everything that belongs to the database.
    pub size_bytes: u64,
    /// Samples that are kept one by one, those not yet on disk included.
    pub raw_points: u64,
    /// Points of a minute each.
    pub minute_points: u64,
    /// Points of an hour each.
    pub hourly_points: u64,
    /// Points of a day each.
    pub daily_points: u64,
    /// Samples taken since the store was opened.
    pub total_writes: u64,
    /// Samples refused since the store was opened: the queue was full, the value was not finite, the time was far in
    /// the future or older than what is kept, or there were too many resources.
    pub dropped: u64,
    /// Samples that are not yet on disk.
    pub buffered_samples: u64,
    /// Bytes of memory that open samples take.
    pub open_bytes: u64,
    /// How many series there are.
    pub series: u64,
    /// When samples were last written to disk.
    pub last_flush: Option<Timestamp>,
    /// When aggregates were last computed.
    pub last_rollup: Option<Timestamp>,
    /// When old points were last looked for.
    pub last_retention: Option<Timestamp>,
    /// Bytes on disk per sealed raw sample, keys included. `None` before the first chunk.
    pub bytes_per_sample: Option<f64>,
    /// What is wrong, in words for people; nothing where all is well.
    pub problem: Option<String>,
}
