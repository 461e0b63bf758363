//! Reports that come late. An agent that was cut off sends what it measured meanwhile after its newest report: the state
//! and the alerts are of the newest one, and history gets the others at the time at which they were measured.
//!
//! What was measured when is known by the agent's clock only. How far that is from ours is seen at the newest report, and
//! taken off the others. Nothing is put where history has something already: a report that was taken before the server
//! stopped, or that somebody sends again, adds nothing.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use pulse_config::store::fleet::AgentKind;
use pulse_core::{
    metric::Sample,
    model::{DockerHost, Host},
};
use pulse_store::{MetricStore, RangeQuery, Selector};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Older is not put into history: an agent keeps an hour of reports, but one of a long interval keeps as many.
const OLDEST: SignedDuration = SignedDuration::from_hours(24);

/// So many times of late reports are remembered per machine, as many as an agent keeps reports. What is sent again after
/// that is found in history.
const MOST_REMEMBERED: usize = 360;

/// What was late is over after so long without another late report.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// So many late reports may wait for history; who brings another one waits for its answer.
const QUEUE: usize = 256;

/// The interval of an agent that does not say it.
const USUAL_INTERVAL_SECONDS: u32 = 10;

/// Takes late reports to the task that puts them into history.
pub type LateSender = mpsc::Sender<LateReport>;

/// A way for late reports from those who take them to [`fill`].
pub fn channel() -> (LateSender, mpsc::Receiver<LateReport>) {
    mpsc::channel(QUEUE)
}

/// What a late report says, for history.
#[derive(Debug, Clone, PartialEq)]
pub struct LateReport {
    /// Its samples, at the time of their measurement by the server's clock.
    samples: Vec<Sample>,
    /// When that was.
    at: Timestamp,
    /// Two reports of this machine that are nearer to each other than this are the same.
    nearness: SignedDuration,
}

/// What rates are computed from: the report before.
#[derive(Debug, Clone)]
pub(crate) enum Before {
    /// Of a host agent.
    Host(Arc<Host>),
    /// Of a Docker agent.
    Docker(Arc<DockerHost>),
}

#[derive(Debug)]
struct Machine {
    arrived_at: Timestamp,
    /// When, by its own clock in Unix milliseconds, the late reports that were taken had been measured.
    taken: BTreeSet<i64>,
    before: Option<Before>,
}

/// What is remembered of machines that send late reports, for a few minutes.
#[derive(Debug, Default)]
pub(crate) struct Late {
    machines: HashMap<(AgentKind, String), Machine>,
    outbox: Option<LateReport>,
}

impl Late {
    /// When a late report was measured, by the server's clock; `None` where it is too old or was taken already. The
    /// newest report was measured at `newest` and came at `last_seen`.
    pub(crate) fn place(
        &mut self,
        key: &(AgentKind, String),
        measured_at: Timestamp,
        newest: Timestamp,
        last_seen: Timestamp,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let at = last_seen.checked_sub(newest.duration_since(measured_at)).ok()?;
        if at >= last_seen || now.duration_since(at) > OLDEST {
            return None;
        }
        let machine = self.machine(key, now);
        machine.arrived_at = now;
        let is_new = machine.taken.insert(measured_at.as_millisecond());
        if machine.taken.len() > MOST_REMEMBERED {
            machine.taken.pop_first();
        }
        is_new.then_some(at)
    }

    /// Remembers what the next late report of a machine follows.
    pub(crate) fn follows(&mut self, key: &(AgentKind, String), before: Before, now: Timestamp) {
        self.machine(key, now).before = Some(before);
    }

    /// The host as it was before a late report.
    pub(crate) fn host_before(&self, key: &(AgentKind, String)) -> Option<Arc<Host>> {
        match self.machines.get(key)?.before.as_ref()? {
            Before::Host(host) => Some(Arc::clone(host)),
            Before::Docker(_) => None,
        }
    }

    /// The Docker host as it was before a late report.
    pub(crate) fn docker_before(&self, key: &(AgentKind, String)) -> Option<Arc<DockerHost>> {
        match self.machines.get(key)?.before.as_ref()? {
            Before::Docker(host) => Some(Arc::clone(host)),
            Before::Host(_) => None,
        }
    }

    /// Puts the samples of a late report where [`Self::take`] finds them.
    pub(crate) fn put(&mut self, samples: Vec<Sample>, at: Timestamp, interval_seconds: u32) {
        let interval = if interval_seconds == 0 { USUAL_INTERVAL_SECONDS } else { interval_seconds };
        let nearness = SignedDuration::from_millis(i64::from(interval) * 500);
        self.outbox = (!samples.is_empty()).then_some(LateReport { samples, at, nearness });
    }

    /// What the report that was just taken leaves for history.
    pub(crate) fn take(&mut self) -> Option<LateReport> {
        self.outbox.take()
    }

    /// Lets go of machines that caught up.
    pub(crate) fn tidy(&mut self, now: Timestamp) {
        self.machines.retain(|_, machine| now.duration_since(machine.arrived_at).abs() <= FORGOTTEN_AFTER);
    }

