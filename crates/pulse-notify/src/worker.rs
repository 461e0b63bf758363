//! The task that sends what is queued: destinations side by side, the messages of each one after the other.

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    channel::webhook::shown_url,
    destination::{self, Destination},
    error::{SendError, Sent},
    message::Message,
    notifier::Notifier,
    queue::{Claim, Claimed, Failure, Outcome},
};

/// At least this often the queue is looked at.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// What is on its way when the server stops gets this long.
const GRACE: Duration = Duration::from_secs(10);
/// How often what is old is deleted.
const RETAIN_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How long each attempt waits, in first waits.
const WAITS: [f64; 7] = [1.0, 3.0, 9.0, 24.0, 60.0, 180.0, 360.0];

pub(crate) async fn run(notifier: Arc<Notifier>, stop: CancellationToken) {
    match notifier.queue.recover(notifier.now()).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(
            count,
            "notifications that were being sent when the server stopped are sent once more"
        ),
        Err(error) => tracing::error!(%error, "the notification queue cannot be read"),
    }
    notifier.remember_troubles().await;
    let mut changes = notifier.config().subscribe();
    let mut busy: HashSet<String> = HashSet::new();
    let mut sending: JoinSet<String> = JoinSet::new();
    let mut retained_at: Option<Timestamp> = None;
    loop {
        let now = notifier.now();
        if retained_at.is_none_or(|at| now.duration_since(at).abs() > RETAIN_EVERY) {
            retained_at = Some(now);
            if let Err(error) = notifier.queue.retain(now).await {
                tracing::warn!(%error, "old notifications could not be deleted");
            }
        }
        let wait = match send_due(&notifier, &mut busy, &mut sending, now).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "the notification queue does not answer; trying again");
                Duration::from_secs(5)
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = notifier.wake.notified() => {}
            _ = changes.changed() => {}
            Some(done) = sending.join_next() => match done {
                Ok(destination) => drop(busy.remove(&destination)),
                // Which one it was is not known: all that are idle now are free again.
                Err(error) => {
                    tracing::error!(%error, "sending stopped");
                    sending.abort_all();
                    busy.clear();
                }
            },
            () = tokio::time::sleep(wait) => {}
        }
    }
    // What does not end in time is sent once more after the start.
    let _ = tokio::time::timeout(GRACE, async { while sending.join_next().await.is_some() {} }).await;
}

/// Starts sending what is due; how long until more is.
async fn send_due(
    notifier: &Arc<Notifier>,
    busy: &mut HashSet<String>,
    sending: &mut JoinSet<String>,
    now: Timestamp,
) -> Result<Duration, crate::queue::QueueError> {
    let active = destination::active(&notifier.config().current());
    let keys: Vec<String> = active.iter().map(|one| one.destination.key()).collect();
    let mut next: Option<i64> = None;
    let mut free: Vec<Claim> = vec![];
    for (one, key) in active.iter().zip(&keys).filter(|(_, key)| !busy.contains(*key)) {
        match notifier.troubles.backs_off_until(key) {
            Some(until) if until > now => {
                let until = until.as_millisecond();
                next = Some(next.map_or(until, |next| next.min(until)));
            }
            _ => free.push(Claim { destination: key.clone(), per_hour: one.per_hour }),
        }
    }
    let claimed = notifier.queue.claim(free.clone(), keys, now).await?;
    let mut by_destination: Vec<(String, Vec<Claimed>)> = vec![];
    for item in claimed {
        match by_destination.last_mut() {
            Some((destination, items)) if *destination == item.destination => items.push(item),
            _ => by_destination.push((item.destination.clone(), vec![item])),
        }
    }
    for (destination, items) in by_destination {
        busy.insert(destination.clone());
        let notifier = Arc::clone(notifier);
        sending.spawn(async move {
            for item in items {
                send_one(&notifier, item).await;
            }
            destination
        });
    }
    let idle = free.into_iter().map(|claim| claim.destination).filter(|key| !busy.contains(key)).collect();
    if let Some(due) = notifier.queue.next_due(idle).await? {
        next = Some(next.map_or(due, |next| next.min(due)));
    }
    let wait = next.map_or(LONGEST_WAIT, |at| {
        let milliseconds = at.saturating_sub(now.as_millisecond()).clamp(10, 30_000);
        Duration::from_millis(milliseconds.unsigned_abs())
    });
    Ok(wait.min(LONGEST_WAIT))
}

