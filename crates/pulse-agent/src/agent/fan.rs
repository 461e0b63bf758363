//! One kind of report to all servers. The first server's answers count; the others neither answer nor delay it.

use std::{path::Path, sync::atomic::Ordering};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;

use super::health::Counters;
use crate::{
    link::{self, Delivery, Link, LinkError, ReportKind},
    settings::AgentSettings,
};

/// Reports that wait while a further server is being tried; its own backlog comes after that.
const QUEUE: usize = 4;

/// The links of one kind of report.
pub(super) struct Fan {
    first: Link,
    others: Vec<mpsc::Sender<Bytes>>,
}

impl Fan {
    /// Links to all servers of the settings. The tasks of the further ones end with the fan.
    pub(super) async fn new(
        client: reqwest::Client,
        settings: &AgentSettings,
        kind: ReportKind,
    ) -> Result<Self, LinkError> {
        let folder = settings.buffer_dir.as_deref();
        let first = on_disk(Link::new(client, settings, kind)?, folder).await;
        let mut others = Vec::new();
        for target in &settings.more_targets {
            let client = link::client(&target.url, target.is_insecure)?;
            let link = Link::to(client, target, &settings.identity.version, kind)?;
            let mut link = on_disk(link, folder).await;
            let (sender, mut receiver) = mpsc::channel::<Bytes>(QUEUE);
            tokio::spawn(async move {
                while let Some(body) = receiver.recv().await {
                    link.deliver_body(body).await;
                }
            });
            others.push(sender);
        }
        Ok(Self { first, others })
    }

    /// Sends a report to all; gives what became of it at the first.
    pub(super) async fn deliver<T: Serialize>(&mut self, report: &T, counters: &Counters) -> Delivery {
        let body = match serde_json::to_vec(report) {
            Ok(body) => Bytes::from(body),
            Err(error) => {
                tracing::error!(%error, "a report cannot be written as JSON");
                return Delivery::Dropped;
            }
        };
        for other in &self.others {
            if other.try_send(body.clone()).is_err() {
                tracing::debug!("a further server is too slow; it misses a report");
            }
        }
        let delivery = self.first.deliver_body(body).await;
        match delivery {
            Delivery::Sent { flushed } => counters.sent.fetch_add(1 + flushed as u64, Ordering::Relaxed),
            Delivery::Kept => counters.kept.fetch_add(1, Ordering::Relaxed),
            Delivery::Dropped => counters.refused.fetch_add(1, Ordering::Relaxed),
        };
        counters.waiting.store(self.first.kept() as u64, Ordering::Relaxed);
        delivery
    }

    /// The first server's answer to the last report that it took.
    pub(super) fn take_reply(&mut self) -> Option<Vec<u8>> {
        self.first.take_reply()
    }
}

async fn on_disk(mut link: Link, folder: Option<&Path>) -> Link {
    if let Some(folder) = folder {
        link.keep_on_disk(folder).await;
    }
    link
}