    fn machine(&mut self, key: &(AgentKind, String), now: Timestamp) -> &mut Machine {
        let new = || Machine { arrived_at: now, taken: BTreeSet::new(), before: None };
        self.machines.entry(key.clone()).or_insert_with(new)
    }
}

/// Puts late reports into history until `stop`; what waits then is still put in.
pub async fn fill(
    mut reports: mpsc::Receiver<LateReport>,
    store: Arc<dyn MetricStore>,
    stop: CancellationToken,
) {
    loop {
        let report = tokio::select! {
            report = reports.recv() => report,
            () = stop.cancelled() => reports.try_recv().ok(),
        };
        let Some(report) = report else { return };
        if !is_there(&*store, &report).await {
            store.append(report.samples);
        }
    }
}

/// Whether history has what a report says. Where that cannot be found out it is put in: a point twice is the lesser evil.
async fn is_there(store: &dyn MetricStore, report: &LateReport) -> bool {
    let Some(first) = report.samples.first() else { return true };
    let selector = Selector {
        resource_type: first.series.resource_type,
        resource_id: Some(Arc::clone(&first.series.resource_id)),
        metrics: vec![first.series.metric],
    };
    // Samples stand at the beginning of their second.
    let from = report.at.checked_sub(report.nearness).unwrap_or(report.at).as_second();
    let query = RangeQuery {
        selector,
        from: Timestamp::from_second(from).unwrap_or(report.at),
        to: report.at.checked_add(report.nearness).unwrap_or(report.at),
        max_points: None,
    };
    match store.query(query).await {
        Ok(series) => !series.is_empty(),
        Err(error) => {
            tracing::warn!(%error, "history cannot be asked whether it has a late report; it is put in");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use pulse_core::{
        ManualClock,
        metric::{Metric, ResourceType, SeriesKey},
    };
    use pulse_store::{SqliteStore, StoreOptions};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn key() -> (AgentKind, String) {
        (AgentKind::Host, "nas".to_owned())
    }

    #[test]
    fn a_late_report_is_placed_by_our_clock_once_and_not_if_it_is_too_old() {
        let mut late = Late::default();
        let day = 24 * 3600;
        // The machine's clock is an hour ahead.
        let ahead = 3600;
        let mut place = |measured: i64| late.place(&key(), at(measured), at(300 + ahead), at(300), at(301));
        assert_eq!(place(10 + ahead), Some(at(10)));
        assert_eq!(place(20 + ahead), Some(at(20)));
        assert_eq!(place(10 + ahead), None, "sent again");
        assert_eq!(place(300 + ahead), None, "the newest one again");
        assert_eq!(place(301 + ahead), None, "newer than the newest");
        assert_eq!(place(300 + ahead - day), None, "older than a day");
    }

    #[test]
    fn memory_is_bounded_and_given_back() {
        let mut late = Late::default();
        for second in 0..1000 {
            late.place(&key(), at(second), at(2000), at(2000), at(2000));
        }
        assert_eq!(late.machines[&key()].taken.len(), MOST_REMEMBERED);
        late.tidy(at(2000 + 600));
        assert_eq!(late.machines.len(), 1);
        late.tidy(at(2000 + 601));
        assert!(late.machines.is_empty());
    }

    fn sample(second: i64, value: f64) -> Sample {
        let series =
            SeriesKey { resource_type: ResourceType::Host, resource_id: "nas".into(), metric: Metric::Cpu };
        Sample { series, at: at(second), value }
    }

    #[tokio::test]
    async fn only_what_history_lacks_is_put_in() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(at(100)));
        let path = folder.path().join("metrics.db");
        let store = Arc::new(SqliteStore::open(&path, StoreOptions::default(), clock).unwrap());
        // The server was there until second 20, and again from second 60 on.
        store.append(vec![sample(0, 0.0), sample(10, 1.0), sample(20, 2.0), sample(60, 6.0)]);
        store.flush().await.unwrap();
        let (sender, receiver) = channel();
        // The first was taken just before the stop, and its agent did not hear of it.
        for second in [21, 30, 40, 50] {
            let mut late = Late::default();
            late.put(vec![sample(second, 9.0)], at(second), 10);
            sender.send(late.take().unwrap()).await.unwrap();
        }
        let stop = CancellationToken::new();
        stop.cancel();
        fill(receiver, store.clone(), stop).await;
        store.flush().await.unwrap();
        let query = RangeQuery {
            selector: Selector {
                resource_type: ResourceType::Host,
                resource_id: Some("nas".into()),
                metrics: vec![],
            },
            from: at(0),
            to: at(100),
            max_points: None,
        };
        let series = store.query(query).await.unwrap();
        let points: Vec<_> =
            series[0].points.iter().map(|p| (p.at / 1000 - 1_800_000_000, p.value)).collect();
        let filled = [(0, 0.0), (10, 1.0), (20, 2.0), (30, 9.0), (40, 9.0), (50, 9.0), (60, 6.0)];
        assert_eq!(points, filled);
    }
}
