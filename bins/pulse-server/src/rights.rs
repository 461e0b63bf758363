//! Roles and the audit log: who may do what, and who did.

use std::{path::Path, sync::Arc};

use pulse_api::{Audit, Roles};
use pulse_config::{AuditHookStore, AuditKey, ConfigError, RoleStore, SealKey};
use pulse_core::Clock;
use pulse_notify::{AuditHooks, Notifier};
use pulse_store::{AuditLog, Ledger};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The roles that the data directory has.
pub fn roles(data_dir: &Path, clock: &Arc<dyn Clock>) -> Result<Arc<Roles>, ConfigError> {
    Ok(Arc::new(Roles::new(RoleStore::open(data_dir)?, clock.now())))
}

/// The audit log, with those who are told of its events.
pub fn audit(
    data_dir: &Path,
    ledger: &Ledger,
    notifier: &Arc<Notifier>,
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<Arc<Audit>, ConfigError> {
    let key = AuditKey::open(data_dir)?;
    let store = AuditHookStore::open(data_dir, SealKey::open(data_dir)?)?;
    let hooks = AuditHooks::start(store, Arc::clone(notifier), tasks, stop);
    Ok(Arc::new(Audit::new(AuditLog::new(ledger.clone()), key, hooks, Arc::clone(clock))))
}
