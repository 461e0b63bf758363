//! When a source is polled next, and what is known of how its polling goes.
//!
//! * [`pace`]: the time to the next poll, fixed or adaptive.
//! * [`breaker`]: what repeated failures do to it.
//! * [`board`]: the health of every source, for the API and the watchdog.
//!
//! `pace` and `breaker` are pure: time comes in as a parameter, and their tests play hours in a microsecond.

pub mod board;
pub mod breaker;
pub mod pace;

use std::time::Duration;

use pulse_collectors::Timeouts;
use pulse_config::SystemSettings;
use pulse_core::model::InstanceKind;

pub use board::{DeadLetter, RunState, Scheduler, SchedulerHealth, SourceHealth};
pub use breaker::{Breaker, BreakerState};
pub use pace::{Adaptive, Pace};

/// How polling goes about. Every change holds at once, also for polls that are already due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollSettings {
    /// Time between polls of a Proxmox VE instance.
    pub pve_interval: Duration,
    /// Time between polls of a backup server.
    pub pbs_interval: Duration,
    /// Time between polls of a mail gateway.
    pub pmg_interval: Duration,
    /// Time between two looks at backups and snapshots; `None` takes ten times the interval of the instance.
    pub backup_interval: Option<Duration>,
    /// Whether backups and snapshots are looked at.
    pub are_backups_polled: bool,
    /// Whether the pace adapts to what happens, and within which limits.
    pub adaptive: Option<Adaptive>,
    /// Limits of single requests.
    pub timeouts: Timeouts,
}

impl From<&SystemSettings> for PollSettings {
    fn from(system: &SystemSettings) -> Self {
        let (base, min, max) = system.adaptive_polling_intervals();
        Self {
            pve_interval: system.pve_polling_interval(),
            pbs_interval: system.pbs_polling_interval(),
            pmg_interval: system.pmg_polling_interval(),
            backup_interval: system.backup_polling_interval(),
            are_backups_polled: system.is_backup_polling_enabled(),
            adaptive: system.is_adaptive_polling_enabled().then_some(Adaptive { base, min, max }),
            timeouts: Timeouts::with_request(system.connection_timeout()),
        }
    }
}

impl PollSettings {
    /// The time between polls of instances of a product, unless the pace adapts.
    pub fn interval(&self, kind: InstanceKind) -> Duration {
        match kind {
            InstanceKind::Pve => self.pve_interval,
            InstanceKind::Pbs => self.pbs_interval,
            InstanceKind::Pmg => self.pmg_interval,
        }
    }

    /// The time between two looks at backups of instances of a product.
    pub fn backup_interval(&self, kind: InstanceKind) -> Duration {
        self.backup_interval.unwrap_or(self.interval(kind) * 10)
    }

    /// The pace of instances of a product.
    pub fn pace(&self, kind: InstanceKind) -> Pace {
        Pace { interval: self.interval(kind), adaptive: self.adaptive }
    }

    /// A whole poll may take this long.
    pub fn deadline(&self) -> Duration {
        (self.timeouts.request * 2).clamp(Duration::from_secs(30), Duration::from_secs(180))
    }
}
