//! What can be polled: one implementation per product. The supervisor and the pollers know nothing else of them.

mod pbs;
mod pmg;
pub(crate) mod pve;
mod rounds;

use std::{pin::Pin, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_collectors::Connect;
use pulse_config::{NodeConfig, PbsInstance, PmgInstance, PveInstance};
use pulse_core::model::{InstanceKey, InstanceKind, SourceIssue};
use tokio_util::sync::CancellationToken;

use crate::{heartbeat::Heartbeat, schedule::PollSettings, supervisor::Shared, world::World};

/// How what a poll brought becomes part of the world; runs in the keeper, given the time at which the poll began.
pub(crate) type Merge = Box<dyn FnOnce(&mut World, &InstanceKey, Timestamp) + Send>;

/// What runs beside the polls of a source until it is stopped.
pub(crate) type Beside = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a poll brought.
pub(crate) struct Brought {
    /// Puts it into the world.
    pub(crate) merge: Merge,
    /// Whether something happens there, so that an adapting pace asks again sooner.
    pub(crate) is_busy: bool,
    /// What went wrong with parts of it, for the log.
    pub(crate) issues: Vec<SourceIssue>,
}

/// One configured instance as something to poll.
#[async_trait]
pub(crate) trait Source: Send + Sync {
    /// Polls once. Fails only when nothing at all could be read; the caller sets the deadline.
    async fn poll(&self, at: Timestamp, settings: &PollSettings) -> Result<Brought, SourceIssue>;

    /// What else is read of it, at times of its own and never in the way of the polls.
    fn beside(
        self: Arc<Self>,
        key: &InstanceKey,
        shared: &Shared,
        heartbeat: &Arc<Heartbeat>,
        stop: &CancellationToken,
    ) -> Option<Beside>;
}

/// What the configuration wants to be polled. A change of any of it starts the source anew.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    Pve(PveInstance),
    Pbs(PbsInstance),
    Pmg(PmgInstance),
}

impl Wanted {
    /// Everything that the configuration wants.
    pub(crate) fn all(config: &NodeConfig) -> Vec<(InstanceKey, Self)> {
        let pve = config.pve.iter().map(|instance| {
            let key = InstanceKey { kind: InstanceKind::Pve, name: instance.name.clone() };
            (key, Self::Pve(instance.clone()))
        });
        let pbs = config.pbs.iter().map(|instance| {
            let key = InstanceKey { kind: InstanceKind::Pbs, name: instance.name.clone() };
            (key, Self::Pbs(instance.clone()))
        });
        let pmg = config.pmg.iter().map(|instance| {
            let key = InstanceKey { kind: InstanceKind::Pmg, name: instance.name.clone() };
            (key, Self::Pmg(instance.clone()))
        });
        pve.chain(pbs).chain(pmg).collect()
    }

    /// Where it is polled.
    pub(crate) fn host(&self) -> &str {
        match self {
            Self::Pve(instance) => &instance.host,
            Self::Pbs(instance) => &instance.host,
            Self::Pmg(instance) => &instance.host,
        }
    }

    /// The source to poll.
    pub(crate) fn source(&self, connect: &Arc<dyn Connect>) -> Arc<dyn Source> {
        match self {
            Self::Pve(instance) => Arc::new(pve::PveSource::new(instance.clone(), connect.clone())),
            Self::Pbs(instance) => Arc::new(pbs::PbsSource::new(instance.clone(), connect.clone())),
            Self::Pmg(instance) => Arc::new(pmg::PmgSource::new(instance.clone(), connect.clone())),
        }
    }
}
