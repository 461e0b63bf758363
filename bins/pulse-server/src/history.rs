//! The history of this server: where it is kept, how long, and the second listener for current figures.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use pulse_api::AppState;
use pulse_config::{DataDir, HistorySettings, SystemSettings};
use pulse_core::Clock;
use pulse_remote_store::{RemoteOptions, RemoteStore};
use pulse_store::{MetricStore, Retention, SqliteStore, StoreOptions};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The file in the data directory.
pub const FILE: &str = "metrics.db";

/// Scrapes get this long to end.
const GRACE: Duration = Duration::from_secs(2);

/// Opens the history and keeps its retention what the system settings say.
pub fn open(
    settings: &HistorySettings,
    data_dir: &DataDir,
    clock: Arc<dyn Clock>,
    mut system: watch::Receiver<Arc<SystemSettings>>,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<Arc<dyn MetricStore>> {
    if let Some(remote) = &settings.remote {
        let options = RemoteOptions {
            write_url: remote.write_url.clone(),
            token: remote.token.as_ref().map(|token| token.expose().to_owned()),
            ..RemoteOptions::single(&remote.read_url)
        };
        tracing::info!("history is kept in another engine, which PULSE_METRICS_* name");
        return Ok(Arc::new(RemoteStore::start(&options, clock)?));
    }
    let options = StoreOptions {
        retention: retention(&system.borrow_and_update()),
        is_memory_only: settings.is_memory_only,
        flush_every: settings.flush_interval,
        ..StoreOptions::default()
    };
    let store = Arc::new(SqliteStore::open_or_in_memory(&data_dir.file(FILE), options, clock)?);
    let kept = store.clone();
    tasks.spawn(async move {
        let mut last = retention(&system.borrow());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = system.changed() => if changed.is_err() { return },
            }
            let wanted = retention(&system.borrow_and_update());
            if wanted != last {
                kept.set_retention(wanted);
                last = wanted;
            }
        }
    });
    Ok(store)
}

/// What the settings say; nothing where they say nothing, so that the store's own rule holds.
fn retention(settings: &SystemSettings) -> Option<Retention> {
    let wanted = settings.metrics_retention();
    let is_set = [wanted.raw, wanted.minute, wanted.hourly, wanted.daily].iter().any(Option::is_some);
    let default = Retention::default();
    is_set.then(|| Retention {
        raw: wanted.raw.unwrap_or(default.raw),
        minute: wanted.minute.unwrap_or(default.minute),
        hourly: wanted.hourly.unwrap_or(default.hourly),
        daily: wanted.daily.unwrap_or(default.daily),
    })
}

/// Serves `/metrics` at an address of its own, to whoever can reach it.
pub async fn serve_metrics(
    address: SocketAddr,
    state: AppState,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<()> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listen on {address}, which PULSE_METRICS_LISTEN names"))?;
    tracing::info!(%address, "serving /metrics without credentials");
    tasks.spawn(pulse_api::serve::serve(listener, None, pulse_api::metrics_router(state), stop, GRACE));
    Ok(())
}
