//! A Proxmox VE instance as something to poll.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use jiff::Timestamp;
use pulse_collectors::{Connect, PollError, PveApi, PveCycle, Timeouts};
use pulse_config::PveInstance;
use pulse_core::model::{InstanceKey, SourceIssue};
use tokio_util::sync::CancellationToken;

use super::{Beside, Brought, Source};
use crate::{
    details::{self, Findings},
    heartbeat::Heartbeat,
    schedule::PollSettings,
    supervisor::Shared,
};

/// A configured instance with its connection.
pub(crate) struct PveSource {
    instance: PveInstance,
    connect: Arc<dyn Connect>,
    inner: Mutex<Inner>,
    findings: Findings,
}

#[derive(Default)]
struct Inner {
    api: Option<(Timeouts, Arc<dyn PveApi>)>,
    /// What the guests did in the last poll, as a hash.
    doings: Option<u64>,
}

impl PveSource {
    pub(crate) fn new(instance: PveInstance, connect: Arc<dyn Connect>) -> Self {
        Self { instance, connect, inner: Mutex::default(), findings: Findings::default() }
    }

    /// The configuration.
    pub(crate) fn instance(&self) -> &PveInstance {
        &self.instance
    }

    /// What was found since the last poll.
    pub(crate) fn findings(&self) -> &Findings {
        &self.findings
    }

    /// The connection; made anew when the limits of requests have changed.
    pub(crate) fn api(&self, timeouts: Timeouts) -> Result<Arc<dyn PveApi>, PollError> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_with, api)) = &inner.api
            && *made_with == timeouts
        {
            return Ok(api.clone());
        }
        let api = self.connect.pve(&self.instance, timeouts)?;
        inner.api = Some((timeouts, api.clone()));
        Ok(api)
    }

    /// Whether guests did anything since the last poll, or are in the middle of something.
    fn is_busy(&self, cycle: &PveCycle) -> bool {
        let mut hasher = DefaultHasher::new();
        let mut has_lock = false;
        for guest in cycle.guests.iter().flatten() {
            (guest.vmid, &guest.node, guest.status).hash(&mut hasher);
            has_lock |= guest.lock.is_some();
        }
        for node in &cycle.nodes {
            (&node.name, node.status).hash(&mut hasher);
        }
        let now = hasher.finish();
        let before = self.inner.lock().unwrap_or_else(PoisonError::into_inner).doings.replace(now);
        has_lock || before.is_some_and(|before| before != now)
    }
}

#[async_trait]
impl Source for PveSource {
    async fn poll(&self, at: Timestamp, settings: &PollSettings) -> Result<Brought, SourceIssue> {
        let to_issue = |error: PollError| SourceIssue {
            at,
            class: error.class(),
            message: error.to_string(),
            node: None,
        };
        let api = self.api(settings.timeouts).map_err(to_issue)?;
        let cycle = api.poll(at).await.map_err(to_issue)?;
        let (is_busy, issues) = (self.is_busy(&cycle), cycle.issues.clone());
        let findings = self.findings.take();
        let merge = move |world: &mut crate::world::World, key: &InstanceKey, at| {
            world.take_findings(key, findings);
            world.merge_pve(key, Ok(cycle), at);
        };
        Ok(Brought { merge: Box::new(merge), is_busy, issues })
    }

    fn beside(
        self: Arc<Self>,
        key: &InstanceKey,
        shared: &Shared,
        heartbeat: &Arc<Heartbeat>,
        stop: &CancellationToken,
    ) -> Option<Beside> {
        let looks = details::run(self, key.clone(), shared.clone(), heartbeat.clone(), stop.clone());
        Some(Box::pin(looks))
    }
}
