//! The part that every product shares: listeners, TLS, faults, workers and the request log.
//!
//! A product only says what the answer to a request is; it must never sleep, and
//! nothing here may know what a path means.

mod answer;
mod bend;
mod connection;
mod journal;
mod listener;
pub(crate) mod tls;

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};

pub use self::journal::RequestRecord;
pub(crate) use self::{
    answer::{Asked, Reply, form_pairs, percent_decode},
    journal::Journal,
    listener::{Doors, open},
};
use crate::{faults::Faults, net::tls::Identity};

/// One of the products: turns a request into an answer.
pub(crate) trait Product: Send + Sync + 'static {
    /// The answer to a request that arrived at the listener `asked.host`.
    fn answer(&self, asked: &Asked) -> Reply;

    /// An error in the words and shape of this product.
    fn refusal(&self, code: u16, text: &str) -> Reply;

    /// By how many seconds the clock of a node is wrong, where its answers do not say so by themselves.
    fn clock_skew(&self, node: &str) -> i64;
}

/// A machine that listens.
pub(crate) struct Host {
    /// Its name, which faults are matched against.
    pub(crate) name: Arc<str>,
    /// The certificates it shows.
    pub(crate) identity: Arc<Identity>,
    /// The workers that answer its calls.
    pub(crate) workers: Arc<Semaphore>,
}

/// What listeners and connections share.
pub(crate) struct Site {
    pub(crate) hosts: Vec<Host>,
    pub(crate) product: Box<dyn Product>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) journal: Journal,
    pub(crate) clock: Arc<dyn pulse_core::Clock>,
    /// How much of the real daemons' waiting is done.
    pub(crate) delay_factor: f64,
    /// The version of the faults that each listener has taken over.
    pub(crate) settled: watch::Sender<Vec<u64>>,
}
