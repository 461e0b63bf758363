//! Counts how reporting went.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

/// Latencies that are kept; later ones replace the oldest.
const MOST_LATENCIES: usize = 100_000;
/// Different problems that are told apart.
const MOST_PROBLEMS: usize = 50;

/// How reporting went.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadSummary {
    /// How long it went on.
    pub seconds: f64,
    /// Reports the server took.
    pub accepted: u64,
    /// Reports it did not take, or that did not arrive.
    pub rejected: u64,
    /// Bytes of the reports it took.
    pub bytes: u64,
    /// Median time until the answer, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<f64>,
    /// The slowest of a hundred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ms: Option<f64>,
    /// What went wrong, and how often.
    pub problems: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    accepted: u64,
    rejected: u64,
    bytes: u64,
    latencies: Vec<f64>,
    problems: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn accepted(&mut self, took: Duration, bytes: usize) {
        let place = (self.accepted % MOST_LATENCIES as u64) as usize;
        let took = took.as_secs_f64() * 1e3;
        match self.latencies.get_mut(place) {
            Some(old) => *old = took,
            None => self.latencies.push(took),
        }
        self.accepted += 1;
        self.bytes += bytes as u64;
    }

    pub(super) fn refused(&mut self, status: u16, code: &str, error: &str) {
        // The code groups; without one the text has to.
        let what = if code.is_empty() { error } else { code };
        if self.count(&format!("{status} {what}")) {
            tracing::warn!(status, code, error, "the server refuses a report");
        }
    }

    pub(super) fn failed(&mut self, error: &str) {
        if self.count(error) {
            tracing::warn!(error, "a report did not arrive");
        }
    }

    /// Counts a problem; says whether it is the first of its kind.
    fn count(&mut self, problem: &str) -> bool {
        self.rejected += 1;
        let is_new = !self.problems.contains_key(problem);
        let is_full = is_new && self.problems.len() >= MOST_PROBLEMS;
        let key = if is_full { "other" } else { problem };
        *self.problems.entry(key.to_owned()).or_default() += 1;
        is_new && !is_full
    }

    pub(super) fn summary(&self, took: Duration) -> LoadSummary {
        let mut sorted = self.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        let quantile =
            |share: f64| sorted.get((sorted.len().saturating_sub(1) as f64 * share) as usize).copied();
        LoadSummary {
            seconds: took.as_secs_f64(),
            accepted: self.accepted,
            rejected: self.rejected,
            bytes: self.bytes,
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            problems: self.problems.clone(),
        }
    }
}
