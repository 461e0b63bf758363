//! Alerts on the live channel: `alert` when people are told of one, `alertResolved` when one is over (contract B-03).

use pulse_core::Clock;
use pulse_monitor::alerting::LiveEvent;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::{Event, Hub};
use crate::wire::alert::FullAlert;

/// Passes on what happens to alerts until `stop`.
pub async fn forward(
    hub: Hub,
    mut live: broadcast::Receiver<LiveEvent>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    loop {
        let event = tokio::select! {
            () = stop.cancelled() => return,
            event = live.recv() => event,
        };
        match event {
            Ok(LiveEvent::Raised(alert)) => {
                hub.emit(Event::new("alert", &json!(FullAlert::from(&*alert)), Some(clock.now())));
            }
            Ok(LiveEvent::Resolved { id }) => {
                hub.emit(Event::new("alertResolved", &json!({"alertId": id}), Some(clock.now())));
            }
            // What was missed shows in the list of raised alerts, which every client has.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}
