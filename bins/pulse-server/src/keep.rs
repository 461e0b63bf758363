//! Housekeeping: what must survive a restart and changes all the time is written now and then, and once more at the
//! end; memory that nobody uses goes back to the system.

use std::{sync::Arc, time::Duration};

use pulse_api::{Access, auth::Oidc, published::StateCache};
use pulse_config::{LogLevel, SystemSettings};
use pulse_core::Clock;
use pulse_log::Logs;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often sessions and the tokens' last use are written, when they changed.
const PERIOD: Duration = Duration::from_secs(60);

/// The start leaves much behind that is needed only once; after it, free memory is returned this soon.
const FIRST_TRIM: Duration = Duration::from_secs(15);

/// And then this often. What is let go comes back from the page cache as it is needed: a hundred faults a minute, a
/// fraction of a millisecond.
const TRIM_PERIOD: Duration = Duration::from_secs(60);

/// A rendering of the state that nobody asked for this long is given up; the next reader has it made anew.
const UNREAD: Duration = Duration::from_secs(30);

/// Gives up what nobody reads, and returns free memory to the system, until `stop`.
pub async fn give_memory_back(published: Arc<StateCache>, stop: CancellationToken) {
    let mut wait = FIRST_TRIM;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = TRIM_PERIOD;
        published.forget(UNREAD);
        let work = tokio::task::spawn_blocking(move || {
            pulse_memory::give_back();
            pulse_memory::unmap_program()
        });
        match work.await {
            Ok(Ok(_)) => {}
            // Without /proc the pages stay, as they would without us.
            Ok(Err(error)) => tracing::debug!(%error, "the program's pages stay mapped"),
            Err(error) => tracing::error!(%error, "returning memory stopped"),
        }
    }
}

/// How often it is looked whether tokens of OIDC sessions end soon.
const REFRESH_PERIOD: Duration = Duration::from_secs(30);

/// Asks OIDC providers for new tokens of sessions in time, until `stop`.
pub async fn refresh_oidc(
    oidc: Arc<Oidc>,
    access: Arc<Access>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(REFRESH_PERIOD) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = oidc.refresh_due(&access, clock.now()) => {}
        }
    }
}

/// Keeps the level of the log as the system settings have it, from the start on; where they have none, the one of the
/// environment counts.
pub async fn follow_log_level(
    mut changes: watch::Receiver<Arc<SystemSettings>>,
    otherwise: LogLevel,
    logs: Logs,
    stop: CancellationToken,
) {
    let mut applied = None;
    loop {
        let wanted = changes.borrow_and_update().log_level;
        if wanted != applied {
            applied = wanted;
            logs.set_level(wanted.unwrap_or(otherwise));
        }
        tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

/// Writes until `stop`, and once more then.
pub async fn keep_access(access: Arc<Access>, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let mut saved_version = access.sessions.version();
    loop {
        let is_last = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(PERIOD) => false,
        };
        let (work, now) = (access.clone(), clock.now());
        let saved = tokio::task::spawn_blocking(move || save(&work, saved_version, now)).await;
        match saved {
            Ok(Ok(version)) => saved_version = version,
            Ok(Err(error)) => tracing::warn!(%error, "sessions or the last use of tokens could not be saved"),
            Err(error) => tracing::error!(%error, "saving sessions stopped"),
        }
        if is_last {
            return;
        }
    }
}

fn save(access: &Access, saved_version: u64, now: jiff::Timestamp) -> Result<u64, pulse_config::ConfigError> {
    access.tokens.save_last_used()?;
    if access.sessions.version() == saved_version {
        return Ok(saved_version);
    }
    let (version, records) = access.sessions.export(now);
    access.session_file.save(&records)?;
    Ok(version)
}
