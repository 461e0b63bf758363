//! Builds the notifications.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use pulse_config::{NotifyStore, SealKey, SystemSettingsStore};
use pulse_core::Clock;
use pulse_notify::{Grouping, Notifier, NotifierOptions, channel::run_command::SystemCommands};
use pulse_store::Ledger;

/// A delivery that failed is tried again after this, and later and later from then on.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The notifications over what the data directory holds. `grouping` tells how notices are put together now.
pub fn open(
    data_dir: &Path,
    system: Arc<SystemSettingsStore>,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    grouping: impl Fn() -> Grouping + Send + Sync + 'static,
) -> Result<Arc<Notifier>> {
    let config = Arc::new(NotifyStore::open(data_dir, SealKey::open(data_dir)?)?);
    Ok(Notifier::new(NotifierOptions {
        config,
        system,
        ledger,
        clock,
        grouping: Box::new(grouping),
        commands: Arc::new(SystemCommands),
        extra_roots: vec![],
        first_retry: FIRST_RETRY,
    }))
}
