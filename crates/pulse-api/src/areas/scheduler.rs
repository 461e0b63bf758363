//! `/api/monitoring/scheduler/health`: how polling goes (contract A-07 §4).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{Json, extract::State};
use jiff::{SignedDuration, Timestamp};
use pulse_core::{
    Clock,
    model::{InstanceKey, SourceIssue},
};
use pulse_monitor::{
    Scheduler,
    schedule::{Breaker, DeadLetter, SchedulerHealth, SourceHealth},
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    extract::{Allowed, Authenticated},
    routing::{ApiRouter, routes},
    wire::time::NEVER,
};

/// Sources due within this time count as due soon.
const SOON: SignedDuration = SignedDuration::from_secs(12);
/// At most so many dead letters are listed.
const MOST_DEAD_LETTERS: usize = 25;
/// Figures of this age are as stale as can be.
const STALE_AFTER: Duration = Duration::from_secs(300);

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new().routes(routes!(get_scheduler_health))
}

/// How polling goes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct HealthAnswer {
    /// When this was put together.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Whether polling adapts its pace.
    enabled: bool,
    /// What waits to be polled.
    queue: Queue,
    /// Sources that fail persistently. They are tried again, only rarely.
    dead_letter: DeadLetters,
    /// Circuit breakers that are not closed, or have counted failures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    breakers: Vec<BreakerEntry>,
    /// How old the figures of each source are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    staleness: Vec<Staleness>,
    /// One per configured instance, sorted by key.
    instances: Vec<InstanceHealth>,
}

/// What waits to be polled.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Queue {
    /// Sources that wait.
    depth: usize,
    /// How many of them are due within twelve seconds.
    due_within_seconds: usize,
    /// Sources that wait, per product.
    per_type: BTreeMap<&'static str, usize>,
}

/// Sources that fail persistently.
#[derive(Debug, Serialize, ToSchema)]
struct DeadLetters {
    /// How many.
    count: usize,
    /// The first 25 of them.
    tasks: Vec<DeadTask>,
}

/// A source that fails persistently.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeadTask {
    /// Name.
    instance: String,
    /// `pve`, `pbs` or `pmg`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it is tried next; year 1 while it is being tried.
    #[schema(value_type = String, format = DateTime)]
    next_run: Timestamp,
    /// What is wrong and what to do.
    last_error: String,
    /// Failures in a row.
    failures: u32,
}

/// A circuit breaker in short.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BreakerEntry {
    /// Name.
    instance: String,
    /// `pve`, `pbs` or `pmg`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// `closed`, `open` or `half_open`.
    state: &'static str,
    /// Failures in a row.
    failures: u32,
    /// When it is tried next; year 1 where it is not held back.
    #[schema(value_type = String, format = DateTime)]
    retry_at: Timestamp,
}

/// How old the figures of a source are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Staleness {
    /// Name.
    instance: String,
    /// `pve`, `pbs` or `pmg`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// 0 for fresh figures, 1 for figures of five minutes ago or none.
    score: f64,
    /// When a poll last succeeded; year 1 where none has.
    #[schema(value_type = String, format = DateTime)]
    last_success: Timestamp,
    /// What the last failed poll complained of.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

/// How polling of one instance goes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InstanceHealth {
    /// `<type>::<name>`.
    key: String,
    /// `pve`, `pbs` or `pmg`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Name to show.
    display_name: String,
    /// Name.
    instance: String,
    /// URL.
    connection: String,
    /// Successes and failures.
    poll_status: PollStatus,
    /// The circuit breaker.
    breaker: BreakerDetail,
    /// Whether it fails persistently.
    dead_letter: DeadLetterDetail,
    /// Seconds between its polls. Ours, beside the contract.
    interval_seconds: u64,
    /// How long the last poll took, milliseconds. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_duration_ms: Option<u64>,
    /// How often the watchdog had to start its polling anew. Ours, beside the contract.
    restarts: u32,
    /// Why it did so last. Ours, beside the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    restart_reason: Option<String>,
}

/// Successes and failures.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PollStatus {
    /// When a poll last succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_success: Option<Timestamp>,
    /// What the last failed poll complained of, until one succeeds.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<LastError>,
    /// Failures in a row.
    consecutive_failures: u32,
    /// When they began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    first_failure_at: Option<Timestamp>,
}

/// What a poll complained of.
#[derive(Debug, Serialize, ToSchema)]
struct LastError {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What went wrong and what to do.
    message: String,
    /// `transient` or `permanent`.
    category: &'static str,
}

/// A circuit breaker.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BreakerDetail {
    /// `closed`, `open` or `half_open`.
    state: &'static str,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    last_transition: Timestamp,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    retry_at: Option<Timestamp>,
    /// Failures in a row.
    failure_count: u32,
}

