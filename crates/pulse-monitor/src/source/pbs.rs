//! A backup server as something to poll.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_collectors::{Connect, PbsApi, PollError, Timeouts};
use pulse_config::PbsInstance;
use pulse_core::model::{FailureClass, InstanceKey, SourceIssue};
use tokio_util::sync::CancellationToken;

use super::{
    Beside, Brought, Source,
    rounds::{self, Rounds},
};
use crate::{heartbeat::Heartbeat, schedule::PollSettings, supervisor::Shared, world::World};

/// A configured backup server with its connection.
pub(crate) struct PbsSource {
    instance: PbsInstance,
    connect: Arc<dyn Connect>,
    api: Mutex<Option<(Timeouts, Arc<dyn PbsApi>)>>,
}

impl PbsSource {
    pub(crate) fn new(instance: PbsInstance, connect: Arc<dyn Connect>) -> Self {
        Self { instance, connect, api: Mutex::default() }
    }

    /// The connection; made anew when the limits of requests have changed.
    fn api(&self, timeouts: Timeouts) -> Result<Arc<dyn PbsApi>, PollError> {
        let mut inner = self.api.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_with, api)) = &*inner
            && *made_with == timeouts
        {
            return Ok(api.clone());
        }
        let api = self.connect.pbs(&self.instance, timeouts)?;
        *inner = Some((timeouts, api.clone()));
        Ok(api)
    }
}

pub(super) fn issue_of(error: &PollError, at: Timestamp) -> SourceIssue {
    SourceIssue { at, class: error.class(), message: error.to_string(), node: None }
}

pub(super) fn took_too_long(host: &str, limit: Duration, at: Timestamp) -> SourceIssue {
    let minutes = limit.as_secs() / 60;
    SourceIssue {
        at,
        class: FailureClass::Timeout,
        message: format!(
            "the list of backups of {host} was not read within {minutes} minutes and is shown as it was; its disks \
             may be busy"
        ),
        node: None,
    }
}

#[async_trait]
impl Source for PbsSource {
    async fn poll(&self, at: Timestamp, settings: &PollSettings) -> Result<Brought, SourceIssue> {
        let api = self.api(settings.timeouts).map_err(|error| issue_of(&error, at))?;
        let cycle = api.poll(at).await.map_err(|error| issue_of(&error, at))?;
        let issues = cycle.issues.clone();
        let guest_url = self.instance.guest_url.clone();
        let merge =
            move |world: &mut World, key: &InstanceKey, at| world.merge_pbs(key, cycle, guest_url, at);
        Ok(Brought { merge: Box::new(merge), is_busy: false, issues })
    }

    fn beside(
        self: Arc<Self>,
        key: &InstanceKey,
        shared: &Shared,
        heartbeat: &Arc<Heartbeat>,
        stop: &CancellationToken,
    ) -> Option<Beside> {
        let (key, shared, heartbeat, stop) = (key.clone(), shared.clone(), heartbeat.clone(), stop.clone());
        Some(Box::pin(async move {
            let (host, guest_url) = (self.instance.host.clone(), self.instance.guest_url.clone());
            let of = key.clone();
            let announced = shared.keeper.change(move |world, _| world.announce_pbs(&of, host, guest_url));
            if announced.await.is_err() || !self.instance.monitor_backups {
                heartbeat.expect_within(Duration::from_secs(u64::from(u32::MAX)), "nothing");
                stop.cancelled().await;
                return;
            }
            rounds::run(self, key, shared, heartbeat, stop).await;
        }))
    }
}

#[async_trait]
impl Rounds for PbsSource {
    async fn round(&self, key: &InstanceKey, timeouts: Timeouts, shared: &Shared) {
        let at = shared.clock.now();
        let known = shared.keeper.snapshot().instances.get(key).map(|view| view.pbs_backups.clone());
        let known = known.unwrap_or_default();
        let outcome = match self.api(timeouts) {
            Ok(api) => api.backups(&known, at).await,
            Err(error) => Err(error),
        };
        let outcome = outcome.map_err(|error| issue_of(&error, at));
        if let Ok(backups) = &outcome {
            tracing::debug!(
                instance.name = %key.name, groups = backups.groups.len(), read = backups.read_groups,
                "backups were read"
            );
        }
        let key = key.clone();
        // The server stops: nobody needs it any more.
        let _ = shared.keeper.change(move |world, _| world.merge_pbs_backups(&key, outcome)).await;
    }

    async fn too_late(&self, key: &InstanceKey, limit: Duration, shared: &Shared) {
        let issue = took_too_long(&self.instance.host, limit, shared.clock.now());
        let key = key.clone();
        let _ = shared.keeper.change(move |world, _| world.merge_pbs_backups(&key, Err(issue))).await;
    }
}
