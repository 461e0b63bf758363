//! Who asked what: a bounded log and counters, so that tests can count calls.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde::Serialize;

/// Entries that are kept.
const MOST_RECORDS: usize = 20_000;
/// Different paths that are counted one by one; the rest counts as `other`.
const MOST_PATHS: usize = 500;

/// One request that was answered (or deliberately not).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestRecord {
    /// When it arrived, by the simulation's clock.
    pub at: jiff::Timestamp,
    /// Node that answered.
    pub node: String,
    /// Who asked: `token:…`, `ticket:…` or nothing.
    pub identity: Option<String>,
    /// Method.
    pub method: String,
    /// Path behind `/api2/json`.
    pub path: String,
    /// Query as it was sent.
    pub query: String,
    /// Status; absent for a request that got no answer.
    pub status: Option<u16>,
    /// How long it took.
    pub duration_ms: f64,
}

/// The log.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    inner: Mutex<Inner>,
    /// Connections that are being made.
    handshakes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Inner {
    records: VecDeque<RequestRecord>,
    counts: BTreeMap<String, u64>,
    in_flight: BTreeMap<String, (usize, usize)>,
    /// The same by the node that has to do the work, which another may pass on.
    per_target: BTreeMap<String, (usize, usize)>,
}

impl Journal {
    pub(crate) fn add(&self, record: RequestRecord) {
        let mut inner = self.lock();
        let key = shape(&record.method, &record.path);
        let is_known = inner.counts.contains_key(&key) || inner.counts.len() < MOST_PATHS;
        *inner.counts.entry(if is_known { key } else { "other".to_owned() }).or_default() += 1;
        if inner.records.len() >= MOST_RECORDS {
            inner.records.pop_front();
        }
        inner.records.push_back(record);
    }

    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        self.lock().records.iter().cloned().collect()
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.lock().counts.clone()
    }

    /// How many requests are being worked on, and connections made, now.
    pub(crate) fn in_flight(&self) -> usize {
        let requests: usize = self.lock().in_flight.values().map(|(now, _)| *now).sum();
        requests + self.handshakes.load(Ordering::Relaxed)
    }

    /// Counts a connection as being made until the guard is dropped.
    pub(crate) fn begin_handshake(&self) -> Handshake<'_> {
        self.handshakes.fetch_add(1, Ordering::Relaxed);
        Handshake(self)
    }

    /// The most requests each node ever had at once.
    pub(crate) fn most_in_flight(&self) -> BTreeMap<String, usize> {
        self.lock().in_flight.iter().map(|(node, (_, most))| (node.clone(), *most)).collect()
    }

    /// The most requests each node ever had to work on at once.
    pub(crate) fn most_per_target(&self) -> BTreeMap<String, usize> {
        self.lock().per_target.iter().map(|(node, (_, most))| (node.clone(), *most)).collect()
    }

    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        inner.records.clear();
        inner.counts.clear();
        for (now, most) in inner.in_flight.values_mut() {
            *most = *now;
        }
        for (now, most) in inner.per_target.values_mut() {
            *most = *now;
        }
    }

    /// Counts a request as being worked on until the guard is dropped.
    pub(crate) fn enter(&self, node: &str, path: &str) -> InFlight<'_> {
        let target = path.strip_prefix("/nodes/").and_then(|rest| rest.split('/').next()).unwrap_or(node);
        let mut inner = self.lock();
        let (now, most) = inner.in_flight.entry(node.to_owned()).or_default();
        *now += 1;
        *most = (*most).max(*now);
        if inner.per_target.len() < MOST_PATHS {
            let (now, most) = inner.per_target.entry(target.to_owned()).or_default();
            *now += 1;
            *most = (*most).max(*now);
        }
        InFlight { journal: self, node: node.to_owned(), target: target.to_owned() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection being made.
pub(crate) struct Handshake<'a>(&'a Journal);

impl Drop for Handshake<'_> {
    fn drop(&mut self) {
        self.0.handshakes.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request being worked on.
pub(crate) struct InFlight<'a> {
    journal: &'a Journal,
    node: String,
    target: String,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        let mut inner = self.journal.lock();
        if let Some((now, _)) = inner.in_flight.get_mut(&self.node) {
            *now = now.saturating_sub(1);
        }
        if let Some((now, _)) = inner.per_target.get_mut(&self.target) {
            *now = now.saturating_sub(1);
        }
    }
}

/// The path with names and numbers taken out: `GET /nodes/{node}/qemu/{vmid}/config`.
fn shape(method: &str, path: &str) -> String {
    let mut line = method.to_owned();
    line.push(' ');
    let mut before = "";
    for part in path.split('/').skip(1) {
        line.push('/');
        line.push_str(match before {
            "nodes" => "{node}",
            "qemu" | "lxc" if part.bytes().all(|byte| byte.is_ascii_digit()) => "{vmid}",
            "storage" if path.starts_with("/nodes/") => "{storage}",
            _ => part,
        });
        before = part;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_counted_by_their_shape() {
        assert_eq!(shape("GET", "/nodes"), "GET /nodes");
        assert_eq!(
            shape("GET", "/nodes/pve1/qemu/100/status/current"),
            "GET /nodes/{node}/qemu/{vmid}/status/current"
        );
        assert_eq!(
            shape("GET", "/nodes/a/storage/local/content"),
            "GET /nodes/{node}/storage/{storage}/content"
        );
        assert_eq!(shape("GET", "/cluster/resources"), "GET /cluster/resources");
    }
}
