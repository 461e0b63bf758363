//! History: samples of many series, kept in compressed chunks in one SQLite file.
//!
//! * [`MetricStore`] is what the rest of the program sees; [`SqliteStore`] stands behind it.
//! * [`ledger`] is another file beside it: alert history, the notification queue, the trail of commands and the audit log, what is
//!   no metric.
//! * [`codec`] turns points into chunks and back; its layout is described bit by bit.
//!
//! Samples come in through a bounded queue to one writer thread, which gathers them per series and hour in memory.
//! Every [`StoreOptions::flush_every`], what is new goes to disk as one compressed record over all series: that is what
//! a power cut costs at most. Two minutes after the end of an hour, each series' samples of that hour become one chunk, the
//! aggregates of its minutes and of the hour are computed from them, and the records are dropped. The day is computed
//! from its hours. Samples that come late are joined into their chunks, and every tier is computed anew from there.
//!
//! | Tier | A point stands for | Kept by default | 100 guests × 7 metrics at 10 s take |
//! |---|---|---|---|
//! | raw | one sample | 3 days | 3.7 MB a day, 11 MB |
//! | minute | a minute | 30 days | 3.0 MB a day, 91 MB |
//! | hour | an hour | 2 years | 0.14 MB a day, 102 MB |
//! | day | a day | 10 years | about 8 kB a day, 30 MB |
//!
//! The first three rows are what `cargo bench -p pulse-store` measures for guests with a noisy CPU, drifting memory and
//! mostly idle rates, pages and keys included; the last is reckoned from the size of its points. Pulse v5, at 200 bytes a
//! row, needs about 340 MB for 2 hours, a day, 7 days and 90 days of the same.
//!
//! Invariants: nobody but the writer has a connection that can write; no async thread is blocked; a sample is counted once,
//! open or sealed; nothing is deleted but what [`Retention`] says.

pub mod agent_commands;
pub mod alerts;
mod api;
pub mod audit;
pub mod codec;
mod error;
pub mod export;
mod head;
mod heads;
mod import;
mod journal;
pub mod ledger;
mod options;
pub mod original;
mod query;
mod registry;
mod seal;
mod shared;
mod sqlite;
mod store;
mod tables;
mod tier;
mod upkeep;
mod writer;

/// What the store takes and gives is named in pulse-core; here again, so that a program needs this crate only.
pub use pulse_core::{Clock, ManualClock, SystemClock, metric};

pub use agent_commands::CommandTrail;
pub use alerts::AlertStore;
pub use api::{EachSeries, MetricStore, Point, RangeQuery, Selector, Series, Spans, StoreStats};
pub use audit::AuditLog;
pub use error::StoreError;
pub use import::{ImportOutcome, ImportPoint};
pub use ledger::{Ledger, LedgerError};
pub use options::{Retention, StoreOptions};
pub use store::SqliteStore;
pub use tier::Tier;
