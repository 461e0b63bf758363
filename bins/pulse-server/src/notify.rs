//! Builds the notifications.

use std::{sync::Arc, time::Duration};

use pulse_config::{NotifyStore, SystemSettingsStore};
use pulse_core::Clock;
use pulse_notify::{Grouping, Notifier, NotifierOptions, channel::run_command::SystemCommands};
use pulse_store::Ledger;

/// A delivery that failed is tried again after this, and later and later from then on.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// The notifications. `grouping` tells how notices are put together now.
pub fn open(
    config: Arc<NotifyStore>,
    system: Arc<SystemSettingsStore>,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    grouping: impl Fn() -> Grouping + Send + Sync + 'static,
) -> Arc<Notifier> {
    Notifier::new(NotifierOptions {
        config,
        system,
        ledger,
        clock,
        grouping: Box::new(grouping),
        commands: Arc::new(SystemCommands),
        extra_roots: vec![],
        first_retry: FIRST_RETRY,
    })
}