async fn send_one(notifier: &Arc<Notifier>, item: Claimed) {
    let config = notifier.config().current();
    let started = std::time::Instant::now();
    let message = Message {
        event: item.event,
        key: item.id.clone(),
        alerts: item.alerts.clone(),
        total: item.total,
        now: notifier.now(),
        public_url: notifier.public_url(),
    };
    let destination = Destination::parse(&item.destination);
    let (name, service, url) = match &destination {
        Some(Destination::Webhook(id)) => {
            let webhook = config.webhooks.iter().find(|webhook| webhook.id == *id);
            webhook.map_or_else(Default::default, |it| {
                (it.name.clone(), it.service.clone(), shown_url(it.url.expose()))
            })
        }
        Some(other) => (other.kind().to_owned(), other.kind().to_owned(), String::new()),
        None => Default::default(),
    };
    let result: Result<Sent, SendError> = match &destination {
        Some(destination) => notifier.deliver(&config, destination, &message).await,
        None => Err(SendError::permanent("the destination is unknown")),
    };
    let at = notifier.now();
    let (sent, failure) = match result {
        Ok(sent) => (sent, None),
        Err(error) => {
            let again_at = (error.is_transient && item.attempt < item.max_attempts)
                .then(|| again_at(at, item.attempt, notifier.options.first_retry, error.retry_after));
            tracing::warn!(
                destination = %name, item = %item.id, attempt = item.attempt, error = %error,
                "a notification was not delivered"
            );
            let sent = Sent { status: error.status, ..Sent::default() };
            (sent, Some(Failure { error: error.message, again_at }))
        }
    };
    match &failure {
        None => notifier.troubles.arrived(&item.destination),
        Some(Failure { error, again_at }) => {
            notifier.troubles.failed((&item.destination, &name), error, *again_at, &config, at);
        }
    }
    let outcome = Outcome {
        at,
        took_ms: i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX),
        name,
        service,
        url,
        status_code: sent.status,
        payload_bytes: sent.payload_bytes,
        failure,
    };
    if let Err(error) = notifier.queue.settle(item, outcome).await {
        tracing::error!(%error, "how a notification went could not be written down; it may be sent once more");
    }
}

/// When to try again: later each time, and not all at once.
fn again_at(now: Timestamp, attempt: i64, first: Duration, wanted: Option<Duration>) -> Timestamp {
    let place = usize::try_from(attempt - 1).unwrap_or(0).min(WAITS.len() - 1);
    let mut random = [0_u8; 2];
    // Without random numbers the wait is the middle one.
    let share = match getrandom::fill(&mut random) {
        Ok(()) => f64::from(u16::from_le_bytes(random)) / f64::from(u16::MAX),
        Err(_) => 0.5,
    };
    let wait = first.as_secs_f64() * WAITS[place] * (0.8 + 0.4 * share);
    let wait = wait.max(wanted.map_or(0.0, |wanted| wanted.as_secs_f64()));
    let wait = SignedDuration::try_from_secs_f64(wait).unwrap_or(SignedDuration::from_mins(30));
    now.saturating_add(wait).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_within_their_bounds_and_the_receiver_is_heard() {
        let now: Timestamp = "2026-03-02T08:57:05Z".parse().unwrap();
        let wait = |attempt, wanted| {
            again_at(now, attempt, Duration::from_secs(5), wanted).duration_since(now).as_secs_f64()
        };
        for (attempt, middle) in [(1, 5.0), (2, 15.0), (5, 300.0), (7, 1800.0), (99, 1800.0)] {
            let waited = wait(attempt, None);
            assert!((middle * 0.8..=middle * 1.2).contains(&waited), "{attempt}: {waited}");
        }
        assert!((wait(1, Some(Duration::from_secs(120))) - 120.0).abs() < 1e-6);
    }
}
