//! What one client looks at: its part of the one-second view.

use std::sync::Arc;

use axum::extract::ws::Message;
use futures_util::future::{pending, select_all};
use pulse_core::model::MemoryUse;
use pulse_monitor::watch::{LiveFigures, Watch, Watcher};
use serde::Serialize;

use super::hub::pack;

/// So many guests and nodes at once are more than a page shows.
const MOST_PER_CLIENT: usize = 4;

/// What a client looks at.
#[derive(Debug)]
pub(super) struct Looking {
    watcher: Watcher,
    watches: Vec<(String, Watch)>,
}

impl Looking {
    /// At nothing yet.
    pub(super) fn new(watcher: Watcher) -> Self {
        Self { watcher, watches: Vec::new() }
    }

    /// At these from now on, and at nothing else. What is not there, or one too many, is left out: the page then shows
    /// what the state says.
    pub(super) fn look_at(&mut self, ids: &[String]) {
        self.watches.retain(|(id, _)| ids.contains(id));
        for id in ids {
            if self.watches.len() >= MOST_PER_CLIENT || self.watches.iter().any(|(known, _)| known == id) {
                continue;
            }
            match self.watcher.watch(id) {
                Ok(watch) => self.watches.push((id.clone(), watch)),
                Err(reason) => tracing::debug!(%reason, "not watched"),
            }
        }
    }

    /// The frame with the next figures of anything that is looked at. May be dropped before it is there.
    pub(super) async fn next(&mut self) -> Message {
        loop {
            if self.watches.is_empty() {
                return pending().await;
            }
            let each = self.watches.iter_mut().map(|(_, watch)| Box::pin(watch.next()));
            let (figures, place, _) = select_all(each).await;
            match figures {
                Some(figures) => {
                    if let Some(frame) = self.watches.get(place).and_then(|(id, _)| frame(id, &figures)) {
                        return frame;
                    }
                }
                None => {
                    self.watches.remove(place);
                }
            }
        }
    }
}

#[derive(Serialize)]
struct WatchedMessage<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    data: WatchedData<'a>,
}

#[derive(Serialize)]
struct WatchedData<'a> {
    id: &'a str,
    /// Milliseconds.
    at: i64,
    fields: Fields,
}

/// Under the names of the state; what is unknown is absent.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_out: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_read: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_write: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_average: Option<[f64; 3]>,
}

#[derive(Serialize)]
struct Memory {
    total: u64,
    used: u64,
    free: u64,
    usage: f64,
}

fn frame(id: &str, figures: &Arc<LiveFigures>) -> Option<Message> {
    let memory = |memory: MemoryUse| Memory {
        total: memory.total_bytes,
        used: memory.used_bytes,
        free: memory.total_bytes.saturating_sub(memory.used_bytes),
        usage: memory.used_percent(),
    };
    let rates = figures.rates;
    let fields = Fields {
        cpu: figures.cpu_fraction,
        memory: figures.memory.map(memory),
        network_in: rates.network_in_bytes_per_second.known(),
        network_out: rates.network_out_bytes_per_second.known(),
        disk_read: rates.disk_read_bytes_per_second.known(),
        disk_write: rates.disk_write_bytes_per_second.known(),
        load_average: figures.load_average,
    };
    let data = WatchedData { id, at: figures.at.as_millisecond(), fields };
    let text = serde_json::to_string(&WatchedMessage { kind: "watched", data }).ok()?;
    pack(text).ok()
}