/// Whether a source fails persistently, and how.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeadLetterDetail {
    /// Whether it does.
    present: bool,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    first_attempt: Option<Timestamp>,
    /// When it was last tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    last_attempt: Option<Timestamp>,
    /// How often it was tried since.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_count: Option<u32>,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    next_retry: Option<Timestamp>,
}

/// How polling goes.
#[utoipa::path(
    get, path = "/api/monitoring/scheduler/health", tag = "scheduler",
    responses((status = 200, body = HealthAnswer))
)]
async fn get_scheduler_health(
    _: Allowed<Authenticated>,
    State(scheduler): State<Scheduler>,
    State(clock): State<Arc<dyn Clock>>,
) -> Json<HealthAnswer> {
    Json(HealthAnswer::from(scheduler.health(clock.now())))
}

impl From<SchedulerHealth> for HealthAnswer {
    fn from(health: SchedulerHealth) -> Self {
        let mut per_type = BTreeMap::new();
        let mut due_within_seconds = 0;
        for (key, until) in health.waiting() {
            *per_type.entry(key.kind.name()).or_default() += 1;
            due_within_seconds += usize::from(until.duration_since(health.at) <= SOON);
        }
        let dead: Vec<_> = health
            .sources
            .iter()
            .filter_map(|(key, source)| Some(dead_task(key, &source.dead_letter()?, source.breaker.failures)))
            .collect();
        Self {
            updated_at: health.at,
            enabled: health.is_adaptive,
            queue: Queue { depth: per_type.values().sum(), due_within_seconds, per_type },
            breakers: health.troubled().map(|(key, source)| breaker_entry(key, &source.breaker)).collect(),
            staleness: health.sources.iter().map(|(key, source)| staleness(key, source, health.at)).collect(),
            instances: health.sources.iter().map(|(key, source)| instance_health(key, source)).collect(),
            dead_letter: DeadLetters {
                count: dead.len(),
                tasks: dead.into_iter().take(MOST_DEAD_LETTERS).collect(),
            },
        }
    }
}

fn dead_task(key: &InstanceKey, dead: &DeadLetter, failures: u32) -> DeadTask {
    DeadTask {
        instance: key.name.to_string(),
        kind: key.kind.name(),
        next_run: dead.next_retry.unwrap_or(NEVER),
        last_error: dead.reason.clone(),
        failures,
    }
}

fn breaker_entry(key: &InstanceKey, breaker: &Breaker) -> BreakerEntry {
    BreakerEntry {
        instance: key.name.to_string(),
        kind: key.kind.name(),
        state: breaker.state.name(),
        failures: breaker.failures,
        retry_at: breaker.retry_at.unwrap_or(NEVER),
    }
}

fn staleness(key: &InstanceKey, source: &SourceHealth, now: Timestamp) -> Staleness {
    Staleness {
        instance: key.name.to_string(),
        kind: key.kind.name(),
        score: (source.staleness(STALE_AFTER, now) * 1000.0).round() / 1000.0,
        last_success: source.last_success.unwrap_or(NEVER),
        last_error: source.last_error.as_ref().map(|issue| issue.message.clone()),
    }
}

fn last_error(issue: &SourceIssue) -> LastError {
    LastError {
        at: issue.at,
        message: issue.message.clone(),
        category: if issue.class.is_transient() { "transient" } else { "permanent" },
    }
}

fn instance_health(key: &InstanceKey, source: &SourceHealth) -> InstanceHealth {
    let breaker = &source.breaker;
    InstanceHealth {
        key: format!("{}::{}", key.kind, key.name),
        kind: key.kind.name(),
        display_name: key.name.to_string(),
        instance: key.name.to_string(),
        connection: source.host.clone(),
        poll_status: PollStatus {
            last_success: source.last_success,
            last_error: source.last_error.as_ref().map(last_error),
            consecutive_failures: breaker.failures,
            first_failure_at: source.first_failure,
        },
        breaker: BreakerDetail {
            state: breaker.state.name(),
            since: breaker.since,
            last_transition: breaker.since,
            retry_at: breaker.retry_at,
            failure_count: breaker.failures,
        },
        dead_letter: source.dead_letter().map_or_else(DeadLetterDetail::default, |dead| DeadLetterDetail {
            present: true,
            reason: Some(dead.reason),
            first_attempt: Some(dead.first_attempt),
            last_attempt: Some(dead.last_attempt),
            retry_count: Some(dead.retries),
            next_retry: dead.next_retry,
        }),
        interval_seconds: source.interval.as_secs(),
        last_duration_ms: source.took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        restarts: source.restarts,
        restart_reason: source.restart_reason.clone(),
    }
}
