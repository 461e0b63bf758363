//! A mail gateway as something to poll.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_collectors::{Connect, PmgApi, PollError, Timeouts};
use pulse_config::PmgInstance;
use pulse_core::model::{InstanceKey, SourceIssue};
use tokio_util::sync::CancellationToken;

use super::{
    Beside, Brought, Source,
    pbs::{issue_of, took_too_long},
    rounds::{self, Rounds},
};
use crate::{heartbeat::Heartbeat, schedule::PollSettings, supervisor::Shared, world::World};

/// A configured mail gateway with its connection.
pub(crate) struct PmgSource {
    instance: PmgInstance,
    connect: Arc<dyn Connect>,
    api: Mutex<Option<(Timeouts, Arc<dyn PmgApi>)>>,
}

impl PmgSource {
    pub(crate) fn new(instance: PmgInstance, connect: Arc<dyn Connect>) -> Self {
        Self { instance, connect, api: Mutex::default() }
    }

    /// The connection; made anew when the limits of requests have changed.
    fn api(&self, timeouts: Timeouts) -> Result<Arc<dyn PmgApi>, PollError> {
        let mut inner = self.api.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_with, api)) = &*inner
            && *made_with == timeouts
        {
            return Ok(api.clone());
        }
        let api = self.connect.pmg(&self.instance, timeouts)?;
        *inner = Some((timeouts, api.clone()));
        Ok(api)
    }
}

#[async_trait]
impl Source for PmgSource {
    async fn poll(&self, at: Timestamp, settings: &PollSettings) -> Result<Brought, SourceIssue> {
        let api = self.api(settings.timeouts).map_err(|error| issue_of(&error, at))?;
        let cycle = api.poll(at).await.map_err(|error| issue_of(&error, at))?;
        let issues = cycle.issues.clone();
        let guest_url = self.instance.guest_url.clone();
        let merge =
            move |world: &mut World, key: &InstanceKey, at| world.merge_pmg(key, cycle, guest_url, at);
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
            let announced = shared.keeper.change(move |world, _| world.announce_pmg(&of, host, guest_url));
            if announced.await.is_ok() {
                rounds::run(self, key, shared, heartbeat, stop).await;
            }
        }))
    }
}

#[async_trait]
impl Rounds for PmgSource {
    async fn round(&self, key: &InstanceKey, timeouts: Timeouts, shared: &Shared) {
        let at = shared.clock.now();
        let outcome = match self.api(timeouts) {
            Ok(api) => api.backups(at).await,
            Err(error) => Err(error),
        };
        let outcome = outcome.map_err(|error| issue_of(&error, at));
        let key = key.clone();
        // The server stops: nobody needs it any more.
        let _ = shared.keeper.change(move |world, _| world.merge_pmg_backups(&key, outcome)).await;
    }

    async fn too_late(&self, key: &InstanceKey, limit: Duration, shared: &Shared) {
        let issue = took_too_long(&self.instance.host, limit, shared.clock.now());
        let key = key.clone();
        let _ = shared.keeper.change(move |world, _| world.merge_pmg_backups(&key, Err(issue))).await;
    }
}
