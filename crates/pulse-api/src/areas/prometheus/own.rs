//! Pulse itself: how polling goes, which alerts are raised, how the history is. Names of Pulse v5 where it has the same.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use pulse_core::{
    Snapshot,
    model::{AlertLevel, InstanceKind},
};
use pulse_monitor::schedule::{BreakerState, RunState, SchedulerHealth};
use pulse_store::StoreStats;

use super::exposition::{Exposition, Family};

const BUILD: Family = Family::gauge("pulse_build_info", "The version that runs.");
const LAST_SUCCESS: Family = Family::gauge(
    "pulse_monitor_poll_last_success_timestamp",
    "Unix time of the last successful poll of an instance.",
);
const STALENESS: Family = Family::gauge(
    "pulse_monitor_poll_staleness_seconds",
    "Seconds since the last successful poll of an instance, -1 when there was none.",
);
const LAST_TOOK: Family =
    Family::gauge("pulse_monitor_poll_last_duration_seconds", "How long the last poll of an instance took.");
const INFLIGHT: Family = Family::gauge("pulse_monitor_poll_inflight", "Instances that are being polled.");
const RESTARTS: Family = Family::counter(
    "pulse_monitor_poller_restarts_total",
    "How often an instance's poller hung and was started anew.",
);
const QUEUE: Family =
    Family::gauge("pulse_scheduler_queue_depth", "Instances that wait for their next poll.");
const DUE_SOON: Family =
    Family::gauge("pulse_scheduler_queue_due_soon", "Instances that are polled within the next 12 seconds.");
const DEAD: Family =
    Family::gauge("pulse_scheduler_dead_letter_depth", "Whether an instance fails persistently.");
const BREAKER: Family = Family::gauge(
    "pulse_scheduler_breaker_state",
    "Circuit breaker of an instance: 0 closed, 1 half-open, 2 open.",
);
const FAILURES: Family =
    Family::gauge("pulse_scheduler_breaker_failure_count", "Failed polls of an instance in a row.");
const RETRY: Family = Family::gauge(
    "pulse_scheduler_breaker_retry_seconds",
    "Seconds until an open circuit breaker lets one poll through.",
);
const ALERTS: Family = Family::gauge("pulse_alerts_active", "Alerts that are raised now.");
const STORE_SAMPLES: Family =
    Family::counter("pulse_metrics_store_samples_total", "Samples taken into the history since the start.");
const STORE_DROPPED: Family =
    Family::counter("pulse_metrics_store_dropped_total", "Samples refused by the history since the start.");
const STORE_SIZE: Family =
    Family::gauge("pulse_metrics_store_size_bytes", "Bytes that the history takes on disk.");
const STORE_SERIES: Family = Family::gauge("pulse_metrics_store_series", "Series in the history.");
const STORE_BUFFERED: Family =
    Family::gauge("pulse_metrics_store_buffered_samples", "Samples of the history that are not yet on disk.");
const STORE_FAILING: Family =
    Family::gauge("pulse_metrics_store_failing", "Whether something is wrong with the history.");

/// Polls within this time count as due soon.
const SOON: SignedDuration = SignedDuration::from_secs(12);

pub(super) fn build(out: &mut Exposition) {
    out.put_flag(&BUILD, &[("version", env!("CARGO_PKG_VERSION"))], true);
}

/// How polling goes.
pub(super) fn polls(world: &Snapshot, health: &SchedulerHealth, out: &mut Exposition) {
    let now = health.at;
    let seconds_until = |at: Timestamp| (at.as_millisecond() - now.as_millisecond()).max(0) as f64 / 1000.0;
    for view in world.instances.values() {
        let labels = [("instance_type", view.key.kind.name()), ("instance", view.key.name.as_str())];
        let since = view.last_success.map(|at| (now.as_second() - at.as_second()).max(0) as f64);
        out.put(&LAST_SUCCESS, &labels, view.last_success.map(|at| at.as_second() as f64));
        out.put(&STALENESS, &labels, since.unwrap_or(-1.0));
    }
    for (key, source) in &health.sources {
        let labels = [("instance_type", key.kind.name()), ("instance", key.name.as_str())];
        out.put(&LAST_TOOK, &labels, source.took.map(|took| took.as_secs_f64()));
        out.put(&RESTARTS, &labels, f64::from(source.restarts));
        out.put_flag(&DEAD, &labels, source.dead_letter().is_some());
        let state = match source.breaker.state {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 1.0,
            BreakerState::Open => 2.0,
        };
        out.put(&BREAKER, &labels, state);
        out.put(&FAILURES, &labels, f64::from(source.breaker.failures));
        out.put(&RETRY, &labels, source.breaker.retry_at.map(seconds_until));
    }
    for kind in [InstanceKind::Pve, InstanceKind::Pbs, InstanceKind::Pmg] {
        let of_kind =
            || health.sources.iter().filter(|(key, _)| key.kind == kind).map(|(_, source)| source.run);
        if of_kind().next().is_none() {
            continue;
        }
        let polling = of_kind().filter(|run| matches!(run, RunState::Polling { .. })).count();
        let labels = [("instance_type", kind.name())];
        out.put(&INFLIGHT, &labels, polling as f64);
        out.put(&QUEUE, &labels, (of_kind().count() - polling) as f64);
    }
    if !health.sources.is_empty() {
        let soon = health.waiting().filter(|(_, until)| seconds_until(*until) <= SOON.as_secs_f64()).count();
        out.put(&DUE_SOON, &[], soon as f64);
    }
}

/// Alerts by level and type; counted from the list that is shown, so that the figure cannot drift from it.
pub(super) fn alerts(world: &Snapshot, out: &mut Exposition) {
    for level in [AlertLevel::Warning, AlertLevel::Critical] {
        let mut kinds = BTreeMap::<&str, u32>::new();
        for alert in world.active_alerts.iter().filter(|alert| alert.level == level) {
            *kinds.entry(&alert.kind).or_default() += 1;
        }
        for (kind, count) in kinds {
            out.put(&ALERTS, &[("level", level.name()), ("type", kind)], f64::from(count));
        }
    }
}

/// How the history is.
pub(super) fn store(stats: &StoreStats, out: &mut Exposition) {
    out.put(&STORE_SAMPLES, &[], stats.total_writes as f64);
    out.put(&STORE_DROPPED, &[], stats.dropped as f64);
    out.put(&STORE_SIZE, &[], stats.size_bytes as f64);
    out.put(&STORE_SERIES, &[], stats.series as f64);
    out.put(&STORE_BUFFERED, &[], stats.buffered_samples as f64);
    out.put_flag(&STORE_FAILING, &[], stats.problem.is_some());
}
