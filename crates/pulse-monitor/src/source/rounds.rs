//! What is read of a backup server or a mail gateway beside the polls: backups, at their own slow pace.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use pulse_collectors::Timeouts;
use pulse_core::model::InstanceKey;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{heartbeat::Heartbeat, supervisor::Shared};

/// The first round waits for the first poll, so that what is wrong with the server is found out once.
const FIRST: Duration = Duration::from_secs(3);
/// A whole round may take this long; what was not read in it is read in the next one.
const LIMIT: Duration = Duration::from_mins(5);
/// How long somebody who does not want backups is left alone before the settings are looked at anyway.
const IDLE: Duration = Duration::from_hours(1);

/// A source with backups.
#[async_trait]
pub(crate) trait Rounds: Send + Sync {
    /// Reads the backups once and hands them to the keeper.
    async fn round(&self, key: &InstanceKey, timeouts: Timeouts, shared: &Shared);

    /// What to hand over when a round took too long.
    async fn too_late(&self, key: &InstanceKey, limit: Duration, shared: &Shared);
}

/// Reads backups at the pace of the settings, which hold at once, until stopped.
pub(crate) async fn run(
    source: Arc<dyn Rounds>,
    key: InstanceKey,
    shared: Shared,
    heartbeat: Arc<Heartbeat>,
    stop: CancellationToken,
) {
    let mut changes = shared.settings.clone();
    let mut is_open = true;
    let mut next = Instant::now() + FIRST;
    let mut began: Option<Instant> = None;
    loop {
        let settings = *changes.borrow_and_update();
        if let Some(began) = began {
            next = began + settings.backup_interval(key.kind);
        }
        let until = if settings.are_backups_polled { next } else { Instant::now() + IDLE };
        heartbeat
            .expect_within(until.saturating_duration_since(Instant::now()), "waiting for the next backups");
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep_until(until) => {}
            changed = changes.changed(), if is_open => {
                is_open = changed.is_ok();
                continue;
            }
        }
        if !settings.are_backups_polled {
            continue;
        }
        began = Some(Instant::now());
        heartbeat.expect_within(LIMIT, "reading backups");
        let round = tokio::time::timeout(LIMIT, source.round(&key, settings.timeouts, &shared));
        let outcome = tokio::select! {
            () = stop.cancelled() => return,
            outcome = round => outcome,
        };
        if outcome.is_err() {
            source.too_late(&key, LIMIT, &shared).await;
        }
    }
}
