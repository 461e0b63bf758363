//! The life of one source's polling: wait, poll with a deadline, hand over, decide when to come back.

use std::{sync::Arc, time::Duration};

use pulse_core::model::{FailureClass, InstanceKey, SourceIssue};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    heartbeat::Heartbeat,
    schedule::{Breaker, PollSettings, RunState, pace::LastPoll},
    source::{Brought, Source},
    supervisor::Shared,
};

/// Polls one source until told to stop; the first time after `first_wait`.
pub(crate) async fn run(
    key: InstanceKey,
    source: Arc<dyn Source>,
    shared: Shared,
    heartbeat: Arc<Heartbeat>,
    first_wait: Duration,
    stop: CancellationToken,
) {
    let settings = *shared.settings.borrow();
    let mut poller = Poller {
        breaker: shared
            .scheduler
            .of(&key)
            .map_or_else(|| Breaker::new(shared.clock.now()), |health| health.breaker),
        settings,
        noise: noise_of(&key),
        key,
        source,
        shared,
        heartbeat,
        last: None,
    };
    let mut next = Next { began: Instant::now(), wait: first_wait, is_held: true };
    loop {
        if !poller.wait(&mut next, &stop).await {
            return;
        }
        next.began = Instant::now();
        let Some((wait, is_held)) = poller.poll(&stop).await else { return };
        (next.wait, next.is_held) = (wait, is_held);
    }
}

/// When the next poll begins.
struct Next {
    /// Begin of the last one.
    began: Instant,
    /// Time from there.
    wait: Duration,
    /// Whether a failure decided on it, so that a new interval does not shorten it.
    is_held: bool,
}

struct Poller {
    key: InstanceKey,
    source: Arc<dyn Source>,
    shared: Shared,
    heartbeat: Arc<Heartbeat>,
    breaker: Breaker,
    settings: PollSettings,
    noise: u64,
    last: Option<LastPoll>,
}

impl Poller {
    /// Waits for the next poll; new settings hold at once. False means stop.
    async fn wait(&mut self, next: &mut Next, stop: &CancellationToken) -> bool {
        let mut changes = self.shared.settings.clone();
        let mut is_open = true;
        loop {
            let left = (next.began + next.wait).saturating_duration_since(Instant::now());
            self.heartbeat.expect_within(left, "waiting for the next poll");
            let until = jiff::SignedDuration::try_from(left)
                .ok()
                .and_then(|left| self.shared.clock.now().checked_add(left).ok())
                .unwrap_or(jiff::Timestamp::MAX);
            let interval = self.settings.pace(self.key.kind).usual();
            self.shared.scheduler.note(&self.key, |health| {
                health.run = RunState::Waiting { until };
                health.interval = interval;
            });
            tokio::select! {
                () = stop.cancelled() => return false,
                () = sleep_until(next.began + next.wait) => return true,
                changed = changes.changed(), if is_open => {
                    is_open = changed.is_ok();
                    self.settings = *changes.borrow_and_update();
                    if let (false, Some(last)) = (next.is_held, self.last) {
                        next.wait = self.settings.pace(self.key.kind).next(last, self.noise);
                    }
                }
            }
        }
    }

    /// Polls once; returns the wait until the next time and whether a failure decided on it, or `None` to stop.
    async fn poll(&mut self, stop: &CancellationToken) -> Option<(Duration, bool)> {
        self.settings = *self.shared.settings.borrow();
        let deadline = self.settings.deadline();
        self.heartbeat.expect_within(deadline, "polling");
        let at = self.shared.clock.now();
        let began = Instant::now();
        self.breaker.try_begins(at);
        let breaker = self.breaker;
        self.shared.scheduler.note(&self.key, |health| {
            health.run = RunState::Polling { since: at };
            health.breaker = breaker;
        });
        let outcome = tokio::select! {
            () = stop.cancelled() => return None,
            outcome = tokio::time::timeout(deadline, self.source.poll(at, &self.settings)) => outcome,
        };
        let outcome = outcome.unwrap_or_else(|_| Err(self.too_late(deadline, at)));
        let took = began.elapsed();
        let now = self.shared.clock.now();
        let was_failing = self.breaker.failures;
        let pace = self.settings.pace(self.key.kind);
        let (held, is_busy) = match &outcome {
            Ok(brought) => {
                self.breaker.succeeded(now);
                (None, brought.is_busy)
            }
            Err(issue) => (self.breaker.failed(issue.class.is_transient(), pace.usual(), now), false),
        };
        self.log(&outcome, was_failing);
        let breaker = self.breaker;
        let error = outcome.as_ref().err().cloned();
        self.shared.scheduler.note(&self.key, |health| {
            health.breaker = breaker;
            health.took = Some(took);
            match error {
                None => {
                    health.last_success = Some(at);
                    (health.last_error, health.first_failure) = (None, None);
                }
                Some(issue) => {
                    health.first_failure = health.first_failure.or(Some(at));
                    health.last_error = Some(issue);
                }
            }
        });
        let key = self.key.clone();
        let change = self.shared.keeper.change(move |world, _| match outcome {
            Ok(brought) => (brought.merge)(world, &key, at),
            Err(issue) => world.fail_instance(&key, issue, at),
        });
        change.await.ok()?;
        let last = LastPoll { took, is_busy, failures: self.breaker.failures };
        self.last = Some(last);
        self.noise =
            self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let wait = pace.next(last, self.noise >> 33);
        Some((held.map_or(wait, |held| held.max(wait)), held.is_some()))
    }

    fn too_late(&self, deadline: Duration, at: jiff::Timestamp) -> SourceIssue {
        let host = self.shared.scheduler.of(&self.key).map_or_else(String::new, |health| health.host);
        SourceIssue {
            at,
            class: FailureClass::Timeout,
            message: format!(
                "{host} did not finish a poll within {} s; check the load of its API and of its storages",
                deadline.as_secs()
            ),
            node: None,
        }
    }

    fn log(&self, outcome: &Result<Brought, SourceIssue>, was_failing: u32) {
        let name = &self.key.name;
        match outcome {
            Ok(brought) => {
                if was_failing > 0 {
                    tracing::info!(instance.name = %name, failures = was_failing, "the instance answers again");
                }
                for issue in brought.issues.iter().take(3) {
                    tracing::debug!(instance.name = %name, issue = %issue.message, "part of a poll failed");
                }
            }
            Err(issue) if was_failing == 0 => {
                tracing::warn!(instance.name = %name, error = %issue.message, "poll failed");
            }
            Err(_) => {}
        }
    }
}

/// A number of its own for each source, so that their paces differ.
fn noise_of(key: &InstanceKey) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
