//! The queue in the ledger.
//!
//! A notice becomes one *delivery* per destination that wants it; deliveries that wait together are told by one *item*. Each
//! change below is one transaction, so that a crash leaves an item either before or after it:
//!
//! ```text
//!            take            claim                 settle
//! notice ─► pending ───────► sending ─► sent        firing delivered: its recovery may be told
//!            │  ▲               │
//!            │  └───────────────┤ may work later: due again
//!            │                  └─► dlq            never will, or too often
//!            ├─► cancelled   the alert was over first
//!            └─► in a digest over the hour's cap
//! ```
//!
//! An item that is found `sending` at the start was cut off: nobody knows whether its receiver has it, so it is sent once more,
//! under the same key (`Message-ID`, `Idempotency-Key`, PagerDuty's `dedup_key`), by which a receiver can tell.

mod claim;
mod read;
mod settle;
mod sql;
mod take;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::Timestamp;
use pulse_store::{Ledger, LedgerError};

pub use read::{DeadLetter, LogEntry, QueueStats};

pub(crate) use claim::{Claim, Claimed};
pub(crate) use settle::{Failure, Outcome};
pub(crate) use take::{Arrival, Told};

/// Attempts before an item becomes a dead letter.
pub(crate) const MOST_ATTEMPTS: i64 = 8;
/// So many alerts are told by name in one message; of the rest there is the number.
pub(crate) const MOST_LISTED: usize = 50;
/// More items than this do not wait for one destination: what comes on top goes into its digest.
const MOST_PENDING: i64 = 500;
/// More notices than this are not told by one item.
const MOST_PER_ITEM: i64 = 1000;

/// Why the queue does not answer.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The ledger does not.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no such dead letter.
    #[error("there is no dead letter {0}")]
    NotFound(String),
}

/// The queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    ledger: Ledger,
    ids: Arc<Ids>,
}

/// Makes ids of items: the time in nanoseconds, never twice.
#[derive(Debug, Default)]
pub(crate) struct Ids(AtomicI64);

impl Ids {
    pub(crate) fn next(&self, kind: &str, now: Timestamp) -> String {
        let now = i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX - 1_000_000);
        let before = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| Some(now.max(last + 1)));
        let (Ok(before) | Err(before)) = before;
        format!("{kind}-{}", now.max(before + 1))
    }
}

impl Queue {
    pub(crate) fn new(ledger: Ledger) -> Self {
        Self { ledger, ids: Arc::default() }
    }
}
