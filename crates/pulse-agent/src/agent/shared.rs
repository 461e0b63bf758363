//! What the modules of one agent share while it runs.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::health::Health;

/// Shared by all modules, for as long as the program runs.
#[derive(Debug)]
pub(crate) struct Shared {
    /// For the health port and the watchdog.
    pub(crate) health: Health,
    /// What must not be broken off: updates of containers.
    pub(crate) actions: TaskTracker,
    /// Whether the server ended the Docker module.
    pub(crate) is_docker_stopped: AtomicBool,
    /// Seconds between two reports, for the watchdog.
    pub(crate) interval_seconds: AtomicI64,
    /// Whether the server has taken a report of this run.
    delivered: watch::Sender<bool>,
    /// The server's last word on commands, as it stands in its answers to host reports.
    commands: watch::Sender<Option<bool>>,
    updated_from: Mutex<Option<String>>,
}

impl Shared {
    pub(super) fn new(health: Health) -> Self {
        Self {
            health,
            actions: TaskTracker::new(),
            is_docker_stopped: AtomicBool::new(false),
            interval_seconds: AtomicI64::new(0),
            delivered: watch::Sender::new(false),
            commands: watch::Sender::new(None),
            updated_from: Mutex::new(None),
        }
    }

    /// A report was measured.
    pub(super) fn measured(&self) {
        self.health.is_ready.store(true, Ordering::Release);
    }

    /// The server took a report.
    pub(super) fn report_taken(&self) {
        self.delivered.send_if_modified(|is| !std::mem::replace(is, true));
    }

    /// Whether the server has taken a report.
    pub(crate) fn delivered(&self) -> watch::Receiver<bool> {
        self.delivered.subscribe()
    }

    /// The server's word on commands.
    pub(super) fn set_commands(&self, is_on: Option<bool>) {
        self.commands.send_if_modified(|known| std::mem::replace(known, is_on) != is_on);
    }

    /// The server's word on commands, and its changes.
    pub(super) fn commands(&self) -> watch::Receiver<Option<bool>> {
        self.commands.subscribe()
    }

    /// The version that ran before, until the server has heard of it.
    pub(super) fn updated_from(&self) -> Option<String> {
        self.updated_from.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_updated_from(&self, version: Option<String>) {
        *self.updated_from.lock().unwrap_or_else(PoisonError::into_inner) = version;
    }
}
