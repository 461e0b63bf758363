//! History in an engine of its own, for those who outgrow one machine: samples are sent with Prometheus remote write and
//! read with PromQL over HTTP. Prometheus, VictoriaMetrics (single and cluster), Mimir and Thanos speak both.
//!
//! * [`RemoteStore`] is a [`MetricStore`](pulse_store::MetricStore) like the embedded one; who uses it sees no difference
//!   but that tiers, retention and disk are the engine's business.
//! * [`mod@write`]: the wire format of what is sent. [`read`]: questions and answers.
//!
//! A series is `pulse_<metric>_<unit>{resource_type, resource_id}`, such as
//! `pulse_cpu_percent{resource_type="vm",resource_id="lab:101"}`.
//!
//! Invariants: [`append`](pulse_store::MetricStore::append) never waits for the network; what waits is bounded, and what does
//! not fit is counted; a batch that the engine refuses for good is dropped and said, one that it could not take is sent again.

mod client;
pub mod read;
mod sender;
mod store;
pub mod write;

pub use client::RemoteOptions;
pub use store::RemoteStore;

use pulse_core::metric::Metric;

/// The name of a metric's series.
pub fn series_name(metric: Metric) -> String {
    format!("pulse_{}_{}", metric.name(), metric.unit().suffix())
}
